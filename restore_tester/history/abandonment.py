"""The order of a drill → the record it leaves if its process dies: `inconclusive: abandoned`, in so far as it can be known before.

It is written when the drill starts, by the version that starts it: whoever closes it later need not understand the order.
"""

from __future__ import annotations

import json
from datetime import datetime

from restore_tester import __version__
from restore_tester.judgement.recovery_point import taken_at
from restore_tester.model import (
    BackupRecord,
    Drill,
    DrillOrder,
    Environment,
    Levels,
    Reason,
    RecoveryPoint,
    Verdict,
    to_json,
)

ABANDONED = Reason(
    "abandoned",
    "the process that ran this drill is gone, nothing of what it saw is known",
    "drill it again; if it happens again, look at what ended the process, such as its memory limit",
)
# What is not known of the place where it ran. It was never reported.
NOWHERE = Environment(sandbox="unknown", identity=None, engine_version=None, cpus=0, memory_bytes=0, isolation=())


def if_abandoned(order: DrillOrder, began_at: datetime) -> str:
    """Return the record as JSON. Its end is only known to whoever closes it."""
    return to_json(_record(order, began_at)).decode()


def closed(record: str, ended_at: datetime) -> str:
    """Given what `if_abandoned` wrote, maybe in another version, return the record that ends then."""
    return to_json(json.loads(record) | {"ended_at": ended_at}).decode()


def _record(order: DrillOrder, began_at: datetime) -> Drill:
    return Drill(
        drill=order.drill,
        workload=order.workload,
        location=order.location.name,
        trigger=order.trigger,
        backup=_backup(order),
        selection=order.selection,
        verdict=Verdict.INCONCLUSIVE,
        reasons=(ABANDONED,),
        warnings=(),
        proof_level=0,
        levels=Levels(),
        next_level_needs="a drill that runs to its end",
        recovery_time_seconds=None,
        verification_seconds=None,
        recovery_time_objective_seconds=order.objectives.recovery_time_seconds,
        profile=order.profile,
        recovery_point=RecoveryPoint(None, None, None),
        data_loss_seconds=None,
        recovery_point_lag_seconds=None,
        recovery_point_objective_seconds=order.objectives.recovery_point_seconds,
        stages=(),
        checks=(),
        content=(),
        differences=(),
        environment=NOWHERE,
        began_at=began_at,
        ended_at=began_at,
        sandbox_destroyed=False,
        tool_version=__version__,
    )


def _backup(order: DrillOrder) -> BackupRecord:
    return BackupRecord(
        id=order.backup.id,
        uri=order.backup.uri,
        format=order.facts.format,
        engine=order.facts.engine,
        engine_version=order.facts.engine_version,
        compression=order.facts.compression,
        databases=order.facts.databases,
        tables=order.facts.tables,
        taken_at=taken_at(order),
        size_bytes=order.backup.size_bytes,
        sha256=None,
    )
