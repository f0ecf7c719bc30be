"""A wall clock that jumps: neither silence nor a storm. On a real history, with a clock that a test sets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from restore_tester.history.nouns import Slot
from restore_tester.history.owners import owner_name
from restore_tester.history.records import History, open_history
from restore_tester.service.configured import load
from restore_tester.service.crew import Crew, Ended
from restore_tester.service.foreman import Foreman
from restore_tester.service.roster import Roster
from restore_tester.service.upkeep import Upkeep
from tests.fake_executor import FakeExecutor
from tests.service.fleets_served import write

HOUR = timedelta(hours=1)


class SetClock:
    """Implements `contracts.Clock`: both its hands move only where a test moves them."""

    def __init__(self) -> None:
        self.wall, self.monotonic = datetime(2026, 11, 5, 12, 30, tzinfo=UTC), 1000.0

    def now(self) -> datetime:
        return self.wall

    def elapsed(self) -> float:
        return self.monotonic

    def pass_(self, time: timedelta, jump: timedelta = timedelta(0)) -> None:
        self.wall += time + jump
        self.monotonic += time.total_seconds()


class Nobody:
    def ended(self, ended: Ended) -> None: ...

    def found(self, found: object) -> None: ...

    def trouble(self, workload: str, error: object) -> None: ...

    def given_up(self, workload: str, given_up: object, reason: object) -> None: ...


class Hours:
    """A workload that is due each hour, looked at each hour: `drilled` are the names of its slots."""

    def __init__(self, history: History, file: Path) -> None:
        configuration = load(file)
        self.clock, self.roster, owner = SetClock(), Roster(configuration), owner_name()
        crew = Crew(history, FakeExecutor(), lambda job, order, event: None, owner)
        self.upkeep = Upkeep(history, Foreman(history, crew, self.roster, Nobody(), self.clock), self.roster, owner, self.clock)
        self.drilled: list[str] = []

    def live(self, hours: int, jump: timedelta = timedelta(0)) -> timedelta | None:
        found = None
        for number in range(hours):
            self.clock.pass_(HOUR, jump if number == 0 else timedelta(0))
            found = self.upkeep.tick(lambda error: None, lambda drills: None) or found
            while (due := self.roster.due("shop", self.clock.now())) is not None:
                self.roster.claimed("shop", due)
                self.drilled.append(due.name)
        return found


@pytest.fixture
def hours(tmp_path: Path) -> Iterator[Hours]:
    file = write(tmp_path, "shop", top="jitter: 0s", more='schedule: "0 * * * *"')
    with open_history(f"sqlite:///{tmp_path}/history.db") as history:
        yield Hours(history, file)


def test_a_clock_that_goes_forward_a_day_misses_all_slots_but_the_newest(hours: Hours) -> None:
    assert hours.live(3) is None
    jump = hours.live(3, timedelta(days=1))
    assert jump == timedelta(days=1)
    assert len(hours.drilled) == 6


def test_a_clock_that_goes_back_a_day_goes_on_drilling_each_hour_and_no_more_often(hours: Hours) -> None:
    hours.live(30)
    assert hours.live(30, timedelta(days=-1)) == timedelta(days=-1)
    assert 59 <= len(hours.drilled) <= 60
    assert len(set(hours.drilled)) == len(hours.drilled)


def test_a_clock_that_was_ahead_and_is_right_again_misses_at_most_one_slot(hours: Hours) -> None:
    hours.live(3)
    hours.live(3, timedelta(days=1))
    hours.live(30, timedelta(days=-1))
    assert 35 <= len(hours.drilled) <= 36
    assert len(set(hours.drilled)) == len(hours.drilled)


def test_leases_are_kept_while_the_service_lives(hours: Hours, tmp_path: Path) -> None:
    with open_history(f"sqlite:///{tmp_path}/history.db") as history:
        lease = hours.upkeep.lease()
        history.slots.claim(Slot("other", "slot:x", hours.clock.now()), lease, hours.clock.now())
        hours.live(1)
        assert history.slots.orphaned(hours.clock.now()) == ()
