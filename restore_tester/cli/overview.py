"""The history of each workload → one line that a manager can read: proven when, how long recovery took, what a loss would cost."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from restore_tester.cli.output import OutputFormat, say_json
from restore_tester.cli.page import Page, Span, Tone, cells, new_page, padded, show
from restore_tester.cli.place_records import Figures, PlaceRecord, place_records, reason_of
from restore_tester.clock import SystemClock
from restore_tester.config.nouns import Configuration, Workload
from restore_tester.history.nouns import Place
from restore_tester.judgement import exits
from restore_tester.judgement.standing import PlaceDrilled, State, place_drilled, proof_lasts_seconds, state_of, worst
from restore_tester.judgement.wording import counted, duration, inert
from restore_tester.model import Profile, Verdict, to_json
from restore_tester.service.configured import load
from restore_tester.service.fleet import history_if_any

if TYPE_CHECKING:
    from restore_tester.history.records import History

STATUS_SCHEMA = "restore-tester/status/v1"
TONES = {State.PROVEN: Tone.GOOD, State.FAILED: Tone.BAD}
NAME_COLUMNS, STATE_COLUMNS = 30, 14


@dataclass(frozen=True, slots=True)
class PlaceStatus:
    """How one location stands. `proven_at` is when the last drill began that passed, which counts for `stale_after_seconds`; `decided_by`
    is the drill that decides the state, which need not be the last, and `reason` what it said."""

    location: str
    state: State
    proven_at: datetime | None
    stale_after_seconds: float
    last_drill: str | None
    last_verdict: Verdict | None
    last_reason: str | None
    decided_by: str | None
    reason: str | None
    running_drill: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadStatus:
    """How one workload stands: its worst location's state, and the figures of one drill, `proven_by`: the one of its youngest backup
    that passed. It began at `proven_at`; seconds, None is unknown. What a loss would cost is at least `data_loss_at_least_seconds`."""

    workload: str
    owner: str
    criticality: str
    state: State
    proven_by: str | None
    proven_at: datetime | None
    recovery_time_seconds: float | None
    recovery_time_objective_seconds: float | None
    data_loss_seconds: float | None
    data_loss_at_least_seconds: float | None
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
    records = place_records(places, history)
    return tuple(_status(workload, records, now) for workload in configuration.workloads)


def _status(workload: Workload, records: Mapping[Place, PlaceRecord], now: datetime) -> WorkloadStatus:
    here = [records[Place(workload.name, location.name or "")] for location in workload.locations]
    drilled = [place_drilled(record.drilled) for record in here]
    best = place_drilled([each.proof for each in drilled if each.proof is not None]).proof
    proof = next((drill for record in here for drill in record.figures if best is not None and drill.drill == best.drill), None)
    lasts = [proof_lasts_seconds(position, workload.drill_every_seconds) for position in range(len(here))]
    places = tuple(
        _place(location.name or "", record, known, seconds, now)
        for location, record, known, seconds in zip(workload.locations, here, drilled, lasts, strict=True)
    )
    return WorkloadStatus(
        workload=workload.name,
        owner=workload.owner,
        criticality=workload.criticality,
        state=worst([place.state for place in places]),
        proven_by=proof.drill if proof else None,
        proven_at=proof.began_at if proof else None,
        recovery_time_seconds=proof.recovery_time_seconds if proof and proof.profile is Profile.FAITHFUL else None,
        recovery_time_objective_seconds=workload.objectives.recovery_time_seconds,
        data_loss_seconds=proof.data_loss_seconds if proof else None,
        data_loss_at_least_seconds=_least_loss(proof) if proof else None,
        recovery_point_objective_seconds=workload.objectives.recovery_point_seconds,
        locations=places,
    )


def _place(location: str, record: PlaceRecord, drilled: PlaceDrilled, lasts_seconds: float, now: datetime) -> PlaceStatus:
    last = record.last
    decisive = next((each for each in record.figures if drilled.decisive is not None and each.drill == drilled.decisive.drill), None)
    return PlaceStatus(
        location=location,
        state=state_of(drilled, lasts_seconds, now),
        proven_at=drilled.last_passed_at,
        stale_after_seconds=lasts_seconds,
        last_drill=last.drill if last else None,
        last_verdict=last.verdict if last else None,
        last_reason=reason_of(last) if last else None,
        decided_by=decisive.drill if decisive else None,
        reason=reason_of(decisive) if decisive else None,
        running_drill=record.running,
    )


def _least_loss(proof: Figures) -> float | None:
    """What a loss at that drill would have cost at least: its recovery point cannot lie later than this."""
    latest = proof.recovery_point_not_after
    return max((proof.began_at - latest).total_seconds(), 0.0) if latest is not None else None


# --- the page ---------------------------------------------------------------------------------------------------------


def _render(found: Status, page: Page) -> None:
    columns = min(NAME_COLUMNS, max((cells(inert(each.workload)) for each in found.workloads), default=0))
    for each in found.workloads:
        state = Span(padded(each.state.value.replace("_", " "), STATE_COLUMNS), TONES.get(each.state, Tone.UNSURE))
        page.row(Span(padded(each.workload, columns) + "  ", Tone.STRONG), state, Span(_sentence(each, found.at)))
    proven = sum(each.state is State.PROVEN for each in found.workloads)
    page.blank()
    page.row(Span(f"{proven} of {counted(len(found.workloads), 'workload')} {'is' if proven == 1 else 'are'} proven."))


def _sentence(each: WorkloadStatus, now: datetime) -> str:
    if each.proven_at is None:
        words = "never proven"
    else:
        took = _against(each.recovery_time_seconds, "RTO", each.recovery_time_objective_seconds)
        words = f"proven {duration(max((now - each.proven_at).total_seconds(), 0))} ago, back in {took}, losing {_lost(each)}"
    return "; ".join([words, *_troubles(each.locations)])


def _against(figure: float | None, name: str, objective: float | None) -> str:
    known = duration(figure) if figure is not None else "unknown"
    return f"{known} of {name} {duration(objective)}" if objective is not None else known


def _lost(each: WorkloadStatus) -> str:
    """What is not proven is said so: a name alone tells how much is lost at least."""
    objective, least = each.recovery_point_objective_seconds, each.data_loss_at_least_seconds
    if each.data_loss_seconds is not None:
        return _against(each.data_loss_seconds, "RPO", objective)
    known = f"at least {duration(least)}" if least is not None else "an unknown amount"
    return f"{known}, RPO {duration(objective)} unproven" if objective is not None else known


def _troubles(places: Sequence[PlaceStatus]) -> list[str]:
    words = {State.STALE: "not proven lately", State.NEVER_DRILLED: "never drilled"}
    return [
        f"{place.location}: {words.get(place.state) or place.reason or place.state.value}"
        for place in places
        if place.state is not State.PROVEN
    ]
