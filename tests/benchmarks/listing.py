"""A listing of a million objects: how long it takes, and how much memory."""

from __future__ import annotations

from tests.large_bucket import listed

PAGES = 1000


def run() -> None:
    found = listed(PAGES)
    grown = (found.after - found.before) / (1 << 20)
    print(f"{PAGES * 1000} objects: {found.seconds:.0f} s, {grown:.1f} MiB more at the peak, {found.complete} backups among them")
