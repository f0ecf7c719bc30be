"""What a person reads after a drill."""

from __future__ import annotations

from dataclasses import replace

import pytest

from restore_tester.cli.page import Glyphs, Page, as_text, cells
from restore_tester.cli.render_drill import render_drill
from restore_tester.judgement.absence import nowhere
from restore_tester.judgement.record import assemble
from restore_tester.judgement.telling import sentence
from restore_tester.model import BackupFacts, Blame, Bound, Drill, Fault, Objectives, Outcome, Profile, Reason, Severity, Verdict
from tests.builders import a_check, a_claim, a_fault, an_order, asked, sound_evidence

HOSTILE = "x\x1b[31m\n[red]<b>\u202e"


def shown(drill: Drill, width: int = 100) -> str:
    page = Page(width, Glyphs())
    render_drill(drill, page)
    return as_text(page, colour=False)


def words(drill: Drill) -> str:
    return " ".join(shown(drill).split())


def passed() -> Drill:
    return assemble(an_order(), sound_evidence(), "1.0")


def failed() -> Drill:
    return assemble(an_order(), sound_evidence(asked(a_check(), Outcome.FAILED)), "1.0")


def inconclusive() -> Drill:
    return assemble(an_order(), replace(sound_evidence(), faults=(a_fault(Blame.OURS, "disk_full", sandbox=True),)), "1.0")


def stale() -> Drill:
    beat = (a_claim(Bound.LOWER, 60 * 26, "heartbeat"), a_claim(Bound.UPPER, 60 * 26 - 5, "heartbeat"))
    return assemble(an_order(objectives=Objectives(None, 86_400)), replace(sound_evidence(), claims=beat), "1.0")


@pytest.mark.parametrize(("drill", "word"), [(passed(), "PASSED"), (failed(), "FAILED"), (inconclusive(), "INCONCLUSIVE")])
def test_the_verdict_is_the_first_word(drill: Drill, word: str) -> None:
    assert shown(drill).split()[0] == word


def test_a_fast_drill_never_offers_its_time_as_a_recovery_time() -> None:
    assert "back in 3.0 s (fast profile: not comparable with an RTO)" in sentence(passed())
    assert "fast" not in sentence(replace(passed(), profile=Profile.FAITHFUL))


def test_what_is_unknown_is_called_unknown() -> None:
    drill = replace(passed(), recovery_time_seconds=None, recovery_point=replace(passed().recovery_point, not_after=None, basis=None))
    assert sentence(drill) == "If app were lost now: back in an unknown time, losing an unknown amount of data."
    assert "age unknown" in words(drill)


def test_an_upper_bound_is_told_as_the_least_that_would_be_lost() -> None:
    assert "an unknown amount of data, at least 24 min" in sentence(passed())


def test_a_failed_drill_says_its_reason_with_its_hint_and_code_before_anything_else() -> None:
    reason, text = failed().reasons[0], words(failed())
    assert " ".join(reason.message.split()) in text
    assert text.index(reason.hint.split(":")[0]) < text.index("proven")
    assert f"({reason.code})" in text
    assert "would not bring it back whole" in text


def test_a_missed_objective_does_not_blame_the_data() -> None:
    assert stale().verdict is Verdict.FAILED
    assert sentence(stale()).endswith("losing at most 1 d 2 h of data. What fails is the objective, not the data.")


def test_an_inconclusive_drill_accuses_nobody() -> None:
    assert "neither good nor bad" in words(inconclusive())


def test_the_ladder_tells_every_level_and_what_the_next_one_needs() -> None:
    text = words(passed())
    assert "3 restored a server answers from it level reached" in text
    assert "4 complete not asked" in text
    assert "next: completeness_unproven" in text


def test_a_failing_check_is_told_in_full_and_passed_ones_are_counted() -> None:
    results = (asked(a_check(), Outcome.FAILED), asked(a_check("fine")), asked(a_check("amcheck", Severity.WARNING), Outcome.SKIPPED))
    text = words(assemble(an_order(), sound_evidence(*results), "1.0"))
    assert "3 questions: 1 passed, 1 failed, 1 skipped" in text
    assert "foreign_keys (gating): 2 problems public.payments" in text
    assert "skipped amcheck: needs amcheck" in text
    assert "fine" not in text


def test_stages_are_drawn_where_they_ran() -> None:
    lines = {line.split()[0]: line for line in shown(passed()).splitlines() if "█" in line}
    assert set(lines) == {"fetch", "restore", "check"}
    assert lines["restore"].count("█") == pytest.approx(2 * lines["fetch"].count("█"), abs=1)


@pytest.mark.parametrize("drill", [passed(), failed(), inconclusive(), stale()])
@pytest.mark.parametrize("width", [60, 80, 110])
def test_no_line_is_wider_than_the_terminal(drill: Drill, width: int) -> None:
    assert max(cells(line) for line in shown(drill, width).splitlines()) <= width


def test_hostile_names_are_inert_wherever_they_stand() -> None:
    drill = failed()
    hostile = replace(
        drill,
        backup=replace(drill.backup, id=HOSTILE, format=HOSTILE, databases=(HOSTILE,), engine_version=HOSTILE, compression=HOSTILE),
        reasons=tuple(replace(reason, message=HOSTILE, hint=HOSTILE) for reason in drill.reasons),
        warnings=tuple(replace(reason, message=HOSTILE, hint=HOSTILE) for reason in drill.reasons),
        checks=tuple(replace(check, name=HOSTILE, detail=HOSTILE) for check in drill.checks),
        stages=tuple(replace(stage, name=HOSTILE) for stage in drill.stages),
        next_level_needs=HOSTILE,
    )
    text = shown(hostile, 80)
    assert all(line.isprintable() for line in text.splitlines())
    assert "[red]<b>" in text


def test_a_drill_without_a_backup_names_its_place_and_claims_nothing_of_a_backup() -> None:
    trouble = Reason("no_backup", "nothing lies where the backups should be", "see the job")
    facts = BackupFacts(format=None, engine=None, trouble=trouble)
    place = replace(an_order().location, name="primary")
    order = replace(an_order(), workload="shop", location=place, backup=nowhere(place), facts=facts)
    nothing = replace(sound_evidence(), facts=facts, fetched=None, structure_proved=False, restored=False, asked=(), stages=())
    bare = replace(nothing, environment=replace(nothing.environment, isolation=()))
    failed = assemble(order, replace(bare, faults=(Fault(Blame.BACKUP, trouble, "provision"),)), "1.0")
    assert "FAILED shop / primary: no backup If shop were lost now, there would be no backup to bring it back." in words(failed)
    assert "no sandbox was opened" in words(failed)
    unread = replace(order, workload=None, location=replace(place, name=None))
    said = words(assemble(unread, replace(bare, faults=(Fault(Blame.OURS, trouble, "provision"),)), "1.0"))
    assert f"Nothing is proven about what lies in {place.uri}" in said
