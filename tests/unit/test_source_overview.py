"""What many locations hold at a glance: the same as each one's own listing says, by fewer requests."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from restore_tester.backups.folder import FolderSource
from restore_tester.backups.folder_overview import overview_of_folders
from restore_tester.backups.inventory import Inventory
from restore_tester.backups.overview import Limits, Ways
from restore_tester.backups.recognition import Seen, rules_of
from restore_tester.backups.s3 import Store
from restore_tester.backups.s3_overview import overview_of_bucket
from restore_tester.backups.s3_source import S3Source
from restore_tester.clock import SystemClock
from restore_tester.contracts import Clock, Listing
from restore_tester.errors import RestoreTesterError
from restore_tester.model import Backup, Location
from tests import faulty_store
from tests.s3_fixtures import QUICK, Place
from tests.stores import BUCKET, S3Server

DAILY = ("name", "orders-{taken_at:%Y%m%d}.dump")
Seen_ = dict[Location, Listing | RestoreTesterError]


def bare(listing: Listing) -> Listing:
    """A listing as an overview shows it: without parts."""
    incomplete = tuple((replace(backup, parts=()), reason) for backup, reason in listing.incomplete)
    return replace(listing, complete=tuple(replace(backup, parts=()) for backup in listing.complete), incomplete=incomplete)


def codes(seen: Seen_) -> list[str]:
    return [what.reason.code if isinstance(what, RestoreTesterError) else str(len(what.complete)) for what in seen.values()]


class Late:
    """A clock by which an hour passes at each look."""

    def __init__(self) -> None:
        self._hours = 0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def elapsed(self) -> float:
        self._hours += 1
        return 3600.0 * self._hours


# --- S3 ---------------------------------------------------------------------------------------------------------------


def at(place: Place, key: str, *options: tuple[str, str], through: S3Server | None = None) -> Location:
    found = (("endpoint_url", (through or place.server).endpoint), ("access_key", "env:ACCESS_KEY"), ("secret_key", "env:SECRET_KEY"))
    return Location("primary", "s3", f"s3://{BUCKET}/{place.prefix}{key}", (*found, *options))


def overview(locations: Sequence[Location], poor: set[str] | None = None, clock: Clock | None = None, most: int = 1000) -> Seen_:
    seen: Seen_ = {}
    store = Store(locations[0], BUCKET, QUICK, 1)
    ways = Ways(clock or SystemClock(), Limits(backups=most), seen.__setitem__)
    overview_of_bucket(store, BUCKET, locations, set() if poor is None else poor, ways)
    return {location: seen[location] for location in locations}


def spread(place: Place, workloads: int, backups: int = 3) -> list[Location]:
    """Backups written into the folder that the server keeps its objects in: a thousand requests would take their time."""
    assert place.server.access_log is not None
    for workload in range(workloads):
        folder = place.server.access_log.parent / "objects" / BUCKET / place.prefix / f"w{workload:04}"
        folder.mkdir(parents=True)
        for backup in range(backups):
            (folder / f"orders-202611{backup + 1:02}.dump").write_bytes(b"x")
    return [at(place, f"w{workload:04}/", DAILY) for workload in range(workloads)]


def test_an_overview_shows_what_each_own_listing_shows(place: Place) -> None:
    locations = spread(place, 12)
    place.put("w0003/orders-20261109.dump.partial", b"x")
    place.put("w0003/notes.txt", b"x")
    place.server.client().create_multipart_upload(Bucket=BUCKET, Key=f"{place.prefix}w0005/orders-20261110.dump")
    locations += [at(place, "w0003/"), at(place, "w0099/", DAILY), at(place, "")]
    for location, found in overview(locations).items():
        own = S3Source(location, SystemClock(), patience=QUICK).list_backups()
        assert isinstance(found, Listing) and bare(own) == found


@pytest.mark.parametrize("shared", [True, False])
def test_a_prefix_without_a_slash_is_read_as_its_own_listing_reads_it(place: Place, shared: bool) -> None:
    for key in ("a/1.dump", "a-/2.dump", "ab", "b1.dump", "b2.dump", "c/1.dump", "d/1.dump"):
        place.put(key, b"x")
    locations = [at(place, key) for key in (("a", "b", "c/", "d/") if shared else ("a", "b"))]
    for location, found in overview(locations).items():
        assert found == bare(S3Source(location, SystemClock(), patience=QUICK).list_backups())


def test_many_prefixes_cost_one_listing(place: Place) -> None:
    with faulty_store.before(place.server, lambda request: None) as (server, asked):
        locations = [replace(location, options=at(place, "", DAILY, through=server).options) for location in spread(place, 30)]
        assert codes(overview(locations)) == ["3"] * 30
    assert len(asked) == 2


def test_a_folder_full_of_strangers_is_left_and_remembered(place: Place) -> None:
    locations = spread(place, 4, backups=1)
    assert place.server.access_log is not None
    strangers = place.server.access_log.parent / "objects" / BUCKET / place.prefix / "logs"
    strangers.mkdir()
    for number in range(1500):
        (strangers / str(number)).touch()
    poor: set[str] = set()
    assert codes(overview(locations, poor)) == ["1"] * 4
    assert poor == {place.prefix}


def test_a_common_folder_that_may_not_be_listed_is_left_for_the_prefixes(place: Place) -> None:
    locations = spread(place, 4)
    common = f"prefix={place.prefix.replace('/', '%2F')}&"
    rule = lambda request: faulty_store.error(403, "AccessDenied") if common in f"{request.target}&" else None  # noqa: E731
    poor: set[str] = set()
    with faulty_store.before(place.server, rule) as (server, _):
        there = [replace(location, options=at(place, "", DAILY, through=server).options) for location in locations]
        assert codes(overview(there, poor)) == ["3"] * 4
    assert poor == {place.prefix}


def test_one_prefix_that_is_denied_is_the_only_one(place: Place) -> None:
    locations = spread(place, 3)
    rule = lambda request: faulty_store.error(403, "AccessDenied") if "w0001" in request.target else None  # noqa: E731
    with faulty_store.before(place.server, rule) as (server, _):
        there = [replace(location, options=at(place, "", DAILY, through=server).options) for location in locations]
        assert codes(overview(there)) == ["3", "access_denied", "3"]


def test_a_store_that_is_down_is_not_asked_for_every_prefix(place: Place) -> None:
    rule: Callable[[faulty_store.Request], faulty_store.Answer] = lambda request: faulty_store.error(503, "SlowDown")  # noqa: E731
    with faulty_store.before(place.server, rule) as (server, asked):
        locations = [at(place, f"{letter}x/w{number}/", through=server) for letter in "abcdef" for number in range(2)]
        found = set(codes(overview(locations, {place.prefix})))
    assert len(found) == 1 and not found & {"0", "access_denied"}
    assert len(asked) == 3 * QUICK.attempts


def test_a_store_that_keeps_no_order_is_believed_at_the_end(place: Place) -> None:
    class Shuffled(Store):
        def pages(self, prefix: str):  # type: ignore[no-untyped-def]
            everything = [each for page in super().pages(prefix) for each in page]
            yield tuple(everything[::2])
            yield tuple(everything[1::2])

    locations, seen = spread(place, 5), {}
    ways = Ways(SystemClock(), Limits(), seen.__setitem__)
    overview_of_bucket(Shuffled(locations[0], BUCKET, QUICK, 1), BUCKET, locations, set(), ways)
    assert codes({location: seen[location] for location in locations}) == ["3"] * 5


def test_a_listing_without_an_end_is_given_up(place: Place) -> None:
    assert codes(overview(spread(place, 1), clock=Late())) == ["listing_too_slow"]


# --- folders ----------------------------------------------------------------------------------------------------------


def folders(*locations: Location, clock: Clock | None = None, most: int = 1000) -> Seen_:
    seen: Seen_ = {}
    overview_of_folders(locations, Ways(clock or SystemClock(), Limits(backups=most), seen.__setitem__))
    return {location: seen[location] for location in locations}


def folder_at(path: Path, *options: tuple[str, str]) -> Location:
    return Location("primary", "folder", path.as_uri(), (("quiet_seconds", "0"), *options))


def test_folders_are_seen_as_their_own_listings_show_them(tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    for name in ("orders/orders-20261104.dump", "orders/notes.txt", "users-20261104.dump"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "orders" / "orders-20261105.dump").symlink_to("orders-20261104.dump")
    locations = [folder_at(tmp_path, DAILY), folder_at(tmp_path, ("name", "users-{taken_at:%Y%m%d}.dump")), folder_at(tmp_path)]
    locations += [folder_at(tmp_path / "orders", DAILY), folder_at(tmp_path / "orders", DAILY, ("timezone", "Europe/Berlin"))]
    for location, found in folders(*locations).items():
        assert found == bare(FolderSource(location, SystemClock()).list_backups())


def test_one_folder_that_is_not_there_is_the_only_one(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    assert codes(folders(folder_at(tmp_path / "gone"), folder_at(tmp_path / "here"))) == ["location_absent", "0"]


def test_an_option_that_makes_no_sense_is_told_of_its_location_alone(tmp_path: Path) -> None:
    assert codes(folders(folder_at(tmp_path, ("settle_seconds", "soon")), folder_at(tmp_path))) == ["option_wrong", "0"]


def test_a_walk_without_an_end_is_given_up(tmp_path: Path) -> None:
    assert codes(folders(folder_at(tmp_path), clock=Late())) == ["listing_too_slow"]


def test_the_quiet_that_a_folder_is_given_counts(tmp_path: Path) -> None:
    file = tmp_path / "orders-20261104.dump"
    file.write_bytes(b"x")
    age = datetime.now(UTC).timestamp() - 100
    os.utime(file, (age, age))
    with file.open("ab"):
        found = folders(*(Location("primary", "folder", tmp_path.as_uri(), (("quiet_seconds", quiet), DAILY)) for quiet in ("60", "600")))
    assert codes(found) == ["1", "0"]


# --- bounds -----------------------------------------------------------------------------------------------------------


def days(count: int) -> list[Seen]:
    return [Seen(f"{number:05}.dump", 1, datetime.fromtimestamp(86_400 * number, UTC), "") for number in range(count)]


def inventory(most: int | None) -> Inventory:
    return Inventory(rules_of(Location(None, "s3", "s3://b/"), True), datetime(2026, 11, 20, tzinfo=UTC), lambda name: name, most)


@pytest.mark.parametrize("backward", [False, True])
def test_of_too_many_backups_the_newest_are_held_and_the_others_counted(backward: bool) -> None:
    taken = inventory(10)
    for seen in days(100)[:: -1 if backward else 1]:
        taken.add(seen)
    listing = taken.listing()
    assert [backup.id for backup in listing.complete] == [f"{number:05}.dump" for number in range(90, 100)]
    assert listing.left_out is not None
    assert (listing.left_out.backups, listing.left_out.size_bytes) == (90, 90)
    assert listing.left_out.oldest_taken_at == datetime.fromtimestamp(0, UTC)


def test_no_more_than_twice_the_limit_is_ever_held(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, most_held = inventory(10), 0
    for seen in days(1000):
        taken.add(seen)
        most_held = max(most_held, len(taken._complete))
    assert most_held < 20


def test_the_files_of_a_folder_are_one_sum() -> None:
    members = [Seen(f"d/{number}.dat", 5, datetime.fromtimestamp(number, UTC), "") for number in range(1000)]
    whole: list[Backup] = []
    for most in (None, 10):
        taken = inventory(most)
        for seen in [*members, Seen("d/toc.dat", 5, datetime.fromtimestamp(1, UTC), "")]:
            taken.add(seen)
        whole += taken.listing().complete
    assert (whole[0].size_bytes, whole[0].stored_at, whole[0].id) == (whole[1].size_bytes, whole[1].stored_at, whole[1].id)
    assert (len(whole[0].parts), whole[1].parts) == (1001, ())
