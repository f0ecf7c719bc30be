"""What a rule asks for and what is known → what is due, and when to look again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from restore_tester.config import cron
from restore_tester.config.nouns import Pause, QuietHours
from restore_tester.judgement import due
from restore_tester.judgement.due import Cadence, Due, Known, LastDrill, PlaceNow, Rule
from restore_tester.model import Verdict

NOW = datetime(2026, 11, 5, 3, 30, tzinfo=UTC)
DAY = timedelta(days=1)
NIGHTLY = Cadence("orders", "0 3 * * *", 86400.0, "UTC", 0.0)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
SCHEDULES = ("0 3 * * *", "30 2 * * *", "*/7 * * * *", "0 */6 * * *", "15 1 1 * *", "5 4 * * 0", "*/20 2 * * *", "0 3 29 2 *")
moments = some.datetimes(datetime(2020, 1, 1), datetime(2033, 1, 1), timezones=some.just(UTC))
cadences = some.one_of(
    some.builds(
        Cadence, some.text("ab", min_size=1), some.sampled_from(SCHEDULES), some.just(1.0), some.sampled_from(ZONES), some.just(300.0)
    ),
    some.builds(Cadence, some.text("ab", min_size=1), some.none(), some.floats(1.0, 1e7), some.just("UTC"), some.just(0.0)),
)


def a_rule(cadence: Cadence = NIGHTLY, quiet: tuple[QuietHours, ...] = (), paused: Pause | None = None, *, each: bool = False) -> Rule:
    return Rule(cadence, ("primary", "offsite"), each, quiet, paused)


def a_drill(verdict: Verdict = Verdict.PASSED, trigger: str = "schedule", ago: timedelta = timedelta(hours=1)) -> LastDrill:
    at = NOW - ago
    return LastDrill("d1", trigger, verdict, at, at, "b1", at - DAY)


def drilled(last: LastDrill, newest: str | None = "b1", tried: str | None = "b1") -> Known:
    return Known(datetime(2026, 11, 5, 3, tzinfo=UTC), (PlaceNow("primary", last, tried, newest, NOW),))


# --- slots ------------------------------------------------------------------------------------------------------------


@given(cadences, moments)
def test_the_next_slot_is_the_first_after_and_the_newest_the_last_before(cadence: Cadence, now: datetime) -> None:
    following = due.slot_after(cadence, now)
    assert due.slot_by(cadence, now) <= now < following
    here = due.slot_by(cadence, following)
    assert here > due.slot_by(cadence, now)
    assert due.slot_by(cadence, following - timedelta(microseconds=1)) == due.slot_by(cadence, now)
    assert due.slot_by(cadence, here + (following - here)) == here


@given(cadences, moments, some.timedeltas(timedelta(0), timedelta(days=400)))
def test_slots_never_go_back(cadence: Cadence, now: datetime, later: timedelta) -> None:
    assert due.slot_by(cadence, now) <= due.slot_by(cadence, now + later)


@given(some.sampled_from(SCHEDULES[:4]), some.sampled_from(ZONES), moments)
def test_walking_a_schedule_forwards_meets_what_looking_back_finds(schedule: str, zone: str, now: datetime) -> None:
    instants = [now]
    for _ in range(5):
        instants.append(cron.following(schedule, zone, instants[-1]))
    assert [cron.latest(schedule, zone, at) for at in instants[1:]] == instants[1:]


def test_a_slot_that_the_clocks_leave_out_comes_when_they_have_changed_and_one_that_they_repeat_comes_once() -> None:
    berlin = replace(NIGHTLY, schedule="30 2 * * *", zone="Europe/Berlin")
    spring = datetime(2027, 3, 28, 0, 30, tzinfo=UTC)
    assert due.slot_after(berlin, spring) == datetime(2027, 3, 28, 1, 0, tzinfo=UTC)
    autumn = datetime(2027, 10, 31, 0, 0, tzinfo=UTC)
    first = due.slot_after(berlin, autumn)
    assert (first, due.slot_after(berlin, first)) == (datetime(2027, 10, 31, 0, 30, tzinfo=UTC), datetime(2027, 11, 1, 1, 30, tzinfo=UTC))


def test_sunday_is_0() -> None:
    assert due.slot_by(replace(NIGHTLY, schedule="0 3 * * 0"), NOW).strftime("%A") == "Sunday"


def test_intervals_of_a_fleet_spread_over_the_interval() -> None:
    cadences = [Cadence(f"w{number}", None, 3600.0, "UTC", 0.0) for number in range(1200)]
    minutes = [int((NOW - due.slot_by(cadence, NOW)).total_seconds() // 60) for cadence in cadences]
    counts = [minutes.count(minute) for minute in range(60)]
    assert (sum(counts), min(counts) >= 5, max(counts) <= 45) == (1200, True, True)


def test_jitter_spreads_one_schedule_and_every_slot_of_a_workload_alike() -> None:
    spread = [due.slot_after(Cadence(f"w{number}", "0 3 * * *", 1.0, "UTC", 300.0), NOW) for number in range(200)]
    begins = datetime(2026, 11, 6, 3, tzinfo=UTC)
    assert all(begins <= at < begins + timedelta(minutes=5) for at in spread)
    assert len(set(spread)) > 100
    assert due.slot_after(Cadence("w0", "0 3 * * *", 1.0, "UTC", 300.0), spread[0]) == spread[0] + DAY


def test_the_name_of_a_slot_is_its_instant_as_written_whatever_the_jitter() -> None:
    late = Cadence("w1", "0 3 * * *", 1.0, "Europe/Berlin", 300.0)
    at = due.slot_after(late, NOW)
    assert due.name_of(due.slot_by(late, at)) == "slot:2026-11-06T02:00:00Z"


# --- what is due ------------------------------------------------------------------------------------------------------


def test_a_workload_that_was_never_drilled_is_due_at_once() -> None:
    slot = datetime(2026, 11, 5, 3, tzinfo=UTC)
    assert due.due(a_rule(), Known(), NOW) == Due("slot:2026-11-05T03:00:00Z", slot, "schedule")


def test_after_a_week_of_downtime_the_newest_missed_slot_is_due_once() -> None:
    known = Known(last_slot=NOW - timedelta(days=7))
    found = due.due(a_rule(), known, NOW)
    assert found is not None
    assert found.name == "slot:2026-11-05T03:00:00Z"
    assert due.due(a_rule(), replace(known, last_slot=found.at), NOW) is None


def test_what_was_drilled_by_hand_since_its_slot_is_not_due_at_the_first_start() -> None:
    place = PlaceNow("primary", a_drill(trigger="manual", ago=timedelta(minutes=10)))
    assert due.due(a_rule(), Known(None, (place,)), NOW) is None


def test_a_failed_drill_is_repeated_once_at_once_with_its_own_backup() -> None:
    found = due.due(a_rule(), drilled(a_drill(Verdict.FAILED)), NOW)
    assert found is not None
    assert (found.name, found.trigger, found.location, found.backup) == ("repeat:d1", "repeat", "primary", "b1")
    assert due.due(a_rule(), drilled(a_drill(Verdict.FAILED, "repeat")), NOW) is None


@pytest.mark.parametrize(("verdict", "ago"), [(Verdict.INCONCLUSIVE, timedelta(hours=1)), (Verdict.FAILED, timedelta(days=2))])
def test_what_nobody_could_tell_and_old_failures_are_not_repeated(verdict: Verdict, ago: timedelta) -> None:
    assert due.due(a_rule(), drilled(a_drill(verdict, ago=ago)), NOW) is None


def test_where_no_backup_was_the_repeat_looks_for_the_newest() -> None:
    found = due.due(a_rule(), drilled(replace(a_drill(Verdict.FAILED), taken_at=None, backup=""), newest=None), NOW)
    assert found is not None
    assert (found.trigger, found.backup, found.newest) == ("repeat", None, True)


def test_after_a_confirmed_failure_each_new_backup_is_due_and_an_older_or_tried_one_is_not() -> None:
    failed = a_drill(Verdict.FAILED, "repeat")
    found = due.due(a_rule(), drilled(failed, newest="b2"), NOW)
    assert found is not None
    assert (found.name, found.trigger, found.newest) == ("new:primary:b2", "after_failure", True)
    assert due.due(a_rule(), drilled(failed, newest="b2", tried="b2"), NOW) is None
    assert due.due(a_rule(), drilled(a_drill(trigger="repeat"), newest="b2"), NOW) is None


def test_where_each_backup_is_drilled_the_oldest_that_was_not_is_due() -> None:
    known = replace(drilled(a_drill()), untried=("b7", "b8"))
    found = due.due(a_rule(each=True), known, NOW)
    assert found is not None
    assert (found.name, found.trigger, found.backup) == ("new:primary:b7", "every", "b7")


def test_what_was_refused_for_its_bytes_is_due_on_the_next_day() -> None:
    known = drilled(replace(a_drill(Verdict.INCONCLUSIVE), codes=(due.BUDGET_SPENT,)))
    assert due.due(a_rule(), known, NOW) is None
    assert due.look_again(a_rule(), known, NOW) == datetime(2026, 11, 6, tzinfo=UTC)
    found = due.due(a_rule(), known, datetime(2026, 11, 6, 0, 1, tzinfo=UTC))
    assert found is not None
    assert (found.name, found.location) == ("budget:2026-11-06:primary", "primary")


def test_what_somebody_else_holds_is_not_due() -> None:
    known = replace(drilled(a_drill(Verdict.FAILED)), taken=frozenset({"repeat:d1"}))
    assert due.due(a_rule(), known, NOW) is None


# --- what holds it ----------------------------------------------------------------------------------------------------


def test_a_pause_holds_until_its_end_and_then_what_was_missed_is_due() -> None:
    rule = a_rule(paused=Pause("moving house", NOW + DAY))
    assert due.due(rule, Known(), NOW) is None
    assert due.look_again(rule, Known(), NOW) == NOW + DAY
    assert due.due(rule, Known(), NOW + DAY) is not None


def test_quiet_hours_are_those_of_the_workloads_zone_and_go_over_midnight() -> None:
    rule = a_rule(replace(NIGHTLY, zone="Europe/Berlin"), quiet=(QuietHours(time(22), time(6)),))
    night = datetime(2026, 11, 5, 22, 30, tzinfo=UTC)
    assert due.held_until(rule, night) == datetime(2026, 11, 6, 5, tzinfo=UTC)
    assert due.held_until(rule, datetime(2026, 11, 5, 20, 59, tzinfo=UTC)) is None


def test_quiet_hours_that_touch_hold_to_the_end_of_the_last() -> None:
    rule = a_rule(quiet=(QuietHours(time(3), time(4)), QuietHours(time(4), time(5))))
    assert due.held_until(rule, NOW) == datetime(2026, 11, 5, 5, tzinfo=UTC)


@given(
    some.lists(some.builds(QuietHours, some.times(), some.times()).filter(lambda hours: hours.begins != hours.ends), max_size=3),
    some.sampled_from(ZONES),
    moments,
)
def test_what_is_held_is_held_for_a_while_and_not_at_its_end(hours: list[QuietHours], zone: str, now: datetime) -> None:
    rule = a_rule(replace(NIGHTLY, zone=zone), quiet=tuple(hours))
    until = due.held_until(rule, now)
    if until is None:
        local = now.astimezone(ZoneInfo(zone)).time()
        assert not any(one.begins <= local < one.ends for one in hours)
    else:
        assert now < until


@given(cadences, moments, some.none() | some.timedeltas(timedelta(days=-9), timedelta(0)))
def test_to_look_again_is_always_later_and_the_next_start_never_past(cadence: Cadence, now: datetime, last: timedelta | None) -> None:
    rule, known = a_rule(cadence, quiet=(QuietHours(time(1), time(2)),)), Known(None if last is None else now + last)
    assert due.look_again(rule, known, now) > now
    assert due.next_start(rule, known, now) >= now


@pytest.mark.parametrize("name", ["slot:2026-11-05T03:00:00Z", "new:primary:b:7", "budget:2026-11-06:primary", "api:0a1b:primary:b:7"])
def test_a_slot_that_was_left_can_be_taken_up_by_its_name(name: str) -> None:
    found = due.resumed(name, NOW)
    assert found is not None
    assert (found.name, found.at) == (name, NOW)
    assert due.resumed("watch:2026", NOW) is None
