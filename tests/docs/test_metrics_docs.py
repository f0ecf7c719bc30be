"""Every metric that the service tells is listed in `docs/operate.md`, and nothing else is, with its labels, kind and detail."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from restore_tester.history.nouns import Place
from restore_tester.service.exposition import Format
from restore_tester.service.families import METRICS, NAMES, Scope
from tests.service.ledgers import NOW, a_board, a_configuration, a_full_ledger

PAGE = (Path(__file__).parents[2] / "docs" / "operate.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(restore_tester_\w+)` \| (\w+) \| ([^|]+) \|(?: ([^|]+) \|)? [^|]+ \|$", re.MULTILINE)
LISTED = {name: (kind, labels, told) for name, kind, labels, told in ROW.findall(PAGE)}


def test_every_metric_is_listed_and_nothing_else_is() -> None:
    assert sorted(LISTED) == sorted(NAMES)


@pytest.mark.parametrize("metric", [metric for metric in METRICS if metric.scope is not Scope.FLEET], ids=lambda metric: metric.name)
def test_kind_and_detail_are_listed_as_they_are(metric: object) -> None:
    from restore_tester.service.families import Metric

    assert isinstance(metric, Metric)
    kind, _, told = LISTED[metric.family.full_name]
    assert (kind, told) == (metric.family.kind.value, "by choice" if metric.stages else "lean, full" if metric.lean else "full")


def test_labels_are_listed_as_they_are() -> None:
    from restore_tester.service.metrics import FleetFigures, Plan, Refusal

    board = a_board(a_configuration(stage_metrics=True), [(Place("orders", "primary"), a_full_ledger(0))])
    board.plan([Plan("orders", NOW, refused=(Refusal("primary", "budget_spent"),))])
    board.tell(FleetFigures(config_reloaded_at=NOW))
    body = board.body(Format.TEXT, compressed=False)
    assert body is not None
    told: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(b"".join(body.parts).decode()):
        for one in family.samples:
            name = re.sub(r"_seconds_(bucket|sum|count)$", "_seconds", one.name)
            told.setdefault(name, set()).update(set(one.labels) - {"le"})
    assert {name: labels for name, labels in told.items() if name in LISTED} == {
        name: set(re.findall(r"\w+", LISTED[name][1])) for name in told if name in LISTED
    }
    # Those that need what this ledger has not: a pause, or room for a check that could not be asked.
    assert set(LISTED) - set(told) <= {f"restore_tester_{name}" for name in ("paused", "check_problems", "checks_errored")}
