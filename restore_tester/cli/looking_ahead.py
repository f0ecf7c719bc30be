"""Workloads that were named → what would be drilled next, why, and what it would take; nothing is fetched, restored or remembered."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from restore_tester.cli.output import OutputFormat, say_json
from restore_tester.cli.page import Page, Span, Tone, new_page, show
from restore_tester.clock import SystemClock
from restore_tester.contracts import Equipment
from restore_tester.drill import plan_drill
from restore_tester.errors import CannotTell
from restore_tester.history.nouns import Place, Remembered
from restore_tester.judgement import exits
from restore_tester.judgement.amounts import instant, seconds, size
from restore_tester.judgement.verdict import verdict_of_many
from restore_tester.model import Blame, DrillOrder, Location, Profile, Reason, Verdict, to_json
from restore_tester.service.configured import load
from restore_tester.service.equipment import equipment_for
from restore_tester.service.fleet import Asked, Job, history_if_any, jobs, with_past
from restore_tester.service.signals import interruptible

if TYPE_CHECKING:
    from restore_tester.history.records import History

PLAN_SCHEMA = "restore-tester/plan/v1"
LANES = 8
# Drills of backups that differ more than this in size take times that say nothing about each other.
COMPARABLE_SIZE = 2.0
UNKNOWN = "unknown"
NOTHING_RECOGNISED = "nothing_recognised"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One drill that would be next. Sizes are bytes, None is unknown. `trouble` is why it would restore nothing, and
    `verdict_expected` what its drill would then say."""

    workload: str
    location: str | None
    backup: str | None
    uri: str | None
    taken_at: datetime | None
    format: str | None
    size_bytes: int | None
    strategy: str | None
    why: str
    candidates: int | None
    seed: int | None
    profile: Profile
    expected_seconds: float | None
    disk_bytes: int | None
    bytes_leaving_region: int | None
    trouble: Reason | None
    verdict_expected: Verdict | None


@dataclass(frozen=True, slots=True)
class Plan:
    schema: str
    plans: tuple[Planned, ...]


def plan(file: Path, asked: Asked, output: OutputFormat) -> int:
    """Say what would be drilled. Return 0, or the exit code that drilling it would end with where that can be told already."""
    configuration = load(file)
    todo = jobs(configuration, asked, SystemClock().now())
    with interruptible(), history_if_any(configuration) as history:
        todo = with_past(todo, history)
        equipment = equipment_for(lambda event: None, configuration.sandbox)
        orders = _orders(todo, equipment)
        passed = _last_passed(orders, history)
        disks = history.disk_bytes([before.drill for before in passed.values()]) if history is not None else {}
    planned = tuple(_planned(job, order, passed, disks) for job, order in zip(todo, orders, strict=True))
    if output == "json":
        say_json(to_json(Plan(PLAN_SCHEMA, planned)))
    elif sys.stdout is not None:
        page = new_page(sys.stdout)
        for each in planned:
            _render(each, page)
        show(page)
    foreseen = [each.verdict_expected for each in planned if each.verdict_expected is not None]
    return exits.exit_code(verdict_of_many(foreseen)) if foreseen else exits.PASSED


def bytes_leaving_region(location: Location, size_bytes: int, environment: Mapping[str, str]) -> int | None:
    """Given how much is fetched, return how much of it crosses a region's border and is paid for; None where that is not known."""
    if location.type == "folder":
        return 0
    options = dict(location.options)
    theirs, ours = options.get("region"), environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    if theirs is None or ours is None or "endpoint_url" in options:
        return None
    return 0 if theirs == ours else size_bytes


def _orders(todo: Sequence[Job], equipment: Equipment) -> tuple[DrillOrder | Reason, ...]:
    """Stores are waited for side by side. Folders are not: threads that only compute would take turns, and take longer for it."""
    with ThreadPoolExecutor(LANES, "plan") as lanes:
        far = {job.workload.name: lanes.submit(_order, job, equipment) for job in todo if not _is_near(job)}
        near = {job.workload.name: _order(job, equipment) for job in todo if _is_near(job)}
        return tuple(near[job.workload.name] if _is_near(job) else far[job.workload.name].result() for job in todo)


def _is_near(job: Job) -> bool:
    return all(location.type == "folder" for location in job.request.locations)


def _order(job: Job, equipment: Equipment) -> DrillOrder | Reason:
    try:
        return plan_drill(job.request, equipment)
    except CannotTell as error:
        return error.reason


def _last_passed(orders: Sequence[DrillOrder | Reason], history: History | None) -> Mapping[Place, Remembered]:
    if history is None:
        return {}
    places = [Place(order.workload or "", order.location.name or "") for order in orders if isinstance(order, DrillOrder)]
    return {standing.place: standing.last_passed for standing in history.standings(places) if standing.last_passed is not None}


