"""Checks treated differently for a workload: for a reason, until a day, said in every record."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from restore_tester.checking.runner import ask_checks
from restore_tester.clock import SystemClock
from restore_tester.config.nouns import CheckOverride
from restore_tester.judgement.comparison import survivors
from restore_tester.judgement.overrides import may_vanish, overridden, unknown_checks
from restore_tester.model import Answer, Outcome, Severity
from tests.builders import a_check, a_fingerprint
from tests.fakes_restorer import FACTS, FakeRestoredData

LAST_DAY = date(2027, 1, 31)
QUIETER = CheckOverride("foreign_keys", Severity.WARNING, ("public.legacy",), "legacy ids", LAST_DAY)


def test_severity_and_exceptions_hold_until_the_last_day() -> None:
    (check,) = overridden((a_check(),), (QUIETER,), LAST_DAY)
    assert (check.severity, check.excepted) == (Severity.WARNING, ("public.legacy",))
    assert overridden((a_check(),), (QUIETER,), date(2027, 2, 1)) == (a_check(),)


def test_other_checks_are_left_alone() -> None:
    assert overridden((a_check("sequences"),), (QUIETER,), LAST_DAY) == (a_check("sequences"),)


def test_a_name_that_no_check_bears_is_told_and_the_baseline_is_one() -> None:
    baseline = CheckOverride("baseline", None, ("public.old_*",), "dropped", LAST_DAY)
    assert unknown_checks((a_check(),), (QUIETER, baseline)) == ()
    assert unknown_checks((a_check("sequences"),), (QUIETER, baseline)) == ("foreign_keys",)


def test_excepted_objects_are_passed_over_and_the_record_says_why() -> None:
    (check,) = overridden((replace(a_check(), engine=FACTS.engine or "", text="q"),), (QUIETER,), LAST_DAY)
    restored = FakeRestoredData({"q": Answer(("object",), (("public.legacy",), ("public.orders",)))})
    result = ask_checks((check,), restored, SystemClock()).asked[0].result
    assert (result.outcome, result.problems) == (Outcome.FAILED, 1)
    assert "public.orders; warning instead of gating and passes over public.legacy until 2027-01-31: legacy ids" in result.detail


def test_tables_that_may_vanish_are_not_expected_of_a_baseline() -> None:
    override = CheckOverride("baseline", None, ("public.ord*",), "rotated", LAST_DAY)
    baseline = a_fingerprint("baseline", orders=5, customers=5)
    kept = survivors(baseline, may_vanish((override,), LAST_DAY))
    assert [table.name for table in kept.content] == ["customers"]
    assert survivors(baseline, may_vanish((override,), date(2027, 2, 1))) == baseline
