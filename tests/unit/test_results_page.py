"""The page of results: whole in itself, inert whatever a backup holds, and to be read without seeing it."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from restore_tester.cli.results_page import Result, results_page
from restore_tester.judgement.record import assemble
from restore_tester.model import BackupRecord, Difference, Drill, Outcome, Reason, Stage, Verdict
from restore_tester.service.pages.figures import UNITS, bars
from tests.builders import BEGAN, a_check, an_order, asked, sound_evidence
from tests.webpage import Elements, outside_references

HOSTILE = "</p><script>alert(1)</script>\"'><img src=//evil onerror=x>{{ 7*7 }}&amp;\u202e\x1b[31m"


def a_drill() -> Drill:
    return assemble(an_order(), sound_evidence(asked(a_check()), asked(a_check("amcheck"), Outcome.SKIPPED)), "1.2.3")


def a_hostile_drill() -> Drill:
    """Every word of it that a backup, a name or a store could choose."""
    drill = a_drill()
    reason = Reason(HOSTILE, HOSTILE, HOSTILE)
    backup = BackupRecord(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, (HOSTILE,), 1, BEGAN, 1000, HOSTILE)
    check = replace(drill.checks[0], name=HOSTILE, detail=HOSTILE, outcome=Outcome.FAILED, problems=3)
    return replace(
        drill, verdict=Verdict.FAILED, workload=HOSTILE, location=HOSTILE, backup=backup, reasons=(reason,), warnings=(reason,),
        checks=(check, replace(check, outcome=Outcome.PASSED)), differences=(Difference("rows", HOSTILE, 5, None),),
        stages=(replace(drill.stages[0], name=HOSTILE),), next_level_needs=HOSTILE,
        recovery_point=replace(drill.recovery_point, basis=HOSTILE), environment=replace(drill.environment, isolation=(HOSTILE,)),
    )  # fmt: skip


def a_page(*drills: Drill, title: str = "a fleet", story: str = "as it is") -> str:
    return results_page(title, [Result(drill, story, Verdict.PASSED, drill.verdict is Verdict.PASSED) for drill in drills])


def test_the_page_needs_nothing_beside_itself_and_forbids_it() -> None:
    page = a_page(a_drill(), a_hostile_drill())
    assert outside_references(page) == []
    policies = [meta["content"] for meta in Elements(page).named("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policies[0].startswith("default-src 'none';")
    assert "script-src" not in policies[0]


def test_whatever_comes_out_of_a_backup_is_text() -> None:
    tame, hostile = Elements(a_page(a_drill())), Elements(a_page(a_hostile_drill(), title=HOSTILE, story=HOSTILE))
    assert {tag for tag, _ in hostile.found} - {tag for tag, _ in tame.found} <= {"li", "strong", "h4"}
    words = "".join(hostile.words)
    assert "<script>alert(1)</script>" in words
    assert "{{ 7*7 }}&amp;" in words


def test_what_a_browser_would_obey_inside_a_word_is_spelled_out() -> None:
    page = a_page(a_hostile_drill(), title=HOSTILE, story=HOSTILE)
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert "\\u202e\\x1b[31m" in page


def test_the_reasons_stand_before_everything_else_of_a_drill() -> None:
    drill = replace(a_drill(), verdict=Verdict.FAILED, reasons=(Reason("gone", "the rows are gone", "look at the job"),))
    article = a_page(drill).partition("<article")[2]
    places = [
        article.index(words) for words in ("failed", "the rows are gone", "look at the job", "If app were lost", "Measured", "Stages")
    ]
    assert places == sorted(places)


def test_it_says_which_verdicts_were_not_expected() -> None:
    page = a_page(a_drill(), replace(a_drill(), verdict=Verdict.INCONCLUSIVE))
    assert "1 of 2 verdicts" in page
    assert page.count("<strong>not as expected</strong>") == 1
    assert re.search(r">\? *</span> 1 inconclusive", page)


def test_every_link_leads_to_a_place_that_can_be_reached_by_keyboard() -> None:
    elements = Elements(a_page(a_drill(), a_drill()))
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link["href"].removeprefix("#") for link in elements.named("a")} <= set(ids)
    assert elements.named("a")[0] == {"class": "skip", "href": "#main"}


def test_it_can_be_read_without_seeing_it() -> None:
    page = a_page(a_drill(), replace(a_drill(), differences=(Difference("rows", "app.public.orders", 10, 0),)))
    elements = Elements(page)
    assert elements.named("html") == [{"lang": "en"}]
    assert all("scope" in header for header in elements.named("th"))
    assert len(elements.named("caption")) + sum("aria-labelledby" in table for table in elements.named("table")) == len(
        elements.named("table")
    )
    levels = [int(tag[1]) for tag, _ in elements.found if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(deeper - level <= 1 for level, deeper in itertools.pairwise(levels))
    assert all(drawing.get("aria-hidden") == "true" for drawing in elements.named("svg"))


def test_light_dark_and_print_are_provided_for() -> None:
    page = a_page(a_drill())
    assert "@media (prefers-color-scheme: dark)" in page
    assert "@media print" in page


@pytest.mark.parametrize(("began", "took"), [(-5.0, 1.0), (0.0, 0.0), (1.0, 2.0), (4.999, 0.0001), (9.0, 1.0), (0.0, 99.0)])
def test_a_bar_is_always_seen_and_never_leaves_the_chart(began: float, took: float) -> None:
    stage = Stage("restore", BEGAN + timedelta(seconds=began), took)
    (bar,) = bars(replace(a_drill(), stages=(stage,)))
    assert 0 <= bar.x < bar.x + bar.width <= UNITS


def test_an_older_backup_is_not_held_against_the_objective() -> None:
    older = replace(a_drill(), data_loss_seconds=259_200.0, recovery_point_objective_seconds=86_400.0)
    assert "at most 3 d (an older backup: the objective is not for it)" in a_page(older)
    missed = replace(older, verdict=Verdict.FAILED, reasons=(Reason("rpo_missed", "too old", "look"),))
    assert "at most 3 d (objective 1 d)" in a_page(missed)


def test_a_time_of_the_fast_profile_is_never_offered_as_a_recovery_time() -> None:
    assert "fast profile: not comparable with an RTO" in a_page(a_drill())
