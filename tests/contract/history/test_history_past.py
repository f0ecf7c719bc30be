"""What selection is told of past drills: enough to choose as if it knew all of them, and no more."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from restore_tester.config.nouns import Strategy
from restore_tester.contracts import Listing
from restore_tester.history.nouns import Place
from restore_tester.history.past import LAST
from restore_tester.history.records import History
from restore_tester.judgement.selection import PastDrill, Wish, choose, next_turn
from restore_tester.model import Drill, Selection, Verdict
from tests.histories import NOW, PLACE, a_backup, a_drill, a_lease, an_order, of_backup

OTHER = Place("orders", "offsite")


def past(history: History) -> tuple[PastDrill, ...]:
    (found,) = history.past_drills(["orders"])
    return found


def seeded(drill: Drill, seed: int | None) -> Drill:
    return replace(drill, selection=replace(drill.selection, seed=seed))


def test_selection_is_told_of_drills_that_ended(history: History) -> None:
    history.finish(a_drill("d2", OTHER, verdict=Verdict.FAILED, minutes=1))
    history.finish(seeded(a_drill("d1"), 2**48 - 1))
    history.start(an_order("d3"), a_lease(), NOW)
    users, orders = history.past_drills(["users", "orders"])
    assert users == ()
    assert orders == (
        PastDrill("primary", "orders-1.dump", NOW, Verdict.PASSED, "rotating", 2**48 - 1),
        PastDrill("offsite", "orders-1.dump", NOW + timedelta(minutes=1), Verdict.FAILED, "rotating"),
    )


def test_the_rotation_goes_on_from_a_history_as_from_memory(history: History) -> None:
    """Longer than the part of the past that is told, which begins anywhere in the round: in a single location, only a drill with its
    seed says where."""
    backups = tuple(a_backup(f"b{number}", NOW - timedelta(days=9 - number)) for number in range(5))
    remembered: list[PastDrill] = []
    for number in range(LAST + 12):
        now = NOW + timedelta(days=number)
        wish = Wish("orders", ("primary",), Strategy.ROTATING, f"slot {number}")
        turn = next_turn(wish, remembered, now)
        assert number < LAST or next_turn(wish, past(history), now) == turn
        chosen = choose(wish, turn, backups, remembered)
        assert chosen.backup is not None
        drill = a_drill(f"d{number}", Place("orders", chosen.location), minutes=number * 1440)
        history.finish(replace(of_backup(drill, chosen.backup.id, NOW), selection=chosen.selection))
        remembered.append(PastDrill(chosen.location, chosen.backup.id, now, Verdict.PASSED, "rotating", chosen.selection.seed))
    assert past(history) == tuple(remembered[-LAST:])


def test_a_long_past_is_told_by_its_end_and_the_last_pass_of_each_location(history: History) -> None:
    history.finish(a_drill("proof", OTHER, minutes=-20))
    for number in range(LAST + 10):
        history.finish(a_drill(f"d{number}", verdict=Verdict.FAILED if number % 2 else Verdict.PASSED, minutes=number))
    told = past(history)
    assert len(told) == LAST + 1
    assert (told[0].location, told[0].verdict) == ("offsite", Verdict.PASSED)
    assert told[1].began_at == NOW + timedelta(minutes=10)


def test_every_backup_that_is_still_there_is_known_as_drilled_however_long_ago(history: History) -> None:
    history.backups.remember(PLACE, Listing((a_backup("kept"), a_backup("gone"))), NOW)
    history.backups.remember(PLACE, Listing((a_backup("kept"),)), NOW + timedelta(hours=1))
    for drill, backup, verdict in (("a", "gone", "failed"), ("b", "kept", "failed"), ("c", "kept", "inconclusive")):
        history.finish(of_backup(a_drill(drill, verdict=Verdict(verdict), minutes=ord(drill) - 5000), backup, NOW))
    for number in range(LAST):
        history.finish(a_drill(f"d{number}", verdict=Verdict.FAILED, minutes=number))
    older = past(history)[:-LAST]
    assert [(drill.backup, drill.verdict) for drill in older] == [("kept", Verdict.FAILED), ("kept", Verdict.INCONCLUSIVE)]


def test_a_repeat_settles_the_drill_that_it_repeats(history: History) -> None:
    history.finish(seeded(a_drill("d1", verdict=Verdict.FAILED), 7))
    history.finish(replace(a_drill("d2", minutes=1), trigger="repeat", selection=Selection("given", "repeat", 1)))
    assert past(history) == (PastDrill("primary", "orders-1.dump", NOW, Verdict.PASSED, "rotating", 7),)


def test_a_search_for_a_good_backup_has_no_turn_and_is_not_where_a_place_stands(history: History) -> None:
    history.finish(a_drill("d1", verdict=Verdict.FAILED))
    history.finish(replace(a_drill("d2", minutes=1), trigger="find_good"))
    assert [drill.verdict for drill in past(history)] == [Verdict.FAILED]
    (standing,) = history.standings([PLACE])
    assert standing.last is not None
    assert standing.last.drill == "d1"


def test_a_search_that_finds_the_newest_bad_is_where_a_place_stands(history: History) -> None:
    bad, older = a_drill("d1", verdict=Verdict.FAILED), of_backup(a_drill("d2", minutes=1), "older", NOW - timedelta(days=9))
    for drill, newest in ((bad, True), (older, False)):
        history.start(replace(an_order(drill.drill), trigger="find_good", judge_recovery_point=newest), a_lease(), drill.began_at)
        history.finish(replace(drill, trigger="find_good"))
    (standing,) = history.standings([PLACE])
    assert standing.last is not None
    assert (standing.last.drill, standing.last_passed) == ("d1", None)
