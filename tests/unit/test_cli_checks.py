"""The catalogue on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from restore_tester.checking.catalogue import shipped_checks
from tests.terminal import run

HEADER = (
    "-- about: Nobody owes a \x1b[31mnegative\x1b[0m amount.\n-- severity: gating\n-- expect: no_rows\n-- timeout: 10s\n-- proves: usable\n"
)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "negative.sql").write_text(f"{HEADER}select 1 where false;\n")
    return tmp_path


def test_every_shipped_check_is_listed_with_its_severity_and_what_it_asks() -> None:
    done = run("checks")
    assert done.returncode == 0
    text = " ".join(done.stdout.split())
    for check in shipped_checks():
        assert f"{check.name} {check.severity.value} shipped" in text
        assert " ".join(check.about.split()) in text


def test_as_json_the_list_is_one_object() -> None:
    listed = json.loads(run("checks", "-o", "json").stdout)
    assert [check["name"] for check in listed["checks"]] == [check.name for check in shipped_checks()]


def test_one_check_is_shown_with_its_whole_text() -> None:
    check = shipped_checks()[0]
    shown = run("checks", "show", check.name).stdout
    assert all(line.rstrip() in shown for line in check.text.splitlines() if "\t" not in line)
    assert check.sha256 in shown


@pytest.mark.parametrize("before", [True, False])
def test_ones_own_checks_are_read_beside_the_shipped_ones(own: Path, before: bool) -> None:
    folder = ("--checks", str(own))
    arguments = ("checks", *folder, "show", "negative") if before else ("checks", "show", "negative", *folder)
    done = run(*arguments)
    assert done.returncode == 0
    assert "proves usable" in " ".join(done.stdout.split())
    assert "\x1b" not in done.stdout


def test_a_mistake_in_a_header_is_said_with_its_place(own: Path) -> None:
    (own / "wrong.sql").write_text(HEADER.replace("severity", "severety") + "select 1;\n")
    done = run("checks", "--checks", str(own))
    assert (done.returncode, done.stdout) == (2, "")
    assert "wrong.sql:2" in done.stderr
    assert "did you mean severity?" in done.stderr


def test_an_unknown_name_gets_the_nearest_one_for_a_hint() -> None:
    name = shipped_checks()[0].name
    done = run("checks", "show", f"{name}x", "-o", "json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["hint"] == f"did you mean {name}?"
