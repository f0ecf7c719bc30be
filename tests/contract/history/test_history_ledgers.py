"""What is known of a place is advanced with what happens there, in one transaction, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from restore_tester.contracts import LeftOut, Listing
from restore_tester.errors import Misuse
from restore_tester.history.nouns import Place
from restore_tester.history.projection import remake
from restore_tester.history.records import History, open_history
from restore_tester.judgement.catalogue import failed_sight, sight_of
from restore_tester.judgement.ledger import Ledger
from restore_tester.model import Stage, Verdict
from tests.histories import NOW, PLACE, a_backup, a_drill, a_lease, an_order, of_backup, raw

OTHER = Place("orders", "offsite")


def at(hours: float) -> datetime:
    return NOW + timedelta(hours=hours)


def ledger(history: History, place: Place = PLACE) -> Ledger:
    found = history.ledgers.get(place)
    assert found is not None
    return found


def see(history: History, hours: float, *taken: float, place: Place = PLACE) -> Ledger:
    """A listing, so many hours from NOW, of backups taken then."""
    listing = Listing(tuple(a_backup(f"orders-{hour}.dump", at(hour)) for hour in taken))
    before = history.ledgers.get(place)
    sight = sight_of(listing, before.sight if before else None, None, at(hours))
    return history.ledgers.sight(place, sight, listing, at(hours))


def counts(known: Ledger) -> tuple[int, int, int]:
    return known.passed, known.failed, known.inconclusive


# --- drills -----------------------------------------------------------------------------------------------------------


def test_a_drill_that_ends_advances_the_ledger_of_its_place(history: History) -> None:
    history.start(an_order(), a_lease(), NOW)
    history.finish(a_drill())
    known = ledger(history)
    assert counts(known) == (1, 0, 0)
    assert known.last is not None
    assert (known.last.drill, known.last.newest, known.first_seen) == ("d1", True, NOW)
    assert history.ledgers.get(OTHER) is None


def test_a_drill_counts_once(history: History) -> None:
    assert history.finish(a_drill())
    assert not history.finish(a_drill(verdict=Verdict.FAILED))
    assert counts(ledger(history)) == (1, 0, 0)


def test_a_drill_without_a_place_has_no_ledger(history: History) -> None:
    history.finish(a_drill(place=None))
    assert list(history.ledgers.all()) == []


def test_whether_a_drill_took_the_newest_backup_is_as_its_order_said(history: History) -> None:
    history.start(replace(an_order(), judge_recovery_point=False), a_lease(), NOW)
    history.finish(a_drill())
    assert ledger(history).last_newest is None


def test_of_a_drill_that_was_never_started_here_the_known_backups_tell_whether_it_took_the_newest(history: History) -> None:
    see(history, 0, -5, -2)
    history.finish(of_backup(a_drill("d1", minutes=5), "orders-2.dump", at(-2)))
    history.finish(of_backup(a_drill("d2", minutes=6), "orders-5.dump", at(-5)))
    known = ledger(history)
    assert known.last_newest is not None
    assert known.last_newest.drill == "d1"


def test_an_abandoned_drill_counts_as_inconclusive(history: History) -> None:
    history.start(an_order("d1"), a_lease(), NOW)
    history.start(an_order("d2", OTHER), a_lease(), NOW)
    history.abandon(at(1))
    assert counts(ledger(history)) == counts(ledger(history, OTHER)) == (0, 0, 1)


def test_counters_never_go_back_even_where_an_abandoned_drill_comes_back_and_ledgers_are_made_again(history: History, dsn: str) -> None:
    history.start(an_order(), a_lease(), NOW)
    history.abandon(at(1))
    history.finish(a_drill(verdict=Verdict.FAILED))
    assert counts(ledger(history)) == (0, 1, 1)
    make_stale(dsn)
    with open_history(dsn) as again:
        assert [counts(known) for _, known in again.ledgers.all()] == [(0, 1, 1)]


def test_a_drill_that_cannot_be_remembered_leaves_its_ledger_as_it_was(history: History, dsn: str) -> None:
    history.finish(a_drill())
    with raw(dsn) as stranger:
        stranger.exec_driver_sql("ALTER TABLE content RENAME TO mislaid")
    with pytest.raises(Exception, match="HINT"):
        history.finish(a_drill("d2"))
    assert counts(ledger(history)) == (1, 0, 0)
    assert history.drill("d2") is None


def test_drills_of_one_place_that_end_at_once_all_count(history: History) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(lambda number: history.finish(a_drill(f"d{number}", minutes=number)), range(30)))
    assert counts(ledger(history)) == (30, 0, 0)


# --- listings ---------------------------------------------------------------------------------------------------------


def test_a_listing_is_known_and_its_backups_remembered(history: History) -> None:
    known = see(history, 0, -5, -2)
    assert known.sight is not None
    assert known.sight.backups == 2
    assert {backup.id for backup in history.backups.seen(PLACE)} == {"orders--5.dump", "orders--2.dump"}
    assert ledger(history) == known


def test_a_backup_that_came_since_the_listing_before_ends_a_cycle(history: History) -> None:
    see(history, 0, -24)
    known = see(history, 1, -24, 0)
    assert [cycle.backup for cycle in known.cycles] == ["orders-0.dump"]
    assert known.cycles[0].achieved_seconds >= timedelta(hours=24).total_seconds()


def test_a_listing_that_shows_nothing_new_writes_nothing(history: History, dsn: str) -> None:
    see(history, 0, -24)
    before = history.ledgers.number()
    with raw(dsn) as stranger:
        stranger.exec_driver_sql("CREATE TABLE writes (what text)")
        for table in ("backups", "places", "changes"):
            forbid_writes(stranger, table)
    see(history, 1, -24)
    history.backups.remember(PLACE, Listing((a_backup("orders--24.dump", at(-24)),)), at(2))
    assert history.ledgers.number() == before


def test_only_the_difference_is_written(history: History, dsn: str) -> None:
    see(history, 0, -48, -24)
    with raw(dsn) as stranger:
        stranger.exec_driver_sql("UPDATE backups SET uri = 'untouched'")
    see(history, 1, -24, 0)
    uris = {backup.id: (backup.uri, backup.gone_at) for backup in history.backups.seen(PLACE)}
    assert uris["orders-0.dump"] == ("file:///backups/orders-0.dump", None)
    assert uris["orders--48.dump"] == ("untouched", at(1))


def test_what_a_plan_saw_in_passing_ends_its_cycle_too(history: History) -> None:
    see(history, 0, -24)
    listing = Listing((a_backup("orders--24.dump", at(-24)), a_backup("orders-0.dump", at(0))))
    history.backups.remember(PLACE, listing, at(1))
    assert [cycle.backup for cycle in see(history, 2, -24, 0).cycles] == ["orders-0.dump"]


def test_a_listing_that_failed_buries_nothing(history: History) -> None:
    see(history, 0, -24)
    known = history.ledgers.sight(PLACE, failed_sight("access_denied", ledger(history).sight, at(1)), None, at(1))
    assert known.sight is not None
    assert known.sight.code == "access_denied"
    assert [backup.gone_at for backup in history.backups.seen(PLACE)] == [None]


def test_a_listing_of_a_clock_that_was_ahead_does_not_outlast_the_next(history: History) -> None:
    see(history, 240, -24)
    known = see(history, 0, -24, -1)
    assert known.sight is not None
    assert known.sight.backups == 2
    late = see(history, -0.1, -24)
    assert late == known


def test_what_a_listing_left_out_is_not_gone(history: History) -> None:
    see(history, 0, -48, -24)
    listing = Listing((a_backup("orders--24.dump", at(-24)),), left_out=LeftOut(1, 1000, at(-48)))
    history.backups.remember(PLACE, listing, at(1))
    assert {backup.gone_at for backup in history.backups.seen(PLACE)} == {None}


def test_places_that_are_met_begin_then_and_only_once(history: History) -> None:
    history.finish(a_drill())
    history.ledgers.meet([PLACE, OTHER], at(1))
    history.ledgers.meet([PLACE, OTHER], at(2))
    assert {place: known.first_seen for place, known in history.ledgers.all()} == {PLACE: NOW, OTHER: at(1)}


# --- acceptance, budget -----------------------------------------------------------------------------------------------


def test_what_a_drill_found_is_accepted(history: History) -> None:
    history.finish(a_drill())
    assert history.ledgers.accept("d1", "the database grew", "me", at(1)) == PLACE
    assert (ledger(history).accepted_at, ledger(history).accepted_reason) == (NOW, "the database grew")


def test_nothing_is_accepted_of_a_drill_that_nobody_knows(history: History) -> None:
    history.finish(a_drill("d1", place=None))
    for drill in ("d0", "d1"):
        with pytest.raises(Misuse) as refused:
            history.ledgers.accept(drill, "why not", "me", NOW)
        assert refused.value.reason.code == "drill_unknown"


def test_nothing_is_accepted_of_a_drill_that_found_nothing(history: History) -> None:
    history.start(an_order("abandoned"), a_lease(), NOW)
    history.abandon(at(1))
    history.start(an_order("running"), a_lease(), at(2))
    history.finish(a_drill("inconclusive", OTHER, Verdict.INCONCLUSIVE))
    for drill in ("abandoned", "running", "inconclusive"):
        with pytest.raises(Misuse) as refused:
            history.ledgers.accept(drill, "why not", "me", at(3))
        assert refused.value.reason.code == "drill_not_acceptable"
    assert (ledger(history).accepted_at, ledger(history, OTHER).accepted_at) == (None, None)


def test_bytes_fetched_are_those_of_ended_drills_and_the_size_of_what_runs(history: History) -> None:
    history.finish(replace(a_drill("yesterday", minutes=-1500), stages=(Stage("fetch", at(-25), 1.0, 1),)))
    history.finish(replace(a_drill("d1", minutes=5), stages=(Stage("fetch", NOW, 1.0, 700), Stage("restore", NOW, 1.0, 5000))))
    history.finish(replace(a_drill("d2", minutes=6), stages=()))
    history.start(an_order("d3"), a_lease(), at(-30))
    history.start(an_order("d4", OTHER), a_lease(), NOW)
    assert history.ledgers.fetched_bytes(PLACE, NOW) == 700 + 1000


# --- changes ----------------------------------------------------------------------------------------------------------


def test_what_changed_since_is_told_once(history: History) -> None:
    history.finish(a_drill())
    number, changed = history.ledgers.changed(0)
    assert [place for place, _ in changed] == [PLACE]
    history.finish(a_drill("d2", OTHER))
    assert [place for place, _ in history.ledgers.changed(number)[1]] == [OTHER]
    assert history.ledgers.changed(history.ledgers.number())[1] == ()


def test_where_numbers_went_back_everything_is_told(history: History) -> None:
    history.finish(a_drill())
    assert [place for place, _ in history.ledgers.changed(1_000_000)[1]] == [PLACE]


def test_a_change_of_very_many_is_told_whole_and_many_changes_in_portions(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that whoever was away for long need not hold a whole fleet."""
    monkeypatch.setattr("restore_tester.history.ledgers._CHANGES_AT_ONCE", 3)
    history.ledgers.meet([Place(f"workload {number}", "primary") for number in range(9)], NOW)
    for number in range(5):
        history.finish(a_drill(f"d{number}", Place(f"later {number}", "primary")))
    number, told = history.ledgers.changed(0)
    portions = [told]
    while told:
        number, told = history.ledgers.changed(number)
        portions.append(told)
    assert [len(portion) for portion in portions] == [9, 3, 2, 0]
    assert {place.workload for place, _ in portions[1] + portions[2]} == {f"later {number}" for number in range(5)}


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_writer_that_commits_late_is_not_missed(history: History, dsn: str) -> None:
    """Its change has its number already; another drill cannot end, and take a later one, before it is kept."""
    history.ledgers.meet([PLACE, OTHER], NOW)
    since = history.ledgers.number()
    taken, late = f"UPDATE changes SET number = {since + 1}", f"UPDATE places SET changed = {since + 1} WHERE location = 'offsite'"
    with uncommitted(dsn, taken, late):
        other = threading.Thread(target=history.finish, args=(a_drill("quick"),))
        other.start()
        number, changed = history.ledgers.changed(since)
        assert (number, changed) == (since, ())
    other.join()
    assert {place for place, _ in history.ledgers.changed(number)[1]} == {PLACE, OTHER}