def _planned(job: Job, order: DrillOrder | Reason, passed: Mapping[Place, Remembered], disks: Mapping[str, int]) -> Planned:
    if isinstance(order, Reason):
        return _nothing(job, order)
    backup, trouble = order.backup, order.facts.trouble
    fetched = backup.size_bytes if trouble is None else None
    before = passed.get(Place(order.workload or "", order.location.name or ""))
    return Planned(
        workload=job.workload.name,
        location=order.location.name,
        backup=backup.id or None,
        uri=backup.uri,
        taken_at=backup.taken_at or backup.stored_at,
        format=order.facts.format,
        size_bytes=backup.size_bytes if backup.id else None,
        strategy=order.selection.strategy,
        why=order.selection.why,
        candidates=order.selection.candidates,
        seed=order.selection.seed,
        profile=order.profile,
        expected_seconds=_expected_seconds(order, before) if trouble is None else None,
        disk_bytes=_expected_disk(order, before, disks) if trouble is None else None,
        bytes_leaving_region=bytes_leaving_region(order.location, fetched, os.environ) if fetched is not None else None,
        trouble=trouble,
        verdict_expected=_verdict_expected(order),
    )


def _nothing(job: Job, reason: Reason) -> Planned:
    return Planned(
        workload=job.workload.name,
        location=None,
        backup=None,
        uri=None,
        taken_at=None,
        format=None,
        size_bytes=None,
        strategy=job.request.select.value if job.request.select else None,
        why=reason.message,
        candidates=None,
        seed=None,
        profile=job.request.profile,
        expected_seconds=None,
        disk_bytes=None,
        bytes_leaving_region=None,
        trouble=reason,
        verdict_expected=None,
    )


def _verdict_expected(order: DrillOrder) -> Verdict | None:
    if order.facts.trouble is None:
        return None
    return Verdict.FAILED if order.facts.trouble_blame is Blame.BACKUP else Verdict.INCONCLUSIVE


def _expected_seconds(order: DrillOrder, before: Remembered | None) -> float | None:
    """What the last drill took that passed in the same place and profile, where its backup was about as large."""
    if before is None or before.ended_at is None or before.profile is not order.profile:
        return None
    small, large = sorted((before.backup_size_bytes, order.backup.size_bytes))
    return (before.ended_at - before.began_at).total_seconds() if large <= small * COMPARABLE_SIZE else None


def _expected_disk(order: DrillOrder, before: Remembered | None, disks: Mapping[str, int]) -> int | None:
    """What the copy and the restored data of the last drill took, in proportion: what a dump restores to, its ends do not say."""
    taken = disks.get(before.drill) if before is not None else None
    if before is None or taken is None or not before.backup_size_bytes:
        return None
    return round(taken * order.backup.size_bytes / before.backup_size_bytes)


# --- the page ---------------------------------------------------------------------------------------------------------


def _render(planned: Planned, page: Page) -> None:
    place = f"{planned.workload} / {planned.location}" if planned.location else planned.workload
    page.row(Span(place, Tone.STRONG), Span(f"  {planned.backup or _without_backup(planned)}"))
    page.text(planned.why, indent=2)
    if planned.trouble is not None:
        tone = Tone.BAD if planned.verdict_expected is Verdict.FAILED else Tone.UNSURE
        page.text(f"{planned.trouble.message} ({planned.trouble.code})", tone, indent=2)
        page.text(planned.trouble.hint, indent=2, lead=Span(f"{page.glyphs.hint} ", Tone.DIM))
        return
    taken = f"taken {instant(planned.taken_at)}, " if planned.taken_at else ""
    page.text(f"{taken}{planned.format}, {_amount(planned.size_bytes)}", indent=2)
    takes = seconds(planned.expected_seconds) if planned.expected_seconds is not None else UNKNOWN
    words = f"takes {takes}, disk {_disk(planned)}, leaving a region {_amount(planned.bytes_leaving_region)}"
    page.text(f"{words}, profile {planned.profile.value}", Tone.DIM, indent=2)


def _without_backup(planned: Planned) -> str:
    """`nothing_new` is no drill at all; without a backup, a place that we are to blame for could not be read."""
    unread = planned.location is not None and planned.verdict_expected is Verdict.INCONCLUSIVE
    return "cannot be read" if unread and planned.trouble and planned.trouble.code != NOTHING_RECOGNISED else "nothing to restore"


def _disk(planned: Planned) -> str:
    """The copy that is restored from lies there too."""
    if planned.disk_bytes is not None:
        return size(planned.disk_bytes)
    return f"more than {size(planned.size_bytes)}" if planned.size_bytes is not None else UNKNOWN


def _amount(count: int | None) -> str:
    return UNKNOWN if count is None else size(count)
