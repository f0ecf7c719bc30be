"""Orders and drills → rows of the tables, and rows → what is remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, Table, select

from restore_tester.history.abandonment import if_abandoned
from restore_tester.history.nouns import Lease, Remembered
from restore_tester.history.tables import checks, content, drills, levels, reasons, stages
from restore_tester.judgement.recovery_point import taken_at
from restore_tester.model import Drill, DrillOrder, Levels, Profile, Reason, Verdict, to_json

REASON = "reason"
WARNING = "warning"
_Values = dict[str, Any]


def started(order: DrillOrder, lease: Lease, now: datetime, slot: str | None) -> _Values:
    """Given an order that starts now, return its row of `drills`."""
    return {
        "id": order.drill,
        "workload": order.workload,
        "location": order.location.name,
        "trigger": order.trigger,
        "slot": slot,
        "owner": lease.owner,
        "lease_until": lease.until,
        "abandoned": False,
        "if_abandoned": if_abandoned(order, now),
        "began_at": now,
        "profile": order.profile,
        "strategy": order.selection.strategy,
        "backup": order.backup.id,
        "backup_uri": order.backup.uri,
        "backup_taken_at": taken_at(order),
        "backup_size_bytes": order.backup.size_bytes,
        "engine": order.facts.engine,
        "engine_version": order.facts.engine_version,
        "recovery_time_objective_seconds": order.objectives.recovery_time_seconds,
        "recovery_point_objective_seconds": order.objectives.recovery_point_seconds,
        "seed": order.selection.seed,
        "newest": order.judge_recovery_point,
    }


def ended(drill: Drill) -> _Values:
    """Given a drill that has ended, return its row of `drills`, but for what only its order knew: owner, slot, and
    whether it took the newest backup."""
    return {
        "id": drill.drill,
        "workload": drill.workload,
        "location": drill.location,
        "trigger": drill.trigger,
        "abandoned": False,
        "if_abandoned": None,
        "began_at": drill.began_at,
        "ended_at": drill.ended_at,
        "verdict": drill.verdict,
        "proof_level": drill.proof_level,
        "profile": drill.profile,
        "strategy": drill.selection.strategy,
        "backup": drill.backup.id,
        "backup_uri": drill.backup.uri,
        "backup_taken_at": drill.backup.taken_at,
        "backup_size_bytes": drill.backup.size_bytes,
        "engine": drill.backup.engine,
        "engine_version": drill.backup.engine_version,
        "recovery_time_seconds": drill.recovery_time_seconds,
        "recovery_time_objective_seconds": drill.recovery_time_objective_seconds,
        "verification_seconds": drill.verification_seconds,
        "recovery_point_not_before": drill.recovery_point.not_before,
        "recovery_point_not_after": drill.recovery_point.not_after,
        "data_loss_seconds": drill.data_loss_seconds,
        "recovery_point_lag_seconds": drill.recovery_point_lag_seconds,
        "recovery_point_objective_seconds": drill.recovery_point_objective_seconds,
        "seed": drill.selection.seed,
        "record": to_json(drill).decode(),
    }


def details(drill: Drill) -> tuple[tuple[Table, list[_Values]], ...]:
    """Given a drill that has ended, return the rows of every other table about it."""
    return (
        (stages, _numbered(drill.drill, drill.stages)),
        (checks, _numbered(drill.drill, drill.checks)),
        (levels, level_rows(drill.drill, drill.levels)),
        (reasons, reason_rows(drill.drill, REASON, drill.reasons) + reason_rows(drill.drill, WARNING, drill.warnings)),
        (content, _numbered(drill.drill, drill.content)),
    )


def level_rows(drill: str, reached: Levels) -> list[_Values]:
    named = enumerate(field.name for field in fields(reached))
    return [{"drill": drill, "level": level, "name": name, "state": getattr(reached, name)} for level, name in named]


def reason_rows(drill: str, kind: str, said: tuple[Reason, ...]) -> list[_Values]:
    return [row | {"kind": kind} for row in _numbered(drill, said)]


def _numbered(drill: str, values: tuple[Any, ...]) -> list[_Values]:
    return [{"drill": drill, "position": position} | asdict(value) for position, value in enumerate(values)]


def remembered_drills() -> Select[Any]:
    """Return the query whose rows `remembered` reads: all but the record, which may be large."""
    this = (reasons.c.drill == drills.c.id, reasons.c.kind == REASON, reasons.c.position == 0)
    columns = [drills.c[_COLUMNS.get(name, name)].label(name) for name in _NAMES]
    # Asked row by row: as a join, PostgreSQL would rather read all reasons than twenty.
    return select(*columns, select(reasons.c.code).where(*this).scalar_subquery().label("reason"))


_NAMES = tuple(field.name for field in fields(Remembered) if field.name != "reason")
_COLUMNS: Mapping[str, str] = {"drill": "id"}


def remembered(row: Row[Any]) -> Remembered:
    values = dict(row._mapping)
    verdict = values.pop("verdict")
    return Remembered(**values | {"verdict": None if verdict is None else Verdict(verdict), "profile": Profile(values["profile"])})