def test_a_reader_sees_every_change_of_many_writers(history: History) -> None:
    seen: set[str] = set()
    stop = threading.Event()

    def follow() -> None:
        number, last = 0, False
        while not last:
            last = stop.is_set()
            number, changed = history.ledgers.changed(number)
            seen.update(known.last.drill for _, known in changed if known.last is not None)

    reader = threading.Thread(target=follow)
    reader.start()
    with ThreadPoolExecutor(6) as threads:
        assert all(threads.map(lambda number: history.finish(a_drill(f"d{number}", Place(f"workload {number}", "primary"))), range(60)))
    stop.set()
    reader.join()
    assert seen == {f"d{number}" for number in range(60)}


# --- made again -------------------------------------------------------------------------------------------------------


def eventful(history: History) -> None:
    see(history, -30, -48)
    for number in range(12):
        history.finish(a_drill(f"d{number}", minutes=number * 60, verdict=Verdict.FAILED if number == 7 else Verdict.PASSED))
    history.start(an_order("dead"), a_lease(), at(13))
    history.abandon(at(14))
    see(history, 15, -48, 14)
    history.ledgers.accept("d9", "it is meant", "me", at(16))


def make_stale(dsn: str, how: str = "version = -1") -> None:
    with raw(dsn) as stranger:
        stranger.exec_driver_sql(f"UPDATE places SET {how}")


