"""A password that was written into a configuration is refused, and printed nowhere: a canary is looked for in every output."""

from __future__ import annotations

import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from restore_tester.config.loading import ConfigurationRefused, load
from restore_tester.config.secrets import Secret, holds_password, parse_reference
from restore_tester.errors import Misuse
from restore_tester.service.configured import trouble_with_name

CANARY = "hunter2-canary"
BODY = """
workloads:
  orders:
    owner: x
    locations: {a: {type: folder, path: p}}
"""
PLACES = [
    f"history: postgresql+psycopg://u:{CANARY}@h/db",
    f'history: "postgresql://u:two {CANARY}@h/db"',
    f"history: 'postgresql://h/db?user=u&password={CANARY}'",
    f"history: 'host=h user=u password={CANARY}'",
    f"history: {{env: 'postgresql://u:{CANARY}@h/db'}}",
    f"history: {{password: {CANARY}}}",
    f"history: {{env: A, file: {CANARY}}}",
    f"history: [postgresql://u:{CANARY}@h/db]",
    f"history: {{postgresql://u:{CANARY}@h/db: }}",
    f"postgresql://u:{CANARY}@h/db: x",
    f"history: mysql://u:p/{CANARY}@h/db",
    f"history: {CANARY}",
    f"history: !secret {CANARY}",
    f"history: &a postgresql://u:{CANARY}@h/db\nsandbox: *a",
    f"history: 'postgresql://u:{CANARY}@h/db",
    f"history: postgresql://u:{CANARY}@h/db\n\tx: y",
    f"sandbox: {CANARY}",
    f"concurrency: {CANARY}",
    f"settle: {CANARY}",
    f"mode: {CANARY}",
    f"open_pages: {CANARY}",
    f"include: [postgresql://u:{CANARY}@h/db]",
    f"criticality: {{gold: {{rto: {CANARY}}}}}",
    BODY + f"    rto: {CANARY}",
    BODY + f"    schedule: {CANARY}",
    BODY + f"    timezone: {CANARY}",
    BODY + f"    checks: [{CANARY}]",
    BODY + f"    database: postgresql://u:{CANARY}@h/db",
    BODY + f"    recovery_point: select dblink('host=h password={CANARY}')",
    BODY + f"    settings: {{primary_conninfo: 'host=h password={CANARY}'}}",
    BODY + f"    settings: {{'bad {CANARY}': on}}",
    BODY.replace("a: {type: folder, path: p}", f"a: {{type: s3, bucket: b, access_key: {{env: A}}, secret_key: {CANARY}}}"),
    BODY.replace("a: {type: folder, path: p}", f"a: {{type: s3, bucket: b, endpoint_url: 'http://u:{CANARY}@h'}}"),
    BODY.replace("a: {type: folder, path: p}", f"a: {{type: {CANARY}}}"),
    BODY.replace("a: {type: folder, path: p}", f"a: {{type: folder, path: p, name: 'x-{{taken_at:%Q}}-postgresql://u:{CANARY}@h'}}"),
    BODY + f"    check_overrides: {{s: {{reason: x, until: {CANARY}}}}}",
]


def refused(folder: Path, text: str) -> ConfigurationRefused:
    file = folder / "restore-tester.yaml"
    file.write_text(text + ("" if "workloads:" in text else BODY), encoding="utf-8")
    with pytest.raises(ConfigurationRefused) as raised:
        load(file, trouble_with_name)
    return raised.value


@pytest.mark.parametrize("text", PLACES)
def test_no_refusal_repeats_what_may_be_a_password(tmp_path: Path, text: str) -> None:
    error = refused(tmp_path, text)
    shown = [str(error), repr(error), repr(error.args), repr(error.mistakes), "".join(traceback.format_exception(error))]
    shown += ["".join(traceback.TracebackException.from_exception(one).format()) for one in (error.__cause__, error.__context__) if one]
    assert not [text for text in shown if CANARY in text]


@pytest.mark.parametrize("output", ["text", "json"])
@pytest.mark.parametrize("command", ["check", "check --live"])
def test_the_command_prints_no_password_from_a_dsn(tmp_path: Path, output: str, command: str) -> None:
    file = tmp_path / "restore-tester.yaml"
    file.write_text("\n".join(line for line in PLACES[:3]) + BODY + "    rto: 5\n", encoding="utf-8")
    program = "from restore_tester.cli.config_commands import app; app()"
    argv = [sys.executable, "-c", program, *command.split(), "-c", str(file), "-o", output]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "a password is written here" in done.stdout
    assert CANARY not in done.stdout + done.stderr


def test_a_dsn_with_a_password_is_told_how_to_be_a_reference(tmp_path: Path) -> None:
    (mistake,) = refused(tmp_path, PLACES[0]).mistakes
    assert (mistake.line, mistake.column, mistake.message) == (1, 10, "a password is written here")
    assert "{env: NAME}" in mistake.hint


def test_a_dsn_without_a_password_may_stand(tmp_path: Path) -> None:
    file = tmp_path / "restore-tester.yaml"
    file.write_text("history: postgresql+psycopg://drills@db.internal:5432/drills\n" + BODY, encoding="utf-8")
    assert load(file, trouble_with_name).history == "postgresql+psycopg://drills@db.internal:5432/drills"


@pytest.mark.parametrize(
    "text",
    [
        *("s3://bucket/prefix", "http://minio:9000", "select max(a) from t where b = 'c'", "postgresql://u@h:5432/d"),
        *("see https://wiki:8443/restore, ask dba@example.com", "http://minio:9000, ask ops@example.com"),
    ],
)
def test_what_holds_no_password_is_left_alone(text: str) -> None:
    assert not holds_password(text)


def test_a_secret_is_resolved_from_the_environment_and_prints_as_its_reference() -> None:
    secret = Secret("env", "DSN")
    assert secret.resolve({"DSN": CANARY}) == CANARY
    assert (str(secret), repr(secret)) == ("env:DSN", "<secret env:DSN>")


def test_a_secret_is_read_from_its_file_without_the_last_newline(tmp_path: Path) -> None:
    (tmp_path / "dsn").write_text(f"{CANARY}\n")
    assert Secret("file", str(tmp_path / "dsn")).resolve() == CANARY


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff" + CANARY.encode()], ids=["absent", "empty", "blank", "binary"])
def test_a_secret_that_is_not_there_is_our_users_mistake_and_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "dsn").write_bytes(content)
    with pytest.raises(Misuse) as raised:
        Secret("file", str(tmp_path / "dsn")).resolve()
    assert raised.value.reason.code == "secret_missing"
    assert CANARY not in "".join(traceback.format_exception(raised.value))


def test_an_environment_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(Misuse, match="the environment variable DSN is not set"):
        Secret("env", "DSN").resolve({})


def test_a_reference_survives_the_journey_of_an_order() -> None:
    assert parse_reference(str(Secret("file", "/run/a:b"))) == Secret("file", "/run/a:b")


@pytest.mark.parametrize("text", [CANARY, "env:", f"vault:{CANARY}"])
def test_what_is_no_reference_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(Misuse) as raised:
        parse_reference(text)
    assert CANARY not in str(raised.value)
