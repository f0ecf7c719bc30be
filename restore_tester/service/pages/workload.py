"""A workload, its ledgers and its past drills → what its page shows. Reads the history, in the thread of whoever asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from restore_tester.config.nouns import Workload
from restore_tester.errors import CannotTell
from restore_tester.history.nouns import Place, Remembered, Search
from restore_tester.history.records import History
from restore_tester.judgement.catalogue import findings, lags
from restore_tester.judgement.forecast import Point
from restore_tester.judgement.ledger import DrillInBrief, Ledger, Sight
from restore_tester.judgement.outlook import Outlook, outlook
from restore_tester.judgement.recovering import recovery_commands
from restore_tester.judgement.sentences import exposure, sentences
from restore_tester.model import Objectives, Reason
from restore_tester.service.pages.plots import Plot, plot
from restore_tester.service.pages.rows import PlaceNow, WorkloadNow, row_of, workload_now
from restore_tester.service.redaction import REDACTED, redacted

DRILLS_SHOWN = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationShown:
    """One location side by side with the others. `commands` bring back the last known good backup. `good_is_gone`: no listing shows it
    any more, so there are none. `unusable`: what looks like a secret is hidden in them."""

    now: PlaceNow
    ledger: Ledger | None
    seen: Outlook | None
    said: tuple[str, ...]
    exposure: str
    findings: tuple[Reason, ...]
    plots: tuple[Plot, ...]
    good: DrillInBrief | None
    commands: tuple[str, ...]
    good_is_gone: bool = False

    @property
    def unusable(self) -> bool:
        return any(REDACTED in redacted(command) for command in self.commands)

    @property
    def sight(self) -> Sight | None:
        return self.ledger.sight if self.ledger is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadShown:
    """All that the page of a workload shows. `older` is where the next page of drills begins; None: there is none."""

    now: WorkloadNow
    locations: tuple[LocationShown, ...]
    drills: tuple[Remembered, ...]
    older: datetime | None


def workload_shown(workload: Workload, history: History, before: datetime | None, now: datetime) -> WorkloadShown:
    """Return what is known of a workload at that instant, and its drills that began before another one. Raise CannotTell."""
    ledgers = [history.ledgers.get(Place(workload.name, location.name or "")) for location in workload.locations]
    rows = [
        row_of(location.name or "", ledger, workload.objectives, now) if ledger is not None else None
        for location, ledger in zip(workload.locations, ledgers, strict=True)
    ]
    stands = workload_now(workload, rows, now)
    first = ledgers[0].sight if ledgers[0] is not None else None
    about = _About(workload, first, history, now)
    shown = (_shown(place, ledger, about) for place, ledger in zip(stands.places, ledgers, strict=True))
    drills = history.drills(Search(workload=workload.name, before=before, limit=DRILLS_SHOWN + 1))
    older = drills[DRILLS_SHOWN - 1].began_at if len(drills) > DRILLS_SHOWN else None
    return WorkloadShown(now=stands, locations=tuple(shown), drills=drills[:DRILLS_SHOWN], older=older)


@dataclass(frozen=True, slots=True)
class _About:
    """What all locations of a workload share. `first` is what the last listing of the first one showed."""

    workload: Workload
    first: Sight | None
    history: History
    now: datetime


def _shown(place: PlaceNow, ledger: Ledger | None, about: _About) -> LocationShown:
    workload, now = about.workload, about.now
    if ledger is None:
        nothing = "nothing is known of this location yet"
        return LocationShown(
            now=place, ledger=None, seen=None, said=(), exposure=nothing, findings=(), plots=(), good=None, commands=()
        )  # fmt: skip
    seen = outlook(ledger, workload.objectives, now)
    found = list(findings(ledger, now))
    good = ledger.known_good
    gone = good is not None and _is_gone(good, place.location, ledger.sight, about)
    behind = lags(about.first, ledger.sight, place.location) if ledger.sight is not about.first else None
    return LocationShown(
        now=place,
        ledger=ledger,
        seen=seen,
        said=sentences(seen, workload.objectives),
        exposure=exposure(seen),
        findings=tuple([*found, behind] if behind is not None else found),
        plots=_plots(ledger, seen, workload.objectives),
        good=good,
        commands=_commands(good, about.history) if not gone else (),
        good_is_gone=gone,
    )


def _is_gone(good: DrillInBrief, location: str, sight: Sight | None, about: _About) -> bool:
    """Told by name, not by age: a drill may date a backup earlier than a listing does."""
    nothing_left = sight is not None and sight.code is None and not sight.backups
    return nothing_left or about.history.backups.is_gone(Place(about.workload.name, location), good.backup)


def _plots(ledger: Ledger, seen: Outlook, objectives: Objectives) -> tuple[Plot, ...]:
    took = [Point(one.at, one.recovery_time_seconds) for one in ledger.measured if one.recovery_time_seconds is not None]
    achieved = [Point(cycle.at, cycle.achieved_seconds) for cycle in ledger.cycles]
    drawn = (
        plot("Recovery time", took, objectives.recovery_time_seconds, seen.recovery_time, "drill"),
        plot("Data loss just before each new backup", achieved, objectives.recovery_point_seconds, seen.achieved_rpo, "backup"),
    )
    return tuple(one for one in drawn if one is not None)


def _commands(good: DrillInBrief | None, history: History) -> tuple[str, ...]:
    """None where the record is gone, or of a version that is not ours: that keeps nobody from reading the rest."""
    record = history.record(good.drill) if good is not None else None
    if record is None:
        return ()
    try:
        return recovery_commands(record.read().backup)
    except CannotTell:
        return ()
