"""What the runner makes of answers, of errors and of faults; what it asks is a fake that answers as it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from restore_tester.checking.instants import read_instant
from restore_tester.checking.runner import Answers, ask_checks
from restore_tester.clock import SystemClock
from restore_tester.errors import CouldNotAsk, DataDamaged, SandboxFault
from restore_tester.model import Answer, Bound, Check, CheckResult, Expect, Fingerprint, Outcome, Question, RecoveryPointClaim
from tests.builders import a_check, some_facts

NOON = datetime(2026, 11, 5, 12, 0, tzinfo=UTC)


@dataclass
class FakeData:
    """Restored data whose answers a function gives."""

    answer: Callable[[Question, float], Answer]
    names: tuple[str, ...] = ("app",)
    engine_version: str = "15.18"
    features: frozenset[str] = frozenset()
    facts = some_facts()

    def databases(self) -> tuple[str, ...]:
        return self.names

    def ask(self, question: Question, timeout: float) -> Answer:
        return self.answer(question, timeout)

    def fingerprint(self) -> Fingerprint:
        raise AssertionError("a check never sees it")

    def recovery_points(self) -> tuple[RecoveryPointClaim, ...]:
        return ()


def rows(*objects: object) -> Answer:
    return Answer(("secret", "object"), tuple((42, name) for name in objects))


def saying(answer: Answer | Exception) -> FakeData:
    def give(question: Question, timeout: float) -> Answer:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return FakeData(give)


def ask(data: FakeData, *checks: Check, workers: int = 2) -> Answers:
    return ask_checks(checks or (a_check(),), data, SystemClock(), workers=workers)


def result(data: FakeData, check: Check | None = None) -> CheckResult:
    return ask(data, check or a_check()).asked[0].result


def python(body: str, name: str = "mine") -> Check:
    return replace(
        a_check(name), language="python", text=f"from restore_tester.model import Question\ndef find_problems(restored):\n{body}"
    )


def test_no_row_is_a_pass() -> None:
    assert (result(saying(rows())).outcome, result(saying(rows())).detail) == (Outcome.PASSED, "")


def test_each_row_is_a_problem_and_each_name_stands_once() -> None:
    found = result(saying(rows("public.a", "public.b", "public.a")))
    assert (found.outcome, found.problems, found.detail) == (Outcome.FAILED, 3, "public.a, public.b")


def test_only_the_first_names_are_kept() -> None:
    assert result(saying(rows(*(f"t{n}" for n in range(12))))).detail == "t0, t1, t2, t3, t4, t5, t6, t7, t8, t9 and 2 more"


def test_names_are_shown_in_print_and_cut() -> None:
    detail = result(saying(rows("a\x1b[31m\nb", "x" * 1000))).detail
    assert detail.startswith(r"a\x1b[31m\nb, xxx") and len(detail) < 200


def test_what_is_no_text_is_no_name() -> None:
    assert result(saying(rows(7, date(2026, 1, 1), None))).detail == ""


def test_other_columns_are_dropped() -> None:
    found = result(saying(Answer(("email",), (("canary@example.org",),))))
    assert (found.problems, found.detail) == (1, "")


@pytest.mark.parametrize(("answer", "outcome"), [(rows("x"), Outcome.PASSED), (rows(), Outcome.FAILED)])
def test_some_rows_have_to_come_back(answer: Answer, outcome: Outcome) -> None:
    assert result(saying(answer), replace(a_check(), expect=Expect.SOME_ROWS)).outcome is outcome


def test_every_database_is_asked() -> None:
    data = FakeData(lambda question, timeout: rows(f"in {question.database}"), names=("one", "two"))
    assert result(data).detail == "in one, in two"


def test_no_database_is_no_pass() -> None:
    assert result(FakeData(lambda question, timeout: rows(), names=())).outcome is Outcome.ERRORED


def test_settings_of_the_header_go_with_every_question() -> None:
    asked: list[Question] = []
    data = FakeData(lambda question, timeout: asked.append(question) or rows())
    ask(
        data,
        replace(a_check(), settings=(("a", "off"),)),
        replace(python("    restored.ask(Question('x'))\n    yield from ()"), settings=(("b", "on"),)),
    )
    assert {question.settings for question in asked} == {(("a", "off"),), (("b", "on"),)}


@pytest.mark.parametrize("need", ["amcheck", "major >= 17", "major < 15"])
def test_an_unmet_need_skips(need: str) -> None:
    found = result(saying(rows("x")), replace(a_check(), needs=(need,)))
    assert (found.outcome, found.problems, need in found.detail) == (Outcome.SKIPPED, 0, True)


def test_met_needs_ask() -> None:
    data = replace(saying(rows()), features=frozenset({"amcheck"}))
    assert result(data, replace(a_check(), needs=("amcheck", "major >= 15", "major == 15"))).outcome is Outcome.PASSED


def test_a_check_of_another_engine_is_not_asked() -> None:
    assert ask(saying(rows()), replace(a_check(), engine="mysql")).asked == ()


def test_damaged_data_fails_whatever_asked() -> None:
    answers = ask(saying(DataDamaged("data_damaged", "it cannot be read", "look")))
    assert (answers.asked[0].result.outcome, answers.asked[0].result.problems) == (Outcome.FAILED, 1)
    assert [fault.reason.code for fault in answers.faults] == ["data_damaged"]


def test_a_question_that_could_not_be_asked_is_errored() -> None:
    answers = ask(saying(CouldNotAsk("question_refused", "the server refused it", "correct it")))
    assert (answers.asked[0].result.outcome, answers.asked[0].result.detail) == (Outcome.ERRORED, "the server refused it")
    assert answers.faults == ()


def test_a_bug_in_a_check_is_errored_and_quotes_no_row() -> None:
    found = result(saying(rows()), python("    yield 'a'\n    raise ValueError('canary')"))
    assert (found.outcome, found.detail) == (Outcome.ERRORED, "our own fault: ValueError in mine")


def test_what_comes_after_a_fault_of_the_sandbox_says_so() -> None:
    def give(question: Question, timeout: float) -> Answer:
        if question.text == "crash":
            raise SandboxFault("server_crashed", "the server crashed", "give it memory")
        return rows("public.t")

    before, crash, after = (replace(a_check(name), text=name) for name in ("before", "crash", "after"))
    answers = ask(FakeData(give), before, crash, after, workers=1)
    assert [asked.after_sandbox_fault for asked in answers.asked] == [False, True, True]
    assert [asked.result.outcome for asked in answers.asked] == [Outcome.FAILED, Outcome.ERRORED, Outcome.FAILED]
    assert [fault.reason.code for fault in answers.faults] == ["server_crashed"]


def test_damage_after_a_fault_of_the_sandbox_is_not_proven() -> None:
    errors = {"crash": SandboxFault("disk_full", "full", "free it"), "read": DataDamaged("data_damaged", "bad", "look")}

    def give(question: Question, timeout: float) -> Answer:
        raise errors[question.text]

    answers = ask(FakeData(give), *(replace(a_check(name), text=name) for name in errors), workers=1)
    assert [fault.reason.code for fault in answers.faults] == ["disk_full"]


def test_checks_are_asked_side_by_side() -> None:
    together = threading.Barrier(2, timeout=20)

    def give(question: Question, timeout: float) -> Answer:
        together.wait()
        return rows()

    assert {asked.result.outcome for asked in ask(FakeData(give), a_check("one"), a_check("two")).asked} == {Outcome.PASSED}


def test_questions_of_one_check_are_asked_side_by_side_in_their_own_order() -> None:
    together = threading.Barrier(2, timeout=20)

    def give(question: Question, timeout: float) -> Answer:
        together.wait()
        return rows(question.text)

    check = python(
        "    for place, answer in restored.ask_each([Question('a'), Question('b')]):\n        yield f'{place}{answer.rows[0][1]}'"
    )
    assert sorted(result(FakeData(give), check).detail.split(", ")) == ["0a", "1b"]


def test_results_come_in_the_order_of_the_checks_and_are_told_one_by_one() -> None:
    told: list[str] = []
    checks = [replace(a_check(name), timeout_seconds=seconds) for name, seconds in (("short", 1.0), ("long", 900.0))]
    answers = ask_checks(checks, saying(rows()), SystemClock(), lambda result: told.append(result.name), workers=1)
    assert ([asked.check.name for asked in answers.asked], told) == (["short", "long"], ["long", "short"])


class Steps:
    """A clock that moves by a second whenever somebody looks."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return NOON

    def elapsed(self) -> float:
        self.seconds += 1.0
        return self.seconds


