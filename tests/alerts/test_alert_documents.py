"""The rules, the code, the runbooks, the pages and the chart say the same."""

from __future__ import annotations

import re
import subprocess
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from restore_tester.service.families import NAMES
from tests.alerts import promtool
from tests.alerts.watching import inhibitions
from tests.chart.charts import only

DOCS = Path(__file__).parents[2] / "docs"
OPERATE = (DOCS / "operate.md").read_text(encoding="utf-8")
PAGE = (DOCS / "alerts.md").read_text(encoding="utf-8")
ALERTS = promtool.alerts()
USED = re.compile(r"(?<![\w:])restore_tester_\w+")
RECORDED = re.compile(r"(?:workload|location|fleet):restore_tester_\w+:\w+")
# What an alert of each kind is by the workload's criticality: mission-critical, essential, non-essential.
GRAVITY = {"data": (2, 2, 1), "objective": (2, 1, 1), "trend": (1, 1, 0)}
FIXED = {"critical": 2, "warning": 1, "none": 0}


def kind_of(alert: str) -> str:
    found = re.findall(r"restore_tester_severity:(data|objective|trend)", ALERTS[alert]["expr"])
    return str(found[0]) if "severity" not in ALERTS[alert].get("labels", {}) else str(ALERTS[alert]["labels"]["severity"])


