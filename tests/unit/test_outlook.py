"""A ledger, objectives and an instant → where a place stands, where it is heading, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from restore_tester.judgement.advance import kind_of, with_drill, with_sight
from restore_tester.judgement.forecast import Outcome
from restore_tester.judgement.ledger import Ledger, Sight, SightedBackup, TrendState
from restore_tester.judgement.outlook import Outlook, outlook
from restore_tester.judgement.sentences import exposure, sentences
from restore_tester.model import Drill, Environment, Objectives, Profile, Reason, RecoveryPoint, Verdict
from tests.histories import a_drill, of_backup

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
EMPTY = Ledger(first_seen=NOW)
OBJECTIVES = Objectives(45 * 60.0, 26 * 3600.0)
LAG = 600.0


def at(day: float) -> datetime:
    return NOW + timedelta(days=day)


def night(day: int, *, seconds: float = 600.0, verdict: Verdict = Verdict.PASSED, profile: Profile = Profile.FAITHFUL) -> Drill:
    """The drill of the backup that was taken that night, an hour later."""
    drill = of_backup(a_drill(f"drill-{day}", verdict=verdict), f"night-{day}", at(day))
    return replace(
        drill,
        began_at=at(day) + timedelta(hours=1),
        ended_at=at(day) + timedelta(hours=1, seconds=seconds),
        recovery_time_seconds=seconds,
        recovery_point=RecoveryPoint(at(day) - timedelta(seconds=60), at(day), "heartbeat"),
        recovery_point_lag_seconds=LAG,
        profile=profile,
    )


def learned(*drills: Drill, ledger: Ledger = EMPTY) -> Ledger:
    for drill in drills:
        ledger = with_drill(ledger, drill, True, kind_of(drill))
    return ledger


def listed(ledger: Ledger, day: int, oldest: int = -100, previous: int | None = None) -> Ledger:
    newest = sighted(day)
    sight = Sight(at(day), None, newest, at(oldest), 14, 14_000, 0, 0)
    return with_sight(ledger, sight, (newest,), None if previous is None else sighted(previous), at(day) + timedelta(hours=1))


def sighted(day: int) -> SightedBackup:
    return SightedBackup(f"night-{day}", at(day), at(day) + timedelta(minutes=30), 1000)


def seen(ledger: Ledger, day: float, objectives: Objectives = OBJECTIVES) -> Outlook:
    return outlook(ledger, objectives, at(day))


# --- what a loss now would cost ---------------------------------------------------------------------------------------


def test_the_recovery_point_of_a_newest_backup_that_was_drilled_is_proven() -> None:
    found = seen(listed(learned(night(0)), 0), 1)
    assert found.point is not None
    assert (found.point.proven, found.point.at) == (True, at(0) - timedelta(seconds=60))
    assert found.exposure_seconds == 86_460


def test_that_of_one_that_was_not_is_estimated_from_the_last_lag() -> None:
    found = seen(listed(learned(night(0)), 1), 1.5)
    assert found.point is not None
    assert (found.point.proven, found.point.at_most) == (False, False)
    assert found.point.at == at(1) + timedelta(minutes=30) - timedelta(seconds=LAG)
    assert exposure(found).startswith("a loss now would cost 11 h 40 min of data (estimated)")


def test_without_any_lag_it_is_no_later_than_the_stamp_and_the_exposure_reads_at_least() -> None:
    found = seen(listed(EMPTY, 1), 1.5)
    assert found.point is not None
    assert (found.point.at, found.point.at_most) == (at(1), True)
    assert "at least 12 h" in exposure(found)


def test_a_name_that_was_written_over_since_its_drill_is_not_proven() -> None:
    again = replace(sighted(0), usable_at=at(0.9))
    ledger = learned(night(0))
    sight = Sight(at(1), None, again, at(0), 1, 1000, 0, 0)
    found = seen(with_sight(ledger, sight, (), again, at(1)), 1)
    assert found.point is not None
    assert not found.point.proven


def test_an_empty_place_has_no_recovery_point() -> None:
    ledger = replace(listed(learned(night(0)), 0), sight=Sight(at(1), None, None, None, 0, 0, 0, 0))
    assert (seen(ledger, 1).point, seen(ledger, 1).exposure_seconds) == (None, None)


def test_once_a_backup_is_damaged_the_next_unproven_one_does_not_calm_anybody() -> None:
    ledger = listed(learned(night(0), night(1, verdict=Verdict.FAILED)), 2)
    found = seen(ledger, 2)
    assert found.exposure_seconds == 2 * 86_400 + 60
    assert seen(listed(learned(night(2), ledger=ledger), 2), 2.1).damage is None


def test_a_damaged_newest_backup_whose_header_tells_an_older_stamp_is_not_what_a_loss_would_leave() -> None:
    damaged = night(1, verdict=Verdict.FAILED)
    damaged = replace(damaged, backup=replace(damaged.backup, taken_at=at(-1)))
    ledger = listed(learned(night(0), damaged), 1)
    found = seen(ledger, 1.2)
    assert found.point is not None
    assert (found.point.at, found.point.proven) == (at(0) - timedelta(seconds=60), True)


def test_where_the_last_good_backup_is_gone_and_the_rest_is_bad_nothing_usable_is_known() -> None:
    ledger = listed(learned(night(0), night(5, verdict=Verdict.FAILED)), 5, oldest=3)
    assert seen(ledger, 6).point is None
    assert exposure(seen(ledger, 6)) == "what a loss now would cost is not known: no usable backup is"


def test_the_worst_of_thirty_days_counts_the_cycle_that_lasts() -> None:
    ledger = listed(listed(learned(night(0)), 0), 1, previous=0)
    assert seen(ledger, 1.1).worst_case_seconds == 86_400 + 1800 + 60
    assert seen(ledger, 5).worst_case_seconds == seen(ledger, 5).exposure_seconds


def test_a_bad_cycle_is_forgotten_after_thirty_days() -> None:
    ledger = listed(listed(learned(night(0)), 0), 9, previous=0)
    for day in range(10, 60):
        ledger = listed(ledger, day, previous=day - 1)
    worst = seen(ledger, 59.1).worst_case_seconds
    assert worst is not None
    assert worst < 2 * 86_400


def test_of_a_place_where_nothing_happened_nothing_is_known() -> None:
    found = seen(EMPTY, 0)
    assert (found.recovery_time, found.point, found.worst_case_seconds, found.damage) == (None, None, None, None)
    assert sentences(found, OBJECTIVES) == ()


# --- where it is heading ----------------------------------------------------------------------------------------------


def test_growing_recovery_time_is_said_with_its_date_and_interval() -> None:
    weeks = [replace(night(7 * week), recovery_time_seconds=600.0 + 40 * week + 9 * (week * 3 % 7)) for week in range(12)]
    found = seen(learned(*weeks), 78)
    assert found.recovery_time_breach is not None
    assert found.recovery_time_breach.outcome is Outcome.EXPECTED
    (said,) = [sentence for sentence in sentences(found, OBJECTIVES) if "RTO" in sentence]
    assert said == (
        "recovery time grows 41 s a week: it will exceed the RTO of 45 min on about 2027-11-03 (between 2027-10-06 and 2027-12-28)"
    )


def test_a_fast_drill_is_never_held_against_the_rto() -> None:
    found = seen(learned(*(night(day, seconds=600 + 60 * day, profile=Profile.FAST) for day in range(12))), 12)
    assert found.recovery_time is not None
    assert found.recovery_time_breach is None


def test_without_an_objective_there_is_no_forecast() -> None:
    assert seen(learned(*(night(day) for day in range(12))), 12, Objectives()).recovery_time_breach is None


def test_the_disk_of_the_sandbox_is_forecast_from_what_drills_took_up() -> None:
    drills = []
    for day in range(12):
        environment = Environment("process", None, "15.18", 2, 1 << 30, (), None, (10 + day) << 30, 40 << 30)
        drills.append(replace(night(day), environment=environment))
    found = seen(learned(*drills), 12)
    assert found.disk_breach is not None
    assert found.disk_breach.at is not None
    assert abs(found.disk_breach.at - at(30)) < timedelta(days=1)
    assert any("disk" in sentence for sentence in sentences(found, OBJECTIVES))


def test_a_drift_is_told_with_what_was_usual() -> None:
    found = seen(learned(*(night(day, seconds=600 if day < 15 else 1200) for day in range(17))), 17)
    assert found.recovery_time is not None
    assert found.recovery_time.state is TrendState.DRIFTING
    assert any(
        sentence == "recovery time drifts: at least 2 of the last 3 drills over 14 min, where 10 min is usual; the last 20 min"
        for sentence in sentences(found, OBJECTIVES)
    )


def test_all_well_says_nothing() -> None:
    ledger = listed(learned(*(night(day) for day in range(20))), 19)
    assert sentences(seen(ledger, 19.2), OBJECTIVES) == ()


def test_damage_names_the_first_bad_and_the_last_good_backup() -> None:
    lost = replace(night(1, verdict=Verdict.FAILED), reasons=(Reason("rows_missing", "49 980 payments", "look"),))
    found = seen(learned(night(0), lost), 2)
    assert sentences(found, OBJECTIVES)[0] == (
        "night-1 (2026-11-21 03:00Z) is the first backup known to be bad; the newest proven good is night-0 (2026-11-20 03:00Z)"
    )


def test_a_name_out_of_a_listing_is_made_printable() -> None:
    odd = of_backup(night(1, verdict=Verdict.FAILED), "night\x1b[31m", at(1))
    assert "\x1b" not in sentences(seen(learned(night(0), odd), 2), OBJECTIVES)[0]
