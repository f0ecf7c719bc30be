"""Labels by which a container names its owner → the containers of dead owners, removed.

An owner lives as long as it holds the lock of its sandbox's folder, which only somebody who sees the same files can tell.
Containers of another place (another boot, another container with this engine's socket) go when their deadline has long passed;
they have ended by then, because their first process ends with its owner and at its deadline.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from restore_tester.contracts import Clock
from restore_tester.sandboxes.docker.engine import Engine

LABEL = "restore-tester"
_FOLDER, _PLACE, _DEADLINE = f"{LABEL}.folder", f"{LABEL}.place", f"{LABEL}.deadline"
_GRACE = timedelta(hours=1)


def labels(folder: Path, deadline: datetime) -> dict[str, str]:
    """Given the sandbox's folder, locked by its owner, and when its time is over: return what its container must carry."""
    return {LABEL: "sandbox", _FOLDER: str(folder), _PLACE: _place(), _DEADLINE: deadline.astimezone(UTC).isoformat()}


def reap(engine: Engine, clock: Clock) -> None:
    """Remove every container whose owner is dead. Raise SandboxFault where the engine does not answer."""
    place, now = _place(), clock.now()
    for container, found in engine.labelled(LABEL):
        if _is_dead(Path(found.get(_FOLDER, ""))) if found.get(_PLACE) == place else _is_long_over(found, now):
            engine.remove(container)


def _place() -> str:
    """Return what tells whether two processes see the same files: the machine's boot and the mount namespace."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot}:{os.stat('/proc/self/ns/mnt').st_ino}"  # noqa: PTH116 - a link that must be followed as the kernel does


def _is_dead(folder: Path) -> bool:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # another user's: not ours to judge
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _is_long_over(found: Mapping[str, str], now: datetime) -> bool:
    try:
        return datetime.fromisoformat(found.get(_DEADLINE, "")) + _GRACE < now
    except (ValueError, TypeError):  # not a label of ours
        return False
