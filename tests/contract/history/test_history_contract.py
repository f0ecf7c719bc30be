"""What a history promises, on SQLite and on PostgreSQL alike: drills, leases, what selection and comparison ask of them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from restore_tester.errors import CannotTell
from restore_tester.history.nouns import Place, Remembered, Search
from restore_tester.history.records import History
from restore_tester.model import LevelState, Verdict
from tests.histories import NOW, PLACE, a_drill, a_lease, an_order, raw

OTHER = Place("orders", "offsite")


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def remembered(history: History, drill: str = "d1") -> Remembered:
    found = history.drill(drill)
    assert found is not None
    return found


def ids(found: tuple[Remembered, ...]) -> list[str]:
    return [each.drill for each in found]


def test_a_started_drill_runs_until_it_is_finished(history: History) -> None:
    assert history.start(an_order(), a_lease(), NOW)
    assert remembered(history).verdict is None
    assert remembered(history).owner == "us"
    assert history.record("d1") is None
    assert history.finish(a_drill())
    assert (remembered(history).verdict, remembered(history).ended_at) == (Verdict.PASSED, a_drill().ended_at)


def test_a_record_comes_back_as_it_was_written(history: History) -> None:
    drill = replace(a_drill(verdict=Verdict.FAILED), next_level_needs="a \x00 heartbeat ☃")
    history.finish(drill)
    record = history.record("d1")
    assert record is not None
    assert record.read() == drill


def test_what_queries_need_stands_beside_the_record(history: History, dsn: str) -> None:
    drill = a_drill(verdict=Verdict.FAILED)
    history.finish(drill)
    line = remembered(history)
    assert (line.reason, line.proof_level, line.backup, line.strategy) == ("rows_missing", 3, "orders-1.dump", "rotating")
    assert (line.recovery_time_seconds, line.verification_seconds, line.data_loss_seconds) == (12.5, 2.5, 7200.0)
    assert line.recovery_point_not_before == drill.recovery_point.not_before
    counts = {"stages": 2, "checks": 1, "levels": 8, "reasons": 2, "content": 2}
    with raw(dsn) as stranger:
        found = {table: stranger.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() for table in counts}
    assert found == counts


def test_levels_reasons_and_checks_are_kept_word_by_word(history: History, dsn: str) -> None:
    history.finish(a_drill(verdict=Verdict.FAILED))
    with raw(dsn) as stranger:
        levels = stranger.exec_driver_sql("SELECT name, state FROM levels ORDER BY level").all()
        reasons = stranger.exec_driver_sql("SELECT kind, code, hint FROM reasons ORDER BY kind").all()
        checks = stranger.exec_driver_sql("SELECT name, severity, outcome, problems FROM checks").all()
    assert ("restored", "proved") in levels
    assert ("intact", LevelState.NOT_ASKED.value) in levels
    assert reasons == [("reason", "rows_missing", "look in the backup job"), ("warning", "source_defect", "tell its owner")]
    assert checks == [("foreign_keys", "gating", "passed", 0)]


def test_finishing_twice_changes_nothing(history: History) -> None:
    assert history.finish(a_drill())
    assert not history.finish(a_drill(verdict=Verdict.FAILED))
    assert remembered(history).verdict is Verdict.PASSED


def test_a_drill_that_was_never_started_here_is_remembered_all_the_same(history: History) -> None:
    assert history.finish(a_drill(place=None))
    assert (remembered(history).workload, remembered(history).owner) == (None, None)


def test_a_drill_starts_once(history: History) -> None:
    assert history.start(an_order(), a_lease("one"), NOW)
    assert not history.start(an_order(), a_lease("two"), NOW)
    assert remembered(history).owner == "one"


def test_a_slot_of_a_place_is_drilled_once(history: History) -> None:
    assert history.start(an_order("d1"), a_lease("one"), NOW, slot="2026-11-05T03:00")
    assert not history.start(an_order("d2"), a_lease("two"), NOW, slot="2026-11-05T03:00")
    assert history.start(an_order("d3", OTHER), a_lease("two"), NOW, slot="2026-11-05T03:00")
    assert history.start(an_order("d4"), a_lease("two"), NOW, slot="2026-11-06T03:00")
    assert history.drill("d2") is None


def test_drills_that_no_schedule_asked_for_have_no_slot(history: History) -> None:
    assert history.start(an_order("d1"), a_lease(), NOW)
    assert history.start(an_order("d2"), a_lease(), NOW)


# --- leases -----------------------------------------------------------------------------------------------------------


def test_a_drill_whose_lease_ran_out_is_closed_as_abandoned(history: History) -> None:
    history.start(an_order(), a_lease(seconds=60), NOW)
    (closed,) = history.abandon(later(61))
    assert closed == remembered(history)
    assert (closed.verdict, closed.reason, closed.abandoned, closed.ended_at) == (Verdict.INCONCLUSIVE, "abandoned", True, later(60))
    assert history.abandon(later(61)) == ()


def test_an_abandoned_drill_leaves_a_record_like_any_other(history: History) -> None:
    history.start(an_order(), a_lease(seconds=60), NOW)
    history.abandon(later(61))
    record = history.record("d1")
    assert record is not None
    drill = record.read()
    assert (drill.drill, drill.workload, drill.location) == ("d1", "orders", "primary")
    assert (drill.verdict, drill.reasons[0].code, drill.proof_level) == (Verdict.INCONCLUSIVE, "abandoned", 0)
    assert (drill.began_at, drill.ended_at) == (NOW, later(60))
    assert not drill.sandbox_destroyed


def test_a_living_owner_is_never_abandoned(history: History) -> None:
    history.start(an_order("d1"), a_lease("dead", 60), NOW)
    history.start(an_order("d2"), a_lease("alive", 60), NOW)
    assert history.renew("d2", a_lease("alive", 120))
    assert ids(history.abandon(later(61))) == ["d1"]
    assert remembered(history, "d2").verdict is None


def test_only_the_owner_renews_and_only_while_it_runs(history: History) -> None:
    history.start(an_order(), a_lease("one"), NOW)
    assert not history.renew("d1", a_lease("two", 600))
    assert not history.renew("unknown", a_lease("one", 600))
    assert remembered(history).lease_until == later(60)
    history.finish(a_drill())
    assert not history.renew("d1", a_lease("one", 600))


def test_an_abandoned_drill_is_not_renewed(history: History) -> None:
    history.start(an_order(), a_lease(), NOW)
    history.abandon(later(61))
    assert not history.renew("d1", a_lease(seconds=600))


def test_what_an_abandoned_drill_saw_after_all_takes_the_place_of_the_guess(history: History, dsn: str) -> None:
    history.start(an_order(), a_lease(), NOW, slot="s")
    history.abandon(later(61))
    assert history.finish(a_drill(verdict=Verdict.FAILED))
    line = remembered(history)
    assert (line.verdict, line.reason, line.abandoned, line.slot) == (Verdict.FAILED, "rows_missing", False, "s")
    with raw(dsn) as stranger:
        assert stranger.exec_driver_sql("SELECT count(*) FROM reasons WHERE code = 'abandoned'").scalar() == 0
    assert not history.finish(a_drill())


# --- questions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        (Search(), ["d4", "d3", "d2", "d1"]),
        (Search(limit=2), ["d4", "d3"]),
        (Search(workload="orders"), ["d3", "d2", "d1"]),
        (Search(location="primary"), ["d4", "d3", "d1"]),
        (Search(workload="orders", location="primary", verdict=Verdict.PASSED), ["d1"]),
        (Search(verdict=Verdict.FAILED), ["d3"]),
        (Search(before=NOW + timedelta(minutes=2)), ["d2", "d1"]),
        (Search(workload="nobody"), []),
    ],
)
def test_drills_are_found_newest_first(history: History, search: Search, expected: list[str]) -> None:
    history.finish(a_drill("d1"))
    history.finish(a_drill("d2", OTHER, minutes=1))
    history.finish(a_drill("d3", verdict=Verdict.FAILED, minutes=2))
    history.start(an_order("d4", Place("users", "primary")), a_lease(), NOW + timedelta(minutes=3))
    assert ids(history.drills(search)) == expected


def test_places_stand_where_their_last_drills_left_them(history: History) -> None:
    history.finish(a_drill("d1"))
    history.finish(a_drill("d2", verdict=Verdict.FAILED, minutes=1))
    history.start(an_order("d3"), a_lease(), NOW + timedelta(minutes=2))
    history.finish(a_drill("d4", OTHER, minutes=3))
    here, nowhere, there = history.standings([PLACE, Place("users", "primary"), OTHER])
    assert [each and each.drill for each in (here.last, here.last_passed, here.running)] == ["d2", "d1", "d3"]
    assert (nowhere.last, nowhere.last_passed, nowhere.running) == (None, None, None)
    assert [each and each.drill for each in (there.last, there.last_passed, there.running)] == ["d4", "d4", None]


def test_any_number_of_places_is_asked_at_once(history: History) -> None:
    history.finish(a_drill())
    places = [Place(f"workload {number}", "primary") for number in range(1200)]
    found = history.standings([*places, PLACE, PLACE])
    assert [standing.place for standing in found] == [*places, PLACE, PLACE]
    assert [standing.last is None for standing in found] == [True] * 1200 + [False] * 2
    assert history.standings([]) == ()


# --- what is stored ---------------------------------------------------------------------------------------------------


def test_instants_come_back_as_utc_whatever_zone_they_were_said_in(history: History) -> None:
    there = timezone(timedelta(hours=5, minutes=45))
    at = datetime(2026, 3, 29, 2, 30, 0, 123456, tzinfo=there)
    history.finish(replace(a_drill(), began_at=at))
    found = remembered(history).began_at
    assert found == at
    assert found.utcoffset() == timedelta(0)
    assert ids(history.drills(Search(before=at))) == []
    assert ids(history.drills(Search(before=at + timedelta(microseconds=1)))) == ["d1"]


def test_a_naive_instant_is_refused(history: History) -> None:
    with pytest.raises(CannotTell, match="aware"):
        history.abandon(datetime(2026, 11, 5))


def test_text_out_of_a_backup_cannot_cost_a_record(history: History) -> None:
    odd = "it said \x00 and ☃"
    drill = a_drill(verdict=Verdict.FAILED)
    history.finish(replace(drill, reasons=(replace(drill.reasons[0], message=odd, code="odd"),), workload="\x00"))
    record = history.record("d1")
    assert record is not None
    assert record.read().reasons[0].message == odd
    assert ids(history.drills(Search(workload="\x00"))) == ["d1"]


def test_a_record_of_a_newer_schema_is_shown_as_it_is_and_read_by_nobody(history: History, dsn: str) -> None:
    history.finish(a_drill())
    newer = json.dumps({"schema": "restore-tester/drill/v2", "drill": "d1"})
    with raw(dsn) as stranger:
        stranger.exec_driver_sql(f"UPDATE drills SET record = '{newer}'")
    assert ids(history.drills(Search())) == ["d1"]
    record = history.record("d1")
    assert record is not None
    assert record.json.decode() == newer
    with pytest.raises(CannotTell, match=r"(?s)schema 'restore-tester/drill/v2'.*HINT: ") as refused:
        record.read()
    assert refused.value.reason.code == "drill_record_unreadable"


def test_what_was_remembered_is_there_when_the_history_is_opened_again(dsn: str) -> None:
    from restore_tester.history.records import open_history

    with open_history(dsn) as history:
        history.finish(a_drill())
    with open_history(dsn) as history:
        assert ids(history.drills(Search())) == ["d1"]