def test_promtool_has_nothing_to_say() -> None:
    argv = ["promtool", "check", "rules", "--lint=all", "--lint-fatal", *map(str, promtool.RULES)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_that_is_used_exists_and_is_documented() -> None:
    used = {name for rule in promtool.rules() for name in USED.findall(rule["expr"])}
    assert used - set(NAMES) == set()
    assert {name for name in used if f"| `{name}` |" not in OPERATE} == set()


def test_alerts_use_recorded_series_and_each_is_used() -> None:
    recorded = {rule["record"] for rule in promtool.rules() if "record" in rule}
    used = {name for rule in promtool.rules() for name in RECORDED.findall(rule["expr"])}
    assert used == recorded


def test_what_is_told_by_several_replicas_is_never_asked_raw() -> None:
    of_places = set(USED.findall(" ".join(alert["expr"] for alert in ALERTS.values())))
    fleet = {"sandboxes_leaked", "notifications_failed_total", "config_reload_success", "build_info"}
    assert of_places == {f"restore_tester_{name}" for name in fleet}


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_says_what_a_person_needs(alert: str) -> None:
    rule = ALERTS[alert]
    assert re.fullmatch(r"RestoreTester[A-Z]\w+", alert)
    said = rule["annotations"]
    assert set(said) == {"summary", "description", "runbook_url"}
    assert "{{" not in said["summary"]
    assert "$value" not in said["description"] or "| humanize" in said["description"] or "_seconds" not in rule["expr"]
    assert said["runbook_url"].endswith(f"/docs/runbooks/{alert}.md")
    assert "for" in rule or alert == "RestoreTesterWatchdog"
    assert kind_of(alert) in {*GRAVITY, *FIXED}


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert {file.stem for file in (DOCS / "runbooks").iterdir()} == set(ALERTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_a_runbook_answers_in_the_order_in_which_one_asks(alert: str) -> None:
    text = (DOCS / "runbooks" / f"{alert}.md").read_text(encoding="utf-8")
    asked = ["Can the data be brought back?", "What to do now", "How to silence it", "What it never means"]
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == asked
    assert text.startswith(f"# {alert}\n\n")
    # Links lead somewhere.
    for target in re.findall(r"\]\(([\w./-]+)\)", text):
        assert (DOCS / "runbooks" / target).exists(), target


def test_the_page_lists_every_alert_with_its_kind_and_patience() -> None:
    rows = re.findall(r"^\| \[(\w+)\]\(runbooks/\1\.md\) \| (\S+) \| (\S+) \|", PAGE, re.MULTILINE)
    assert rows == [(alert, kind_of(alert), rule.get("for", "\u2013")) for alert, rule in ALERTS.items()]


# --- routes and inhibitions -------------------------------------------------------------------------------------------


def test_alertmanager_takes_the_example() -> None:
    done = subprocess.run(
        ["amtool", "check-config", str(promtool.FILES / "alertmanager.yaml")], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("severity", "alert", "receiver"),
    [
        ("critical", "RestoreTesterDrillFailed", "page"),
        ("warning", "RestoreTesterDrillFailed", "tickets"),
        ("info", "RestoreTesterDrillFailed", "nobody"),
        ("none", "RestoreTesterWatchdog", "dead-mans-switch"),
    ],
)
def test_an_alert_goes_to_whom_its_severity_says(severity: str, alert: str, receiver: str) -> None:
    file = f"--config.file={promtool.FILES / 'alertmanager.yaml'}"
    argv = ["amtool", "config", "routes", "test", file, f"alertname={alert}", f"severity={severity}"]
    assert subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout.strip() == receiver


def matching(matchers: list[str]) -> set[str]:
    """The alerts that all matchers on `alertname` match."""
    found = set(ALERTS)
    for matcher in matchers:
        name, operator, value = re.fullmatch(r'(\w+)(=~|!~|!=|=)"(.*)"', matcher).groups()  # type: ignore[union-attr]
        if name == "alertname":
            found = {
                alert
                for alert in found
                if bool(re.fullmatch(value if "~" in operator else re.escape(value), alert)) != operator.startswith("!")
            }
    return found


def test_what_does_not_page_never_mutes_what_does() -> None:
    for rule, at in product(inhibitions(), range(3)):
        for source, target in product(matching(rule["source_matchers"]), matching(rule["target_matchers"])):
            pages = gravity(target, at) == 2 and 'severity!="critical"' not in rule["target_matchers"]
            mutes_as_page = gravity(source, at) == 2 or 'severity="critical"' in rule["source_matchers"]
            assert not pages or mutes_as_page, (source, target)


def gravity(alert: str, criticality: int) -> int:
    return FIXED[kind_of(alert)] if kind_of(alert) in FIXED else GRAVITY[kind_of(alert)][criticality]


def test_every_name_in_an_inhibition_is_an_alert_and_none_mutes_itself() -> None:
    for rule in inhibitions():
        for side in ("source_matchers", "target_matchers"):
            for named in re.findall(r"RestoreTester(?:\(([\w|]+)\)|(\w+))", " ".join(rule[side])):
                assert {f"RestoreTester{one}" for one in (named[0] or named[1]).split("|")} <= set(ALERTS)
        if 'severity="critical"' not in rule["source_matchers"]:
            assert not matching(rule["source_matchers"]) & matching(rule["target_matchers"])


# --- the chart --------------------------------------------------------------------------------------------------------


def shipped(**values: Any) -> list[dict[str, Any]]:
    groups = only("PrometheusRule", prometheusRule={"enabled": True, **values})["spec"]["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_the_chart_ships_the_files_as_they_are(tmp_path: Path) -> None:
    names = [rule.get("alert") or rule["record"] for rule in shipped()]
    assert names == [rule.get("alert") or rule["record"] for rule in promtool.rules()]
    assert [rule["expr"] for rule in shipped() if "alert" in rule] == [rule["expr"] for rule in promtool.rules() if "alert" in rule]


def test_what_the_chart_is_told_is_in_its_rules(tmp_path: Path) -> None:
    told = {
        "runbooks": "https://wiki.example/x/",
        "disabled": ["RestoreTesterWatchdog"],
        "ruleLabels": {"team": "dba"},
        "missionCritical": ["gold", "platinum"],
        "nonEssential": ["lab"],
    }
    rules = shipped(**told)
    alerts = {rule["alert"]: rule for rule in rules if "alert" in rule}
    assert set(ALERTS) - set(alerts) == {"RestoreTesterWatchdog"}
    assert {rule["labels"]["team"] for rule in alerts.values()} == {"dba"}
    assert alerts["RestoreTesterAbsent"]["annotations"]["runbook_url"] == "https://wiki.example/x/RestoreTesterAbsent.md"
    exprs = " ".join(rule["expr"] for rule in rules)
    assert ('criticality=~"gold|platinum"' in exprs, 'criticality!~"lab"' in exprs) == (True, True)
    assert "mission-critical" not in exprs
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}), encoding="utf-8")
    assert subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, timeout=60, check=False).returncode == 0
