"""A slot is claimed once, taken over where its owner is gone, and done once, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from restore_tester.history.nouns import Slot
from restore_tester.history.owners import is_gone, never, owner_name
from restore_tester.history.records import History
from restore_tester.history.slots import Slots
from restore_tester.model import Verdict
from tests.histories import NOW, a_lease, an_order

SLOT = Slot("orders", "slot:2026-11-05T03:00:00Z", NOW)
ASK_WHO = "from restore_tester.history.owners import owner_name; print(owner_name(), flush=True); input()"


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@contextmanager
def another_process() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Its name as an owner, and the process, which is killed in the end."""
    with subprocess.Popen([sys.executable, "-c", ASK_WHO], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip(), process
        finally:
            process.kill()


def test_a_slot_is_claimed_once(history: History) -> None:
    assert history.slots.claim(SLOT, a_lease("one"), NOW) == 1
    assert history.slots.claim(SLOT, a_lease("two"), NOW) is None
    assert history.slots.claim(SLOT, a_lease("one"), NOW) is None
    assert history.slots.claim(replace(SLOT, workload="users"), a_lease("two"), NOW) == 1


def test_of_many_that_claim_it_at_once_one_has_it(history: History) -> None:
    with ThreadPoolExecutor(8) as threads:
        attempts = list(threads.map(lambda number: history.slots.claim(SLOT, a_lease(f"owner {number}"), NOW), range(16)))
    assert sorted(attempt or 0 for attempt in attempts) == [0] * 15 + [1]


def test_a_slot_whose_lease_ran_out_is_taken_over_by_one(history: History) -> None:
    history.slots.claim(SLOT, a_lease("dead", 60), NOW)
    assert history.slots.claim(SLOT, a_lease("heir"), later(59)) is None
    with ThreadPoolExecutor(8) as threads:
        heirs = threads.map(lambda number: history.slots.claim(SLOT, a_lease(f"heir {number}", 600), later(61)), range(8))
        assert sorted(attempt or 0 for attempt in heirs) == [0] * 7 + [2]


def test_a_lease_that_is_renewed_is_not_taken_over(history: History) -> None:
    history.slots.claim(SLOT, a_lease("alive", 60), NOW)
    history.start(an_order(), a_lease("alive", 60), NOW)
    history.slots.renew("alive", later(600))
    assert history.slots.claim(SLOT, a_lease("heir"), later(61)) is None
    assert history.abandon(later(61)) == ()


def test_claims_are_given_back_by_a_lease_that_ends_now(history: History) -> None:
    history.slots.claim(SLOT, a_lease("leaving"), NOW)
    history.slots.renew("leaving", later(1))
    assert history.slots.orphaned(later(2)) == (SLOT,)
    assert history.slots.claim(SLOT, a_lease("heir"), later(2)) == 2


def test_what_is_done_is_claimed_by_nobody_again(history: History) -> None:
    history.slots.claim(SLOT, a_lease("one", 60), NOW)
    history.slots.done(SLOT, "d1", later(1))
    assert history.slots.claim(SLOT, a_lease("two"), later(100)) is None
    assert history.slots.orphaned(later(100)) == ()


def test_a_slot_of_a_process_that_was_killed_is_free_at_once(history: History) -> None:
    with another_process() as (owner, process):
        history.slots.claim(SLOT, a_lease(owner, 600), NOW)
        assert history.slots.claim(SLOT, a_lease("heir"), NOW) is None
        process.kill()
        process.wait()
        assert history.slots.orphaned(NOW) == (SLOT,)
        assert history.slots.claim(SLOT, a_lease("heir"), NOW) == 2


def test_a_drill_of_a_process_that_was_killed_is_abandoned_at_once(history: History) -> None:
    with another_process() as (owner, process):
        history.start(an_order("d1"), a_lease(owner, 600), NOW)
        history.start(an_order("d2"), a_lease(owner_name(), 600), NOW)
        assert history.abandon(later(1), is_gone) == ()
        process.kill()
        process.wait()
        assert history.abandon(later(2)) == ()
        (closed,) = history.abandon(later(2), is_gone)
    assert (closed.drill, closed.verdict, closed.ended_at) == ("d1", Verdict.INCONCLUSIVE, later(2))


def test_where_nobody_can_tell_only_leases_count(history: History) -> None:
    with another_process() as (owner, process):
        history.slots.claim(SLOT, a_lease(owner, 600), NOW)
        process.kill()
        process.wait()
    assert Slots(history.database, never).orphaned(NOW) == ()


def test_a_schedule_goes_on_from_its_newest_slot(history: History) -> None:
    assert history.slots.newest() == {}
    for hours, workload in ((1, "orders"), (3, "orders"), (2, "orders"), (5, "users")):
        history.slots.claim(Slot(workload, f"slot:{hours}", later(hours * 3600)), a_lease(), NOW)
    history.slots.claim(Slot("orders", "repeat:d1", later(9 * 3600)), a_lease(), NOW)
    assert history.slots.newest() == {"orders": later(3 * 3600), "users": later(5 * 3600)}


def test_old_slots_are_forgotten_but_for_the_newest_and_what_is_at_work(history: History) -> None:
    for hours in range(4):
        slot = Slot("orders", f"slot:{hours}", later(hours * 3600))
        history.slots.claim(slot, a_lease(seconds=10**6 if hours == 1 else 60), NOW)
        if hours != 1:
            history.slots.done(slot, None, NOW)
    assert history.slots.prune("slot", later(10 * 3600)) == 2
    assert history.slots.newest() == {"orders": later(3 * 3600)}
    assert history.slots.claim(Slot("orders", "slot:1", later(3600)), a_lease("two"), NOW) is None


def test_a_process_is_named_like_no_other_and_is_not_gone_while_it_lives() -> None:
    assert owner_name() != owner_name()
    assert not is_gone(owner_name())


def test_of_another_machine_or_boot_or_container_nobody_knows() -> None:
    host, boot, namespace, _, began, mark = owner_name().split("/")
    assert not is_gone("/".join((host, "another boot", namespace, "999999999", began, mark)))
    assert not is_gone("/".join((host, boot, "another namespace", "999999999", began, mark)))
    assert not is_gone("host:123:abcdef")
    assert not is_gone("")


def test_a_process_that_has_the_number_of_a_dead_one_is_another() -> None:
    host, boot, namespace, pid, _, mark = owner_name().split("/")
    assert is_gone("/".join((host, boot, namespace, pid, "1", mark)))
