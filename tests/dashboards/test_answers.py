"""Every query of every panel, asked of a real Prometheus that scrapes a real service: it answers, and what it answers is right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from dashboards import promql
from tests.dashboards.scraped import Prometheus, a_fleet, its_board, scraping
from tests.dashboards.shown import NAMES, Query, asked, everything, queries, variables

# What no fleet shows that `lean` tells of: docs/operate.md says which metrics it leaves out.
IN_LEAN = (
    "Workloads (A)",
    "Proven (A)",
    "Failing (A)",
    "Never proven (A)",
    "Proof is old (A)",
    "Could not tell (A)",
    "Exposed (A)",
    "What needs somebody (A)",
    "What needs somebody (C)",
    "What needs somebody (E)",
    "Recovery time against the RTO (A)",
    "Data loss against the RPO (A)",
    "Nearest to their RTO (A)",
    "Nearest to their RPO (A)",
    "Locations by their last drill (A)",
    "Drills (A)",
    "Why drills did not pass (A)",
    "What the listings show (A)",
)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with scraping(tmp_path_factory.mktemp("prometheus"), its_board()) as running:
        yield running


@pytest.fixture(scope="module")
def lean(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with scraping(tmp_path_factory.mktemp("lean"), its_board(replace(a_fleet(), metrics="lean"))) as running:
        yield running


@pytest.mark.parametrize("query", everything(), ids=lambda query: query.where)
def test_every_query_of_every_panel_returns_data(prometheus: Prometheus, query: Query) -> None:
    # A workload's dashboard shows one: the paused one where it is about pauses, else the one that has something of everything.
    workload = ".*" if query.where.startswith("fleet") else "orders"
    expression = asked(query.expression, workload)
    assert prometheus.lately(expression)
    assert not query.instant or prometheus.now(expression)


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_gets_its_options_from_series_that_are_there(prometheus: Prometheus, name: str) -> None:
    for question in variables(name).values():
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", question)
        assert found is not None, question
        series = prometheus.ask("series", **{"match[]": asked(found[1])})
        # Cluster and namespace are set by whoever runs Prometheus, or by nobody.
        assert series
        assert found[2] in ("cluster", "namespace") or all(found[2] in one for one in series)


@pytest.mark.parametrize("where", IN_LEAN)
def test_a_fleet_of_ten_thousand_sees_what_matters_though_less_is_told_of_it(lean: Prometheus, where: str) -> None:
    (query,) = (query for query in queries("fleet") if query.where == f"fleet: {where}")
    assert lean.now(asked(query.expression))


STATES = {"orders": promql.PROVEN, "sound": promql.PROVEN, "never": promql.NEVER, "old": promql.STALE, "untold": promql.UNTOLD}


@pytest.mark.parametrize(("workload", "state"), STATES.items())
def test_a_workload_is_as_well_proven_as_its_best_location(prometheus: Prometheus, workload: str, state: int) -> None:
    assert prometheus.value(asked(promql.best_state(), workload)) == state


@pytest.mark.parametrize(("workload", "state"), {**STATES, "orders": promql.FAILED}.items())
def test_the_worst_location_is_not_hidden_by_the_best(prometheus: Prometheus, workload: str, state: int) -> None:
    assert prometheus.value(asked(promql.worst_state(), workload)) == state


def figures(prometheus: Prometheus) -> dict[str, float]:
    told = {query.where.removeprefix("fleet: ").removesuffix(" (A)"): query for query in queries("fleet")}
    names = ("Workloads", "Proven", "Failing", "Never proven", "Proof is old", "Could not tell")
    return {name: prometheus.value(asked(told[name].expression)) for name in names}


def test_the_figures_at_the_top_count_what_is_there_once_however_many_replicas_tell_of_it(prometheus: Prometheus) -> None:
    shown = figures(prometheus)
    assert shown == {"Workloads": 5, "Proven": 0.4, "Failing": 1, "Never proven": 1, "Proof is old": 1, "Could not tell": 1}


def test_they_are_the_same_where_less_is_told(prometheus: Prometheus, lean: Prometheus) -> None:
    assert figures(lean) == figures(prometheus)


def test_another_owner_and_another_workload_see_nothing_rather_than_zero(prometheus: Prometheus) -> None:
    for query in queries("fleet"):
        if query.where.endswith(("Failing (A)", "Proven (A)", "Workloads (A)")):
            assert prometheus.now(asked(query.expression, workload="nothing-like-it")) == []


def test_who_needs_nobody_is_not_in_the_table_of_those_who_do(prometheus: Prometheus) -> None:
    (query,) = (query for query in queries("fleet") if query.where == "fleet: What needs somebody (A)")
    listed = {one["metric"]["workload"] for one in prometheus.now(asked(query.expression))}
    assert listed >= {"orders", "never", "old", "untold"}


def test_a_failed_drill_is_marked_when_it_ended_and_no_other_is(prometheus: Prometheus) -> None:
    (query,) = (query for query in queries("fleet") if query.where == "fleet: failed drills")
    (marked,) = prometheus.now(asked(query.expression))
    ended = prometheus.value('max(restore_tester_last_drill_timestamp_seconds{workload="orders", location="primary"})')
    assert (marked["metric"]["workload"], marked["metric"]["location"]) == ("orders", "primary")
    assert float(marked["value"][1]) == pytest.approx(1000 * ended, abs=1)


def test_an_objective_is_a_line_of_its_own_and_follows_the_configuration(prometheus: Prometheus) -> None:
    (query,) = (query for query in queries("workload") if query.where == "workload: Recovery time against the RTO (B)")
    assert prometheus.value(asked(query.expression, "orders")) == 3600
