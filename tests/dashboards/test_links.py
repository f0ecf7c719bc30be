"""Where a dashboard's links lead: to the page of the drill that the row is about, found by what metrics tell of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from restore_tester.errors import Misuse
from restore_tester.history.nouns import Place
from restore_tester.model import Drill
from restore_tester.service.pages.finding import drill_found
from tests.histories import a_drill
from tests.service.pages_served import Pages, pages

DRILLS = [a_drill(f"d{number}", Place("orders", "primary"), minutes=10 * number) for number in range(3)]
ELSEWHERE = a_drill("elsewhere", Place("orders", "offsite"), minutes=20)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with pages(tmp_path_factory.mktemp("links")) as running:
        for drill in (*DRILLS, ELSEWHERE):
            running.known.kept.finish(drill)
        yield running


def milliseconds(drill: Drill) -> str:
    """As Grafana writes the value of `restore_tester_last_drill_timestamp_seconds`, times a thousand."""
    return repr(1000 * round(drill.ended_at.timestamp(), 3))


@pytest.mark.parametrize("drill", [*DRILLS, ELSEWHERE], ids=lambda drill: drill.drill)
def test_a_drill_is_found_by_its_place_and_its_end(served: Pages, drill: Drill) -> None:
    asked = {"workload": "orders", "location": drill.location or "", "ended_ms": milliseconds(drill)}
    assert drill_found(served.known.kept, asked) == drill.drill


def test_the_last_one_is_found_where_nobody_says_when(served: Pages) -> None:
    assert drill_found(served.known.kept, {"workload": "orders", "location": "primary"}) == "d2"


def test_the_link_of_a_dashboard_shows_the_drills_page(served: Pages) -> None:
    assert 'href="/api/v1/drills/d1"' in served.page(f"/drills/find?workload=orders&location=primary&ended_ms={milliseconds(DRILLS[1])}")


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, "drill_unknown"),
        ({"workload": "orders", "location": "nowhere"}, "drill_unknown"),
        ({"workload": "orders", "location": "primary", "ended_ms": "0"}, "drill_unknown"),
        ({"workload": "orders", "location": "primary", "ended_ms": "yesterday"}, "request_invalid"),
        ({"workload": "orders", "location": "primary", "ended_ms": "nan"}, "request_invalid"),
        ({"workload": "orders", "location": "primary", "ended_ms": "1e300"}, "request_invalid"),
        ({"workload": "orders", "location": "primary", "ended_ms": "253402300799999"}, "request_invalid"),
    ],
)
def test_what_names_no_drill_is_refused(served: Pages, asked: dict[str, str], code: str) -> None:
    with pytest.raises(Misuse) as caught:
        drill_found(served.known.kept, asked)
    assert caught.value.reason.code == code
