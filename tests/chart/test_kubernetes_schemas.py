"""Everything the chart makes is valid, strictly, for the oldest Kubernetes that it names, the newest known and what lies between."""

from __future__ import annotations

import re
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.chart.charts import FOLDER, manifests
from tests.chart.test_pod import VARIANTS

VERSIONS = ("1.29", "1.31", "1.34", "1.37")
OF_OTHERS = {"ServiceMonitor"}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_every_manifest_is_valid(version: str, values: dict[str, Any]) -> None:
    for manifest in manifests(**values):
        if manifest["kind"] not in OF_OTHERS:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_the_oldest_is_the_one_that_the_chart_names() -> None:
    chart = yaml.safe_load((FOLDER / "Chart.yaml").read_text(encoding="utf-8"))
    assert re.match(r">=1\.29\.", chart["kubeVersion"])
