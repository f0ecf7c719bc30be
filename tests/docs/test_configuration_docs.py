"""The page on configuration, the schema and the loader say the same: each key, each example."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from restore_tester.config.loading import examine
from restore_tester.config.schema import json_schema
from restore_tester.service.configured import trouble_with_name

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
EXAMPLE = PAGE.split("```yaml\n")[1].split("```")[0]
SECTIONS = {
    "The main file": None,
    "Criticality": "CriticalityShape",
    "A workload": "WorkloadShape",
    "A location of type folder": "FolderShape",
    "A location of type s3": "S3Shape",
    "A recovery environment": "RecoveryEnvironmentShape",
    "A check override": "OverrideShape",
    "A pause": "PauseShape",
    "A notification": "NotificationShape",
    "A ping": "PingShape",
}


def rows_of(section: str) -> dict[str, str]:
    """Return key → default of the table below a heading."""
    text = re.split(r"^#+ ", PAGE.split(f"# {section}\n")[1], flags=re.MULTILINE)[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", text, flags=re.MULTILINE))


def shape_of(name: str | None) -> dict[str, Any]:
    schema = json_schema()
    found: dict[str, Any] = schema if name is None else schema["$defs"][name]
    return found


def plain(text: str) -> Any:
    return json.loads(json.dumps(yaml.safe_load(text), default=str))


def faults(value: Any) -> list[str]:
    return [fault.json_path for fault in jsonschema.Draft202012Validator(json_schema()).iter_errors(value)]


@pytest.mark.parametrize(("section", "shape"), SECTIONS.items())
def test_every_key_is_documented_and_no_other(section: str, shape: str | None) -> None:
    assert set(rows_of(section)) == set(shape_of(shape)["properties"])


def test_every_shape_is_documented() -> None:
    assert set(SECTIONS.values()) - {None} == set(json_schema()["$defs"])


@pytest.mark.parametrize(("section", "shape"), SECTIONS.items())
def test_what_is_required_and_every_default_is_documented(section: str, shape: str | None) -> None:
    schema = shape_of(shape)
    for key, default in rows_of(section).items():
        assert (default == "required") == (key in schema.get("required", ())), key
        known = schema["properties"][key].get("default")
        if isinstance(known, str | int) and known != "":
            assert default == f"`{json.dumps(known) if isinstance(known, bool) else known}`", key


def test_every_key_of_the_schema_says_what_it_is() -> None:
    shapes = [json_schema(), *json_schema()["$defs"].values()]
    assert not [key for shape in shapes for key, value in shape["properties"].items() if not value.get("description")]


def test_the_schema_is_one_and_the_example_fits_it() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert faults(plain(EXAMPLE)) == []


def test_the_schema_refuses_what_the_loader_refuses() -> None:
    wrong = EXAMPLE.replace("owner: crm-sre", "onwer: crm-sre").replace("rto: 45m", "rto: 45").replace("select: rotating", "select: often")
    assert sorted(set(faults(plain(wrong)))) == [
        "$.workloads.customers",
        "$.workloads.orders.rto",
        "$.workloads.orders.select",
    ]


def test_the_example_is_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "restore-tester.yaml").write_text(EXAMPLE, encoding="utf-8")
    (tmp_path / "checks" / "orders").mkdir(parents=True)
    found = examine(tmp_path / "restore-tester.yaml", trouble_with_name)
    assert found.mistakes == ()
    assert found.configuration is not None
    assert [workload.name for workload in found.configuration.workloads] == ["customers", "orders"]
