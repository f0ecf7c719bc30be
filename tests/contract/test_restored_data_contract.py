"""What every RestoredData does: the one over PostgreSQL, and the fake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from restore_tester.contracts import RestoredData
from restore_tester.errors import CouldNotAsk
from restore_tester.model import Question
from tests.fakes_restorer import FakeRestoredData
from tests.restoring import Restoring


@pytest.fixture(scope="module", params=["postgresql", "fake"])
def restored(request: pytest.FixtureRequest, app_dump: Callable[..., Path], template_cache: Path) -> Iterator[RestoredData]:
    if request.param == "fake":
        yield FakeRestoredData()
        return
    with Restoring().restored(app_dump("custom")) as data:
        yield data


def test_an_answer_has_columns_and_rows_in_order(restored: RestoredData) -> None:
    answer = restored.ask(Question("select 1 as a, 'x' as b union all select 2, 'y' order by a"), 10)
    assert answer.columns == ("a", "b")
    assert answer.rows == ((1, "x"), (2, "y"))


def test_a_question_may_name_its_database_and_pin_settings(restored: RestoredData) -> None:
    question = Question("select current_setting('enable_seqscan') as a", restored.databases()[0], (("enable_seqscan", "off"),))
    assert restored.ask(question, 10).rows == (("off",),)
    assert restored.ask(Question("select current_setting('enable_seqscan') as a"), 10).rows == (("on",),)


def test_nothing_can_be_written(restored: RestoredData) -> None:
    with pytest.raises(CouldNotAsk) as caught:
        restored.ask(Question("create table public.t ()"), 10)
    assert caught.value.reason.code == "question_refused"


def test_a_question_that_makes_no_sense_is_refused(restored: RestoredData) -> None:
    with pytest.raises(CouldNotAsk) as caught:
        restored.ask(Question("select nothing from nowhere"), 10)
    assert caught.value.reason.code == "question_refused"


def test_a_question_that_takes_too_long_is_ended(restored: RestoredData) -> None:
    with pytest.raises(CouldNotAsk) as caught:
        restored.ask(Question("select pg_sleep(60)"), 0.05)
    assert caught.value.reason.code == "check_timeout"


def test_an_answer_too_large_is_refused_rather_than_cut(restored: RestoredData) -> None:
    with pytest.raises(CouldNotAsk) as caught:
        restored.ask(Question("select generate_series(1, 1000001) as a"), 60)
    assert caught.value.reason.code == "answer_too_large"


def test_several_threads_may_ask(restored: RestoredData) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda number: restored.ask(Question(f"select {number} as a"), 10).rows, range(20)))
    assert answers == [((number,),) for number in range(20)]


def test_a_fingerprint_counts_tables_of_the_judged_databases(restored: RestoredData) -> None:
    found = restored.fingerprint()
    assert found.origin == "restored"
    assert {table.database for table in found.content} == set(restored.databases())
    assert all(table.rows is not None and table.rows >= 0 for table in found.content)
    assert restored.recovery_points() == ()


def test_it_says_what_it_is(restored: RestoredData) -> None:
    assert restored.engine_version[0].isdigit()
    assert restored.facts.databases == restored.databases()
    assert "logical" in restored.features
