"""The chart, installed by the real Helm in a namespace, and what its service tells."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import Any

import yaml

from tests.chart.charts import FOLDER
from tests.cluster import bucket
from tests.cluster.cluster import Namespace, wait_for

RELEASE = "proof"
SERVICE = f"{RELEASE}-restore-tester"
DRILL_SECONDS = 300


def workloads(*names: str) -> dict[str, Any]:
    """Return a configuration with a workload for each folder of the bucket."""
    place = {"type": "s3", "bucket": bucket.BUCKET, "endpoint_url": bucket.ENDPOINT}
    found = {name: {"owner": "ops", "profile": "fast", "locations": {"primary": {**place, "prefix": f"{name}/"}}} for name in names}
    return {"workloads": found}


@dataclass(frozen=True)
class Sample:
    name: str
    labels: dict[str, str]
    value: float


@dataclass(frozen=True)
class Release:
    space: Namespace

    def install(self, config: dict[str, Any]) -> None:
        self._helm("install", config)

    def upgrade(self, config: dict[str, Any]) -> None:
        self._helm("upgrade", config)

    def _helm(self, verb: str, config: dict[str, Any]) -> None:
        repository, _, tag = os.environ["RESTORE_TESTER_IMAGE"].rpartition(":")
        values = {
            "acceptUnsealedSandbox": True,
            "image": {"repository": repository, "tag": tag, "pullPolicy": "Never"},
            "existingSecrets": [bucket.SECRET],
            "config": config,
            "history": {"sqlite": {"keep": False}},
            "workspace": {"size": "2Gi"},
            "networkPolicy": {"enabled": True, "egress": [{"to": [{"podSelector": {"matchLabels": {"app": bucket.NAME}}}]}]},
            "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}},
        }
        argv = (verb, RELEASE, str(FOLDER), "--values", "-", "--wait", "--timeout", "240s")
        self.space.helm(*argv, given=yaml.safe_dump(values))

    def pod(self) -> dict[str, Any]:
        """Return the one pod of the service that is not ending."""
        chosen = f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component=service"
        found = [one for one in self.space.get("pods", "--selector", chosen)["items"] if "deletionTimestamp" not in one["metadata"]]
        assert len(found) == 1
        return dict(found[0])

    def page(self, path: str) -> str:
        """Return what the service answers, asked through the API server."""
        return self.space.kubectl("get", "--raw", f"/api/v1/namespaces/{self.space.name}/services/{SERVICE}:http/proxy{path}")

    def samples(self, name: str, **labels: str) -> list[Sample]:
        """Return what /metrics says of one metric."""
        lines = re.findall(rf"^restore_tester_{name}(?:\{{(.*)\}})? (\S+)$", self.page("/metrics"), flags=re.MULTILINE)
        found = [Sample(name, dict(re.findall(r'(\w+)="([^"]*)"', text)), float(value)) for text, value in lines]
        return [one for one in found if labels.items() <= one.labels.items()]

    def wait_for_verdict(self, workload: str) -> str:
        """Return the verdict of the workload's last drill, as soon as there is one."""

        def look() -> str | None:
            found = [one.labels["verdict"] for one in self.samples("last_drill_verdict", workload=workload) if one.value == 1]
            return found[0] if found else None

        return wait_for(f"a drill of {workload}", look, DRILL_SECONDS)

    def drills(self) -> list[dict[str, Any]]:
        """Return the records that the history holds, as its command line prints them in the pod."""
        said = self.space.kubectl("exec", f"deployment/{SERVICE}", "--", "restore-tester", "history", "--output", "json")
        found: list[dict[str, Any]] = json.loads(said)["drills"]
        return found
