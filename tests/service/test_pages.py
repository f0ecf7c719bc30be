"""The pages over real sockets: what they show, in which order, and that nothing out of a backup becomes more than text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import update

from restore_tester.contracts import DrillEvent, Listing
from restore_tester.history.nouns import Lease, Place
from restore_tester.history.tables import drills
from restore_tester.model import Outcome, Reason, Verdict
from restore_tester.service.fleet import Asked as AskedDrill
from restore_tester.service.fleet import jobs
from restore_tester.service.totals import FleetFigures
from tests.histories import a_backup, an_order, raw
from tests.service.ledgers import a_configuration, a_workload
from tests.service.pages_served import CLOCK, HOSTILE, PRIMARY, Pages, a_check, a_hostile_drill, now_drilled, pages
from tests.webpage import Elements, outside_references

MOST_BYTES = 200_000


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Pages]:
    with pages(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """For tests that only ask."""
    with pages(tmp_path_factory.mktemp("unchanged")) as running:
        running.known.kept.finish(now_drilled())
        running.known.look_again()
        yield running


def test_the_fleet_says_what_would_come_back_and_what_would_be_lost(served: Pages) -> None:
    served.known.kept.finish(now_drilled())
    served.known.look_again()
    page = served.page("/")
    assert "orders" in page
    assert re.search(r"back in .*RTO 1 h.*losing .*RPO 15 min", "".join(Elements(page).words), re.DOTALL)


def test_the_worst_workload_comes_first_and_search_finds_by_name_owner_and_state(tmp_path: Path) -> None:
    names = [f"w{number:03}" for number in range(120)]
    with pages(tmp_path, a_configuration(*(a_workload(name) for name in names))) as served:
        for number, name in enumerate(names[:60]):
            verdict = Verdict.FAILED if number == 57 else Verdict.PASSED
            served.known.kept.finish(now_drilled(name, Place(name, "primary"), verdict))
        served.known.look_again()

        def listed(address: str) -> list[str]:
            return re.findall(r'href="/workloads/(\w+)"', served.page(address))

        assert listed("/")[0] == "w057"
        assert len(listed("/")) == 50
        assert len(listed("/?page=3")) == 20
        assert listed("/?page=9") == listed("/?page=3")
        assert listed("/?name=W11") == [f"w11{digit}" for digit in range(10)]
        assert listed("/?state=failed") == ["w057"]
        assert listed("/?owner=nobody") == []
        assert listed("/?state=never_drilled&owner=PAYMENTS&page=2") == names[110:]


def test_a_drill_begins_with_its_reasons_and_their_hints(served: Pages) -> None:
    drill = replace(now_drilled(verdict=Verdict.FAILED), reasons=(Reason("gone", "the rows are gone", "look at the job"),))
    served.known.kept.finish(drill)
    page = served.page("/drills/d1").partition("<main")[2]
    words = ("the rows are gone", "look at the job", "If orders were lost", "Measured", "Proven: level", "Stages", "Evidence", "sha256")
    places = [page.index(one) for one in words]
    assert places == sorted(places)
    assert 'href="/api/v1/drills/d1"' in page


def test_ten_thousand_checks_are_cut_and_counted(served: Pages) -> None:
    checks = tuple(a_check(f"check_{number}", Outcome.FAILED if number % 2 else Outcome.PASSED) for number in range(10_000))
    reasons = tuple(Reason("check_failed", f"check_{number} found 3 problems", "ask the source") for number in range(5000))
    served.known.kept.finish(replace(now_drilled(verdict=Verdict.FAILED), checks=checks, reasons=reasons))
    page = served.page("/drills/d1")
    assert len(page.encode()) < MOST_BYTES
    assert "4900 more of 5000" in page
    assert "5000 passed" in page
    assert "4900 more reasons" in page


def test_a_workload_shows_its_locations_its_past_and_how_to_bring_it_back(tmp_path: Path) -> None:
    with pages(tmp_path, a_configuration(a_workload("orders", ("primary", "offsite")))) as served:
        for number in range(30):
            served.known.kept.finish(replace(now_drilled(f"d{number:02}"), began_at=CLOCK.now().replace(microsecond=number)))
        page = served.page("/workloads/orders")
        elements = Elements(page)
        assert re.findall(r'<th scope="col">(.*?)</th>', page)[:2] == ["primary", "offsite"]
        assert "pg_restore --create" in page
        assert any(svg.get("class") == "plot" and svg.get("role") == "img" for svg in elements.named("svg"))
        older = re.search(r'href="(\?before=[^"#]+)#drills"', page)
        assert older is not None
        rest = served.page(f"/workloads/orders{older[1]}")
        shown, more = (set(re.findall(r'href="/drills/(d\d\d)"><time', one)) for one in (page, rest))
        assert (len(shown), len(shown | more), shown & more) == (25, 30, set())


def test_a_backup_that_is_gone_is_not_offered(served: Pages) -> None:
    drill = now_drilled()
    kept, other = a_backup(drill.backup.id), a_backup("other")
    served.known.kept.finish(drill)
    served.known.kept.backups.remember(PRIMARY, Listing((kept, other)), CLOCK.now() - timedelta(minutes=2))
    assert "pg_restore --create" in served.page("/workloads/orders")
    served.known.kept.backups.remember(PRIMARY, Listing((other,)), CLOCK.now() - timedelta(minutes=1))
    page = served.page("/workloads/orders")
    assert ("pg_restore" in page, "It is no longer listed" in page) == (False, True)


def test_each_drawing_says_in_words_what_it_shows(served: Pages) -> None:
    for number in range(8):
        served.known.kept.finish(now_drilled(f"d{number}"))
    elements = Elements(served.page("/workloads/orders"))
    named = {attributes["id"] for _, attributes in elements.found if "id" in attributes}
    drawings = [svg for svg in elements.named("svg") if svg.get("role") == "img"]
    assert drawings
    assert all(set(svg["aria-labelledby"].split()) <= named for svg in drawings)
    assert "8 drills from" in "".join(elements.words)


@pytest.mark.parametrize("address", ["/", "/workloads/orders", "/drills/d1", "/workloads/nothing", "/drills/nothing"])
def test_every_page_is_whole_in_itself_and_to_be_read_without_seeing_it(unchanged: Pages, address: str) -> None:
    answer = unchanged.client.get(address, headers={"Accept": "text/html"})
    elements = Elements(answer.text)
    assert elements.named("html") == [{"lang": "en"}]
    assert all("scope" in header for header in elements.named("th"))
    assert len(elements.named("main")) == len(elements.named("h1")) == 1
    labelled = sum("aria-labelledby" in table for table in elements.named("table"))
    assert len(elements.named("caption")) + labelled == len(elements.named("table"))
    assert all(one["id"] in {label["for"] for label in elements.named("label")} for one in elements.named("input"))
    assert not elements.named("script")
    assert not [reference for reference in outside_references(answer.text) if "//" in reference]
    assert not [attributes for _, attributes in elements.found if "style" in attributes]
    assert len(answer.content) < MOST_BYTES


def test_whatever_comes_out_of_a_backup_or_a_name_is_text(tmp_path: Path) -> None:
    name = "<script>alert(1)</script>"
    with pages(tmp_path, a_configuration(a_workload(name), a_workload("tame"))) as served:
        served.known.kept.finish(a_hostile_drill("d1", Place(name, "primary")))
        served.known.kept.finish(now_drilled("d2", Place("tame", "primary")))
        served.known.look_again()
        fleet = served.page("/")
        (address,) = re.findall(r'href="(/workloads/%3C[^"]+)"', fleet)
        for page in (fleet, served.page(address), served.page("/drills/d1")):
            elements = Elements(page)
            assert not elements.named("script")
            assert not elements.named("img")
            assert "<script>alert(1)</script>" in "".join(elements.words)
            assert "\u202e" not in page
            assert "\x1b" not in page


def test_nothing_secret_is_rendered(served: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "hunter2hunter2")
    reason = Reason("restore_failed", "it said hunter2hunter2 at postgresql://me:open-sesame@db/x", "look")
    served.known.kept.finish(replace(now_drilled(verdict=Verdict.FAILED), reasons=(reason,)))
    page = served.page("/drills/d1")
    assert "hunter2" not in page
    assert "open-sesame" not in page


def test_no_secret_in_the_name_of_a_backup_is_shown_and_what_cannot_work_without_it_says_so(served: Pages) -> None:
    drill, name = now_drilled(), "orders.password=hunter2abcdef"
    served.known.kept.finish(replace(drill, backup=replace(drill.backup, id=name, uri=f"file:///backups/{quote(name)}")))
    pages = [served.page("/workloads/orders"), served.page("/drills/d1"), served.client.get("/api/v1/workloads/orders").text]
    assert not [page for page in pages if "hunter2" in page]
    assert "As they stand they cannot work" in pages[0]
    assert "hunter2" in served.client.get("/api/v1/drills/d1").text


def test_a_record_of_a_newer_version_is_a_page_that_says_so(served: Pages, tmp_path: Path) -> None:
    served.known.kept.finish(now_drilled())
    with raw(f"sqlite:///{tmp_path}/history.db") as connection:
        connection.execute(update(drills).values(record='{"schema": "restore-tester/drill/v9"}'))
    page = served.page("/drills/d1")
    assert "drill_record_unreadable" in page
    assert served.client.get("/api/v1/drills/d1").json() == {"schema": "restore-tester/drill/v9"}
    assert "orders" in served.page("/workloads/orders")


def test_a_running_drill_says_what_it_does_now_and_looks_again_by_itself(served: Pages) -> None:
    order = an_order("d7", Place("orders", "primary"))
    served.known.kept.start(order, Lease("us", CLOCK.now().replace(year=2099)), CLOCK.now())
    assert "runs elsewhere" in served.page("/drills/d7")
    (job,) = jobs(served.known.configured, AskedDrill(("orders",)), CLOCK.now())
    served.known.running.watch(job, order, DrillEvent("fetch", "progress", 50, 200, "bytes"))
    page = served.page("/drills/d7")
    assert [meta["content"] for meta in Elements(page).named("meta") if meta.get("http-equiv") == "refresh"] == ["3"]
    assert Elements(page).named("progress") == [{"aria-label": "fetch", "max": "200", "value": "50"}]
    assert 'http-equiv="refresh"' not in served.page("/drills/d7?live=off")
    assert "25 %" in served.page("/")
    assert served.client.get("/api/v1/drills/d7").json()["event"]["done"] == 50


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("/workloads/nothing", 404, "workload_unknown"),
        ("/workloads/", 404, "workload_unknown"),
        ("/drills/nothing", 404, "drill_unknown"),
        ("/drills/%00%ff%3Cscript%3E", 404, "drill_unknown"),
        ("/elsewhere", 404, "page_unknown"),
        ("/?page=0", 400, "request_invalid"),
        ("/?page=%D9%A3", 400, "request_invalid"),
        ("/?state=nonsense", 400, "request_invalid"),
        ("/?name=" + "x" * 300, 400, "request_invalid"),
        ("/workloads/orders?before=yesterday", 400, "request_invalid"),
    ],
)
def test_garbage_gets_a_page_that_says_what_is_wrong(unchanged: Pages, address: str, status: int, code: str) -> None:
    assert code in unchanged.page(address, status)


def test_a_method_that_is_not_taken_is_refused(unchanged: Pages) -> None:
    assert unchanged.client.post("/").status_code == 405
    assert unchanged.client.request("DELETE", "/drills/d1").status_code == 405


def test_an_endless_address_is_refused(unchanged: Pages) -> None:
    answer = unchanged.client.get("/?name=" + "x" * 8000)
    assert (answer.status_code, answer.json()["error"]["code"]) == (414, "address_too_long")


def test_pages_say_that_the_history_is_away(served: Pages) -> None:
    served.known.trouble = Reason("history_unreachable", "the history does not answer", "look at it")
    assert "the history does not answer" in served.page("/workloads/orders", 503)
    assert served.client.get("/api/v1/drills").status_code == 503
    assert "orders" in served.page("/")


def test_the_fleet_says_what_is_wrong_with_the_service_itself(served: Pages) -> None:
    assert "could not be delivered" not in served.page("/")
    served.known.told = FleetFigures(notifications_failed=2, config_reload_success=False)
    page = served.page("/")
    assert "2 notifications could not be delivered since this history began" in page
    assert "the one before it stays in force" in page


def test_the_api_tells_what_its_document_says(served: Pages) -> None:
    from jsonschema import Draft202012Validator

    served.known.kept.finish(replace(now_drilled(), backup=replace(now_drilled().backup, id=HOSTILE)))
    served.known.kept.start(an_order("d7", Place("orders", "primary")), Lease("us", CLOCK.now()), CLOCK.now())
    served.known.look_again()
    document = served.client.get("/api/v1/openapi.json").json()
    asked = {
        "/api/v1/workloads": "/api/v1/workloads?state=failed&state=",
        "/api/v1/workloads/{workload}": "/api/v1/workloads/orders",
        "/api/v1/drills": "/api/v1/drills?workload=orders&limit=1",
        "/api/v1/drills/{drill}": "/api/v1/drills/d7",
        "/api/v1/openapi.json": "/api/v1/openapi.json",
    }
    assert set(asked) == {path for path, methods in document["paths"].items() if "get" in methods}
    for path, address in asked.items():
        schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        told = served.client.get(address)
        assert told.status_code == 200, told.text
        Draft202012Validator({**schema, "components": document["components"]}).validate(told.json())
        assert not undocumented(told.json(), schema, document), path


def undocumented(told: object, schema: dict[str, object], document: dict[str, object]) -> set[str]:
    """The keys of an answer that its schema does not name."""
    names = set(re.findall(r'"(\w+)": \{', json.dumps(_whole(schema, document))))
    return set(told) - names if isinstance(told, dict) and "paths" not in told else set()


def _whole(schema: dict[str, object], document: dict[str, object], depth: int = 5) -> object:
    text = json.dumps(schema)
    for _ in range(depth):
        for name, one in document["components"]["schemas"].items():  # type: ignore[index]
            text = text.replace(json.dumps({"$ref": f"#/components/schemas/{name}"}), json.dumps(one))
    return json.loads(text)


def test_the_api_refuses_garbage_in_json(unchanged: Pages) -> None:
    for address, status in (
        ("/api/v1/drills?limit=0", 400),
        ("/api/v1/drills?verdict=x", 400),
        ("/api/v1/workloads?page=x", 400),
        ("/api/v1/workloads/x", 404),
        ("/api/v1/drills/x", 404),
        ("/api/v1/nothing", 404),
    ):
        answer = unchanged.client.get(address, headers={"Accept": "text/html"})
        assert (answer.status_code, set(answer.json())) == (status, {"error"}), address
