"""What the operator wrote, and what was typed → the workloads that are meant, and a request for a drill of each."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from restore_tester.checking.catalogue import load_catalogue
from restore_tester.config.nouns import Configuration, Strategy, Workload
from restore_tester.config.secrets import Secret
from restore_tester.errors import Misuse
from restore_tester.judgement.due import Due
from restore_tester.judgement.overrides import may_vanish, overridden, unknown_checks
from restore_tester.judgement.selection import Wish, next_turn
from restore_tester.judgement.wording import names
from restore_tester.model import Check, Location
from restore_tester.planning import DrillRequest

if TYPE_CHECKING:
    from restore_tester.history.records import History

STRATEGIES = {"newest": Strategy.NEWEST, "oldest": Strategy.OLDEST, "random": Strategy.RANDOM}
_SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed: workloads by name, or all of them; one location of each; a backup by its id, or how to choose one."""

    workloads: tuple[str, ...] = ()
    every: bool = False
    location: str | None = None
    backup: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One drill to plan and run. `may_vanish` are tables that the baseline must not expect; `require_seal`: in a sandbox with a
    way out nothing is decoded."""

    workload: Workload
    request: DrillRequest
    may_vanish: tuple[str, ...]
    require_seal: bool = False


def meant(configuration: Configuration, asked: Asked) -> tuple[Workload, ...]:
    """Return the workloads that are meant, in the order of the configuration. Raise Misuse: `nothing_named`, `workload_unknown`."""
    if asked.every:
        if asked.workloads:
            raise Misuse("all_and_some", "--all and names exclude each other", "leave one of them away")
        return configuration.workloads
    if not asked.workloads:
        known = names(workload.name for workload in configuration.workloads)
        raise Misuse("nothing_named", "no workload was named", f"name one of: {known}; or say --all")
    refuse_unknown("workload_unknown", asked.workloads, tuple(workload.name for workload in configuration.workloads))
    return tuple(workload for workload in configuration.workloads if workload.name in asked.workloads)


def jobs(configuration: Configuration, asked: Asked, now: datetime) -> tuple[Job, ...]:
    """Return what is to be drilled, as if nothing ever was. Raise Misuse before anything is opened: for a workload, a location, a
    check, an override that is not there."""
    workloads = meant(configuration, asked)
    if asked.backup is not None and asked.backup not in STRATEGIES and len(workloads) > 1:
        raise Misuse("backup_of_many", "a backup's id names one workload's backup", "name one workload")
    catalogues = _Catalogues(allow_python=configuration.allow_python_checks)
    return tuple(_job(workload, asked, catalogues, now) for workload in workloads)


def job_for(configuration: Configuration, workload: str, wanted: Due, now: datetime) -> Job:
    """Return the job of a drill that is due. Raise Misuse as `jobs` does."""
    backup = "newest" if wanted.newest else wanted.backup
    (job,) = jobs(configuration, Asked((workload,), location=wanted.location, backup=backup), now)
    if wanted.trigger == "every":
        job = replace(job, request=replace(job.request, select=Strategy.EVERY, backup=None))
    request = replace(job.request, trigger=wanted.trigger, slot=wanted.name)
    return replace(job, request=request, require_seal=not configuration.accept_unsealed_sandbox)


def location_of(job: Job, now: datetime) -> str:
    """Return the location that the job's drill will take its backup from."""
    request = job.request
    places = tuple(location.name or "" for location in request.locations)
    if request.select is None or len(places) == 1:
        return places[0]
    return next_turn(Wish(job.workload.name, places, request.select, request.slot or ""), request.past, now).location


def with_past(todo: tuple[Job, ...], history: History | None) -> tuple[Job, ...]:
    """Return the jobs with what was drilled before: whose turn it is depends on it."""
    if history is None:
        return todo
    past = history.past_drills([job.workload.name for job in todo])
    return tuple(replace(job, request=replace(job.request, past=drills)) for job, drills in zip(todo, past, strict=True))


def _job(workload: Workload, asked: Asked, catalogues: _Catalogues, now: datetime) -> Job:
    checks = catalogues.checks(workload.checks)
    if unknown := unknown_checks(checks, workload.check_overrides):
        fact = f"`check_overrides` of {workload.name} names checks that are not there: {names(unknown)}"
        raise Misuse("override_unknown", fact, "list the checks: restore-tester checks")
    named = asked.backup is not None and asked.backup not in STRATEGIES
    request = DrillRequest(
        locations=_locations(workload, asked.location),
        select=None if named else STRATEGIES.get(asked.backup or "", workload.select),
        backup=asked.backup if named else None,
        workload=workload.name,
        profile=workload.profile,
        objectives=workload.objectives,
        heartbeat=workload.heartbeat,
        engine=workload.engine,
        image=workload.image,
        image_is_production=workload.image_is_production,
        database=workload.database,
        settings=workload.settings,
        recovery_environment=workload.recovery_environment,
        checks=overridden(checks, workload.check_overrides, now.date()),
    )
    return Job(workload, request, may_vanish(workload.check_overrides, now.date()))


def _locations(workload: Workload, wanted: str | None) -> tuple[Location, ...]:
    if wanted is None:
        return workload.locations
    refuse_unknown("location_unknown", (wanted,), tuple(location.name or "" for location in workload.locations))
    return tuple(location for location in workload.locations if location.name == wanted)


def refuse_unknown(code: str, wanted: Iterable[str], known: tuple[str, ...]) -> None:
    """Raise Misuse (`workload_unknown`, `location_unknown`), with the nearest name, for what is not known."""
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"use one of: {names(known)}"
            raise Misuse(code, f"there is no {code.removesuffix('_unknown')} called {name!r}", hint)


class _Catalogues:
    """Reads each set of folders once: a fleet shares most of its checks."""

    def __init__(self, *, allow_python: bool) -> None:
        self._allow_python = allow_python
        self._read: dict[tuple[str, ...], tuple[Check, ...]] = {}

    def checks(self, folders: tuple[str, ...]) -> tuple[Check, ...]:
        if folders not in self._read:
            self._read[folders] = load_catalogue(tuple(Path(folder) for folder in folders), allow_python=self._allow_python)
        return self._read[folders]


# --- its history ------------------------------------------------------------------------------------------------------


def history_dsn(configuration: Configuration) -> str:
    """Return where the history lies, its secret resolved: keep it nowhere. Raise Misuse (`secret_missing`)."""
    kept = configuration.history
    return kept.resolve() if isinstance(kept, Secret) else kept


@contextmanager
def history_if_any(configuration: Configuration) -> Iterator[History | None]:
    """Open the history to look at it; None where no file was made yet: looking must not make one. Raise as `open_history` does."""
    dsn = history_dsn(configuration)
    if dsn.startswith(_SQLITE) and not Path(dsn.removeprefix(_SQLITE).partition("?")[0]).exists():
        yield None
        return
    # Half a second of SQLAlchemy, which who has no history yet need not wait for.
    from restore_tester.history.records import open_history

    with open_history(dsn) as history:
        yield history
