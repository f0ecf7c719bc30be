"""The catalogue watch on real folders, a real S3 server and a real history: what it tells, when, and whom a bad store delays."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from restore_tester.backups.overview import Limits
from restore_tester.clock import SystemClock
from restore_tester.history.nouns import Lease, Place
from restore_tester.history.records import History, open_history
from restore_tester.judgement.ledger import Sight
from restore_tester.model import Location
from restore_tester.service.watch import CatalogueWatch, Looked, Watched, round_slot
from tests import faulty_store, s3_fixtures
from tests.stores import BUCKET

EVERY = 300.0
NAME = ("name", "orders-{taken_at:%Y%m%d}.dump")


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with open_history(f"sqlite:///{tmp_path}/history.db") as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "backups"
    made.mkdir()
    put(made, 6)
    return made


def put(folder: Path, days: int, first: int = 1) -> None:
    for day in range(first, first + days):
        file = folder / f"orders-202611{day:02}.dump"
        file.write_bytes(b"x" * 100)
        at = datetime(2026, 11, day, 3, tzinfo=UTC).timestamp()
        os.utime(file, (at, at))


def at(folder: Path, workload: str = "orders") -> Watched:
    return Watched(Place(workload, "primary"), Location("primary", "folder", folder.as_uri(), (NAME,)))


def in_s3(place: s3_fixtures.Place, workload: str, endpoint: str | None = None) -> Watched:
    keys = (("access_key", "env:ACCESS_KEY"), ("secret_key", "env:SECRET_KEY"))
    options = (("endpoint_url", endpoint or place.server.endpoint), *keys, NAME)
    return Watched(Place(workload, "offsite"), Location("offsite", "s3", f"s3://{BUCKET}/{place.prefix}{workload}/", options))


def sight_in(history: History, watched: Watched) -> Sight | None:
    ledger = history.ledgers.get(watched.place)
    return ledger.sight if ledger is not None else None


def test_a_round_tells_the_history_what_lies_in_each_place(history: History, folder: Path, place: s3_fixtures.Place) -> None:
    place.put("orders/orders-20261101.dump", b"abc")
    watched = [at(folder), in_s3(place, "orders")]
    looked = CatalogueWatch(history.ledgers, SystemClock()).look(watched, EVERY)
    assert (looked.listed, looked.changed, looked.failed, looked.late) == (2, 2, (), 0)
    near, far = (sight_in(history, each) for each in watched)
    assert near is not None and (near.code, near.backups, near.size_bytes) == (None, 6, 600)
    assert far is not None and (far.backups, far.size_bytes) == (1, 3)
    assert len(history.backups.seen(watched[0].place)) == 6


def test_what_did_not_change_is_not_told_again(history: History, folder: Path) -> None:
    watch = CatalogueWatch(history.ledgers, SystemClock())
    assert [watch.look([at(folder)], EVERY).changed for _ in range(3)] == [1, 0, 0]
    put(folder, 1, first=7)
    assert watch.look([at(folder)], EVERY).changed == 1


def test_a_swap_that_leaves_every_figure_as_it_was_is_seen(history: History, folder: Path) -> None:
    watch = CatalogueWatch(history.ledgers, SystemClock())
    watch.look([at(folder)], EVERY)
    os.utime(folder / "orders-20261103.dump", (1_793_000_000, 1_793_000_000))
    assert watch.look([at(folder)], EVERY).changed == 1


def test_after_a_restart_what_is_as_it_was_is_not_told_again(history: History, folder: Path) -> None:
    CatalogueWatch(history.ledgers, SystemClock()).look([at(folder)], EVERY)
    assert CatalogueWatch(history.ledgers, SystemClock()).look([at(folder)], EVERY).changed == 0


def test_what_another_replica_told_is_known(history: History, folder: Path) -> None:
    mine, its = (CatalogueWatch(history.ledgers, SystemClock()) for _ in range(2))
    mine.look([at(folder)], EVERY)
    put(folder, 1, first=7)
    assert its.look([at(folder)], EVERY).changed == 1
    assert mine.look([at(folder)], EVERY).changed == 0


def test_of_two_replicas_one_makes_the_round(history: History, folder: Path) -> None:
    clock = SystemClock()

    def replica(name: str) -> CatalogueWatch:
        def claims(due_at: datetime) -> bool:
            lease = Lease(name, clock.now() + timedelta(minutes=5))
            return history.slots.claim(round_slot(due_at), lease, clock.now()) is not None

        return CatalogueWatch(history.ledgers, clock, claims)

    # Two rounds would be due if the minute changed in between; a round of a year does not.
    found: list[Looked] = [replica(name).look([at(folder)], 366 * 86_400.0) for name in ("one:a", "two:b")]
    assert [looked.is_ours for looked in found] == [True, False]


def test_a_listing_that_fails_is_said_with_its_code_and_keeps_what_was_known(history: History, folder: Path) -> None:
    watch = CatalogueWatch(history.ledgers, SystemClock())
    watch.look([at(folder)], EVERY)
    folder.rename(folder.with_name("away"))
    looked = watch.look([at(folder)], EVERY)
    assert [(place.workload, reason.code) for place, reason in looked.failed] == [("orders", "location_absent")]
    sight = sight_in(history, at(folder))
    assert sight is not None and (sight.code, sight.backups) == ("location_absent", 6)
    folder.with_name("away").rename(folder)
    watch.look([at(folder)], EVERY)
    sight = sight_in(history, at(folder))
    assert sight is not None and sight.code is None


def test_what_cannot_be_asked_at_all_is_said_of_each_place(
    history: History, folder: Path, place: s3_fixtures.Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SECRET_KEY")
    looked = CatalogueWatch(history.ledgers, SystemClock()).look([in_s3(place, "orders"), in_s3(place, "users"), at(folder)], EVERY)
    assert [reason.code for _, reason in looked.failed] == ["secret_missing"] * 2
    assert looked.listed == 1


def test_retention_lost_is_seen_between_two_rounds(history: History, folder: Path) -> None:
    watch = CatalogueWatch(history.ledgers, SystemClock())
    watch.look([at(folder)], EVERY)
    for day in (1, 2, 3):
        (folder / f"orders-202611{day:02}.dump").unlink()
    watch.look([at(folder)], EVERY)
    sight = sight_in(history, at(folder))
    assert sight is not None and sight.lost is not None and sight.lost.backups_before == 6


def test_a_location_that_lags_behind_the_first_is_named(history: History, folder: Path, tmp_path: Path) -> None:
    (behind := tmp_path / "offsite").mkdir()
    put(behind, 3)
    offsite = Watched(Place("orders", "offsite"), Location("offsite", "folder", behind.as_uri(), (NAME,)))
    watch = CatalogueWatch(history.ledgers, SystemClock())
    assert [(place, reason.code) for place, reason in watch.look([at(folder), offsite], EVERY).lagging] == [
        (offsite.place, "location_lags")
    ]
    put(behind, 3, first=4)
    assert watch.look([at(folder), offsite], EVERY).lagging == ()


def test_two_workloads_in_one_place_are_listed_once_and_both_told(history: History, folder: Path) -> None:
    looked = CatalogueWatch(history.ledgers, SystemClock()).look([at(folder, "orders"), at(folder, "copies")], EVERY)
    assert (looked.listed, looked.changed) == (2, 2)


def test_a_store_that_hangs_delays_itself_alone_and_tells_when_it_comes_back(
    history: History, folder: Path, place: s3_fixtures.Place
) -> None:
    place.put("orders/orders-20261101.dump", b"abc")
    free = threading.Event()
    with faulty_store.before(place.server, lambda request: free.wait(15) and None) as (server, _):
        hanging = in_s3(place, "orders", server.endpoint)
        watch = CatalogueWatch(history.ledgers, SystemClock(), limits=Limits(silent_seconds=1.0), stores_at_once=1)
        looked = watch.look([hanging, at(folder)], 20.0)
        assert (looked.listed, [reason.code for _, reason in looked.failed]) == (1, ["listing_too_slow"])
        assert watch.look([hanging, at(folder)], 20.0).late == 1
        free.set()
        rounds = (watch.look([hanging, at(folder)], 20.0) for _ in range(50))
        assert any((sight := sight_in(history, hanging)) is not None and sight.code is None for _ in rounds)


def test_a_history_that_cannot_be_told_is_told_the_next_round(folder: Path, tmp_path: Path) -> None:
    with open_history(f"sqlite:///{tmp_path}/history.db?timeout=0.1") as history:
        watch = CatalogueWatch(history.ledgers, SystemClock())
        with sqlite3.connect(tmp_path / "history.db", isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            looked = watch.look([at(folder)], EVERY)
            assert looked.untold is not None and (looked.untold.code, looked.changed) == ("history_locked", 0)
            other.execute("ROLLBACK")
        assert watch.look([at(folder)], EVERY).changed == 1


def test_a_watch_that_was_stopped_tells_nothing_more(history: History, folder: Path) -> None:
    watch = CatalogueWatch(history.ledgers, SystemClock())
    watch.stop()
    assert watch.look([at(folder)], EVERY).listed == 0
    assert sight_in(history, at(folder)) is None


def test_a_place_that_is_no_longer_configured_is_forgotten(history: History, folder: Path) -> None:
    watch = CatalogueWatch(history.ledgers, SystemClock())
    watch.look([at(folder, "orders"), at(folder, "copies")], EVERY)
    watch.look([at(folder, "orders")], EVERY)
    assert set(watch._known) == {Place("orders", "primary")}
