"""Files of a catalogue become checks; every mistake in them is said at once, with its place."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from restore_tester.checking.catalogue import load_catalogue, load_checks, shipped_checks
from restore_tester.errors import Misuse
from restore_tester.model import Expect, Severity
from tests.asking import write_check

PYTHON = "# about: It is so.\n# severity: gating\n# expect: no_rows\n# timeout: 60s\n\ndef find_problems(restored):\n    yield 'x'\n"


def refused(folder: Path) -> tuple[str, str]:
    """The code and the message of what is wrong with a folder."""
    with pytest.raises(Misuse) as caught:
        load_catalogue((folder,))
    assert caught.value.reason.hint
    return caught.value.reason.code, caught.value.reason.message


def test_a_file_says_all_of_a_check(tmp_path: Path) -> None:
    path = write_check(
        tmp_path,
        "orders_add_up",
        "select 1",
        **{"gates_traffic": "true", "needs": "amcheck, major  >= 17", "proves": "usable", "settings": "a=off, work_mem=64MB"},
    )
    (check,) = load_checks(tmp_path)
    assert (check.name, check.engine, check.about, check.severity) == ("orders_add_up", "any", "Something is so.", Severity.GATING)
    assert (check.expect, check.timeout_seconds, check.language, check.origin) == (Expect.NO_ROWS, 60.0, "sql", "own")
    assert (check.gates_traffic, check.needs, check.proves) == (True, ("amcheck", "major >= 17"), "usable")
    assert check.settings == (("a", "off"), ("work_mem", "64MB"))
    assert (check.text, check.sha256) == (path.read_text(), hashlib.sha256(path.read_bytes()).hexdigest())


def test_a_subfolder_names_the_engine(tmp_path: Path) -> None:
    write_check(tmp_path / "postgresql", "one", "select 1")
    write_check(tmp_path / "mysql", "two", "select 1")
    write_check(tmp_path, "three", "select 1")
    assert {check.name: check.engine for check in load_checks(tmp_path)} == {"one": "postgresql", "two": "mysql", "three": "any"}
    assert {check.name: check.engine for check in load_checks(tmp_path, "postgresql")} == {"one": "postgresql", "three": "postgresql"}


def test_an_unknown_key_is_named_with_its_place_and_the_nearest_one(tmp_path: Path) -> None:
    path = write_check(tmp_path, "mine", "select 1", severty="gating")
    assert refused(tmp_path) == ("check_invalid", f"1 mistake in a check: {path}:5: unknown key 'severty'; did you mean severity?")


@pytest.mark.parametrize("key", ["about", "severity", "expect", "timeout"])
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    write_check(tmp_path, "mine", "select 1", **{key: None})
    assert f"the key {key} is missing" in refused(tmp_path)[1]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("about", "", "about: it says nothing"),
        ("severity", "fatal", "severity: 'fatal' is not known"),
        ("severity", "gatting", "did you mean gating?"),
        ("expect", "no rows", "did you mean no_rows?"),
        ("timeout", "60", "timeout: '60' is no duration"),
        ("timeout", "0s", "timeout: '0s' is no duration"),
        ("gates_traffic", "yes", "gates_traffic: 'yes' is not known"),
        ("needs", "amchek", "needs: 'amchek' is not known"),
        ("needs", "major > x", "needs: 'major > x' is not known"),
        ("proves", "restored", "proves: 'restored' is not known"),
        ("settings", "work_mem", "settings: 'work_mem' is no setting"),
    ],
)
def test_a_value_that_is_not_known_is_a_mistake(tmp_path: Path, key: str, value: str, said: str) -> None:
    write_check(tmp_path, "mine", "select 1", **{key: value})
    assert said in refused(tmp_path)[1]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the key about is missing"),
        (b"\xff\xfe", "it is not UTF-8 text"),
        (b"-- about: a\n-- a comment\n", "a line of the header is `key: value`"),
        (b"-- about: a\n-- about: b\n", "about is said twice"),
        (b"-- about: a\n-- severity: gating\n-- expect: no_rows\n-- timeout: 1s\n\n-- only this\n", "it asks nothing"),
        (b"-- about: " + b"a" * (1 << 20), "it is larger than 1 MiB"),
    ],
)
def test_what_is_no_check_is_a_mistake(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "mine.sql").write_bytes(content)
    assert said in refused(tmp_path)[1]


def test_what_gates_traffic_decides_the_verdict_too(tmp_path: Path) -> None:
    write_check(tmp_path, "mine", "select 1", severity="warning", gates_traffic="true")
    assert "severity has to be gating" in refused(tmp_path)[1]


def test_all_mistakes_of_all_files_are_said_at_once(tmp_path: Path) -> None:
    write_check(tmp_path, "one", "select 1", severity="x", timeout="x")
    write_check(tmp_path / "postgresql", "two", "select 1", about=None)
    message = refused(tmp_path)[1]
    assert message.startswith("3 mistakes in checks:\n")
    assert [fact in message for fact in ("one.sql:2: severity", "one.sql:4: timeout", "two.sql: the key about")] == [True] * 3


@pytest.mark.parametrize(("folder", "name"), [(".", "foreign_keys"), ("postgresql", "foreign_keys")])
def test_a_name_of_the_tools_own_is_taken(tmp_path: Path, folder: str, name: str) -> None:
    write_check(tmp_path / folder, name, "select 1")
    assert "foreign_keys is the name of a check that comes with the tool" in refused(tmp_path)[1]


def test_a_name_stands_for_one_check(tmp_path: Path) -> None:
    write_check(tmp_path, "mine", "select 1")
    write_check(tmp_path / "postgresql", "mine", "select 1")
    assert "mine is the name of another check" in refused(tmp_path)[1]


def test_a_mistyped_engine_does_not_silence_its_checks(tmp_path: Path) -> None:
    write_check(tmp_path / "postgres", "mine", "select 1")
    assert "no engine is called 'postgres'; did you mean postgresql?" in refused(tmp_path)[1]


def test_a_check_in_python_is_refused_unless_allowed(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PYTHON)
    code, message = refused(tmp_path)
    assert (code, "mine.py" in message) == ("python_check_not_allowed", True)
    assert [check.language for check in load_checks(tmp_path, allow_python=True)] == ["python"]


@pytest.mark.parametrize(
    ("body", "said"), [("def find_problem(restored): pass\n", "defines no function find_problems"), ("def (:\n", "it is not Python")]
)
def test_python_that_cannot_run_is_a_mistake(tmp_path: Path, body: str, said: str) -> None:
    (tmp_path / "mine.py").write_text(PYTHON.partition("def")[0] + body)
    with pytest.raises(Misuse, match=said):
        load_checks(tmp_path, allow_python=True)


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_folder_without_checks_is_a_mistake(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    assert refused(tmp_path / name)[0] == "checks_missing"


def test_the_catalogue_is_the_shipped_checks_and_ones_own(tmp_path: Path) -> None:
    write_check(tmp_path, "mine", "select 1")
    assert load_catalogue((tmp_path, tmp_path)) == (*shipped_checks(), *load_checks(tmp_path))


def test_shipped_checks_are_those_of_one_engine() -> None:
    assert shipped_checks("postgresql") == shipped_checks()
    assert shipped_checks("redis") == ()


def test_reading_the_catalogue_imports_nothing_heavy() -> None:
    code = (
        "import sys; from restore_tester.checking.catalogue import shipped_checks; shipped_checks();"
        "print(sorted({'psycopg', 'difflib', 'typer', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