def test_a_ledger_that_is_made_again_is_the_one_that_was_advanced(history: History, dsn: str) -> None:
    eventful(history)
    advanced = ledger(history)
    make_stale(dsn)
    assert ledger(history) == advanced
    assert dict(history.ledgers.all()) == {PLACE: advanced}


def test_who_only_looks_sees_current_ledgers_and_makes_none(history: History, dsn: str) -> None:
    history.finish(a_drill())
    history.finish(a_drill("d2", OTHER))
    make_stale(dsn, "version = 0 WHERE location = 'offsite'")
    with open_history(dsn) as again:
        assert [place for place, _ in again.ledgers.current()] == [PLACE]
    with raw(dsn) as stranger:
        assert stranger.exec_driver_sql("SELECT count(*) FROM places WHERE version = 0").scalar() == 1


def test_the_drill_that_runs_in_each_place_is_told(history: History) -> None:
    history.finish(a_drill("d0"))
    history.start(an_order("d1"), a_lease(), NOW)
    history.start(an_order("d2"), a_lease(), at(1))
    history.start(an_order("d3", OTHER), a_lease(), NOW)
    assert history.running() == {PLACE: "d2", OTHER: "d3"}


def test_a_ledger_weighs_little_however_much_happened(history: History, dsn: str) -> None:
    """20 000 of them are read whenever the service starts."""
    chance = random.Random(5)
    for number in range(45):
        stages = tuple(Stage(name, NOW, chance.uniform(1, 300)) for name in ("queue", "start", "fetch", "unpack", "restore", "check"))
        drill = of_backup(a_drill(f"d{number}", minutes=1440 * number), f"orders-{number}.dump", at(24 * number - 1))
        history.finish(replace(drill, stages=stages, recovery_time_seconds=chance.uniform(100, 900)))
    with raw(dsn) as stranger:
        assert stranger.exec_driver_sql("SELECT length(ledger) FROM places").scalar() < 4096  # type: ignore[operator]


