"""What lies in a location, told apart: backups, backups to come, backups that never came, and what is none."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest

from restore_tester.backups.inventory import NAMES_KEPT, Inventory, take_stock
from restore_tester.backups.names import NamePattern
from restore_tester.backups.recognition import Rules, Seen, Upload, rules_of
from restore_tester.contracts import Listing
from restore_tester.errors import Misuse
from restore_tester.model import Location

NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)
DAILY = NamePattern("orders-{taken_at:%Y%m%d}.dump")
FOLDERS = NamePattern("{taken_at:%Y%m%d}.dir")


def seen(name: str, age: float = 86_400, size: int = 1) -> Seen:
    return Seen(name, size, NOW - timedelta(seconds=age), "pin")


def stock(*found: Seen, pattern: NamePattern | None = None) -> Listing:
    return take_stock(found, Rules(pattern), NOW, lambda name: f"file:///b/{name}")


def names(listing: Listing) -> list[str]:
    return [backup.id for backup in listing.complete]


def why(listing: Listing) -> list[tuple[str, str]]:
    return [(backup.id, reason.code) for backup, reason in listing.incomplete]


def test_names_are_told_apart_by_the_pattern() -> None:
    listing = stock(seen("orders-20261104.dump"), seen("orders-20261104.dump.sha256"), seen("notes.txt"), pattern=DAILY)
    assert (names(listing), listing.unrecognised, listing.unrecognised_count) == (["orders-20261104.dump"], ("notes.txt",), 1)


def test_the_stamp_is_the_names_and_else_the_objects() -> None:
    by_name = stock(seen("orders-20261104.dump"), pattern=DAILY).complete[0]
    by_object = stock(seen("orders.dump", age=3600)).complete[0]
    assert (by_name.taken_at, by_name.taken_at_basis, by_name.taken_at_precision_seconds) == (
        datetime(2026, 11, 4, tzinfo=UTC),
        "name",
        86_400,
    )
    assert (by_object.taken_at, by_object.taken_at_basis) == (NOW - timedelta(hours=1), "object_time")


def test_backups_come_oldest_first() -> None:
    listing = stock(seen("b", age=300), seen("a", age=200), seen("c", age=400))
    assert names(listing) == ["c", "b", "a"]


def test_what_stands_beside_a_backup_is_none() -> None:
    assert stock(seen("a.sha256"), seen("a.manifest.json"), seen("a.md5"), seen("folder/")) == Listing(())


@pytest.mark.parametrize(("age", "code"), [(30, "still_growing"), (3599, "still_growing"), (3601, "incomplete")])
def test_a_partial_file_is_one_to_come_until_settle_has_passed(age: float, code: str) -> None:
    assert why(stock(seen("orders-20261105.dump.partial", age), pattern=DAILY)) == [("orders-20261105.dump", code)]


def test_a_partial_file_of_something_else_is_not_recognised() -> None:
    assert stock(seen("notes.tmp"), pattern=DAILY).unrecognised == ("notes.tmp",)


@pytest.mark.parametrize("age", [0, 59, -200])
def test_a_file_that_was_just_written_to_is_still_growing(age: float) -> None:
    assert why(stock(seen("orders.dump", age))) == [("orders.dump", "still_growing")]


def test_a_stamp_far_in_the_future_is_a_wrong_clock_and_no_job_at_work() -> None:
    assert names(stock(seen("orders.dump", age=-86_401))) == ["orders.dump"]


def test_the_files_of_a_directory_dump_are_one_backup() -> None:
    listing = stock(seen("d/3342.dat.gz", size=5), seen("d/toc.dat", size=2), seen("d/blobs.toc"), seen("e.dump"))
    assert names(listing) == ["d", "e.dump"]
    assert [(part.name, part.size_bytes) for part in listing.complete[0].parts] == [("3342.dat.gz", 5), ("blobs.toc", 1), ("toc.dat", 2)]
    assert (listing.complete[0].is_tree, listing.complete[0].size_bytes) == (True, 8)


def test_with_a_pattern_all_below_a_folder_of_that_name_is_one_backup() -> None:
    listing = stock(seen("20261104.dir/toc.dat"), seen("20261104.dir/sub/x"), seen("other/toc.dat"), pattern=FOLDERS)
    assert [part.name for part in listing.complete[0].parts] == ["sub/x", "toc.dat"]
    assert listing.unrecognised == ("other/toc.dat",)


@pytest.mark.parametrize(("age", "code"), [(400, "still_growing"), (4000, "incomplete")])
def test_a_folder_without_its_table_of_contents_is_not_closed(age: float, code: str) -> None:
    assert why(stock(seen("d/1.dat", age), seen("d/2.dat", age + 60))) == [("d", code)]


def test_a_folder_has_to_have_been_quiet_because_its_table_of_contents_is_written_first() -> None:
    assert why(stock(seen("d/toc.dat", 4000), seen("d/1.dat.gz", 250))) == [("d", "still_growing")]


def test_a_partial_file_keeps_its_folder_open() -> None:
    assert why(stock(seen("d/toc.dat"), seen("d/1.dat.partial"))) == [("d", "incomplete")]


def test_an_unfinished_upload_is_a_backup_to_come_or_keeps_its_folder_open() -> None:
    inventory = Inventory(Rules(None), NOW, str)
    inventory.add(seen("d/toc.dat"))
    inventory.upload(Upload("d/7.dat.gz", NOW - timedelta(days=2)))
    inventory.upload(Upload("new.dump", NOW - timedelta(seconds=10)))
    listing = inventory.listing()
    assert why(listing) == [("d", "incomplete"), ("new.dump", "still_growing")]
    assert "unfinished upload of d/7.dat.gz" in listing.incomplete[0][1].hint


def test_an_odd_hour_travels_with_its_backup() -> None:
    backup = stock(seen("202610250230"), pattern=NamePattern("{taken_at:%Y%m%d%H%M}", "Europe/Berlin")).complete[0]
    assert [warning.code for warning in backup.warnings] == ["name_time_ambiguous"]


def test_names_that_are_none_are_counted_and_not_held() -> None:
    tracemalloc.start()
    try:
        listing = take_stock((seen(f"logs/{n:07}.log") for n in range(50_000)), Rules(DAILY), NOW, str)
        held = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (listing.unrecognised_count, len(listing.unrecognised)) == (50_000, NAMES_KEPT)
    assert held < 1 << 20


def test_an_option_that_is_no_number_is_refused() -> None:
    with pytest.raises(Misuse) as caught:
        rules_of(Location("l", "folder", "/b", (("settle_seconds", "1h"),)), objects_appear_whole=False)
    assert caught.value.reason.code == "option_wrong"
