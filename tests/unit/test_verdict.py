"""The verdict law of DESIGN, section 3, row by row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from restore_tester.judgement.comparison import compare
from restore_tester.judgement.record import assemble
from restore_tester.judgement.verdict import verdict_of_many
from restore_tester.model import (
    AskedCheck,
    Blame,
    Difference,
    Drill,
    DrillOrder,
    Evidence,
    Expect,
    Fault,
    Fetched,
    Heartbeat,
    Outcome,
    Reason,
    Severity,
    Verdict,
)
from tests.builders import SHA256, a_check, a_fault, a_fingerprint, an_order, asked, some_facts, sound_evidence

PASSED, FAILED, INCONCLUSIVE = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
GATING = a_check("gating_one")
OTHER = a_check("gating_two")
LOOK = a_check("worth_a_look", Severity.WARNING)
BEAT = Heartbeat("select max(beat_at) from heartbeat")
NOTE = a_check("noted", Severity.INFO)


def judged(order: DrillOrder, evidence: Evidence) -> Drill:
    return assemble(order, evidence, "0")


def codes(reasons: tuple[Reason, ...]) -> list[str]:
    return [reason.code for reason in reasons]


def seen(*results: AskedCheck) -> Evidence:
    return sound_evidence(*results)


def with_faults(*faults: Fault, restored: bool = True, gate: bool = True) -> Evidence:
    evidence = replace(sound_evidence(), faults=faults, restored=restored)
    return evidence if gate and restored else replace(evidence, asked=(), fingerprint=None, ready_seconds=None)


LAW: list[tuple[str, DrillOrder, Evidence, Verdict, list[str]]] = [
    ("all is well", an_order(), sound_evidence(), PASSED, []),
    ("a gating check found problems", an_order(GATING), seen(asked(GATING, Outcome.FAILED)), FAILED, ["check_failed"]),
    ("a gating check could not be asked", an_order(GATING), seen(asked(GATING, Outcome.ERRORED)), INCONCLUSIVE, ["check_errored"]),
    ("every gating check was skipped", an_order(GATING), seen(asked(GATING, Outcome.SKIPPED)), INCONCLUSIVE, ["nothing_was_asked"]),
    ("no gating check exists", an_order(LOOK), seen(asked(LOOK)), INCONCLUSIVE, ["nothing_was_asked"]),
    ("a gating check was never asked", an_order(GATING, OTHER), seen(asked(GATING)), INCONCLUSIVE, ["check_not_asked"]),
    ("one gating check was skipped", an_order(GATING, OTHER), seen(asked(GATING), asked(OTHER, Outcome.SKIPPED)), PASSED, []),
    (
        "failed beats inconclusive, and both reasons stay",
        an_order(GATING, OTHER),
        seen(asked(GATING, Outcome.ERRORED), asked(OTHER, Outcome.FAILED)),
        FAILED,
        ["check_failed", "check_errored"],
    ),
    (
        "a problem found after a fault of the sandbox is not proven",
        an_order(GATING),
        seen(asked(GATING, Outcome.FAILED, after_sandbox_fault=True)),
        INCONCLUSIVE,
        ["check_failed"],
    ),
    (
        "a pass after a fault of the sandbox proves nothing",
        an_order(GATING),
        seen(asked(GATING, after_sandbox_fault=True)),
        INCONCLUSIVE,
        ["nothing_was_asked"],
    ),
    (
        "what was proven before the sandbox failed stays proven",
        an_order(GATING, OTHER),
        replace(seen(asked(GATING, Outcome.FAILED), asked(OTHER)), faults=(a_fault(Blame.OURS, "sandbox_lost", "check", sandbox=True),)),
        FAILED,
        ["check_failed", "sandbox_lost"],
    ),
    ("a warning's check failed", an_order(GATING, LOOK), seen(asked(GATING), asked(LOOK, Outcome.FAILED)), PASSED, []),
    ("a warning's check could not be asked", an_order(GATING, LOOK), seen(asked(GATING), asked(LOOK, Outcome.ERRORED)), PASSED, []),
    (
        "the backup is at fault",
        an_order(),
        with_faults(a_fault(Blame.BACKUP, "archive_damaged"), restored=False),
        FAILED,
        ["archive_damaged"],
    ),
    ("we are at fault", an_order(), with_faults(a_fault(Blame.OURS, "disk_full"), restored=False), INCONCLUSIVE, ["disk_full"]),
    ("restored data cannot be read", an_order(), with_faults(a_fault(Blame.BACKUP, "data_damaged", "check")), FAILED, ["data_damaged"]),
    (
        "the backup's fault came after the sandbox's",
        an_order(),
        with_faults(a_fault(Blame.OURS, "out_of_memory", sandbox=True), a_fault(Blame.BACKUP, "archive_damaged"), restored=False),
        INCONCLUSIVE,
        ["out_of_memory", "archive_damaged"],
    ),
    (
        "the same fault was noted as ours and as theirs",
        an_order(),
        with_faults(a_fault(Blame.OURS, "archive_damaged"), a_fault(Blame.BACKUP, "archive_damaged"), restored=False),
        FAILED,
        ["archive_damaged"],
    ),
    ("somebody interrupted it", an_order(), with_faults(a_fault(Blame.OURS, "interrupted"), restored=False), INCONCLUSIVE, ["interrupted"]),
    (
        "the bytes are not those of their sum",
        an_order(),
        replace(sound_evidence(), fetched=Fetched("backup/dump", 1000, SHA256, "00" * 32)),
        FAILED,
        ["checksum_mismatch"],
    ),
    (
        "the sum is written in capitals",
        an_order(),
        replace(sound_evidence(), fetched=Fetched("backup/dump", 1000, SHA256, SHA256.upper())),
        PASSED,
        [],
    ),
    (
        "other bytes were read than listed",
        an_order(),
        replace(sound_evidence(), fetched=Fetched("d", 9, SHA256)),
        INCONCLUSIVE,
        ["size_differs"],
    ),
    ("nothing was fetched, nobody says why", an_order(), replace(sound_evidence(), fetched=None), INCONCLUSIVE, ["not_fetched"]),
    ("its end was never seen", an_order(), replace(sound_evidence(), structure_proved=False), INCONCLUSIVE, ["structure_unproven"]),
    ("nothing was restored, nobody says why", an_order(), replace(with_faults(restored=False)), INCONCLUSIVE, ["not_restored"]),
    (
        "the peek saw no backup",
        an_order(),
        replace(with_faults(restored=False), facts=replace(some_facts(), format=None, trouble=Reason("html_page", "it is HTML", "look"))),
        FAILED,
        ["html_page"],
    ),
]


@pytest.mark.parametrize(("case", "order", "evidence", "verdict", "reasons"), LAW, ids=[row[0] for row in LAW])
def test_the_verdict_law(case: str, order: DrillOrder, evidence: Evidence, verdict: Verdict, reasons: list[str]) -> None:
    drill = judged(order, evidence)
    assert (drill.verdict, codes(drill.reasons)) == (verdict, reasons)
    assert all(reason.message and reason.hint for reason in drill.reasons)


WARNINGS: list[tuple[str, DrillOrder, Evidence, list[str]]] = [
    ("a failed check worth a warning", an_order(), seen(asked(a_check()), asked(LOOK, Outcome.FAILED)), ["check_warning"]),
    ("an unanswered check that does not gate", an_order(), seen(asked(a_check()), asked(NOTE, Outcome.ERRORED)), ["check_errored"]),
    ("nothing for a failed check that only informs", an_order(), seen(asked(a_check()), asked(NOTE, Outcome.FAILED)), []),
    (
        "what the source had wrong already",
        an_order(),
        seen(asked(a_check()), asked(a_check("unpopulated_views", Severity.WARNING, proves="usable"), Outcome.FAILED)),
        ["source_defect"],
    ),
    ("a sandbox left behind", an_order(), replace(sound_evidence(), sandbox_destroyed=False), ["sandbox_left"]),
    ("nothing for one kept on purpose", replace(an_order(), keep=True), replace(sound_evidence(), sandbox_destroyed=False), []),
    (
        "a sandbox with a way out",
        an_order(),
        replace(sound_evidence(), environment=replace(sound_evidence().environment, isolation=("own-uid",))),
        ["sandbox_unsealed"],
    ),
    ("what the restorer saw, once", an_order(), replace(sound_evidence(), warnings=(Reason("r", "m", "h"),) * 2), ["r"]),
    ("a table too many", an_order(), replace(sound_evidence(), differences=(Difference("table_extra", "t", None, 1),)), ["tables_extra"]),
    ("a heartbeat without an answer", an_order(heartbeat=BEAT), sound_evidence(), ["heartbeat_unanswered"]),
]


@pytest.mark.parametrize(("case", "order", "evidence", "warnings"), WARNINGS, ids=[row[0] for row in WARNINGS])
def test_a_warning_changes_no_verdict(case: str, order: DrillOrder, evidence: Evidence, warnings: list[str]) -> None:
    drill = judged(order, evidence)
    assert (drill.verdict, codes(drill.warnings)) == (PASSED, warnings)


@pytest.mark.parametrize(
    ("orders", "reasons"),
    [(10, []), (9, ["rows_missing"]), (11, ["content_differs"]), (None, [])],
)
def test_what_differs_from_a_manifest_fails(orders: int | None, reasons: list[str]) -> None:
    expected = a_fingerprint("manifest", orders=10, customers=5)
    found = a_fingerprint("restored", orders=orders, customers=5)
    evidence = replace(sound_evidence(), fingerprint=found, differences=compare(expected, found))
    assert codes(judged(replace(an_order(), expected=expected), evidence).reasons) == reasons


def test_content_that_was_never_counted_is_not_taken_for_equal() -> None:
    order = replace(an_order(), expected=a_fingerprint("manifest", orders=10, customers=5))
    drill = judged(order, replace(sound_evidence(), fingerprint=None))
    assert (drill.verdict, codes(drill.reasons)) == (INCONCLUSIVE, ["not_compared"])


def test_differences_found_after_the_sandbox_failed_are_not_proven() -> None:
    differs = replace(sound_evidence(), differences=(Difference("table_missing", "app.public.orders", 10, None),))
    drill = judged(an_order(), replace(differs, faults=(a_fault(Blame.OURS, "sandbox_lost", "check", sandbox=True),)))
    assert (drill.verdict, codes(drill.reasons)) == (INCONCLUSIVE, ["sandbox_lost", "rows_missing"])


def test_a_question_about_the_recovery_point_is_no_question_about_the_data() -> None:
    beat = replace(a_check(), expect=Expect.RECOVERY_POINT)
    assert codes(judged(an_order(beat), seen(asked(beat))).reasons) == ["nothing_was_asked"]


def test_names_out_of_a_backup_cannot_write_on_a_terminal() -> None:
    evil = replace(asked(GATING, Outcome.FAILED), result=replace(asked(GATING, Outcome.FAILED).result, detail="\x1b[31m<b>\n" * 1000))
    message = judged(an_order(GATING), seen(evil)).reasons[0].message
    assert message.isprintable()
    assert len(message) < 600


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [([], INCONCLUSIVE), ([PASSED, PASSED], PASSED), ([PASSED, INCONCLUSIVE], INCONCLUSIVE), ([INCONCLUSIVE, FAILED, PASSED], FAILED)],
)
def test_of_many_verdicts_the_worst_counts_and_none_is_not_green(verdicts: list[Verdict], worst: Verdict) -> None:
    assert verdict_of_many(verdicts) is worst
