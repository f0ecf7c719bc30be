"""What judging knows of a configured workload: where recovery would run, what a name says, what is archived, what its image lacks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from restore_tester.errors import BackupArchived, BackupUnusable, CannotTell
from restore_tester.judgement.faults import blame_of
from restore_tester.judgement.record import assemble
from restore_tester.model import (
    Blame,
    Drill,
    DrillOrder,
    Environment,
    Evidence,
    Objectives,
    Profile,
    RecoveryEnvironment,
    SandboxNeeds,
    Verdict,
)
from tests.builders import BEGAN, DUMPED, a_fault, a_fingerprint, an_order, sound_evidence

RTO = Objectives(recovery_time_seconds=1.0)


def drill(order: DrillOrder, evidence: Evidence | None = None) -> Drill:
    return assemble(order, evidence or sound_evidence(), "1")


def codes(drill: Drill) -> tuple[list[str], list[str]]:
    return [reason.code for reason in drill.reasons], [warning.code for warning in drill.warnings]


@pytest.mark.parametrize(("cpus", "memory", "judged"), [(2, None, True), (None, 1 << 30, True), (4, None, False), (2, 8 << 30, False)])
def test_the_rto_is_judged_only_where_recovery_would_run(cpus: float | None, memory: int | None, judged: bool) -> None:
    order = replace(an_order(objectives=RTO), profile=Profile.FAITHFUL, recovery_environment=RecoveryEnvironment(cpus, memory))
    reasons, warnings = codes(drill(order))
    assert ("rto_missed" in reasons, "rto_not_comparable" in warnings) == (judged, not judged)


def test_a_machine_that_shows_a_little_less_memory_is_still_its_like() -> None:
    evidence = replace(sound_evidence(), environment=Environment("process", "root", "15", 2, int(7.7 * 2**30), ("sealed-probe",)))
    order = replace(an_order(objectives=RTO), profile=Profile.FAITHFUL, recovery_environment=RecoveryEnvironment(2, 8 << 30))
    assert codes(drill(order, evidence))[0] == ["rto_missed"]


def test_an_old_dump_under_todays_name_is_told_by_its_header() -> None:
    backup = replace(an_order().backup, taken_at=DUMPED + timedelta(days=3), taken_at_basis="name")
    found = drill(replace(an_order(), backup=backup))
    assert (found.verdict, "name_contradicted" in codes(found)[1]) == (Verdict.PASSED, True)


def test_a_name_alone_never_fails_an_objective_it_warns() -> None:
    backup = replace(an_order().backup, taken_at=BEGAN - timedelta(days=9), taken_at_basis="name")
    found = drill(replace(an_order(objectives=Objectives(recovery_point_seconds=86_400)), backup=backup))
    assert (found.verdict, "name_too_old" in codes(found)[1]) == (Verdict.PASSED, True)


@pytest.mark.parametrize(("rto", "blame"), [(None, Blame.OURS), (3600.0, Blame.BACKUP), (1e6, Blame.OURS)])
def test_archive_storage_is_to_blame_where_it_thaws_for_longer_than_the_rto(rto: float | None, blame: Blame) -> None:
    assert blame_of(BackupArchived("archived", "m", "h", thawing_seconds=12 * 3600.0), Objectives(rto)) is blame


def test_other_errors_say_whose_fault_they_are_by_their_type() -> None:
    assert blame_of(BackupUnusable("a", "m", "h"), RTO) is Blame.BACKUP
    assert blame_of(CannotTell("a", "m", "h"), RTO) is Blame.OURS


@pytest.mark.parametrize(
    ("production", "sandbox", "verdict"),
    [(True, "docker", Verdict.FAILED), (True, "process", Verdict.INCONCLUSIVE), (False, "docker", Verdict.INCONCLUSIVE)],
)
def test_what_the_production_image_lacks_recovery_would_lack(production: bool, sandbox: str, verdict: Verdict) -> None:
    order = replace(an_order(), needs=SandboxNeeds("postgresql", 15, image="postgres:15"), image_is_production=production)
    evidence = replace(sound_evidence(), restored=False, faults=(a_fault(Blame.OURS, "extension_missing"),))
    assert drill(order, replace(evidence, environment=replace(evidence.environment, sandbox=sandbox))).verdict is verdict


def test_a_baseline_that_nobody_confirmed_does_not_prove_completeness() -> None:
    order = replace(an_order(), expected=a_fingerprint("baseline", orders=10, customers=5))
    found = drill(order)
    assert (found.verdict, found.proof_level) == (Verdict.PASSED, 3)
