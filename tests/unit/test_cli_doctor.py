"""What the doctor finds on this machine, and what it tells one where nothing is installed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from restore_tester.cli.examination import _install_command, _missing
from restore_tester.restorers.postgresql.servers import Server
from tests.terminal import run


def sandbox_seen(**more: object) -> object:
    from restore_tester.cli.examination import SandboxSeen

    seen = {"kind": "process", "isolation": ("own-uid",), "sealed": True, "detail": "", "cpus": 2, "memory_bytes": 1 << 30}
    return SandboxSeen(**{**seen, "workspace": "/tmp", "free_bytes": 1 << 40, **more})


def server(**more: object) -> Server:
    found = {"major": 16, "folder": Path("/pg/bin"), "origin": "installed", "home": Path("/pg"), "has": frozenset({"amcheck"})}
    return Server(**{**found, **more})


def test_this_machine_can_drill_and_both_forms_say_so() -> None:
    text, as_json = run("doctor"), run("doctor", "-o", "json")
    assert (text.returncode, as_json.returncode) == (0, 0)
    seen = json.loads(as_json.stdout)
    assert text.stdout.split()[0] == "READY"
    assert seen["can_drill"] is True
    for found in seen["servers"]:
        assert found["folder"] in text.stdout.replace("\n", " ")


def test_isolation_is_what_a_sandbox_really_got() -> None:
    seen = json.loads(run("doctor", "-o", "json").stdout)["sandbox"]
    assert seen["isolation"]
    assert ("sealed-probe" in seen["isolation"]) is seen["sealed"]


def test_a_docker_engine_is_a_choice_and_its_absence_is_explained() -> None:
    seen = json.loads(run("doctor", "-o", "json", DOCKER_HOST="unix:///nowhere/docker.sock").stdout)
    assert (seen["can_drill"], seen["docker"]["reachable"], bool(seen["docker"]["detail"])) == (True, False, True)


def test_without_any_server_the_cure_is_a_command() -> None:
    (reason,) = _missing((), (), sandbox_seen())
    assert reason.code == "server_missing"
    assert "pip install 'restore-tester[embedded]'" in reason.hint


def test_a_broken_server_and_one_without_amcheck_are_named() -> None:
    broken, plain = server(broken="initdb missing"), server(has=frozenset())
    assert [reason.code for reason in _missing((broken, plain), (plain,), sandbox_seen())] == ["server_broken", "amcheck_missing"]


def test_a_way_out_and_a_small_disk_are_named() -> None:
    seen = sandbox_seen(sealed=False, detail="it has a network", free_bytes=10)
    assert [reason.code for reason in _missing((server(),), (server(),), seen)] == ["sandbox_unsealed", "little_disk"]


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ("ID=debian\n", "apt install postgresql"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "apt install postgresql"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "dnf install postgresql-server postgresql-contrib"),
        ("ID=alpine\n", "apk add postgresql postgresql-contrib"),
        ("ID=plan9\n", "install PostgreSQL's server and its contrib modules with this system's package manager"),
    ],
)
def test_the_command_is_that_of_the_distribution(tmp_path: Path, release: str, command: str) -> None:
    (tmp_path / "os-release").write_text(release)
    assert _install_command(tmp_path / "os-release") == command
