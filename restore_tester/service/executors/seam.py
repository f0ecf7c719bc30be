"""Where a drill happens, as a strategy: processes of this machine, or Jobs of a cluster."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from restore_tester.contracts import Listing, ProgressSink
from restore_tester.model import Drill, DrillOrder, Location
from restore_tester.planning import DrillRequest

# Who is told what a plan saw in a location, on its way to a choice.
SawListing = Callable[[Location, Listing], None]


class DrillSession(Protocol):
    """The place of one drill: it is planned and run, and both once more where its backup went away under its hands."""

    def plan(self, request: DrillRequest) -> DrillOrder:
        """Raise Misuse, CannotTell as `plan_drill` does; Interrupted."""

    def run(self, order: DrillOrder, progress: ProgressSink) -> Drill:
        """Return what `run_drill` says. Raise CannotTell (`worker_lost`) where the place died of it, Interrupted."""

    def stop(self) -> None:
        """Ask this drill to end, from another thread; a while later its place goes, whether it has ended or not."""


class Executor(Protocol):
    """Safe from several threads."""

    def session(self, saw: SawListing) -> AbstractContextManager[DrillSession]:
        """Open a place for one drill; in the end nothing of it is left. Raise Interrupted once `stop` was called."""

    def stop(self) -> None:
        """Ask every drill to end, and let none begin any more."""
