"""The history of each workload → one line that a manager can read: proven when, how long recovery took, what a loss would cost."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from restore_tester.cli.output import OutputFormat, say_json
from restore_tester.cli.page import Page, Span, Tone, cells, inert, new_page, padded, show
from restore_tester.clock import SystemClock
from restore_tester.config.nouns import Configuration, Workload
from restore_tester.history.nouns import Place, Remembered, Search, Standing
from restore_tester.judgement import exits
from restore_tester.judgement.standing import PlaceDrilled, State, proof_lasts_seconds, state_of, worst
from restore_tester.judgement.wording import duration
from restore_tester.model import Profile, Verdict, to_json
from restore_tester.service.configured import load
from restore_tester.service.fleet import history_if_any

if TYPE_CHECKING:
    from restore_tester.history.records import History

STATUS_SCHEMA = "restore-tester/status/v1"
TONES = {State.PROVEN: Tone.GOOD, State.FAILED: Tone.BAD}
NAME_COLUMNS, STATE_COLUMNS = 30, 14
DRILLS_LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class PlaceStatus:
    """How one location stands. `proven_at` is when the last drill began that passed; `stale_at` is when that stops to count."""

    location: str
    state: State
    proven_at: datetime | None
    stale_after_seconds: float
    last_drill: str | None
    last_verdict: Verdict | None
    last_reason: str | None
    running_drill: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadStatus:
    """How one workload stands: its worst location's state, the figures of its newest backup that passed (seconds, None: unknown)."""

    workload: str
    owner: str
    criticality: str
    state: State
    proven_at: datetime | None
    recovery_time_seconds: float | None
    recovery_time_objective_seconds: float | None
    data_loss_seconds: float | None
    recovery_point_objective_seconds: float | None
    locations: tuple[PlaceStatus, ...]


@dataclass(frozen=True, slots=True)
class Status:
    schema: str
    at: datetime
    workloads: tuple[WorkloadStatus, ...]


def status(file: Path, output: OutputFormat, *, check: bool) -> int:
    """Say how every workload stands. Return 0; where `check` is asked for, 4 if anything is stale, failing, or was never drilled."""
    configuration = load(file)
    now = SystemClock().now()
    with history_if_any(configuration) as history:
        found = Status(STATUS_SCHEMA, now, _statuses(configuration, history, now))
    if output == "json":
        say_json(to_json(found))
    elif sys.stdout is not None:
        page = new_page(sys.stdout)
        _render(found, page)
        show(page)
    proven = all(each.state is State.PROVEN for each in found.workloads)
    return exits.PASSED if proven or not check else exits.STALE


def _statuses(configuration: Configuration, history: History | None, now: datetime) -> tuple[WorkloadStatus, ...]:
    places = [Place(each.name, location.name or "") for each in configuration.workloads for location in each.locations]
    standings = history.standings(places) if history is not None else [Standing(place, None, None, None) for place in places]
    by_place = {standing.place: standing for standing in standings}
    return tuple(_status(workload, by_place, history, now) for workload in configuration.workloads)


def _status(workload: Workload, by_place: dict[Place, Standing], history: History | None, now: datetime) -> WorkloadStatus:
    standings = [by_place[Place(workload.name, location.name or "")] for location in workload.locations]
    places = tuple(
        _place(standing, proof_lasts_seconds(position, workload.drill_every_seconds), now) for position, standing in enumerate(standings)
    )
    best = _freshest_proof(workload, history) if any(standing.last_passed for standing in standings) else None
    return WorkloadStatus(
        workload=workload.name,
        owner=workload.owner,
        criticality=workload.criticality,
        state=worst([place.state for place in places]),
        proven_at=max((place.proven_at for place in places if place.proven_at), default=None),
        recovery_time_seconds=best.recovery_time_seconds if best and best.profile is Profile.FAITHFUL else None,
        recovery_time_objective_seconds=workload.objectives.recovery_time_seconds,
        data_loss_seconds=best.data_loss_seconds if best else None,
        recovery_point_objective_seconds=workload.objectives.recovery_point_seconds,
        locations=places,
    )


def _place(standing: Standing, lasts_seconds: float, now: datetime) -> PlaceStatus:
    last, passed = standing.last, standing.last_passed
    drilled = PlaceDrilled(last.verdict if last else None, passed.began_at if passed else None)
    return PlaceStatus(
        location=standing.place.location,
        state=state_of(drilled, lasts_seconds, now),
        proven_at=drilled.last_passed_at,
        stale_after_seconds=lasts_seconds,
        last_drill=last.drill if last else None,
        last_verdict=drilled.last,
        last_reason=last.reason if last else None,
        running_drill=standing.running.drill if standing.running else None,
    )


def _freshest_proof(workload: Workload, history: History | None) -> Remembered | None:
    """The drill of the newest backup that passed lately: what an old retained one would lose says nothing about a loss now."""
    assert history is not None, "something passed, so it is remembered"
    passed = history.drills(Search(workload=workload.name, verdict=Verdict.PASSED, limit=DRILLS_LOOKED_AT))
    return max(
        (drill for drill in passed if drill.backup_taken_at), key=lambda drill: drill.backup_taken_at or drill.began_at, default=None
    )


# --- the page ---------------------------------------------------------------------------------------------------------


def _render(found: Status, page: Page) -> None:
    columns = min(NAME_COLUMNS, max((cells(inert(each.workload)) for each in found.workloads), default=0))
    for each in found.workloads:
        state = Span(padded(each.state.value.replace("_", " "), STATE_COLUMNS), TONES.get(each.state, Tone.UNSURE))
        page.row(Span(padded(each.workload, columns) + "  ", Tone.STRONG), state, Span(_sentence(each, found.at)))
    proven = sum(each.state is State.PROVEN for each in found.workloads)
    page.blank()
    page.row(Span(f"{proven} of {len(found.workloads)} workloads are proven."))


def _sentence(each: WorkloadStatus, now: datetime) -> str:
    if each.proven_at is None:
        words = "never proven"
    else:
        took = _against(each.recovery_time_seconds, "RTO", each.recovery_time_objective_seconds)
        lost = _against(each.data_loss_seconds, "RPO", each.recovery_point_objective_seconds)
        words = f"proven {duration(max((now - each.proven_at).total_seconds(), 0))} ago, back in {took}, losing {lost}"
    return "; ".join([words, *_troubles(each.locations)])


def _against(figure: float | None, name: str, objective: float | None) -> str:
    known = duration(figure) if figure is not None else "unknown"
    return f"{known} of {name} {duration(objective)}" if objective is not None else known


def _troubles(places: Sequence[PlaceStatus]) -> list[str]:
    words = {State.STALE: "not proven lately", State.NEVER_DRILLED: "never drilled"}
    return [
        f"{place.location}: {words.get(place.state) or place.last_reason or place.state.value}"
        for place in places
        if place.state is not State.PROVEN
    ]
