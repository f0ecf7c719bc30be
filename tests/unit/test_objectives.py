"""Recovery time and recovery point against their objectives: met, missed, unproven, not judged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from restore_tester.judgement.record import assemble
from restore_tester.model import Blame, Bound, Drill, DrillOrder, Evidence, Heartbeat, Objectives, Outcome, Profile, Reason, Verdict
from tests.builders import a_check, a_claim, a_fault, an_order, asked, some_facts, sound_evidence

PASSED, FAILED, INCONCLUSIVE = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE


def judged(order: DrillOrder, evidence: Evidence) -> Drill:
    return assemble(order, evidence, "0")


def codes(reasons: tuple[Reason, ...]) -> list[str]:
    return [reason.code for reason in reasons]


FAITHFUL_30 = replace(an_order(objectives=Objectives(recovery_time_seconds=30.0)), profile=Profile.FAITHFUL)
FAST_30 = an_order(objectives=Objectives(recovery_time_seconds=30.0))
CUT_OFF = replace(sound_evidence(), faults=(a_fault(Blame.OURS, "deadline", sandbox=True),), restored=False, asked=(), ready_seconds=None)
NEVER_READY = replace(sound_evidence(), ready_seconds=None, elapsed_seconds=3.0)
RTO: list[tuple[str, DrillOrder, Evidence, Verdict, list[str]]] = [
    ("met", FAITHFUL_30, replace(sound_evidence(), ready_seconds=30.0), PASSED, []),
    ("missed", FAITHFUL_30, replace(sound_evidence(), ready_seconds=30.5), FAILED, ["rto_missed"]),
    ("forensics after it do not count", FAITHFUL_30, replace(sound_evidence(), elapsed_seconds=99.0), PASSED, []),
    ("not known where the data never became ready", FAITHFUL_30, NEVER_READY, INCONCLUSIVE, ["recovery_time_unknown"]),
    ("never judged in a fast drill", FAST_30, replace(sound_evidence(), ready_seconds=99.0), PASSED, []),
    (
        "stands where a deadline ended the drill later",
        FAITHFUL_30,
        replace(CUT_OFF, elapsed_seconds=31.0),
        FAILED,
        ["rto_missed", "deadline"],
    ),
    (
        "not known where we failed before it passed",
        FAITHFUL_30,
        replace(CUT_OFF, elapsed_seconds=29.0),
        INCONCLUSIVE,
        ["deadline"],
    ),
]


@pytest.mark.parametrize(("case", "order", "evidence", "verdict", "reasons"), RTO, ids=[row[0] for row in RTO])
def test_the_recovery_time_objective_is(case: str, order: DrillOrder, evidence: Evidence, verdict: Verdict, reasons: list[str]) -> None:
    drill = judged(order, evidence)
    assert (drill.verdict, codes(drill.reasons)) == (verdict, reasons)


def test_a_missed_objective_says_that_the_data_was_intact_where_it_was() -> None:
    missed = replace(sound_evidence(), ready_seconds=31.0)
    spoiled = replace(missed, asked=(asked(a_check(), Outcome.FAILED),))
    assert judged(FAITHFUL_30, missed).reasons[0].message == "recovery took 31 s, the objective is 30 s; the data itself was intact"
    rto = {reason.code: reason.message for reason in judged(FAITHFUL_30, spoiled).reasons}["rto_missed"]
    assert "intact" not in rto


def test_a_recovery_that_never_ended_is_told_as_the_least_it_took() -> None:
    drill = judged(FAITHFUL_30, replace(CUT_OFF, elapsed_seconds=31.0))
    assert "at least 31 s" in drill.reasons[0].message
    assert drill.recovery_time_seconds is None


HOUR = Objectives(recovery_point_seconds=3600.0)
BEAT = Heartbeat("select max(beat_at) from heartbeat")
BLIND = replace(an_order(objectives=HOUR), backup=replace(an_order().backup, stored_at=None), facts=replace(some_facts(), dump_start=None))
BLIND_EVIDENCE = replace(sound_evidence(), facts=BLIND.facts)
ROWS_OF_RPO: list[tuple[str, DrillOrder, Evidence, Verdict, list[str], str]] = [
    ("met by the data", an_order(objectives=HOUR), replace(sound_evidence(), claims=(a_claim(Bound.LOWER, 60),)), PASSED, [], "proved"),
    ("only claimed, so unproven", an_order(objectives=HOUR), sound_evidence(), PASSED, [], "not_asked"),
    (
        "missed by the tightest upper bound",
        an_order(objectives=HOUR),
        replace(sound_evidence(), claims=(a_claim(Bound.LOWER, 90), a_claim(Bound.EXACT, 61, precision_seconds=59))),
        FAILED,
        ["rpo_missed"],
        "failed",
    ),
    (
        "not missed within the margin of a claim",
        an_order(objectives=HOUR),
        replace(sound_evidence(), claims=(a_claim(Bound.UPPER, 64),)),
        PASSED,
        [],
        "not_asked",
    ),
    ("not judged for an older backup", replace(BLIND, judge_recovery_point=False), BLIND_EVIDENCE, PASSED, [], "not_asked"),
    (
        "not judged where nobody set one",
        an_order(),
        replace(sound_evidence(), claims=(a_claim(Bound.LOWER, 1e6),)),
        PASSED,
        [],
        "not_asked",
    ),
    ("unknown where no bound is", BLIND, BLIND_EVIDENCE, INCONCLUSIVE, ["recovery_point_unknown"], "not_asked"),
    (
        "contradicted where the data is newer than its file",
        an_order(),
        replace(sound_evidence(), claims=(a_claim(Bound.LOWER, 10),)),
        INCONCLUSIVE,
        ["recovery_point_contradiction"],
        "not_asked",
    ),
    (
        "contradicted where the data is of the future",
        BLIND,
        replace(BLIND_EVIDENCE, claims=(a_claim(Bound.LOWER, -6),)),
        INCONCLUSIVE,
        ["recovery_point_contradiction"],
        "not_asked",
    ),
    (
        "not known where the heartbeat gave no answer",
        an_order(objectives=HOUR, heartbeat=BEAT),
        sound_evidence(),
        INCONCLUSIVE,
        ["heartbeat_unanswered"],
        "not_asked",
    ),
]


@pytest.mark.parametrize(("case", "order", "evidence", "verdict", "reasons", "fresh"), ROWS_OF_RPO, ids=[row[0] for row in ROWS_OF_RPO])
def test_the_recovery_point_objective_is(
    case: str, order: DrillOrder, evidence: Evidence, verdict: Verdict, reasons: list[str], fresh: str
) -> None:
    drill = judged(order, evidence)
    assert (drill.verdict, codes(drill.reasons), drill.levels.fresh) == (verdict, reasons, fresh)


def test_an_objective_that_only_a_claim_meets_asks_for_a_heartbeat() -> None:
    needs = judged(an_order(objectives=HOUR), sound_evidence()).next_level_needs
    assert needs is not None
    assert needs.startswith("completeness_unproven:")
    assert "freshness_unproven: " in needs
    assert "heartbeat" in needs


def test_a_stale_heartbeat_names_both_of_its_causes_and_the_zone_where_that_is_unknown() -> None:
    facts = replace(some_facts(), dump_start=replace(some_facts().dump_start, uncertainty_seconds=50_400.0))  # type: ignore[type-var]
    stale = (a_claim(Bound.LOWER, 120, "heartbeat", 0), a_claim(Bound.UPPER, 120, "heartbeat", 300))
    known = judged(an_order(heartbeat=BEAT), replace(sound_evidence(), claims=stale))
    unknown = judged(replace(an_order(heartbeat=BEAT), facts=facts), replace(sound_evidence(), facts=facts, claims=stale))
    assert (known.verdict, codes(known.warnings)) == (PASSED, ["heartbeat_behind"])
    assert "the beat had stopped" in known.warnings[0].hint
    assert "lagging replica" in known.warnings[0].hint
    assert "time zone" not in known.warnings[0].hint
    assert "time zone" in unknown.warnings[0].hint
