"""What Grafana would ask a data source for a dashboard: its panels, their queries with the variables put in, and those of variables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "helm" / "restore-tester" / "files" / "dashboards"
NAMES = ("fleet", "workload")
Shape = dict[str, Any]


@dataclass(frozen=True)
class Query:
    """`where` it stands, what it asks, and whether it asks for now or for a time."""

    where: str
    expression: str
    instant: bool


def dashboard(name: str) -> Shape:
    loaded: Shape = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def drawn(shown: Shape) -> list[Shape]:
    """All that takes room: rows and panels, those of folded rows too."""
    return [one for panel in shown["panels"] for one in (panel, *panel.get("panels", ()))]


def panels(shown: Shape) -> list[Shape]:
    """All that shows something."""
    return [one for one in drawn(shown) if one["type"] != "row"]


def queries(name: str) -> Iterator[Query]:
    shown = dashboard(name)
    for panel in panels(shown):
        for target in panel["targets"]:
            yield Query(f"{name}: {panel['title']} ({target['refId']})", target["expr"], target.get("instant", False))
    for annotation in shown["annotations"]["list"]:
        yield Query(f"{name}: {annotation['name']}", annotation["expr"], False)


def variables(name: str) -> dict[str, str]:
    """The questions by which variables get their options, by variable."""
    found = dashboard(name)["templating"]["list"]
    return {one["name"]: one["query"]["query"] for one in found if one["type"] == "query"}


def asked(expression: str, workload: str = ".*", location: str = ".*") -> str:
    """Put in what Grafana would: all of everything, but for what is given."""
    values = {"__rate_interval": "1m", "workload": workload, "location": location, "owner": ".*", "cluster": ".*", "namespace": ".*"}
    values["job"] = ".*"
    return re.sub(r"\$\{?(\w+)\}?", lambda found: values[found[1]], expression)


def everything() -> list[Query]:
    return [query for name in NAMES for query in queries(name)]


def text() -> str:
    return "".join(query.expression + "\n" for query in everything()) + "".join(q for name in NAMES for q in variables(name).values())
