"""What a dashboard of ours must keep to: that of Grafana's own linter as far as it makes sense here, and a layout without holes.

Not kept, and why: no variable `instance` and no matcher for it, because replicas tell the same of every location and `max by` takes
one of them; workloads and owners are all by `.*`, not `.+`, because `lean` counts drills without a workload.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.__main__ import files
from restore_tester.service.exposition import Kind
from restore_tester.service.families import METRICS, NAMES
from tests.dashboards.shown import FOLDER, Shape, dashboard, drawn, panels, text
from tests.dashboards.shown import NAMES as DASHBOARDS

ROOT = Path(__file__).parents[2]
UIDS = {"fleet": "restore-tester-fleet", "workload": "restore-tester-workload"}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
# A ConfigMap holds 1 MiB.
MOST_BYTES = 1024 * 1024
EVERY_PANEL = [pytest.param(panel, id=f"{name}: {panel['title']}") for name in DASHBOARDS for panel in panels(dashboard(name))]


def test_what_is_committed_is_what_the_program_makes() -> None:
    for file, made in files().items():
        assert file.read_text(encoding="utf-8") == made, f"run .venv/bin/python -m dashboards ({file.name})"


@pytest.mark.parametrize("name", DASHBOARDS)
class TestDashboard:
    def test_it_is_known_by_an_address_that_never_changes(self, name: str) -> None:
        assert dashboard(name)["uid"] == UIDS[name]

    def test_it_cannot_be_edited_in_place_and_says_what_it_is(self, name: str) -> None:
        shown = dashboard(name)
        assert shown["editable"] is False
        assert shown["title"] and shown["description"] and "restore-tester" in shown["tags"]
        assert "id" not in shown

    def test_the_reader_chooses_the_data_source(self, name: str) -> None:
        (source,) = (one for one in dashboard(name)["templating"]["list"] if one["type"] == "datasource")
        assert (source["name"], source["query"]) == ("datasource", "prometheus")

    def test_options_are_asked_for_anew_when_the_time_changes(self, name: str) -> None:
        asking = [one for one in dashboard(name)["templating"]["list"] if one["type"] == "query"]
        assert {(one["refresh"], json.dumps(one["datasource"])) for one in asking} == {(2, json.dumps(SOURCE))}

    def test_every_variable_is_used_and_every_used_one_is_there(self, name: str) -> None:
        shown = dashboard(name)
        there = {one["name"] for one in shown["templating"]["list"]}
        used = set(re.findall(r"\$\{?(\w+)", json.dumps(shown)))
        assert {one for one in used if not one.startswith("__")} == there

    def test_it_is_what_the_schema_of_grafana_allows(self, name: str) -> None:
        shown = dashboard(name)
        again = json.loads(json.dumps(Dashboard.from_json(shown), cls=JSONEncoder))
        assert again == shown

    def test_no_panel_covers_another_or_leaves_the_grid(self, name: str) -> None:
        taken: set[tuple[int, int]] = set()
        for panel in drawn(dashboard(name)):
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            assert at["x"] + at["w"] <= 24 and not cells & taken, panel["title"]
            taken |= cells

    def test_every_panel_has_a_number_of_its_own(self, name: str) -> None:
        numbers = [panel["id"] for panel in panels(dashboard(name))]
        assert len(numbers) == len(set(numbers))

    def test_it_fits_a_config_map_together_with_the_other(self, name: str) -> None:
        assert (FOLDER / f"{name}.json").stat().st_size < MOST_BYTES / 3

    def test_annotations_come_from_the_same_data_source(self, name: str) -> None:
        (failed,) = (one for one in dashboard(name)["annotations"]["list"] if one["name"] == "failed drills")
        assert failed["datasource"] == SOURCE and failed["enable"]


@pytest.mark.parametrize("panel", EVERY_PANEL)
class TestPanel:
    def test_it_says_what_it_shows_in_which_unit_and_asks_something(self, panel: Shape) -> None:
        assert panel["title"] and panel["description"].endswith((".", ". "))
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["targets"]

    def test_it_asks_the_data_source_that_the_reader_chose(self, panel: Shape) -> None:
        assert panel["datasource"] == SOURCE
        assert all(target["datasource"] == SOURCE for target in panel["targets"])

    def test_its_queries_are_told_apart(self, panel: Shape) -> None:
        references = [target["refId"] for target in panel["targets"]]
        assert len(references) == len(set(references))

    def test_every_metric_is_narrowed_to_the_installations_that_are_chosen(self, panel: Shape) -> None:
        for target in panel["targets"]:
            selectors = re.findall(r"\b(?:restore_tester|process)_\w+(\{[^}]*\})?", target["expr"])
            assert selectors
            assert all('cluster=~"$cluster", namespace=~"$namespace", job=~"$job"' in one for one in selectors)

    def test_counters_are_asked_for_their_increase_over_what_a_pixel_shows(self, panel: Shape) -> None:
        for target in panel["targets"]:
            expression = target["expr"]
            for counter in counters():
                for found in re.finditer(counter + r"\{", expression):
                    assert re.search(r"(rate|increase)\($", expression[: found.start()]), expression
            assert set(re.findall(r"\[([^\]]+)\]", expression)) <= {"$__rate_interval"}

    def test_series_over_time_have_a_name(self, panel: Shape) -> None:
        if panel["type"] in ("timeseries", "bargauge", "state-timeline"):
            assert all(target["legendFormat"] for target in panel["targets"])


def counters() -> set[str]:
    found = {metric.family.full_name for metric in METRICS if metric.family.kind is Kind.COUNTER}
    return found | {f"{metric.family.full_name}_bucket" for metric in METRICS if metric.family.kind is Kind.HISTOGRAM}


def test_every_metric_that_is_shown_is_told_by_the_service_and_documented() -> None:
    told = set(NAMES) | {f"{name}_bucket" for name in NAMES if name.endswith("_duration_seconds")}
    documented = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    used = set(re.findall(r"\brestore_tester_\w+", text()))
    assert used <= told
    assert [one for one in used if f"`{one.removesuffix('_bucket')}`" not in documented] == []
    assert set(re.findall(r"\bprocess_\w+", text())) == {"process_resident_memory_bytes"} and "`process_*`" in documented


def test_every_metric_that_a_location_has_is_shown_somewhere() -> None:
    used = set(re.findall(r"\brestore_tester_\w+", text()))
    # When a location was first configured is for alerts alone: how long it has been waiting for its first proof.
    assert {name for name in NAMES if name not in used and f"{name}_bucket" not in used} == {"restore_tester_first_seen_timestamp_seconds"}


def links(shape: Any) -> set[str]:
    """Every address in a dashboard."""
    if isinstance(shape, list):
        return set().union(*map(links, shape))
    if not isinstance(shape, dict):
        return set()
    own = {shape["url"]} if shape.get("url") else set()
    return own.union(*map(links, shape.values()))


@pytest.mark.parametrize("name", DASHBOARDS)
def test_links_lead_to_our_pages_or_to_the_other_dashboard(name: str) -> None:
    assert links(dashboard(name))
    assert all(url.startswith(("${pages}/", f"/d/{UIDS['workload']}?")) for url in links(dashboard(name)))


def test_where_the_pages_are_cannot_be_changed_by_a_link_to_the_dashboard() -> None:
    for name in DASHBOARDS:
        (pages,) = (one for one in dashboard(name)["templating"]["list"] if one["name"] == "pages")
        assert (pages["type"], pages["skipUrlSync"], pages["query"]) == ("constant", True, "http://127.0.0.1:8000")


def test_drills_lead_to_their_page() -> None:
    (drills,) = (panel for panel in panels(dashboard("workload")) if panel["title"] == "Drills")
    assert any(url.startswith("${pages}/drills/") for url in links(drills))
