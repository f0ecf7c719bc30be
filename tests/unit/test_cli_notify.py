"""`notify --test`: a message to everybody now, and an honest word on each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from restore_tester.cli import app
from tests.webhooks import nobody_listens, webhook

FLEET = """
notifications:
  - url: {env: WELL}
  - url: {env: OTHER}
    when: [failed]
workloads:
  orders:
    owner: ops
    locations: {primary: {type: folder, path: backups}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "restore-tester.yaml").write_text(FLEET)
    return tmp_path / "restore-tester.yaml"


def test_all_delivered_is_success(file: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    with webhook() as hook:
        monkeypatch.setenv("WELL", hook.address())
        monkeypatch.setenv("OTHER", hook.address())
        assert app.run(["notify", "--test", "-c", str(file)]) == 0
    assert capfd.readouterr().out == "env:WELL: delivered\nenv:OTHER: delivered\n"
    assert [body["title"] for body in hook.bodies] == ["restore-tester: a test"] * 2


@pytest.mark.parametrize("address", ["json://127.0.0.1:{port}/hook-s3cr3tpath", "slack://s3cr3tpath", "s3cr3tpath", ""])
def test_one_that_is_not_is_said_without_its_address(
    file: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], address: str
) -> None:
    with webhook() as hook:
        monkeypatch.setenv("WELL", hook.address())
        monkeypatch.setenv("OTHER", address.format(port=nobody_listens()))
        assert app.run(["notify", "--test", "-c", str(file), "-o", "json"]) == 3
    said = capfd.readouterr()
    first, second = json.loads(said.out)["targets"]
    assert (first["delivered"], second["delivered"], bool(second["trouble"])) == (True, False, True)
    assert "s3cr3tpath" not in said.out + said.err


def test_nobody_to_notify_is_a_mistake(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "restore-tester.yaml"
    file.write_text("workloads: {orders: {owner: ops, locations: {primary: {type: folder, path: backups}}}}\n")
    assert app.run(["notify", "--test", "-c", str(file)]) == 2
    assert "names nobody to notify" in capfd.readouterr().err


def test_without_test_nothing_is_sent(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert app.run(["notify", "-c", str(file)]) == 2
