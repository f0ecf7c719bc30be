"""The configuration that the chart writes is one, and a change of it restarts the pod."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from restore_tester.config.loading import Loaded, examine
from restore_tester.service.configured import trouble_with_name
from tests.chart.charts import SOUND, manifests, only

TWO_LOCATIONS = """\
concurrency: 4
# kept as written
workloads:
  orders:
    owner: payments-sre
    locations:
      primary: {type: folder, path: /backups/orders}
      offsite: {type: folder, path: /offsite/orders}
    check_overrides: {sequences: {severity: warning, reason: "legacy ids", until: 2027-01-31}}
"""


def written(**values: Any) -> str:
    """Return the main file."""
    return str(only("ConfigMap", **values)["data"]["restore-tester.yaml"])


def loaded(folder: Path, **values: Any) -> Loaded:
    (folder / "restore-tester.yaml").write_text(written(**values), encoding="utf-8")
    return examine(folder / "restore-tester.yaml", trouble_with_name)


def checksum(**values: Any) -> str:
    return str(only("Deployment", **values)["spec"]["template"]["metadata"]["annotations"]["checksum/config"])


@pytest.mark.parametrize("config", [SOUND["config"], TWO_LOCATIONS], ids=["values", "text"])
def test_what_is_written_is_a_configuration(config: Any, tmp_path: Path) -> None:
    found = loaded(tmp_path, config=config)
    assert found.mistakes == ()
    assert found.configuration is not None
    assert found.configuration.accept_unsealed_sandbox
    assert [workload.name for workload in found.configuration.workloads] == ["orders"]


def test_text_keeps_the_order_of_locations_and_its_comments(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, config=TWO_LOCATIONS).configuration
    assert configuration is not None
    assert [place.name for place in configuration.workloads[0].locations] == ["primary", "offsite"]
    assert "# kept as written" in written(config=TWO_LOCATIONS)


def test_the_history_is_on_the_volume_or_where_the_secret_says() -> None:
    assert "history: sqlite:////var/lib/restore-tester/history.db\n" in written()
    assert "history:\n  env: HISTORY_DSN\n" in written(history={"postgresql": {"existingSecret": "dsn"}})


def test_more_files_are_included_from_where_they_are_mounted() -> None:
    values = {"extraConfig": {"billing.yaml": "workloads: {}\n"}, "includeConfigMaps": ["fleet-a"]}
    main, more = (one["data"] for one in manifests(**values) if one["kind"] == "ConfigMap")
    assert "include:\n- /etc/restore-tester/conf.d/*.yaml\n- /etc/restore-tester/include/fleet-a/*.yaml\n" in main["restore-tester.yaml"]
    assert more == {"billing.yaml": "workloads: {}\n"}
    mounts = only("Deployment", **values)["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    assert {"/etc/restore-tester/conf.d", "/etc/restore-tester/include/fleet-a"} <= {one["mountPath"] for one in mounts}


def test_a_configuration_of_ones_own_is_used_as_it_is() -> None:
    values: dict[str, Any] = {"config": {}, "existingConfigMap": "mine"}
    assert "ConfigMap" not in {one["kind"] for one in manifests(**values)}
    volumes = only("Deployment", **values)["spec"]["template"]["spec"]["volumes"]
    assert {"name": "configuration", "configMap": {"name": "mine"}} in volumes


def test_a_change_of_the_configuration_restarts_the_pod_and_nothing_else_does() -> None:
    assert checksum() == checksum(serviceMonitor={"enabled": True})
    changed = [checksum(), checksum(config=TWO_LOCATIONS), checksum(extraConfig={"a.yaml": "{}"}), checksum(extraConfig={"a.yaml": "{ }"})]
    assert len(set(changed)) == len(changed)
