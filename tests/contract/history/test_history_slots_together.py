"""Many slots at once, as notifications claim them: each is somebody's, once, and what is done stays known."""

from __future__ import annotations

from datetime import timedelta

from restore_tester.history.nouns import Slot
from restore_tester.history.records import History
from tests.histories import NOW, a_lease


def told(number: int) -> Slot:
    return Slot("", f"notify:w_{number}:primary:failed:d", NOW + timedelta(seconds=number))


def test_of_many_each_is_claimed_by_one(history: History) -> None:
    ours, theirs = [told(number) for number in range(1200)], [told(number) for number in range(1100, 1300)]
    assert history.slots.claim_all(ours, a_lease("us"), NOW) == tuple(ours)
    assert history.slots.claim_all(theirs, a_lease("them"), NOW) == tuple(theirs[100:])
    assert history.slots.count("notify") == 1300


def test_what_the_dead_left_is_taken_over_and_what_is_done_is_not(history: History) -> None:
    left, done = told(1), told(2)
    history.slots.claim_all([left, done], a_lease("us", seconds=1), NOW)
    history.slots.done_all([done], NOW)
    later = NOW + timedelta(minutes=1)
    assert history.slots.claim_all([left, done], a_lease("them", since=later), later) == (left,)


def test_what_is_done_is_told_in_its_order_and_of_its_kind(history: History) -> None:
    several = [told(3), told(1), Slot("", "digest:x", NOW), told(2)]
    history.slots.claim_all(several, a_lease("us"), NOW)
    history.slots.done_all(several[:3], NOW)
    assert history.slots.done_of("notify") == (told(1).name, told(3).name)
