"""Tests of rules, run by the real promtool."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FILES = Path(__file__).parents[2] / "helm" / "restore-tester" / "files"
RULES = (FILES / "recording.yaml", FILES / "alerts.yaml")


@dataclass(frozen=True)
class Expected:
    """A query at an instant of the test (minutes from its beginning) and the samples that it must return, in any order."""

    query: str
    minutes: int
    samples: tuple[tuple[str, float], ...]


def rules() -> list[dict[str, Any]]:
    """Return every rule of both files."""
    return [rule for file in RULES for group in yaml.safe_load(file.read_text("utf-8"))["groups"] for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def run(folder: Path, tests: Sequence[dict[str, Any]], every: str = "5m") -> str:
    """Run tests of rules, return what promtool complains of; empty where nothing is wrong."""
    groups = [group["name"] for file in RULES for group in yaml.safe_load(file.read_text("utf-8"))["groups"]]
    written = {
        "rule_files": [str(file) for file in RULES],
        "evaluation_interval": every,
        "group_eval_order": groups,
        "tests": list(tests),
    }
    file = folder / "tests.yaml"
    # JSON is YAML, and quick to write.
    file.write_text(json.dumps(written), encoding="utf-8")
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, timeout=300, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def a_test(series: list[dict[str, str]], expected: Sequence[Expected], name: str = "") -> dict[str, Any]:
    """A test of one timeline."""
    asked = [
        {
            "expr": one.query,
            "eval_time": f"{one.minutes}m",
            "exp_samples": [{"labels": labels, "value": value} for labels, value in one.samples],
        }
        for one in expected
    ]
    return {"name": name, "interval": "5m", "input_series": series, "promql_expr_test": asked}
