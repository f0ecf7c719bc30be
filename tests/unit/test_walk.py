"""The walk back to a good backup: finds the newest good one where damage lasts, in few drills; ends always."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as some

from restore_tester.judgement.walk import last_bad_before, newest_good, next_to_try


def walked(goods: list[bool | None], known: dict[int, bool | None] | None = None) -> tuple[dict[int, bool | None], int]:
    tried, drills = dict(known or {}), 0
    while (index := next_to_try(len(goods), tried)) is not None:
        assert index not in tried
        tried[index] = goods[index]
        drills += 1
    return tried, drills


@given(some.integers(1, 400), some.data())
def test_where_damage_lasts_the_newest_good_one_is_found_in_few_drills(count: int, data: some.DataObject) -> None:
    bad = data.draw(some.integers(0, count - 1))
    tried, drills = walked([False] * bad + [True] * (count - bad))
    assert newest_good(tried) == bad
    assert last_bad_before(bad, tried) == bad - 1
    assert drills <= 2 * math.log2(count + 1) + 2


@given(some.lists(some.sampled_from([True, False, None]), max_size=60))
def test_the_walk_ends_and_finds_one_wherever_there_is_one(goods: list[bool | None]) -> None:
    tried, drills = walked(goods)
    assert drills <= len(goods)
    assert (newest_good(tried) is not None) == (True in goods)


@given(some.lists(some.sampled_from([True, False, None]), min_size=1, max_size=60), some.data())
def test_nothing_is_drilled_that_is_known(goods: list[bool | None], data: some.DataObject) -> None:
    known = {index: goods[index] for index in data.draw(some.sets(some.integers(0, len(goods) - 1)))}
    tried, drills = walked(goods, known)
    assert len(tried) == len(known) + drills
    assert (newest_good(tried) is not None) == (True in goods)


def test_thirty_nightly_dumps_take_at_most_ten_drills() -> None:
    assert max(walked([False] * bad + [True] * (30 - bad))[1] for bad in range(30)) <= 10
