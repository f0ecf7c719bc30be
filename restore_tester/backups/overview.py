"""What listings for the catalogue watch have in common: for how long, how much of a listing is held, and who is told.

An overview shows what a drill's own listing shows, with less in hand: backups without their parts, and of a store that keeps
versions nothing about what was deleted, which would be a request more for each empty place. So no drill begins from one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from restore_tester.contracts import Clock, Listing
from restore_tester.errors import RestoreTesterError, SourceUnreachable
from restore_tester.model import Location

Told = Callable[[Location, Listing | RestoreTesterError], None]
"""Called once for each location: with its whole listing, or with why there is none."""

# A million objects of a store that answers in 0.2 s a page are listed in 300 s, 100 of them our own work.
LISTING_SECONDS = 900.0
# Three attempts at one page, with their pauses, take 80 s at most.
SILENT_SECONDS = 120.0
# Some 25 MB; a place that holds more is shown by its figures.
BACKUPS_HELD = 50_000


@dataclass(frozen=True, slots=True)
class Limits:
    """How long one listing may take, and how long it may give no sign of life (seconds); how many complete backups of it are held."""

    seconds: float = LISTING_SECONDS
    backups: int = BACKUPS_HELD
    silent_seconds: float = SILENT_SECONDS


class Deadline:
    """One listing's time. `check` is called between its requests: what hangs inside of one is not ended by it."""

    def __init__(self, ways: Ways, uri: str) -> None:
        self._ways, self._uri = ways, uri
        self._began = ways.clock.elapsed()

    def check(self) -> None:
        """Raise SourceUnreachable (`listing_too_slow`)."""
        self._ways.alive()
        if self._ways.clock.elapsed() - self._began > self._ways.limits.seconds:
            raise too_slow(self._uri, self._ways.limits.seconds)


def too_slow(uri: str, seconds: float) -> SourceUnreachable:
    """Return the error for a listing that did not end in time."""
    said = f"the listing of {uri} did not end within {seconds:.0f} s"
    return SourceUnreachable("listing_too_slow", said, "look at the store, the network, or the mount; list it by hand to see")


@dataclass(frozen=True, slots=True)
class Ways:
    """How overviews are made: by which clock, within which limits, and who is told. `alive` is called at each page, each folder."""

    clock: Clock
    limits: Limits
    told: Told
    alive: Callable[[], None] = lambda: None
