"""What is news of a place: told once it is confirmed, once, and once more when it is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from restore_tester.config.nouns import Mode, Pause, Target
from restore_tester.config.secrets import Secret
from restore_tester.judgement import changes
from restore_tester.judgement.announcements import MOST_CHARACTERS, Announcement, message, summary, telling
from restore_tester.judgement.changes import PROVEN, Change, Standing, State, change, outline, standing, wants
from restore_tester.judgement.ledger import DrillInBrief, Ledger, Sight
from restore_tester.model import Reason, Verdict
from tests.service.ledgers import DAY, NOW, a_drill, a_workload

LASTS = 2 * 86_400.0
PLACE = ("orders", "primary")
GOOD = replace(a_drill("good"), backup="orders-20.dump", taken_at=NOW - 27 * timedelta(hours=1), recovery_time_seconds=840.0)


def failed(*codes: str, trigger: str = "repeat", newest: bool = True) -> DrillInBrief:
    return replace(a_drill("bad", Verdict.FAILED, *codes), trigger=trigger, newest=newest, backup="orders-21.dump")


def ledger(last: DrillInBrief | None, *, passed: DrillInBrief | None = GOOD, bad: tuple[DrillInBrief, ...] = ()) -> Ledger:
    newest = last if last is not None and last.newest else passed
    good = (passed,) if passed is not None else ()
    return Ledger(first_seen=NOW - 30 * DAY, last=last, last_newest=newest, last_passed=passed, good=good, bad=bad)


def stands(known: Ledger, now: datetime = NOW, *, twice: bool = True) -> State | None:
    found = standing(outline(known), LASTS, now, twice=twice)
    return found.state if found is not None else None


def sight(code: str | None, since: timedelta) -> Sight:
    return Sight(NOW - since, code, None, None, 0, 0, 0, 0)


def test_a_failure_whose_repetition_is_to_come_is_no_news_yet() -> None:
    assert stands(ledger(failed("restore_failed", trigger="schedule"))) is None


def test_a_failure_that_was_repeated_is_one() -> None:
    assert stands(ledger(failed("restore_failed"))) is State.FAILED


def test_a_failure_that_nobody_repeats_is_one_after_a_day() -> None:
    known = ledger(failed("restore_failed", trigger="schedule"))
    assert stands(known, NOW + DAY) is State.FAILED


def test_a_missed_objective_says_that_the_data_is_there() -> None:
    assert stands(ledger(failed("rto_missed"))) is State.MISSED


def test_an_older_backup_that_passes_answers_no_damage_of_a_younger_one() -> None:
    bad = failed("check_failed")
    older = replace(GOOD, ended_at=NOW, newest=False)
    assert stands(replace(ledger(older, passed=older, bad=(bad,)), last_newest=bad)) is State.FAILED


def test_a_missed_objective_of_the_newest_is_not_answered_by_an_older_backup() -> None:
    older = replace(GOOD, ended_at=NOW, newest=False, taken_at=NOW - 20 * DAY)
    assert stands(replace(ledger(older, passed=older), last_newest=failed("rto_missed"))) is State.MISSED


def test_any_pass_answers_that_nothing_was_there() -> None:
    nothing = replace(failed("no_backup"), backup="", taken_at=None)
    later = replace(GOOD, ended_at=NOW, newest=False)
    assert stands(replace(ledger(later, passed=later), last_newest=nothing)) is State.PROVEN


def test_one_inconclusive_drill_is_no_news_and_ends_nothing() -> None:
    once = ledger(replace(a_drill("unclear", Verdict.INCONCLUSIVE, "sandbox_failed"), ended_at=NOW))
    assert (stands(once, twice=False), stands(once)) == (None, State.INCONCLUSIVE)


@pytest.mark.parametrize("code", ["interrupted", "abandoned"])
def test_what_we_interrupted_ourselves_says_nothing(code: str) -> None:
    assert stands(ledger(a_drill("cut", Verdict.INCONCLUSIVE, code))) is None


@pytest.mark.parametrize(("minutes", "expected"), [(20, None), (30, State.INCONCLUSIVE)])
def test_a_store_that_is_away_is_news_after_half_an_hour(minutes: int, expected: State | None) -> None:
    known = replace(ledger(GOOD), sight=sight("store_unreachable", timedelta(minutes=minutes)))
    assert stands(known) is expected


def test_proof_that_is_too_old_is_stale_and_so_is_none_at_all() -> None:
    never = Ledger(first_seen=NOW - 30 * DAY)
    assert (stands(ledger(GOOD), NOW + 3 * DAY), stands(never)) == (State.STALE, State.STALE)


def test_a_place_that_is_new_is_not_stale() -> None:
    assert stands(Ledger(first_seen=NOW - DAY)) is None


@pytest.mark.parametrize(
    ("told", "now", "expected"),
    [
        (None, State.PROVEN, None),
        (None, State.FAILED, Change.FAILED),
        (State.PROVEN, State.MISSED, Change.FAILED),
        (State.MISSED, State.FAILED, Change.FAILED),
        (State.FAILED, State.MISSED, Change.RECOVERED),
        (State.FAILED, State.INCONCLUSIVE, None),
        (State.STALE, State.INCONCLUSIVE, None),
        (State.INCONCLUSIVE, State.STALE, None),
        (State.STALE, State.FAILED, Change.FAILED),
        (State.INCONCLUSIVE, State.PROVEN, Change.RECOVERED),
    ],
)
def test_news_is_what_got_worse_and_what_is_over(told: State | None, now: State, expected: Change | None) -> None:
    assert change(told, now) is expected


@given(some.lists(some.sampled_from(list(State)), max_size=30))
def test_nothing_is_told_twice_in_a_row_and_nobody_is_left_believing_the_better(states: list[State]) -> None:
    told: State | None = None
    said: list[Change] = []
    for state in states:
        what = change(told, state)
        if what is not None:
            told = state
            said.append(what)
        assert changes._RANKS[told or State.PROVEN] >= changes._RANKS[state]
    assert all((before, after) != (Change.STALE, Change.STALE) for before, after in pairwise(said))


def target(*when: str, workloads: tuple[str, ...] = (), owners: tuple[str, ...] = ()) -> Target:
    return Target(url=Secret("env", "HOOK"), when=when, workloads=workloads, owners=owners)


def test_a_target_gets_what_it_asked_for() -> None:
    orders = a_workload("shop-orders")
    assert wants(target("failed"), orders, Change.FAILED)
    assert not wants(target("failed"), orders, Change.RECOVERED)
    assert not wants(target("failed", owners=("others",)), orders, Change.FAILED)


@pytest.mark.parametrize(("pattern", "is_like"), [("shop-*", True), ("*orders", True), ("s*p-*rs", True), ("shop", False), ("*a*", False)])
def test_a_star_stands_for_any_text(pattern: str, is_like: bool) -> None:
    assert wants(target("failed", workloads=(pattern,)), a_workload("shop-orders"), Change.FAILED) is is_like


def test_what_is_not_essential_is_told_to_nobody() -> None:
    assert not wants(target("failed"), replace(a_workload(), criticality="non-essential"), Change.FAILED)


def test_what_is_observed_or_paused_is_told_to_nobody() -> None:
    paused = replace(a_workload(), paused=Pause("move", NOW + DAY))
    assert [changes.is_told(one, NOW) for one in (a_workload(), paused, replace(a_workload(), mode=Mode.OBSERVE))] == [True, False, False]


# --- words ------------------------------------------------------------------------------------------------------------


def test_the_first_sentence_says_what_an_sre_must_know() -> None:
    lost = Reason("rows_missing", "lost since the drill that passed before: 49980 of 50000 rows of payments", "")
    said = telling(PLACE, ledger(failed("rows_missing")), Standing(State.FAILED, "bad"), lost, NOW)
    assert said == (
        "orders (primary) cannot be brought back from the newest backup `orders-21.dump`, of 21 Nov 09:00Z: `lost since the drill that "
        "passed before: 49980 of 50000 rows of payments` [rows_missing]. "
        "Newest proven good: `orders-20.dump`, of 20 Nov 09:00Z, 1 d 3 h old, back in 14 min."
    )


def test_recovery_says_from_what_and_how_fast() -> None:
    said = telling(PLACE, ledger(GOOD), PROVEN, None, NOW)
    assert said == "orders (primary) can be brought back again from `orders-20.dump`, of 20 Nov 09:00Z, back in 14 min, losing 1 h of data."


def test_without_a_good_backup_that_is_said() -> None:
    never = Ledger(first_seen=NOW - 30 * DAY)
    assert telling(PLACE, never, Standing(State.STALE), None, NOW).endswith("No backup of it is proven good.")


def many(count: int) -> list[Announcement]:
    return [Announcement(f"w{one:03}", "primary", Change.INCONCLUSIVE, "store_unreachable", f"text {one} " * 9) for one in range(count)]


def test_a_dead_store_is_one_message_that_names_the_store_and_some_workloads() -> None:
    found = message(many(400))
    assert found.title == "restore-tester: 400 workloads may or may not come back: nobody can tell"
    assert found.body.startswith("400 locations: may or may not come back: nobody can tell [store_unreachable]: w000 (primary), ")
    assert len(found.body) < 1000


def test_the_gravest_stands_first() -> None:
    worst = Announcement("z", "primary", Change.FAILED, "restore_failed", "it is lost", "https://x.example/drills/1")
    found = message([*many(2), worst])
    assert (found.change, found.body.split("\n")[:2]) == (Change.FAILED, ["it is lost", "https://x.example/drills/1"])


@given(some.integers(1, 60), some.integers(1, 2000))
def test_a_message_never_becomes_endless(count: int, length: int) -> None:
    told = [Announcement(f"w{one}", "p", Change.FAILED, f"code{one}", "x" * length) for one in range(count)]
    assert len(message(told).body) <= max(MOST_CHARACTERS, length) + 60


def test_a_summary_counts_and_names_what_is_not_proven() -> None:
    found = summary([("a", "p", PROVEN), ("b", "p", Standing(State.FAILED, "x")), ("c", "p", None)], NOW, None)
    assert found.title == "restore-tester: 2 of 3 locations not proven"
    assert found.body.split("\n\n")[1:] == ["failed: b (p)", "not settled yet: c (p)"]
