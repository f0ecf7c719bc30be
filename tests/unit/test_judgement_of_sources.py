"""What listings say between drills: the rhythm of a place, and what breaks it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore_tester.contracts import LeftOut, Listing
from restore_tester.judgement.catalogue import failed_sight, findings, gaps, is_other, lags, rhythm_of, sight_of
from restore_tester.judgement.ledger import Ledger, Sight
from restore_tester.model import Backup

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def backup(at: datetime, size: int = 100, lag: timedelta = timedelta(0)) -> Backup:
    return Backup(f"{at:%Y%m%dT%H%M%S}", "file:///x", at + lag, size, (), False, taken_at=at, taken_at_basis="name")


def daily(count: int, size: int = 100, until: datetime = NOON) -> tuple[Backup, ...]:
    return tuple(backup(until - DAY * back, size) for back in reversed(range(count)))


def seen(*backups: Backup, previous: Sight | None = None, now: datetime = NOON) -> Sight:
    return sight_of(Listing(backups), previous, None, now)


def codes(sight: Sight, now: datetime = NOON, accepted_at: datetime | None = None) -> list[str]:
    return [reason.code for reason in findings(Ledger(first_seen=NOON, sight=sight, accepted_at=accepted_at), now)]


def test_a_sight_says_what_a_listing_shows() -> None:
    sight = seen(*daily(6))
    assert (sight.backups, sight.size_bytes, sight.oldest_taken_at) == (6, 600, NOON - 5 * DAY)
    assert sight.newest is not None and sight.newest.taken_at == NOON
    assert codes(sight) == []


def test_backups_that_were_too_many_to_hold_count() -> None:
    sight = sight_of(Listing(daily(6), left_out=LeftOut(10, 5000, NOON - 90 * DAY)), None, None, NOON)
    assert (sight.backups, sight.size_bytes, sight.oldest_taken_at) == (16, 5600, NOON - 90 * DAY)


def test_a_place_stopped_after_twice_its_usual_interval() -> None:
    sight = seen(*daily(10))
    assert codes(sight, NOON + 2 * DAY) == []
    assert codes(sight, NOON + 2 * DAY + HOUR) == ["backups_stopped"]


def test_three_backups_are_no_rhythm_yet() -> None:
    assert codes(seen(*daily(3)), NOON + 100 * DAY) == []


def test_a_slow_pipeline_is_no_stop() -> None:
    hourly = [backup(NOON - HOUR * back, lag=5 * HOUR) for back in reversed(range(30))]
    assert codes(seen(*hourly), NOON + 6 * HOUR) == []


@pytest.mark.parametrize("start", range(7))
def test_weekends_without_backups_are_usual(start: int) -> None:
    days = (NOON - DAY * (back + start) for back in reversed(range(60)))
    backups = [backup(at) for at in days if at.weekday() < 5]
    newest = backups[-1].taken_at
    assert newest is not None
    due = newest + (3 if newest.weekday() == 4 else 1) * DAY
    assert codes(seen(*backups), due + HOUR) == []
    assert codes(seen(*backups), newest + 5 * DAY) == ["backups_stopped"]


def test_nights_without_backups_are_usual() -> None:
    hours = (NOON - HOUR * back for back in reversed(range(24 * 20)))
    assert codes(seen(*(backup(at) for at in hours if 6 <= at.hour < 20)), NOON + 18 * HOUR) == ["backups_stopped"]
    evening = NOON.replace(hour=19)
    hours = (evening - HOUR * back for back in reversed(range(24 * 20)))
    assert codes(seen(*(backup(at) for at in hours if 6 <= at.hour < 20)), evening + 11 * HOUR) == []


def test_one_outage_does_not_make_a_place_patient() -> None:
    backups = [each for each in daily(20) if each.taken_at is not None and not NOON - 9 * DAY < each.taken_at < NOON - 4 * DAY]
    sight = seen(*backups)
    assert sight.rhythm is not None and sight.rhythm.patience_seconds == 2 * DAY.total_seconds()
    instants = [each.taken_at for each in backups if each.taken_at is not None]
    assert gaps(instants, sight.rhythm) == ((NOON - 9 * DAY, NOON - 4 * DAY),)


def test_a_backup_of_less_than_half_the_usual_size_shrank() -> None:
    assert codes(seen(*daily(5, until=NOON - DAY), backup(NOON, 49))) == ["backup_shrank"]
    assert codes(seen(*daily(5, until=NOON - DAY), backup(NOON, 50))) == []


def test_sizes_that_alternate_are_usual() -> None:
    assert codes(seen(*(backup(NOON - DAY * back, 1 if back % 2 == 0 else 100) for back in reversed(range(8))))) == []


def test_a_shrunken_backup_that_was_accepted_is_the_new_normal() -> None:
    assert codes(seen(*daily(5, until=NOON - DAY), backup(NOON, 1)), accepted_at=NOON + HOUR) == []


def test_many_backups_gone_at_once_are_retention_lost() -> None:
    before = seen(*daily(30))
    assert codes(seen(*daily(30)[11:], previous=before)) == ["retention_lost"]
    assert codes(seen(*daily(30)[9:], previous=before)) == []


def test_the_oldest_ones_gone_are_retention_lost_though_they_were_few() -> None:
    monthly = tuple(backup(NOON - 30 * DAY * back) for back in (6, 5, 4, 3))
    before = seen(*monthly, *daily(30))
    assert codes(seen(*daily(30), previous=before)) == ["retention_lost"]


def test_rotating_the_one_monthly_copy_away_is_no_loss() -> None:
    before = seen(backup(NOON - 60 * DAY), *daily(7))
    assert codes(seen(*daily(7), previous=before)) == []


def test_lost_retention_stands_until_it_is_there_again() -> None:
    lost = seen(*daily(5), previous=seen(*daily(30)))
    later = seen(*daily(6, until=NOON + DAY), previous=lost, now=NOON + DAY)
    assert codes(later, NOON + DAY) == ["retention_lost"]
    assert codes(seen(*daily(25, until=NOON + DAY), previous=later, now=NOON + DAY), NOON + DAY) == []


def test_lost_retention_that_was_accepted_is_silent() -> None:
    lost = seen(*daily(5), previous=seen(*daily(30)))
    assert codes(lost, accepted_at=NOON + HOUR) == []
    assert sight_of(Listing(daily(5)), lost, NOON + HOUR, NOON + 2 * HOUR).lost is None


def test_a_listing_that_failed_keeps_what_was_known() -> None:
    before = seen(*daily(30))
    failed = failed_sight("access_denied", before, NOON + HOUR)
    assert (failed.code, failed.backups, failed.newest) == ("access_denied", 30, before.newest)
    assert codes(seen(*daily(5), previous=failed)) == ["retention_lost"]


def test_a_place_that_was_never_listed_lacks_nothing_yet() -> None:
    assert codes(failed_sight("access_denied", None, NOON)) == []


@pytest.mark.parametrize(("unrecognised", "code"), [(0, "no_backup"), (3, "nothing_recognised")])
def test_a_place_without_backups_says_which_kind_of_empty_it_is(unrecognised: int, code: str) -> None:
    assert codes(sight_of(Listing((), unrecognised_count=unrecognised), None, None, NOON)) == [code]


def test_only_what_a_sight_says_makes_it_another() -> None:
    sight = seen(*daily(6))
    assert not is_other(replace(sight, changed_at=NOON + DAY), sight)
    assert is_other(seen(*daily(7)), sight) and is_other(sight, None)


def test_a_location_more_than_twice_the_interval_behind_lags() -> None:
    first = seen(*daily(10))
    assert lags(first, seen(*daily(10, until=NOON - 2 * DAY)), "offsite") is None
    found = lags(first, seen(*daily(10, until=NOON - 3 * DAY)), "offsite")
    assert found is not None and found.code == "location_lags" and "offsite" in found.message


def test_a_weekly_copy_does_not_lag_behind_a_daily_one() -> None:
    weekly = tuple(backup(NOON - DAY * 6 - 7 * DAY * back) for back in reversed(range(6)))
    assert lags(seen(*daily(10)), seen(*weekly), "offsite") is None


@given(st.lists(st.integers(0, 10**7), min_size=0, max_size=60))
def test_patience_is_never_less_than_twice_the_usual(seconds: list[int]) -> None:
    rhythm = rhythm_of([NOON + timedelta(seconds=each) for each in seconds])
    assert rhythm is None or 0 < 2 * rhythm.interval_seconds <= rhythm.patience_seconds


@given(st.integers(4, 400), st.integers(60, 10**7))
def test_an_even_rhythm_is_silent_until_two_are_missing(count: int, interval: int) -> None:
    step = timedelta(seconds=interval)
    sight = seen(*(backup(NOON - step * back) for back in reversed(range(count))))
    assert codes(sight, NOON + 2 * step) == []
    assert codes(sight, NOON + 2 * step + timedelta(seconds=1)) == ["backups_stopped"]
