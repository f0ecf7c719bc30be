"""Backups are remembered as listings showed them, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from restore_tester.contracts import Listing
from restore_tester.history.nouns import Place, SeenBackup
from restore_tester.history.records import History
from restore_tester.model import Reason
from tests.histories import NOW, PLACE, a_backup


def at(hours: float) -> datetime:
    return NOW + timedelta(hours=hours)


def listing(*names: str) -> Listing:
    return Listing(tuple(a_backup(name) for name in names))


def by_id(history: History, place: Place = PLACE) -> dict[str, SeenBackup]:
    return {backup.id: backup for backup in history.backups.seen(place)}


def test_a_backup_is_known_since_it_was_seen_first(history: History) -> None:
    history.backups.remember(PLACE, listing("a"), NOW)
    history.backups.remember(PLACE, listing("a", "b"), at(1))
    seen, taken_at = by_id(history), NOW - timedelta(hours=1)
    assert seen["a"] == SeenBackup("a", "file:///backups/a", taken_at, taken_at, 1000, NOW, None)
    assert seen["b"].first_seen == at(1)


def test_one_that_a_listing_lacks_is_gone_since_then(history: History) -> None:
    history.backups.remember(PLACE, listing("a", "b"), NOW)
    history.backups.remember(PLACE, listing("b"), at(1))
    history.backups.remember(PLACE, listing("b"), at(2))
    assert (by_id(history)["a"].gone_at, by_id(history)["b"].gone_at) == (at(1), None)
    assert [backup.id for backup in history.backups.seen(PLACE, present_only=True)] == ["b"]
    assert [history.backups.is_gone(PLACE, id) for id in ("a", "b", "never listed")] == [True, False, False]


def test_one_that_comes_back_is_no_longer_gone(history: History) -> None:
    history.backups.remember(PLACE, listing("a"), NOW)
    history.backups.remember(PLACE, listing(), at(1))
    history.backups.remember(PLACE, listing("a"), at(2))
    assert (by_id(history)["a"].gone_at, by_id(history)["a"].first_seen) == (None, NOW)


def test_a_listing_that_arrives_late_changes_nothing_that_is_newer(history: History) -> None:
    history.backups.remember(PLACE, listing("old", "stays"), NOW)
    history.backups.remember(PLACE, listing("stays", "new"), at(0.2))
    history.backups.remember(PLACE, listing("old", "stays"), at(0.1))
    seen = by_id(history)
    assert (seen["old"].gone_at, seen["stays"].gone_at, seen["new"].gone_at) == (at(0.2), None, None)


def test_what_is_incomplete_is_not_a_backup_yet(history: History) -> None:
    growing = (a_backup("b"), Reason("still_growing", "it grows", "wait"))
    history.backups.remember(PLACE, replace(listing("a"), incomplete=(growing,)), NOW)
    assert by_id(history).keys() == {"a"}


def test_one_that_was_replaced_in_its_place_is_what_the_newest_listing_says(history: History) -> None:
    history.backups.remember(PLACE, listing("a"), NOW)
    history.backups.remember(PLACE, Listing((a_backup("a", at(1), 2000),)), at(2))
    assert (by_id(history)["a"].size_bytes, by_id(history)["a"].taken_at) == (2000, at(1))


def test_each_place_has_its_own(history: History) -> None:
    other = Place("orders", "offsite")
    history.backups.remember(PLACE, listing("a"), NOW)
    history.backups.remember(other, listing("b"), at(1))
    assert by_id(history).keys() == {"a"}
    assert by_id(history)["a"].gone_at is None
    assert by_id(history, other).keys() == {"b"}


def test_the_one_taken_last_comes_first(history: History) -> None:
    history.backups.remember(PLACE, Listing((a_backup("a", at(1)), a_backup("b", None), a_backup("c", at(2)))), at(3))
    assert [backup.id for backup in history.backups.seen(PLACE)] == ["c", "a", "b"]
    assert [backup.id for backup in history.backups.seen(PLACE, limit=1)] == ["c"]


def test_a_long_listing_is_remembered_whole(history: History) -> None:
    names = [f"orders-{number:05}" for number in range(2500)]
    history.backups.remember(PLACE, listing(*names), NOW)
    history.backups.remember(PLACE, listing(*names[1:]), at(1))
    seen = by_id(history)
    assert len(seen) == 2500
    assert [backup.id for backup in seen.values() if backup.gone_at] == [names[0]]
