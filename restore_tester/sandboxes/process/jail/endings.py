"""How a jail ended: the exit codes of its guardian, read by `link`."""

from __future__ import annotations

ENDED = 0
DISK_FULL = 3
DEADLINE = 4
LOST = 5
