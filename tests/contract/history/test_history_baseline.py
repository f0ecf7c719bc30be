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


def test_the_baseline_is_what_the_newest_backup_before_this_one_held(history: History) -> None:
    history.finish(of_day("d1", 3))
    history.finish(of_day("d2", 5))
    history.finish(of_day("d3", 1))
    assert history.baseline(PLACE, NOW.replace(day=5)) == Fingerprint("baseline", some_content(orders=5))
    assert history.baseline(PLACE, NOW.replace(day=4)) == Fingerprint("baseline", some_content(orders=3))


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
