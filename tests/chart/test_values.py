"""What the chart accepts: a wrong type, an unknown key and a contradiction end the rendering, each with what to do."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from tests.chart.charts import FOLDER, SOUND, WORKLOADS, manifests, texts
from tools.chart_schema import with_configuration

VALUES = yaml.safe_load((FOLDER / "values.yaml").read_text(encoding="utf-8"))
SCHEMA = json.loads((FOLDER / "values.schema.json").read_text(encoding="utf-8"))
ROOT = Path(__file__).parents[2]


def test_lint_finds_nothing() -> None:
    found = helm_python.lint(str(FOLDER), SOUND, strict=True, kube_version="1.34.0")
    assert found["errors"] == []
    assert [one["error"] for one in found["messages"]] == ["icon is recommended"]


WRONG: list[dict[str, Any]] = [
    {"acceptUnsealedSandbox": "yes"},
    {"replica": 1},
    {"replicas": "1"},
    {"image": {"tagg": "1"}},
    {"image": {"digest": "sha256:abc"}},
    {"image": {"pullPolicy": "Sometimes"}},
    {"history": {"sqlite": {"size": 5}}},
    {"history": {"postgresql": {"dsn": "postgresql://u:p@h/d"}}},
    {"workspace": {"size": "20G"}},
    {"workspace": {"type": "hostPath"}},
    {"existingSecrets": "s3"},
    {"extraConfig": {"orders.yml": ""}},
    {"extraConfig": {"orders.yaml": {"workloads": {}}}},
    {"podAnnotations": {"a": 1}},
    {"serviceMonitor": {"interval": 60}},
    {"seccompProfile": {"type": "Unconfined"}},
    {"terminationGracePeriodSeconds": 5},
    {"service": {"port": 70000}},
    {"config": {"workloads": {"orders": {"onwer": "x", "locations": {"primary": {"type": "folder", "path": "/b"}}}}}},
    {"config": {"workloads": WORKLOADS, "watch_evry": "5m"}},
    {"config": {"workloads": WORKLOADS, "settle": 5}},
]


@pytest.mark.parametrize("values", WRONG, ids=json.dumps)
def test_a_wrong_type_or_an_unknown_key_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(helm_python.HelmValuesError):
        texts(**values)


REFUSED = {
    "acceptUnsealedSandbox": {"acceptUnsealedSandbox": False},
    "history.postgresql.existingSecret": {"replicas": 2},
    "either the one or the others": {"existingConfigMap": "mine"},
    "config.workloads": {"config": {}},
    "networkPolicy.ingressFrom": {"serviceMonitor": {"enabled": True}, "networkPolicy": {"enabled": True}},
    "see history": {"config": "history: sqlite:///here.db\nworkloads: {w: {}}\n"},
    "as text": {"config": {"workloads": {"w": {"owner": "x", "locations": {n: {"type": "folder", "path": "/b"} for n in "ba"}}}}},
    "says where": {"config": "workloads: {"},
    "includeConfigMaps": {"extraConfig": {"large.yaml": "# a comment\n" * 90_000}},
}


@pytest.mark.parametrize(("hint", "values"), REFUSED.items(), ids=REFUSED)
def test_a_contradiction_is_refused_with_what_to_do(hint: str, values: dict[str, Any]) -> None:
    with pytest.raises(helm_python.HelmError, match=rf"HINT: [^\n]*{re.escape(hint)}"):
        texts(**values)


def test_every_refusal_of_the_templates_is_tested() -> None:
    templates = "".join(path.read_text(encoding="utf-8") for path in (FOLDER / "templates").glob("*.tpl"))
    assert templates.count("{{- fail ") == len(REFUSED)


def leaves(values: dict[str, Any], route: str = "") -> set[str]:
    found = set()
    for key, value in values.items():
        found |= leaves(value, f"{route}{key}.") if isinstance(value, dict) and value else {f"{route}{key}"}
    return found


def allowed(schema: dict[str, Any], route: str = "") -> set[str]:
    found = set()
    for key, value in schema["properties"].items():
        found |= allowed(value, f"{route}{key}.") if value.get("properties") else {f"{route}{key}"}
    return found


def test_every_value_has_a_default_and_every_default_a_schema() -> None:
    optional = {"global", "resources.claims", "seccompProfile.localhostProfile"}
    free = {"resources.requests.cpu", "resources.requests.memory", "resources.limits.memory", "dashboards.labels.grafana_dashboard"}
    assert leaves(VALUES) - free == allowed(SCHEMA) - optional - {"resources.requests", "resources.limits", "dashboards.labels"}


def test_nothing_unknown_passes_anywhere() -> None:
    def closed(schema: dict[str, Any], route: str) -> list[str]:
        props = schema.get("properties")
        if props is None:
            return []
        found = [] if schema.get("additionalProperties") is False else [route]
        return found + [one for key, value in props.items() for one in closed(value, f"{route}.{key}")]

    assert closed(SCHEMA, "$") == []
    assert [one for name, shape in SCHEMA["$defs"].items() for one in closed(shape, name)] == []


def test_the_schema_knows_todays_configuration() -> None:
    assert with_configuration(SCHEMA) == SCHEMA, "run .venv/bin/python tools/chart_schema.py"


def test_every_value_is_described_in_the_readme() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [key for key in VALUES if f"`{key}`" not in readme and f"`{key}." not in readme] == []


def test_the_chart_is_of_the_version_that_the_program_has() -> None:
    version = re.search(r'__version__ = "(.+)"', (ROOT / "restore_tester" / "__init__.py").read_text(encoding="utf-8"))
    chart = yaml.safe_load((FOLDER / "Chart.yaml").read_text(encoding="utf-8"))
    assert version is not None
    assert (chart["version"], chart["appVersion"]) == (version[1], version[1])


def test_the_image_of_the_readme_and_of_the_values_has_the_majors_that_the_dockerfile_installs() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    majors = re.findall(r"^ARG POSTGRES_MAJORS=(.+)$", dockerfile, flags=re.MULTILINE)
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [" ".join(VALUES["image"]["postgresMajors"])] == majors
    assert f"PostgreSQL {majors[0]}, contrib included" in readme


def test_the_notes_name_what_can_be_restored_and_where_the_history_is() -> None:
    notes = texts()["NOTES.txt"]
    assert "PostgreSQL 17 (contrib)" in notes
    assert "claim rt-restore-tester-history, which outlives" in notes
    assert "the Secret dsn" in texts(history={"postgresql": {"existingSecret": "dsn"}})["NOTES.txt"]


def test_nothing_beyond_what_is_needed_is_made() -> None:
    made = ["ConfigMap", "Deployment", "PersistentVolumeClaim", "Pod", "Service", "ServiceAccount"]
    assert sorted(one["kind"] for one in manifests()) == made
