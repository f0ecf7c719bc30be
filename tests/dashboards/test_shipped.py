"""The dashboards as the chart ships them: byte for byte what is committed, but for where the pages are."""

from __future__ import annotations

import json
from typing import Any

import helm_python
import kubernetes_validate
import pytest

from tests.chart.charts import SOUND, Manifest, manifests, texts
from tests.dashboards.shown import FOLDER, NAMES


def shipped(**dashboards: Any) -> Manifest:
    (found,) = (one for one in manifests(dashboards={"enabled": True, **dashboards}) if one["metadata"]["name"].endswith("-dashboards"))
    return found


def pages_of(manifest: Manifest) -> set[str]:
    loaded = (json.loads(text) for text in manifest["data"].values())
    return {one["query"] for shown in loaded for one in shown["templating"]["list"] if one["name"] == "pages"}


def test_nothing_is_shipped_unless_asked_for() -> None:
    assert not [one for one in manifests() if one["metadata"]["name"].endswith("-dashboards")]


def test_it_is_what_is_committed() -> None:
    data = shipped()["data"]
    committed = {f"restore-tester-{name}.json": (FOLDER / f"{name}.json").read_text(encoding="utf-8") for name in NAMES}
    assert data == committed


def test_the_sidecar_finds_it_by_the_label_that_it_looks_for() -> None:
    assert shipped()["metadata"]["labels"]["grafana_dashboard"] == "1"
    other = shipped(labels={"dashboards": "yes"}, annotations={"grafana_folder": "Backups"}, namespace="monitoring")["metadata"]
    assert (other["labels"]["dashboards"], other["annotations"]["grafana_folder"], other["namespace"]) == ("yes", "Backups", "monitoring")


def test_drills_link_to_where_the_pages_are() -> None:
    assert pages_of(shipped(pagesUrl="https://drills.example/?a=b&c=/")) == {"https://drills.example/?a=b&c="}


@pytest.mark.parametrize("dashboards", [{"pagesUrl": "javascript:alert(1)"}, {"labels": {"a": 1}}, {"enabled": "yes"}, {"folder": "x"}])
def test_what_cannot_be_meant_is_refused(dashboards: dict[str, Any]) -> None:
    with pytest.raises(helm_python.HelmValuesError):
        texts(dashboards=dashboards)


@pytest.mark.parametrize("version", ["1.29", "1.37"])
def test_kubernetes_takes_it(version: str) -> None:
    kubernetes_validate.validate(shipped(), version, strict=True)


def test_it_fits_a_config_map() -> None:
    assert len(json.dumps(shipped())) < 1024 * 1024


def test_where_the_configuration_says_where_its_pages_are_nobody_says_it_again() -> None:
    config = {**SOUND["config"], "public_url": "https://drills.example/rt"}
    values = {"config": json.dumps(config), "dashboards": {"enabled": True}}
    (found,) = (one for one in manifests(**values) if one["metadata"]["name"].endswith("-dashboards"))
    assert pages_of(found) == {"https://drills.example/rt"}