@pytest.mark.parametrize("check", [a_check(), python("    while True:\n        restored.ask(Question('x'))\n        yield 'x'")])
def test_a_timeout_is_for_the_whole_check(check: Check) -> None:
    left: list[float] = []
    data = FakeData(lambda question, timeout: left.append(timeout) or rows(), names=tuple(f"d{n}" for n in range(99)))
    found = ask_checks([replace(check, timeout_seconds=10.0)], data, Steps()).asked[0].result
    assert (found.outcome, found.detail) == (Outcome.ERRORED, "it took longer than its timeout of 10 s")
    assert left == sorted(left, reverse=True) and all(0 < seconds < 10 for seconds in left)


def one(value: object) -> Answer:
    return Answer(("max",), ((value,),))


def test_a_recovery_point_is_a_lower_bound_in_utc() -> None:
    berlin = NOON.astimezone(timezone(timedelta(hours=1)))
    answers = ask(saying(one(berlin)), replace(a_check("newest_order"), expect=Expect.RECOVERY_POINT))
    assert answers.claims == (RecoveryPointClaim(NOON, "newest_order", Bound.LOWER, 0.0),)
    assert (answers.asked[0].result.outcome, answers.asked[0].result.detail, answers.warnings) == (Outcome.PASSED, "", ())


