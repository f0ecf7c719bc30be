"""What a drill is compared with: the content of an earlier backup that passed, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from restore_tester.history.records import History
from restore_tester.model import Drill, Fingerprint, Verdict
from tests.histories import NOW, PLACE, a_drill, of_backup, some_content


def of_day(drill: str, day: int, spoil: Callable[[Drill], Drill] = lambda drill: drill) -> Drill:
    """A passed drill of the backup taken on that day of November, with as many orders."""
    made = of_backup(a_drill(drill, minutes=day), f"orders-{day}.dump", NOW.replace(day=day))
    return spoil(replace(made, content=some_content(orders=day)))


def holding(orders: int | None, database: str = "orders") -> Callable[[Drill], Drill]:
    return lambda drill: replace(drill, content=some_content(orders, database))


def test_the_baseline_is_what_the_newest_backup_before_this_one_held(history: History) -> None:
    history.finish(of_day("d1", 3, holding(30)))
    history.finish(of_day("d2", 5, holding(20, database="shop")))
    history.finish(of_day("d3", 1, holding(40)))
    assert history.baseline(PLACE, NOW.replace(day=5)) == Fingerprint("baseline", some_content(20, database="shop"))
    assert history.baseline(PLACE, NOW.replace(day=4)) == Fingerprint("baseline", some_content(30))


def test_a_backup_is_not_compared_with_what_came_after_it(history: History) -> None:
    history.finish(of_day("d1", 3))
    assert history.baseline(PLACE, NOW.replace(day=2)) is None
    assert history.baseline(PLACE, None) is None


def test_a_drill_that_did_not_pass_or_of_another_place_is_no_baseline(history: History) -> None:
    history.finish(of_day("d1", 2, lambda drill: replace(drill, verdict=Verdict.FAILED)))
    history.finish(of_day("d2", 2, lambda drill: replace(drill, location="offsite")))
    history.finish(of_day("d3", 2, lambda drill: replace(drill, content=())))
    history.finish(of_day("d4", 2, lambda drill: of_backup(drill, "undated", None)))
    assert history.baseline(PLACE, NOW.replace(day=5)) is None


def test_a_baseline_of_one_database_holds_that_database_only(history: History) -> None:
    both = some_content() + some_content(orders=7, database="archive")
    history.finish(of_day("d1", 2, lambda drill: replace(drill, content=both)))
    history.finish(of_day("d2", 3))
    found = history.baseline(PLACE, NOW.replace(day=5), "archive")
    assert found == Fingerprint("baseline", some_content(orders=7, database="archive"))
    assert history.baseline(PLACE, NOW.replace(day=5), "unheard of") is None


def test_of_each_table_the_fewest_rows_of_the_last_five_are_expected(history: History) -> None:
    """A queue that was drained in one of the last five nights may be empty in any; six nights ago is forgotten."""
    for day, orders in enumerate((0, 700, 300, None, 900, 800), start=1):
        history.finish(of_day(f"d{day}", day, holding(orders)))
    expected = {day: history.baseline(PLACE, NOW.replace(day=day, hour=23)) for day in (5, 6)}
    assert expected == {5: Fingerprint("baseline", some_content(0)), 6: Fingerprint("baseline", some_content(300))}


def test_what_was_not_counted_in_the_newest_is_not_expected(history: History) -> None:
    history.finish(of_day("d1", 1, holding(10)))
    history.finish(of_day("d2", 2, holding(None)))
    assert history.baseline(PLACE, NOW.replace(day=5)) == Fingerprint("baseline", some_content(None))


def test_what_somebody_accepted_is_a_baseline_though_it_failed(history: History) -> None:
    history.finish(of_day("d1", 1, holding(5000)))
    history.finish(of_day("d2", 2, lambda drill: replace(drill, verdict=Verdict.FAILED, content=some_content(7)[:1])))
    history.finish(of_day("d3", 3, lambda drill: replace(drill, verdict=Verdict.FAILED, content=some_content(0))))
    for hour in range(2):
        history.ledgers.accept("d2", "archived", "me", NOW.replace(hour=hour))
    assert history.baseline(PLACE, NOW.replace(day=5)) == Fingerprint("baseline", some_content(7)[:1])
    assert history.baseline(PLACE, NOW.replace(day=1, hour=23)) == Fingerprint("baseline", some_content(5000))
