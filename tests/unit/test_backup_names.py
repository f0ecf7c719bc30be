"""What a name says of when its backup was taken, and what it does not."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore_tester.backups.names import NamePattern
from restore_tester.errors import Misuse

BERLIN = "Europe/Berlin"


def taken(pattern: str, name: str, timezone: str = "UTC") -> str | None:
    found = NamePattern(pattern, timezone).read(name)
    return found.at.strftime("%Y-%m-%dT%H:%M:%SZ") if found else None


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("orders-{taken_at:%Y-%m-%dT%H%M%SZ}.dump", "orders-2026-11-05T020304Z.dump", "2026-11-05T02:03:04Z"),
        ("orders-{taken_at:%Y%m%d%H%M%S}Z.dump", "orders-20261105020304Z.dump", "2026-11-05T02:03:04Z"),
        ("{taken_at:%Y/%m/%d}/orders.dump", "2026/11/05/orders.dump", "2026-11-04T23:00:00Z"),
        ("{taken_at:%Y/%m}/orders-{taken_at:%Y-%m-%d_%H}.dump", "2026/11/orders-2026-11-05_02.dump", "2026-11-05T01:00:00Z"),
        ("o.{taken_at:%Y-%m-%dT%H:%M:%S%z}", "o.2026-11-05T02:03:04-0330", "2026-11-05T05:33:04Z"),
        ("o.{taken_at:%s}.gz", "o.1793844184.gz", "2026-11-05T02:03:04Z"),
        ("{taken_at:%d%b%Y}-{any}.sql", "05Nov2026-host-7.sql", "2026-11-04T23:00:00Z"),
        ("{taken_at:%F %T} UTC", "2026-11-05 02:03:04 UTC", "2026-11-05T02:03:04Z"),
        ("{taken_at:%Y%j}", "2026309", "2026-11-04T23:00:00Z"),
        ("{taken_at:%y%m%d-%I%M%p}", "261105-1230AM", "2026-11-04T23:30:00Z"),
        ("{{a}}{taken_at:%Y%m%d}", "{a}20260705", "2026-07-04T22:00:00Z"),
    ],
)
def test_a_name_says_when_its_backup_was_taken(pattern: str, name: str, expected: str) -> None:
    assert taken(pattern, name, BERLIN) == expected


@pytest.mark.parametrize(
    "name",
    [
        "orders-20261305.dump",
        "orders-20260230.dump",
        "orders-2026115.dump",
        "orders-20261105.dump.gz",
        "ORDERS-20261105.dump",
        "orders-٢٠٢٦١١٠٥.dump",
    ],
)
def test_a_name_that_names_no_day_is_not_recognised(name: str) -> None:
    assert taken("orders-{taken_at:%Y%m%d}.dump", name) is None


def test_a_repeated_directive_has_to_agree_with_itself() -> None:
    assert taken("{taken_at:%Y}/o-{taken_at:%Y-%m-%d}", "2025/o-2026-11-05") is None


def test_any_stays_within_one_folder() -> None:
    assert taken("{any}-{taken_at:%Y%m%d}", "a/b-20261105") is None


def test_an_hour_that_exists_twice_is_the_earlier_and_says_so() -> None:
    found = NamePattern("{taken_at:%Y%m%d%H%M}", BERLIN).read("202610250230")
    assert found is not None
    assert found.at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert found.warning is not None
    assert found.warning.code == "name_time_ambiguous"


def test_an_hour_that_never_was_says_so() -> None:
    found = NamePattern("{taken_at:%Y%m%d%H%M}", BERLIN).read("202603290230")
    assert found is not None
    assert found.warning is not None
    assert found.warning.code == "name_time_does_not_exist"


@pytest.mark.parametrize(
    ("form", "name", "seconds"),
    [
        ("%Y%m%d%H%M%S", "20261025013000", 1),
        ("%Y%m%d%H%M", "202611050203", 60),
        ("%Y%m%d%H", "2026110502", 3600),
        ("%Y%m%d", "20261105", 86_400),
        ("%Y%m%d", "20261025", 90_000),
        ("%Y-%m", "2026-02", 28 * 86_400),
    ],
)
def test_a_name_is_as_precise_as_its_smallest_field(form: str, name: str, seconds: int) -> None:
    found = NamePattern(f"{{taken_at:{form}}}", BERLIN).read(name)
    assert found is not None
    assert found.precision_seconds == seconds


@pytest.mark.parametrize(
    "pattern",
    [
        "orders.dump",
        "{taken_at}",
        "{taken_at:%Q}",
        "{taken_at:%H%M}",
        "{taken_at:%Y%d}",
        "{when:%Y%m%d}",
        "{taken_at:%Y%m%d",
        "{taken_at:%Y%m%d%M}",
    ],
)
def test_a_pattern_that_makes_no_sense_is_refused(pattern: str) -> None:
    with pytest.raises(Misuse) as caught:
        NamePattern(pattern)
    assert caught.value.reason.code == "name_pattern_wrong"


def test_a_zone_that_does_not_exist_is_refused() -> None:
    with pytest.raises(Misuse) as caught:
        NamePattern("{taken_at:%Y%m%d}", "Europe/Atlantis")
    assert caught.value.reason.code == "timezone_unknown"


FORMS = ["%Y-%m-%dT%H%M%SZ", "%Y%m%d_%H%M%S%z", "%d-%B-%Y %I:%M:%S %p", "%s", "%a %b %d %H.%M.%S %Y", "%Y%j-%H%M%S"]


@given(st.sampled_from(FORMS), st.datetimes(datetime(1971, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)))
def test_what_a_pattern_writes_it_reads(form: str, at: datetime) -> None:
    pattern, at = NamePattern(f"a/{{any}}-{{taken_at:{form}}}.dump"), at.replace(microsecond=0)
    found = pattern.read(pattern.write(at, "x"))
    assert found is not None
    assert found.at == at


@given(st.text(max_size=60))
def test_no_name_breaks_a_pattern(name: str) -> None:
    NamePattern("{taken_at:%Y}/{any}-{taken_at:%m%d}{any}", BERLIN).read(name)


def test_a_name_of_many_texts_is_read_without_trying_every_place_of_each() -> None:
    pattern = NamePattern("{any}-{any}-{any}-{any}-{any}-{any}{any}-{taken_at:%Y%m%d}.dump")
    assert pattern.read("-" * 5000) is None
    assert pattern.read("-x" * 2000 + "-20261104.dump") is not None
    assert pattern.read("a-b-c-d-e-fg-20261104.dump") is not None
    assert pattern.read("a-b-c-d-e-f-20261104.dump") is None


@given(st.lists(st.sampled_from(["a", "-", "/", "20261104"]), max_size=12))
def test_the_short_search_finds_what_the_long_one_does(letters: list[str]) -> None:
    name = "".join(letters)
    found = NamePattern("{any}-{any}-{taken_at:%Y%m%d}").read(name)
    assert (found is not None) == (re.fullmatch(r"[^/]+-[^/]+-20261104", name) is not None)


def test_many_texts_with_times_between_them_are_refused() -> None:
    with pytest.raises(Misuse) as caught:
        NamePattern("{any}{taken_at:%Y}{any}{taken_at:%m}{any}{taken_at:%d}{any}")
    assert caught.value.reason.code == "name_pattern_wrong"
