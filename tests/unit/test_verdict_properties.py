"""What must hold of every verdict, whatever a drill has seen."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from restore_tester.judgement.record import assemble
from restore_tester.judgement.verdict import WORST_FIRST
from restore_tester.model import (
    Blame,
    Bound,
    Check,
    Difference,
    Drill,
    DrillOrder,
    Evidence,
    Fault,
    Fetched,
    Heartbeat,
    Objectives,
    Outcome,
    Profile,
    Severity,
    Verdict,
)
from tests.builders import SHA256, a_check, a_claim, a_fault, an_order, asked, sound_evidence

BEAT = Heartbeat("select max(beat_at) from heartbeat")


def judged(order: DrillOrder, evidence: Evidence) -> Drill:
    return assemble(order, evidence, "0")


severities = st.sampled_from(Severity)
outcomes = st.sampled_from(Outcome)
proofs = st.sampled_from([None, "complete", "intact", "usable"])
checks = st.builds(
    a_check, st.sampled_from(["a", "b", "c", "d", "unpopulated_views"]), severities, st.sampled_from(["shipped", "own"]), proofs
)
asked_lists = st.lists(st.tuples(checks, outcomes, st.booleans()), max_size=5, unique_by=lambda each: each[0].name).map(
    lambda each: tuple(asked(check, outcome, after_sandbox_fault=late) for check, outcome, late in each)
)
stages = st.sampled_from(["provision", "fetch", "decode", "restore", "gate", "check", "fingerprint"])
faults = st.builds(
    a_fault, st.sampled_from(Blame), st.sampled_from(["archive_damaged", "backup_gone", "server_crashed"]), stages, sandbox=st.booleans()
)
claims = st.builds(a_claim, st.sampled_from(Bound), st.floats(-30, 300), st.sampled_from(["heartbeat", "commit_time"]), st.floats(0, 5000))
differences = st.sampled_from(
    [
        Difference("rows", "t", 5, 4),
        Difference("rows", "t", 5, 6),
        Difference("table_missing", "u", 1, None),
        Difference("hash", "t", "a", "b"),
    ]
)


@st.composite
def drills(draw: st.DrawFn) -> tuple[DrillOrder, Evidence]:
    """Any order with any evidence of it, sound or not."""
    results = draw(asked_lists)
    objectives = Objectives(draw(st.none() | st.floats(1, 10)), draw(st.none() | st.floats(60, 10_000)))
    order = replace(
        an_order(*(each.check for each in results), objectives=objectives, heartbeat=draw(st.none() | st.just(BEAT))),
        profile=draw(st.sampled_from(Profile)),
        judge_recovery_point=draw(st.booleans()),
    )
    evidence = replace(
        sound_evidence(),
        asked=results,
        fetched=draw(st.sampled_from([None, Fetched("d", 1000, SHA256), Fetched("d", 1000, SHA256, "00" * 32)])),
        structure_proved=draw(st.booleans()),
        restored=draw(st.booleans()),
        ready_seconds=draw(st.none() | st.floats(0, 20)),
        faults=tuple(draw(st.lists(faults, max_size=3))),
        claims=tuple(draw(st.lists(claims, max_size=3))),
        differences=tuple(draw(st.lists(differences, max_size=2))),
    )
    return order, evidence


def badness(drill: Drill) -> int:
    """0 passed, 1 inconclusive, 2 failed."""
    return len(WORST_FIRST) - 1 - WORST_FIRST.index(drill.verdict)


@given(drills(), faults)
def test_another_fault_never_improves_a_verdict(drill: tuple[DrillOrder, Evidence], fault: Fault) -> None:
    order, evidence = drill
    later = replace(fault, stage="cleanup") if fault.sandbox else fault
    worse = replace(evidence, faults=(*evidence.faults, later))
    assert badness(judged(order, worse)) >= badness(judged(order, evidence))


@given(drills(), checks, st.booleans())
def test_another_failed_check_never_improves_a_verdict(drill: tuple[DrillOrder, Evidence], check: Check, late: bool) -> None:
    order, evidence = drill
    more = replace(a_check(), name="one_more", severity=check.severity, proves=check.proves)
    worse = replace(evidence, asked=(*evidence.asked, asked(more, Outcome.FAILED, after_sandbox_fault=late)))
    assert badness(judged(order, worse)) >= badness(judged(order, evidence))


@given(drills(), differences)
def test_another_difference_never_improves_a_verdict(drill: tuple[DrillOrder, Evidence], difference: Difference) -> None:
    order, evidence = drill
    worse = replace(evidence, differences=(*evidence.differences, difference))
    assert badness(judged(order, worse)) >= badness(judged(order, evidence))


@given(drills(), st.data())
def test_a_worse_outcome_of_one_check_never_improves_a_verdict(drill: tuple[DrillOrder, Evidence], data: st.DataObject) -> None:
    order, evidence = drill
    if not evidence.asked:
        return
    place = data.draw(st.integers(0, len(evidence.asked) - 1))
    before = evidence.asked[place]
    worse = asked(before.check, Outcome.FAILED, after_sandbox_fault=before.after_sandbox_fault)
    changed = replace(evidence, asked=(*evidence.asked[:place], worse, *evidence.asked[place + 1 :]))
    assert badness(judged(order, changed)) >= badness(judged(order, evidence))


def without(evidence: Evidence, what: str, place: int) -> Evidence:
    """The same evidence without one thing that speaks for the backup."""
    less = {
        "a check": replace(evidence, asked=evidence.asked[:place] + evidence.asked[place + 1 :]),
        "the bytes": replace(evidence, fetched=None),
        "the structure": replace(evidence, structure_proved=False),
        "the restore": replace(evidence, restored=False),
        "the content": replace(evidence, fingerprint=None),
        "the recovery time": replace(evidence, ready_seconds=None),
    }
    return less[what]


WHAT = ["a check", "the bytes", "the structure", "the restore", "the content", "the recovery time"]


@given(drills(), st.sampled_from(WHAT), st.integers(0, 4))
def test_taking_evidence_away_never_yields_passed(drill: tuple[DrillOrder, Evidence], what: str, place: int) -> None:
    order, evidence = drill
    if judged(order, evidence).verdict is not Verdict.PASSED:
        assert judged(order, without(evidence, what, place)).verdict is not Verdict.PASSED


@given(drills())
def test_a_heartbeat_that_is_judged_and_taken_away_never_yields_passed(drill: tuple[DrillOrder, Evidence]) -> None:
    order, evidence = drill
    judging = replace(order, heartbeat=BEAT, judge_recovery_point=True, objectives=Objectives(recovery_point_seconds=600.0))
    assert judged(judging, replace(evidence, claims=())).verdict is not Verdict.PASSED


@given(st.sampled_from([Outcome.PASSED, Outcome.FAILED, Outcome.ERRORED]))
def test_leaving_out_the_only_gating_check_is_never_green(outcome: Outcome) -> None:
    assert judged(an_order(a_check()), replace(sound_evidence(asked(a_check(), outcome)), asked=())).verdict is Verdict.INCONCLUSIVE


@given(drills())
def test_passed_means_that_every_step_was_proven(drill: tuple[DrillOrder, Evidence]) -> None:
    order, evidence = drill
    judgement = judged(order, evidence)
    if judgement.verdict is Verdict.PASSED:
        assert evidence.fetched is not None
        assert evidence.structure_proved
        assert evidence.restored
        assert not evidence.faults
        assert judgement.proof_level >= 3
        assert any(a.check.severity is Severity.GATING and a.result.outcome is Outcome.PASSED for a in evidence.asked)
    assert (judgement.verdict is Verdict.PASSED) == (judgement.reasons == ())


@given(st.lists(faults, min_size=1, max_size=4), st.booleans())
def test_our_faults_alone_never_accuse_the_backup(given_faults: list[Fault], restored: bool) -> None:
    ours = tuple(replace(fault, blame=Blame.OURS) for fault in given_faults)
    evidence = replace(sound_evidence(), faults=ours, restored=restored)
    assert judged(an_order(), evidence).verdict is Verdict.INCONCLUSIVE


@given(st.lists(faults, min_size=1, max_size=4), st.booleans())
def test_the_backups_faults_alone_are_never_put_on_us(given_faults: list[Fault], restored: bool) -> None:
    theirs = tuple(replace(fault, blame=Blame.BACKUP, sandbox=False) for fault in given_faults)
    drill = judged(an_order(), replace(sound_evidence(), faults=theirs, restored=restored))
    assert drill.verdict is Verdict.FAILED
    assert "failed" in (drill.levels.inventory, drill.levels.bytes, drill.levels.structure, drill.levels.restored, drill.levels.intact)


@given(drills(), st.data())
def test_the_order_of_the_checks_decides_nothing(drill: tuple[DrillOrder, Evidence], data: st.DataObject) -> None:
    order, evidence = drill
    shuffled = tuple(data.draw(st.permutations(evidence.asked)))
    first, second = judged(order, evidence), judged(order, replace(evidence, asked=shuffled))
    assert (first.verdict, first.levels, set(first.reasons)) == (second.verdict, second.levels, set(second.reasons))


@given(drills(), st.floats(0, 1e7))
def test_a_fast_drill_is_never_judged_by_its_recovery_time(drill: tuple[DrillOrder, Evidence], seconds: float) -> None:
    order, evidence = drill
    fast = replace(order, profile=Profile.FAST)
    reasons = judged(fast, replace(evidence, ready_seconds=seconds)).reasons
    assert all(reason.code not in ("rto_missed", "recovery_time_unknown") for reason in reasons)
