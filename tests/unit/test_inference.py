"""Names and when their objects were stored → the workloads they form and the pattern of each, proven against what wrote them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore_tester.backups.inference import BESIDE_OTHERS, LOGS, NO_INSTANT, PHYSICAL, Inferred, Named, infer
from restore_tester.backups.inventory import backup_of
from restore_tester.backups.names import NamePattern
from restore_tester.backups.recognition import Seen
from restore_tester.model import Backup

FIRST = datetime(2026, 3, 1, 1, 2, 3, tzinfo=UTC)
BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")


def backup(name: str, stored_at: datetime, size_bytes: int = 10) -> Backup:
    return backup_of(name, f"file:///backups/{name}", (Seen(name, size_bytes, stored_at, "pin"),), is_tree=False)


def nightly(name: Callable[[datetime], str], nights: int = 60, lag: float = 420) -> list[Backup]:
    """Backups of so many nights, not to the second alike, each stored a little later."""
    at = [FIRST + timedelta(days=night, seconds=night * 37 % 600) for night in range(nights)]
    return [backup(name(taken), taken + timedelta(seconds=lag)) for taken in at]


def only(inferred: Inferred) -> Named:
    assert inferred.unplaced == ()
    (named,) = inferred.named
    return named


def whys(inferred: Inferred) -> dict[str, tuple[str, ...]]:
    return {each.why: each.names for each in inferred.unplaced}


@pytest.mark.parametrize(
    ("name", "folder", "pattern"),
    [
        ("orders-%Y-%m-%dT%H%M%SZ.dump", "", "orders-{taken_at:%Y-%m-%dT%H%M%SZ}.dump"),
        ("pg/%Y/%m/%d/orders_%H%M%S.sql.gz", "pg/", "{taken_at:%Y/%m/%d}/orders_{taken_at:%H%M%S}.sql.gz"),
        ("a/%Y/%m/o-%Y%m%d.dump", "a/", "{taken_at:%Y/%m}/o-{taken_at:%Y%m%d}.dump"),
        ("o.%s.gz", "", "o.{taken_at:%s}.gz"),
        ("%d.%m.%Y_%H.%M.dump", "", "{taken_at:%d.%m.%Y_%H.%M}.dump"),
        ("%m-%d-%Y.bak", "", "{taken_at:%m-%d-%Y}.bak"),
        ("o_%d%b%Y.sql", "", "o_{taken_at:%d%b%Y}.sql"),
        ("o %d %B %Y %I:%M:%S%p.sql", "", "o {taken_at:%d %B %Y %I:%M:%S%p}.sql"),
        ("%F %T UTC.sql", "", "{taken_at:%Y-%m-%d %H:%M:%S UTC}.sql"),
        ("%Y-%m-%dT%H:%M:%S%z.sql", "", "{taken_at:%Y-%m-%dT%H:%M:%S%z}.sql"),
        ("db%y%m%d.sql", "", "db{taken_at:%y%m%d}.sql"),
        ("o-%Y%j.sql", "", "o-{taken_at:%Y%j}.sql"),
        ("o-%Y%m%d%H%M%S", "", "o-{taken_at:%Y%m%d%H%M%S}"),
        ("v20240101/o-%Y%m%d-16.sql", "v20240101/", "o-{taken_at:%Y%m%d}-16.sql"),
        ("{x}/%%{o}-%Y%m%d.sql", "{x}/", "%{{o}}-{taken_at:%Y%m%d}.sql"),
    ],
)
def test_a_pattern_is_inferred_from_names(name: str, folder: str, pattern: str) -> None:
    named = only(infer(nightly(lambda at: at.strftime(name))))
    assert (named.folder, named.pattern, len(named.backups)) == (folder, pattern, 60)


def test_weekdays_in_names_are_fields_too() -> None:
    named = only(infer(nightly(lambda at: f"{at:%A}/o-{at:%Y%m%d}.sql")))
    assert (named.folder, named.pattern) == ("", "{taken_at:%A}/o-{taken_at:%Y%m%d}.sql")


FORMS = [
    "%Y-%m-%dT%H%M%SZ",
    "%Y%m%d_%H%M%S",
    "%Y%m%d%H%M%S",
    "%Y/%m/%d/%H%M%S",
    "%d-%B-%Y %H.%M.%S",
    "%s",
    "%Y-%m-%d_%Hh%M",
    "%Y%m%dT%H%M%S+0000",
    "%Y-%m-%d",
    "%Y%m%d",
]
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="/", exclude_categories=("Nd", "Co")), max_size=12)
TIMES = st.lists(st.datetimes(datetime(2020, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC)), min_size=1, max_size=30, unique=True)


@given(st.sampled_from(FORMS), TEXTS, TEXTS, TIMES, st.integers(1, 3600))
def test_what_a_pattern_wrote_is_inferred_back_to_the_same_times(
    form: str, before: str, after: str, times: list[datetime], lag: int
) -> None:
    times = [at.replace(microsecond=0) for at in times]
    writer = NamePattern(f"{escaped(before)}-{{taken_at:{form}}}_{escaped(after)}")
    written = {writer.write(at): at for at in times}
    inferred = infer([backup(name, at + timedelta(seconds=lag)) for name, at in written.items()])
    assert_reads_like(writer, inferred, written)


def escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def assert_reads_like(writer: NamePattern, inferred: Inferred, written: dict[str, datetime]) -> None:
    assert inferred.unplaced == ()
    expected = {name: writer.read(name) for name in written}
    found = {}
    for named in inferred.named:
        reader = NamePattern(named.pattern or "", named.zone.name if named.zone else "UTC")
        for each in named.backups:
            found[each.id] = reader.read(each.id[len(named.folder) :])
    assert found == expected


# --- which names belong together --------------------------------------------------------------------------------------


def test_what_never_changes_tells_workloads_apart() -> None:
    each = [nightly(lambda at, w=w: f"{w}-{at:%Y%m%d}.sql") for w in ("db1", "db2", "orders", "eu/orders")]  # type: ignore[misc]
    found = infer([one for many in each for one in many])
    assert {(named.folder, named.pattern) for named in found.named} == {
        ("", "db1-{taken_at:%Y%m%d}.sql"),
        ("", "db2-{taken_at:%Y%m%d}.sql"),
        ("", "orders-{taken_at:%Y%m%d}.sql"),
        ("eu/", "orders-{taken_at:%Y%m%d}.sql"),
    }


def test_numbered_workloads_stay_apart_though_each_has_few_backups() -> None:
    found = infer([backup(f"tenant{n}-{FIRST:%Y%m%d}T{n:06}.sql", FIRST + timedelta(minutes=n)) for n in range(30)])
    assert [len(named.backups) for named in found.named] == [1] * 30


@pytest.mark.parametrize("letters", ["0123456789", "0123456789abcdef", "abcXYZ0123456789"])
def test_a_random_word_in_each_name_is_any_text(letters: str) -> None:
    chance = random.Random(7)
    named = only(infer(nightly(lambda at: f"o-{at:%Y%m%dT%H%M%S}-{''.join(chance.choices(letters, k=9))}.sql")))
    assert (named.pattern, len(named.backups)) == ("o-{taken_at:%Y%m%dT%H%M%S}-{any}.sql", 60)


def test_words_after_the_time_are_workloads_where_they_are_words() -> None:
    found = infer([backup(f"20260301T02{n:02}00-{word}.sql", FIRST) for n, word in enumerate(("orders", "invoices", "people"))])
    assert [len(named.backups) for named in found.named] == [1, 1, 1]


def test_a_date_that_never_changes_is_not_when_a_backup_was_taken() -> None:
    named = only(infer([backup(f"release-2024-01-01/{n}.sql", FIRST + timedelta(days=n)) for n in range(20)]))
    assert (named.folder, named.pattern) == ("release-2024-01-01/", None)


def test_names_that_name_no_day_are_set_aside() -> None:
    found = infer([*nightly(lambda at: f"o-{at:%Y%m%d}.sql"), backup("o-20261399.sql", FIRST)])
    assert whys(found) == {NO_INSTANT: ("o-20261399.sql",)}


def test_a_folder_of_names_without_a_time_is_one_workload_where_it_holds_nothing_else() -> None:
    rotated = [backup(f"orders/orders.{n}.sql", FIRST + timedelta(days=n)) for n in (8, 9, 10)]
    named = only(infer([*rotated]))
    assert (named.folder, named.pattern, named.zone) == ("orders/", None, None)
    assert [one.id for one in named.backups] == ["orders/orders.8.sql", "orders/orders.9.sql", "orders/orders.10.sql"]


@pytest.mark.parametrize("other", ["here/customers.sql", "here/below/o-20260301.sql"])
def test_names_without_a_time_beside_others_cannot_be_placed(other: str) -> None:
    assert "here/orders.sql" in whys(infer([backup("here/orders.sql", FIRST), backup(other, FIRST)]))[BESIDE_OTHERS]


def test_logs_and_physical_backups_are_set_aside() -> None:
    names = ["wal/0000000100000000000000A2.gz", "base/20260301/backup_manifest", "base/20260301/base/1/1259"]
    assert whys(infer([backup(name, FIRST) for name in names])) == {LOGS: (names[0],), PHYSICAL: ("base/20260301/",)}


def test_gaps_and_a_single_file_change_nothing() -> None:
    gappy = [one for night, one in enumerate(nightly(lambda at: f"o-{at:%Y%m%d}.sql")) if night not in (7, 8, 30)]
    assert only(infer(gappy)).pattern == "o-{taken_at:%Y%m%d}.sql"
    assert only(infer(gappy[:1])).pattern == "o-{taken_at:%Y%m%d}.sql"


def test_nothing_is_inferred_from_nothing() -> None:
    assert infer(()) == Inferred((), ())


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30), max_size=12, unique=True))
def test_every_name_is_placed_or_set_aside_once_whatever_it_is(names: list[str]) -> None:
    found = infer([backup(name, FIRST) for name in names])
    placed = [one.id for named in found.named for one in named.backups]
    aside = [name for each in found.unplaced for name in each.names]
    assert sorted(placed + aside) == sorted(names)


# --- zones ------------------------------------------------------------------------------------------------------------


def zone(backups: Sequence[Backup]) -> tuple[str, str]:
    found = only(infer(backups)).zone
    assert found is not None
    return found.name, found.certainty


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("UTC", ("UTC", "fits")),
        ("Europe/Berlin", ("Europe/Berlin", "fits")),
        ("Europe/London", ("Europe/London", "fits")),
        ("America/New_York", ("America/New_York", "fits")),
        ("America/Los_Angeles", ("America/Los_Angeles", "fits")),
        ("Australia/Sydney", ("Australia/Sydney", "fits")),
        ("Asia/Kolkata", ("Asia/Kolkata", "likely")),
        ("Asia/Tokyo", ("Asia/Tokyo", "likely")),
    ],
)
def test_the_zone_is_the_one_in_which_objects_follow_their_names(place: str, expected: tuple[str, str]) -> None:
    zoned = nightly(lambda at: f"o-{at.astimezone(ZoneInfo(place)):%Y%m%d-%H%M%S}.sql", nights=100)
    assert zone(zoned) == expected


def test_a_zone_that_others_fit_as_well_is_only_likely() -> None:
    found = only(infer(nightly(lambda at: f"o-{at.astimezone(BERLIN):%Y%m%d-%H%M%S}.sql", nights=20))).zone
    assert found is not None
    assert (found.certainty, "Africa/Lagos" in (found.name, *found.alike)) == ("likely", True)


def test_names_that_state_their_zone_are_believed() -> None:
    assert zone(nightly(lambda at: f"o-{at:%Y%m%d-%H%M%S}Z.sql", lag=7200)) == ("UTC", "stated")


def test_days_alone_tell_no_zone() -> None:
    assert zone(nightly(lambda at: f"o-{at:%Y%m%d}.sql")) == ("UTC", "guess")


def test_objects_that_were_copied_later_tell_no_zone() -> None:
    copied = [backup(one.id, FIRST + timedelta(days=200)) for one in nightly(lambda at: f"o-{at.astimezone(NEW_YORK):%Y%m%d-%H%M%S}.sql")]
    assert zone(copied) == ("UTC", "guess")


def test_times_are_those_of_the_zone_that_was_found() -> None:
    named = only(infer(nightly(lambda at: f"o-{at.astimezone(BERLIN):%Y%m%d-%H%M%S}.sql")))
    assert named.times[0] == FIRST
