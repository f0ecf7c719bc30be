"""The chart, rendered by the real Helm engine into manifests."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import yaml

FOLDER = Path(__file__).parents[2] / "helm" / "restore-tester"
SOUND: dict[str, Any] = yaml.safe_load((FOLDER / "ci" / "sound.yaml").read_text(encoding="utf-8"))
WORKLOADS = SOUND["config"]["workloads"]

Manifest = dict[str, Any]


@cache
def _chart() -> Any:
    return helm_python.Chart.load(str(FOLDER))


def texts(**values: Any) -> dict[str, str]:
    """Given values beside the least that renders, return the text of each template. Raise helm_python.HelmError as Helm would."""
    rendered = _chart().render({**SOUND, **values}, name="rt", namespace="drills")
    return {Path(name).relative_to("restore-tester/templates").as_posix(): text for name, text in rendered.items()}


def manifests(**values: Any) -> list[Manifest]:
    documents = [text for name, text in texts(**values).items() if name != "NOTES.txt"]
    return [found for text in documents for found in yaml.safe_load_all(text) if found]


def only(kind: str, **values: Any) -> Manifest:
    """Return the one manifest of a kind, not of a hook."""
    found = [one for one in manifests(**values) if one["kind"] == kind]
    assert len(found) == 1, [one["metadata"]["name"] for one in found]
    return found[0]


def pods(**values: Any) -> dict[str, Manifest]:
    """Return every pod that the chart makes, by the name of its maker."""
    found = {one["metadata"]["name"]: one["spec"] for one in manifests(**values) if one["kind"] == "Pod"}
    return found | {one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in manifests(**values) if one["kind"] == "Deployment"}


def environment(pod: Manifest) -> dict[str, Any]:
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in pod["containers"][0].get("env", ())}
