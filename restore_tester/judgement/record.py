"""Order and evidence → the drill record, measured and judged."""

from __future__ import annotations

from restore_tester.judgement.measurement import measure
from restore_tester.judgement.recovery_point import taken_at
from restore_tester.judgement.verdict import judge
from restore_tester.model import BackupRecord, Drill, DrillOrder, Evidence


def assemble(order: DrillOrder, evidence: Evidence, tool_version: str) -> Drill:
    """Given what was ordered and seen, return the record of the drill."""
    measurement = measure(order, evidence)
    judgement = judge(order, evidence, measurement)
    return Drill(
        drill=order.drill,
        workload=order.workload,
        location=order.location.name,
        trigger=order.trigger,
        backup=_backup(order, evidence),
        selection=order.selection,
        verdict=judgement.verdict,
        reasons=judgement.reasons,
        warnings=judgement.warnings,
        proof_level=judgement.proof_level,
        levels=judgement.levels,
        next_level_needs=judgement.next_level_needs,
        recovery_time_seconds=measurement.recovery_time_seconds,
        verification_seconds=measurement.verification_seconds,
        recovery_time_objective_seconds=order.objectives.recovery_time_seconds,
        profile=order.profile,
        recovery_point=measurement.recovery_point,
        data_loss_seconds=measurement.data_loss_seconds,
        recovery_point_lag_seconds=measurement.recovery_point_lag_seconds,
        recovery_point_objective_seconds=order.objectives.recovery_point_seconds,
        stages=evidence.stages,
        checks=tuple(asked.result for asked in evidence.asked),
        content=evidence.fingerprint.content if evidence.fingerprint else (),
        differences=evidence.differences,
        environment=evidence.environment,
        began_at=evidence.began_at,
        ended_at=evidence.ended_at,
        sandbox_destroyed=evidence.sandbox_destroyed,
        tool_version=tool_version,
    )


def _backup(order: DrillOrder, evidence: Evidence) -> BackupRecord:
    facts = evidence.facts
    return BackupRecord(
        id=order.backup.id,
        uri=order.backup.uri,
        format=facts.format,
        engine=facts.engine,
        engine_version=facts.engine_version,
        compression=facts.compression,
        databases=facts.databases,
        tables=facts.tables,
        taken_at=taken_at(order, facts),
        size_bytes=order.backup.size_bytes,
        sha256=evidence.fetched.sha256 if evidence.fetched else None,
    )
