"""Which backup a drill takes: the strategies, the shares of `rotating`, the 60-day rule."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restore_tester.config.nouns import Strategy
from restore_tester.judgement.selection import Chosen, PastDrill, Turn, Wish, choose, next_turn, seed_of, slot_after
from restore_tester.model import Backup, Verdict

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
DAY = timedelta(days=1)


def backup(number: int) -> Backup:
    return Backup(f"b{number:02}", f"file:///b{number:02}", NOW, 1, (), False, taken_at=NOW - 40 * DAY + number * DAY)


BACKUPS = tuple(backup(number) for number in (3, 1, 4, 0, 2))


def drilled(number: int, verdict: Verdict = Verdict.PASSED) -> PastDrill:
    return PastDrill("primary", backup(number).id, NOW - DAY, verdict, "every")


def chosen(strategy: Strategy, backups: Sequence[Backup] = BACKUPS, past: Sequence[PastDrill] = (), slot: str = "s") -> Chosen:
    wish = Wish("orders", ("primary", "offsite"), strategy, slot)
    return choose(wish, next_turn(wish, past, NOW), backups, past)


def taken(answer: Chosen) -> str | None:
    return answer.backup.id if answer.backup else None


def test_newest_and_oldest_go_by_when_a_backup_was_taken() -> None:
    assert taken(chosen(Strategy.NEWEST)) == "b04"
    assert taken(chosen(Strategy.OLDEST)) == "b00"


def test_a_backup_that_nothing_dates_never_poses_as_the_newest() -> None:
    undated = Backup("z", "file:///z", None, 1, (), False)
    assert taken(chosen(Strategy.NEWEST, (*BACKUPS, undated))) == "b04"


def test_random_is_the_same_for_the_same_slot_however_the_listing_is_ordered() -> None:
    one, other = chosen(Strategy.RANDOM), chosen(Strategy.RANDOM, tuple(reversed(BACKUPS)))
    assert one == other
    seed = seed_of("orders", "primary", "s")
    assert (one.selection.seed, taken(one)) == (seed, f"b{seed % 5:02}")


def test_random_reaches_every_backup_over_the_slots() -> None:
    assert {taken(chosen(Strategy.RANDOM, slot=str(slot))) for slot in range(60)} == {f"b{number:02}" for number in range(5)}


def test_every_takes_the_oldest_that_was_not_drilled() -> None:
    assert taken(chosen(Strategy.EVERY, past=[drilled(0), drilled(1, Verdict.FAILED)])) == "b02"


def test_every_comes_back_to_what_stayed_inconclusive_and_then_ends() -> None:
    past = [drilled(0), drilled(1), drilled(2, Verdict.INCONCLUSIVE), drilled(3), drilled(4)]
    assert taken(chosen(Strategy.EVERY, past=past)) == "b02"
    nothing = chosen(Strategy.EVERY, past=[*past, drilled(2)])
    assert (nothing.backup, nothing.selection.candidates) == (None, 5)


def test_a_drill_of_the_same_name_elsewhere_does_not_count_for_every() -> None:
    elsewhere = PastDrill("offsite", "b00", NOW, Verdict.PASSED, "every")
    assert taken(chosen(Strategy.EVERY, past=[elsewhere])) == "b00"


@pytest.mark.parametrize("strategy", list(Strategy))
def test_an_empty_location_is_reported_and_never_replaced_by_another(strategy: Strategy) -> None:
    answer = chosen(strategy, backups=())
    assert (answer.location, answer.backup, answer.selection.candidates) == ("primary", None, 0)


def test_the_seed_is_stable_over_versions() -> None:
    assert seed_of("orders", "primary", "2026-11-21T03:00:00Z") == 278741437646175


def test_a_slot_without_a_schedule_changes_with_each_drill() -> None:
    assert slot_after([]) == "first"
    assert slot_after([drilled(0)]) == slot_after([drilled(1)]) == "after 2026-11-20T03:00:00+00:00"


# --- rotating ---------------------------------------------------------------------------------------------------------


def rotate(locations: tuple[str, ...], verdicts: Sequence[Verdict], every: timedelta) -> list[tuple[PastDrill, Turn]]:
    """Drill as often as there are verdicts, each time knowing only what history is promised to give."""
    done: list[tuple[PastDrill, Turn]] = []
    for index, verdict in enumerate(verdicts):
        now = NOW + index * every
        past = [drill for drill, _ in done]
        lately = past[-16:] + [drill for drill in past[:-16] if drill.verdict is Verdict.PASSED]
        wish = Wish("orders", locations, Strategy.ROTATING, slot_after(lately))
        turn = next_turn(wish, lately, now)
        answer = choose(wish, turn, BACKUPS, lately)
        drill = PastDrill(answer.location, taken(answer) or "", now, verdict, answer.selection.strategy, answer.selection.seed)
        done.append((drill, turn))
    return done


def share(drill: PastDrill, first: str) -> str:
    if drill.seed is not None:
        return "random"
    return "newest of the first" if drill.location == first else "newest of another"


LOCATIONS = st.integers(1, 5).map(lambda count: ("primary", "offsite", "glacier", "tape", "moon")[:count])
CADENCE = st.integers(1, 24 * 70).map(lambda hours: timedelta(hours=hours))
VERDICTS = st.lists(st.sampled_from(Verdict), min_size=4, max_size=40)


@settings(deadline=None)
@given(LOCATIONS, VERDICTS, CADENCE)
def test_in_any_four_drills_of_the_rotation_the_shares_hold(locations: tuple[str, ...], verdicts: list[Verdict], every: timedelta) -> None:
    rotation = [drill for drill, turn in rotate(locations, verdicts, every) if not turn.early]
    expected = Counter({"newest of the first": 2, "random": 1, "newest of another": 1})
    if len(locations) == 1:
        expected = Counter({"newest of the first": 3, "random": 1})
    for start in range(len(rotation) - 3):
        assert Counter(share(drill, "primary") for drill in rotation[start : start + 4]) == expected


@settings(deadline=None)
@given(st.integers(1, 24 * 14), st.integers(4, 40))
def test_with_two_locations_that_pass_there_are_no_drills_beside_the_rotation(hours: int, count: int) -> None:
    done = rotate(("primary", "offsite"), [Verdict.PASSED] * count, timedelta(hours=hours))
    assert not [turn for _, turn in done if turn.early]


@settings(deadline=None)
@given(LOCATIONS, VERDICTS, CADENCE)
def test_early_drills_are_of_another_location_and_never_follow_each_other(
    locations: tuple[str, ...], verdicts: list[Verdict], every: timedelta
) -> None:
    early = [turn.early for _, turn in rotate(locations, verdicts, every)]
    assert not any(one and following for one, following in itertools.pairwise(early))
    assert not early[0]
    assert all(drill.location != "primary" for drill, turn in rotate(locations, verdicts, every) if turn.early)


@settings(deadline=None)
@given(LOCATIONS, st.integers(1, 24 * 20))
def test_every_location_is_proven_again_soon_after_sixty_days(locations: tuple[str, ...], hours: int) -> None:
    every = timedelta(hours=hours)
    done = rotate(locations, [Verdict.PASSED] * 60, every)
    bound = timedelta(days=60) + 2 * len(locations) * every
    for location in locations:
        instants = [NOW, *(drill.began_at for drill, _ in done if drill.location == location), NOW + 59 * every]
        assert max(later - earlier for earlier, later in itertools.pairwise(instants)) <= bound


def test_a_location_that_is_overdue_goes_first() -> None:
    past = [
        PastDrill("primary", "a", NOW - 3 * DAY, Verdict.PASSED, "rotating", 7),
        PastDrill("offsite", "a", NOW - 61 * DAY, Verdict.PASSED, "rotating"),
    ]
    turn = next_turn(Wish("orders", ("primary", "offsite"), Strategy.ROTATING, "s"), past, NOW)
    assert (turn.location, turn.take, turn.early) == ("offsite", Strategy.NEWEST, True)


def test_a_location_that_fails_forever_does_not_crowd_out_the_first() -> None:
    locations = ("primary", "offsite")
    past: list[PastDrill] = []
    for index in range(40):
        turn = next_turn(Wish("orders", locations, Strategy.ROTATING, "s"), past, NOW + index * DAY)
        verdict = Verdict.FAILED if turn.location == "offsite" else Verdict.PASSED
        seed = 1 if turn.take is Strategy.RANDOM else None
        past.append(PastDrill(turn.location, "b", NOW + index * DAY, verdict, "rotating", seed))
    assert Counter(drill.location for drill in past) == {"primary": 30, "offsite": 10}


def test_the_other_locations_take_turns() -> None:
    done = rotate(("primary", "offsite", "tape"), [Verdict.PASSED] * 40, DAY)
    others = [drill.location for drill, _ in done if drill.location != "primary"]
    assert all(one != following for one, following in itertools.pairwise(others))


def test_drills_by_hand_prove_a_location_and_use_up_no_place() -> None:
    past = [PastDrill("offsite", "b", NOW - DAY, Verdict.PASSED, "newest"), PastDrill("primary", "b", NOW - DAY, Verdict.PASSED, "given")]
    turn = next_turn(Wish("orders", ("primary", "offsite"), Strategy.ROTATING, "s"), past, NOW)
    assert (turn.location, turn.take, turn.early) == ("primary", Strategy.NEWEST, False)