def test_an_instant_without_a_zone_is_read_as_utc_with_a_warning() -> None:
    answers = ask(saying(one(NOON.replace(tzinfo=None))), replace(a_check(), expect=Expect.RECOVERY_POINT))
    assert [claim.instant for claim in answers.claims] == [NOON]
    assert [warning.code for warning in answers.warnings] == ["instant_without_zone"]


def test_several_databases_share_the_oldest_of_their_instants() -> None:
    instants = {"one": NOON, "two": NOON - timedelta(hours=2)}

    def give(question: Question, timeout: float) -> Answer:
        if question.database not in instants:
            raise CouldNotAsk("question_refused", "it has no such table", "name the database")
        return one(instants[question.database])

    answers = ask(FakeData(give, names=("none", "one", "two")), replace(a_check(), expect=Expect.RECOVERY_POINT))
    assert [claim.instant for claim in answers.claims] == [instants["two"]]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (one(None), "recovery_point_no_instant"),
        (one("canary"), "recovery_point_no_instant"),
        (one(date(2026, 11, 5)), "recovery_point_no_instant"),
        (one(1_700_000_000), "recovery_point_no_instant"),
        (one(datetime.max.replace(tzinfo=timezone(-timedelta(hours=5)))), "recovery_point_no_instant"),
        (Answer(("max",), ()), "recovery_point_no_instant"),
        (Answer(("max",), ((NOON,), (NOON,))), "recovery_point_no_instant"),
        (Answer(("a", "b"), ((NOON, NOON),)), "recovery_point_no_instant"),
    ],
)
def test_what_is_no_instant_could_not_be_asked(answer: Answer, code: str) -> None:
    with pytest.raises(CouldNotAsk) as caught:
        read_instant(answer)
    assert (caught.value.reason.code, "canary" in str(caught.value)) == (code, False)
    assert ask(saying(answer), replace(a_check(), expect=Expect.RECOVERY_POINT)).asked[0].result.outcome is Outcome.ERRORED
