"""The proof ladder of DESIGN, section 5: contiguous, proved by what was seen, and never by the absence of trouble."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore_tester.judgement.absence import nowhere
from restore_tester.judgement.comparison import compare
from restore_tester.judgement.ladder import Rung
from restore_tester.judgement.levels import proof_level, state_of
from restore_tester.judgement.record import assemble
from restore_tester.judgement.recovery_point import heartbeat_claims
from restore_tester.model import (
    AskedCheck,
    BackupFacts,
    Blame,
    Drill,
    Evidence,
    Fetched,
    Fingerprint,
    Heartbeat,
    Levels,
    LevelState,
    Objectives,
    Outcome,
    Reason,
    Severity,
)
from tests.builders import BEGAN, SHA256, a_check, a_fault, a_fingerprint, an_order, asked, some_facts, sound_evidence

PROVED, FAILED, NOT_ASKED = LevelState.PROVED, LevelState.FAILED, LevelState.NOT_ASKED
GATING = asked(a_check())


def judged(*results: AskedCheck) -> Drill:
    return assemble(an_order(*(each.check for each in results)), sound_evidence(*results), "0")


def own(proves: str, outcome: Outcome = Outcome.PASSED, severity: Severity = Severity.GATING, *, late: bool = False) -> AskedCheck:
    return asked(a_check(f"own_{proves}", severity, "own", proves), outcome, after_sandbox_fault=late)


def shipped(proves: str, outcome: Outcome) -> AskedCheck:
    return asked(a_check(f"shipped_{proves}", Severity.WARNING, "shipped", proves), outcome)


def compared(expected: Fingerprint, found: Fingerprint) -> Drill:
    evidence = replace(sound_evidence(), fingerprint=found, differences=compare(expected, found))
    return assemble(replace(an_order(), expected=expected), evidence, "0")


def test_a_dump_alone_ends_at_three_and_says_what_is_missing() -> None:
    drill = judged(GATING)
    assert drill.proof_level == 3
    assert drill.levels == Levels(PROVED, PROVED, PROVED, PROVED)
    assert drill.next_level_needs is not None
    assert drill.next_level_needs.startswith("completeness_unproven: ")


def test_checks_of_ones_own_prove_the_levels_they_name() -> None:
    drill = judged(GATING, own("complete"), own("intact"), own("usable"))
    assert (drill.levels.complete, drill.levels.intact, drill.levels.fresh, drill.levels.usable) == (PROVED, PROVED, NOT_ASKED, PROVED)
    assert drill.proof_level == 5
    assert (drill.next_level_needs or "").startswith("freshness_unproven: ")


def test_the_top_needs_nothing_more() -> None:
    results = (GATING, own("complete"), own("intact"), own("usable"))
    order = an_order(
        *(each.check for each in results), objectives=Objectives(recovery_point_seconds=7200.0), heartbeat=Heartbeat("select 1")
    )
    evidence = replace(sound_evidence(*results), claims=heartbeat_claims(BEGAN - timedelta(minutes=31), 300.0))
    drill = assemble(order, evidence, "0")
    assert (drill.proof_level, drill.next_level_needs, drill.verdict) == (7, None, "passed")


@pytest.mark.parametrize("proves", ["complete", "intact", "usable"])
def test_a_shipped_check_that_passes_proves_no_level_by_itself(proves: str) -> None:
    drill = judged(GATING, shipped(proves, Outcome.PASSED))
    assert getattr(drill.levels, proves) == NOT_ASKED


@pytest.mark.parametrize("proves", ["complete", "intact", "usable"])
def test_a_shipped_check_that_fails_marks_its_level_failed(proves: str) -> None:
    drill = judged(GATING, shipped(proves, Outcome.FAILED))
    assert getattr(drill.levels, proves) == FAILED


@pytest.mark.parametrize("outcome", [Outcome.SKIPPED, Outcome.ERRORED])
def test_a_question_without_an_answer_leaves_its_level_unproved(outcome: Outcome) -> None:
    drill = judged(GATING, own("complete"), shipped("complete", outcome))
    assert (drill.levels.complete, drill.proof_level) == (NOT_ASKED, 3)
    assert "shipped_complete" in (drill.next_level_needs or "")


def test_a_question_that_was_never_asked_leaves_its_level_unproved() -> None:
    order = an_order(GATING.check, own("complete").check, shipped("complete", Outcome.PASSED).check)
    assert assemble(order, sound_evidence(GATING, own("complete")), "0").levels.complete == NOT_ASKED


def test_an_answer_given_after_the_sandbox_failed_proves_no_level_and_fails_none() -> None:
    assert judged(GATING, own("complete", late=True)).levels.complete == NOT_ASKED
    assert judged(GATING, own("complete", Outcome.FAILED, late=True)).levels.complete == NOT_ASKED


def test_a_failed_gating_check_fails_the_level_it_names_else_the_usable_one() -> None:
    assert judged(own("intact", Outcome.FAILED)).levels.intact == FAILED
    assert judged(asked(a_check(), Outcome.FAILED)).levels.usable == FAILED


def test_what_the_source_had_wrong_fails_no_level() -> None:
    defect = asked(a_check("not_valid_constraints", Severity.WARNING, "shipped", "intact"), Outcome.FAILED)
    assert judged(GATING, defect).levels.intact == NOT_ASKED


def test_a_manifest_that_is_met_proves_complete_and_its_hashes_intact() -> None:
    manifest = a_fingerprint("manifest", orders=10, customers=5, hash="x")
    drill = compared(manifest, a_fingerprint("restored", orders=10, customers=5, hash="x"))
    assert (drill.levels.complete, drill.levels.intact) == (PROVED, PROVED)


def test_a_manifest_without_hashes_proves_complete_alone() -> None:
    manifest = a_fingerprint("manifest", orders=10, customers=5)
    drill = compared(manifest, a_fingerprint("restored", orders=10, customers=5))
    assert (drill.levels.complete, drill.levels.intact) == (PROVED, NOT_ASKED)


def test_a_table_that_could_not_be_counted_leaves_complete_unproved() -> None:
    manifest = a_fingerprint("manifest", orders=10, customers=5)
    drill = compared(manifest, a_fingerprint("restored", orders=None, customers=5))
    assert (drill.levels.complete, drill.differences) == (NOT_ASKED, ())


def test_other_hashes_fail_intact_and_missing_rows_fail_complete() -> None:
    manifest = a_fingerprint("manifest", orders=10, customers=5, hash="x")
    assert compared(manifest, a_fingerprint("restored", orders=10, customers=5, hash="y")).levels.intact == FAILED
    assert compared(manifest, a_fingerprint("restored", orders=1, customers=5, hash="x")).levels.complete == FAILED


BACKUP, OURS = Blame.BACKUP, Blame.OURS
UNREAD = replace(sound_evidence(), fetched=None, structure_proved=False, restored=False, asked=(), fingerprint=None)
UNDECODED = replace(UNREAD, fetched=sound_evidence().fetched)
UNRESTORED = replace(UNDECODED, structure_proved=True)
HTML = replace(some_facts(), format=None, trouble=Reason("html_page", "it is a web page", "look"))
CUT = Levels(PROVED, PROVED, FAILED)
LATE = Levels(PROVED, PROVED, NOT_ASKED, FAILED)
STOPS = [
    ("it was gone", replace(UNREAD, faults=(a_fault(BACKUP, "backup_gone", "fetch"),)), Levels(FAILED), 0),
    ("it could not be read", replace(UNREAD, faults=(a_fault(OURS, "access_denied", "fetch"),)), Levels(PROVED), 0),
    (
        "it is a web page",
        replace(UNREAD, facts=HTML, faults=(a_fault(BACKUP, "html_page", "provision"),)),
        Levels(PROVED, structure=FAILED),
        0,
    ),
    ("its sum is wrong", replace(UNDECODED, fetched=Fetched("d", 1000, SHA256, "0")), Levels(PROVED, FAILED), 0),
    ("it is cut", replace(UNDECODED, faults=(a_fault(BACKUP, "trailer_missing", "decode"),)), Levels(PROVED, PROVED, FAILED), 1),
    ("we had no room", replace(UNDECODED, faults=(a_fault(OURS, "disk_full", "decode", sandbox=True),)), Levels(PROVED, PROVED), 1),
    ("its SQL fails", replace(UNRESTORED, faults=(a_fault(BACKUP, "restore_error"),)), Levels(PROVED, PROVED, PROVED, FAILED), 2),
    ("its SQL fails before its end was seen", replace(UNDECODED, faults=(a_fault(BACKUP, "restore_error"),)), LATE, 1),
    ("it is damaged where only the restore looks", replace(UNDECODED, faults=(a_fault(BACKUP, "archive_damaged"),)), CUT, 1),
    ("the server crashed", replace(UNRESTORED, faults=(a_fault(OURS, "crash", sandbox=True),)), Levels(PROVED, PROVED, PROVED), 2),
    (
        "a message was not explained",
        replace(sound_evidence(), faults=(a_fault(OURS, "unexplained_error", "restore"),)),
        Levels(PROVED, PROVED, PROVED),
        2,
    ),
    (
        "its data cannot be read",
        replace(sound_evidence(), faults=(a_fault(BACKUP, "data_damaged", "check"),)),
        Levels(PROVED, PROVED, PROVED, PROVED, intact=FAILED),
        3,
    ),
    (
        "we stopped while asking",
        replace(sound_evidence(), faults=(a_fault(OURS, "interrupted", "check"),)),
        Levels(PROVED, PROVED, PROVED, PROVED),
        3,
    ),
]


@pytest.mark.parametrize(("case", "evidence", "levels", "reached"), STOPS, ids=[row[0] for row in STOPS])
def test_the_ladder_ends_where_the_drill_did(case: str, evidence: Evidence, levels: Levels, reached: int) -> None:
    drill = assemble(an_order(), evidence, "0")
    assert (drill.levels, drill.proof_level) == (levels, reached)
    assert drill.next_level_needs


def test_a_fresh_level_needs_an_objective_and_a_proof_out_of_the_data() -> None:
    order = an_order(objectives=Objectives(recovery_point_seconds=7200.0))
    beat = heartbeat_claims(BEGAN - timedelta(minutes=31), 300.0)
    assert assemble(order, replace(sound_evidence(), claims=beat), "0").levels.fresh == PROVED
    assert assemble(an_order(), replace(sound_evidence(), claims=beat), "0").levels.fresh == NOT_ASKED
    assert assemble(order, sound_evidence(), "0").levels.fresh == NOT_ASKED


@given(st.lists(st.sampled_from(LevelState), min_size=8, max_size=8))
def test_the_level_reached_has_no_gap_below_it(states: list[LevelState]) -> None:
    levels = Levels(*states)
    reached = proof_level(levels)
    assert all(state_of(levels, rung) is PROVED for rung in Rung if 0 < rung <= reached)
    assert reached == 7 or state_of(levels, Rung(reached + 1)) is not PROVED or reached == 0


def test_the_rungs_are_named_as_in_the_record() -> None:
    assert [rung.name.lower() for rung in Rung] == [field.name for field in fields(Levels)]


@pytest.mark.parametrize("code", ["no_credentials", "access_denied", "location_absent", "store_unreachable"])
def test_a_location_that_could_not_be_read_proves_no_inventory(code: str) -> None:
    trouble = Reason(code, "the location cannot be read", "cure it")
    facts = BackupFacts(format=None, engine=None, trouble=trouble, trouble_blame=Blame.OURS)
    order = replace(an_order(), backup=nowhere(an_order().location), facts=facts)
    nothing = replace(sound_evidence(), facts=facts, fetched=None, structure_proved=False, restored=False, asked=(), fingerprint=None)
    for faults in ((a_fault(Blame.OURS, code, "provision"),), ()):
        drill = assemble(order, replace(nothing, faults=faults), "0")
        assert (drill.verdict, drill.levels, drill.proof_level) == ("inconclusive", Levels(), 0)
        assert "listing" in (drill.next_level_needs or "")


def test_what_the_next_level_needs_is_named_as_it_is_given() -> None:
    assert "(--checks)" in (judged(GATING).next_level_needs or "")
    configured = replace(an_order(GATING.check), workload="shop", location=replace(an_order().location, name="primary"))
    said = assemble(configured, sound_evidence(GATING), "0").next_level_needs or ""
    assert ("(`checks`)" in said, "--" in said) == (True, False)