def test_a_ledger_that_cannot_be_read_is_made_of_the_drills(history: History, dsn: str) -> None:
    eventful(history)
    advanced = ledger(history)
    make_stale(dsn, "version = 0, ledger = 'from another age'")
    (made,) = (known for _, known in history.ledgers.all())
    assert counts(made) == counts(advanced)
    assert (made.last, made.accepted_at, made.measured) == (advanced.last, advanced.accepted_at, advanced.measured)
    assert (made.sight, made.cycles) == (None, ())


def test_a_drill_that_ends_on_a_stale_ledger_counts_once_with_all_before_it(history: History, dsn: str) -> None:
    eventful(history)
    make_stale(dsn, "version = 0, ledger = NULL")
    history.finish(a_drill("after", minutes=2000))
    assert counts(ledger(history)) == (12, 1, 1)


def test_ledgers_are_made_again_by_several_at_once(history: History, dsn: str) -> None:
    for number in range(50):
        history.finish(a_drill(f"d{number}", Place(f"workload {number}", "primary")))
    before = dict(history.ledgers.all())
    make_stale(dsn)
    with open_history(dsn) as other, ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda each: remake(each.database), (history, other)))
    assert dict(history.ledgers.all()) == before


def test_a_record_of_a_newer_version_still_counts(history: History, dsn: str) -> None:
    history.finish(a_drill(verdict=Verdict.FAILED))
    with raw(dsn) as stranger:
        stranger.exec_driver_sql('UPDATE drills SET record = \'{"schema": "restore-tester/drill/v9"}\'')
    make_stale(dsn, "version = 0, ledger = NULL")
    assert counts(ledger(history)) == (0, 1, 0)


# --- what strangers do ------------------------------------------------------------------------------------------------


def forbid_writes(stranger: object, table: str) -> None:
    connection = stranger
    for event in ("INSERT", "UPDATE", "DELETE"):
        if connection.dialect.name == "sqlite":  # type: ignore[attr-defined]
            body = "BEGIN SELECT RAISE(ABORT, 'written'); END"
            connection.exec_driver_sql(f"CREATE TRIGGER no_{event}_{table} BEFORE {event} ON {table} {body}")  # type: ignore[attr-defined]
        else:
            connection.exec_driver_sql(  # type: ignore[attr-defined]
                f"CREATE RULE no_{event}_{table} AS ON {event} TO {table} DO INSTEAD INSERT INTO writes SELECT 1 / 0"
            )


@contextmanager
def uncommitted(dsn: str, *statements: str) -> Iterator[None]:
    """What a stranger has written, but only keeps when the body is over."""
    with raw(dsn) as stranger:
        for statement in statements:
            stranger.exec_driver_sql(statement)
        yield
