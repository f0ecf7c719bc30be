"""What the docker sandbox keeps from the programs inside, what its limits do, and what is said where it cannot be had."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from restore_tester.contracts import Command, DrillEvent
from restore_tester.errors import CannotTell, SandboxFault
from restore_tester.model import SandboxNeeds
from restore_tester.sandboxes.docker.provider import DockerSandboxes
from restore_tester.sandboxes.docker.sandbox import DockerSandbox, ways_out
from tests.docker_engine import ask, containers, needs_docker
from tests.inventory import mark, shell, take_inventory

NEEDS = SandboxNeeds("postgresql", major=17)


@pytest.fixture(autouse=True)
def engine(base: Path) -> Iterator[None]:
    needs_docker()
    yield
    assert containers(base) == []


@pytest.fixture
def sandbox(base: Path) -> Iterator[DockerSandbox]:
    with DockerSandboxes(base=base).open(NEEDS) as opened:
        yield opened


def test_everything_that_the_contract_names_is_in_force_once_sealed(sandbox: DockerSandbox) -> None:
    assert sandbox.seal().sealed
    own = ("own-uid",) if os.geteuid() == 0 else ()
    limits = ("memory-limit", "process-limit", "disk-limit", "time-limit")
    assert sandbox.isolation() == ("no-network", *own, "private-filesystem", "no-capabilities", *limits, "sealed-probe")


def test_no_network_is_there(sandbox: DockerSandbox, base: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        script = f"exec 3<>/dev/tcp/127.0.0.1/{listener.getsockname()[1]}"
        assert sandbox.run(Command(("/bin/bash", "-c", script), mark(base))).code == 1
    exit = sandbox.run(Command(("/bin/bash", "-c", "exec 3<>/dev/tcp/192.0.2.1/9"), mark(base)))
    assert b"Network is unreachable" in exit.errors


def test_a_container_on_the_machines_network_would_be_found_out(base: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(b"\0seen-from-inside")
        abstract.listen()
        network = 'for file in route ipv6_route tcp unix; do echo "= $file"; cat /proc/self/net/$file; done; echo = end'
        said = ask("run", "--rm", "--network=host", "--entrypoint=sh", "postgres:17", "-c", network)
        found = ways_out(said, listener.getsockname()[1], "seen-from-inside")
    assert [way.split(" is ")[0] for way in found[-2:]] == ["a program of this machine"] * 2


def test_half_an_answer_of_the_probe_proves_nothing() -> None:
    with pytest.raises(SandboxFault) as error:
        ways_out("= route\nIface\n= unix\nNum\n", 1, "name")
    assert error.value.reason.code == "seal_unproven"


@pytest.mark.parametrize("path", ["/usr/file", "/etc/file", "/file", "/dev/file", "/etc/passwd", "/usr/bin/env"])
def test_nothing_but_the_workspace_and_its_memory_can_be_written(sandbox: DockerSandbox, base: Path, path: str) -> None:
    assert sandbox.run(shell(base, f"echo x >> {path}")).code != 0
    assert sandbox.run(shell(base, "echo x > file && echo x > /tmp/file && echo x > /dev/shm/file && echo x > /dev/null")).code == 0


def test_no_capability_is_held_and_none_can_be_won_back(sandbox: DockerSandbox, base: Path) -> None:
    status = sandbox.run(shell(base, "grep -E '^(Cap|NoNewPrivs)' /proc/self/status")).output.decode()
    figures = {line.split(":")[0]: int(line.split(":")[1], 16) for line in status.splitlines()}
    assert figures.pop("NoNewPrivs") == 1
    assert set(figures.values()) == {0}
    assert sandbox.run(shell(base, "unshare --user --map-root-user true")).code != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user has no other uid to give")
def test_two_sandboxes_of_root_run_as_two_uids_that_are_nobody_elses(base: Path) -> None:
    provider = DockerSandboxes(base=base)
    with provider.open(NEEDS) as first, provider.open(NEEDS) as second:
        uids = {int(sandbox.run(Command(("/usr/bin/id", "-u"))).output) for sandbox in (first, second)}
        assert {sandbox.workspace.here.stat().st_uid for sandbox in (first, second)} == uids
        assert first.run(Command(("/usr/bin/id", "-un"))).output == b"sandbox\n"
    assert len(uids) == 2
    assert min(uids) >= 0x70000000


def test_the_image_is_recorded_by_its_digest_and_its_entrypoint_never_runs(sandbox: DockerSandbox, base: Path) -> None:
    known = ask("image", "inspect", "--format", "{{.Id}} {{.RepoDigests}}", "postgres:17")
    name, _, digest = sandbox.image.partition("@")
    assert (name, digest in known) == ("postgres:17", True)
    assert b"entrypoint" not in sandbox.run(shell(base, "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -v grep")).output


def test_the_workloads_own_image_is_used(base: Path) -> None:
    with DockerSandboxes(base=base).open(replace(NEEDS, image="postgres:15")) as sandbox:
        assert sandbox.image.startswith("postgres:15@sha256:")
        assert sandbox.run(shell(base, "ls /usr/lib/postgresql")).output == b"15\n"


def test_a_fork_bomb_meets_its_limit_and_the_next_command_still_runs(base: Path) -> None:
    with DockerSandboxes(base=base).open(replace(NEEDS, processes=20)) as sandbox:
        bomb = sandbox.run(shell(base, "i=0; while [ $i -lt 100 ]; do sleep 1000 & i=$((i+1)); done; wait"))
        assert (bomb.code != 0, b"fork" in bomb.errors) == (True, True)
        assert sandbox.run(Command(("/bin/true",), mark(base))).code == 0


def test_a_program_killed_for_memory_is_the_sandboxs_fault(base: Path) -> None:
    with DockerSandboxes(base=base).open(replace(NEEDS, memory_bytes=100 << 20)) as sandbox:
        assert (sandbox.memory_bytes, sandbox.trouble()) == (100 << 20, None)
        with pytest.raises(SandboxFault) as error:
            sandbox.run(Command(("/usr/bin/tail", "/dev/zero"), mark(base)))
    assert error.value.reason.code == "out_of_memory"


def test_a_program_of_a_program_killed_for_memory_is_known_as_well(base: Path) -> None:
    with DockerSandboxes(base=base).open(replace(NEEDS, memory_bytes=100 << 20)) as sandbox:
        assert sandbox.run(shell(base, "tail /dev/zero; echo on; exit 1")).code == 1
        trouble = sandbox.trouble()
        assert trouble is not None
        assert trouble.reason.code == "out_of_memory"


def test_a_full_disk_limit_ends_the_sandbox_and_says_so(base: Path) -> None:
    with DockerSandboxes(base=base).open(replace(NEEDS, disk_bytes=20 << 20)) as sandbox:
        with pytest.raises(SandboxFault) as error:
            sandbox.run(shell(base, "mkdir closed; head -c 30M /dev/zero > closed/file; chmod 0 closed; exec sleep 1000"))
        assert error.value.reason.code == "disk_full"
        with pytest.raises(SandboxFault, match="disk"):
            sandbox.run(Command(("/bin/true",)))


def test_a_sandbox_that_lives_too_long_is_ended_and_says_so(base: Path) -> None:
    with DockerSandboxes(base=base).open(replace(NEEDS, deadline_seconds=1.5)) as sandbox:
        running = sandbox.start(shell(base, "exec sleep 1000"))
        with pytest.raises(SandboxFault) as error:
            sandbox.run(shell(base, "exec sleep 1000"))
        assert error.value.reason.code == "deadline"
        with pytest.raises(SandboxFault, match="deadline"):
            running.stop(signal.SIGTERM, 60)


@pytest.mark.parametrize("how", ["kill", "rm --force"])
def test_a_sandbox_whose_container_is_taken_away_says_that_it_was_lost(sandbox: DockerSandbox, base: Path, how: str) -> None:
    running = sandbox.start(shell(base, "exec sleep 1000"))
    ask(*how.split(), containers(base)[0].split()[0])
    with pytest.raises(SandboxFault) as error:
        sandbox.run(shell(base, "exec sleep 1000"))
    assert error.value.reason.code == "sandbox_lost"
    with pytest.raises(SandboxFault, match="ended by itself"):
        running.stop(signal.SIGTERM, 60)


def test_a_program_that_kills_all_it_can_ends_its_own_sandbox_only(base: Path) -> None:
    with DockerSandboxes(base=base).open(NEEDS) as other, DockerSandboxes(base=base).open(NEEDS) as sandbox:
        with pytest.raises(SandboxFault) as error:
            sandbox.run(shell(base, "kill -9 -1; exec sleep 1000"))
            sandbox.run(shell(base, "exec sleep 1000"))
        assert error.value.reason.code == "sandbox_lost"
        assert other.run(shell(base, "echo alive")).output == b"alive\n"


def test_a_program_that_left_its_group_dies_with_the_sandbox(base: Path) -> None:
    before = take_inventory(base)
    with DockerSandboxes(base=base).open(NEEDS) as sandbox:
        script = "setsid sh -c 'trap \"\" TERM HUP INT; touch up; sleep 1000' >/dev/null 2>&1 & while ! test -e up; do sleep 0.01; done"
        assert sandbox.run(shell(base, script)).code == 0
        assert any("sleep 1000" in process for process in take_inventory(base).processes)
    assert take_inventory(base) == before


def opening(base: Path, needs: SandboxNeeds) -> CannotTell:
    with pytest.raises(CannotTell) as error, DockerSandboxes(base=base).open(needs):
        pass
    return error.value


def test_an_image_that_is_not_there_is_said_with_its_name(base: Path) -> None:
    told: list[DrillEvent] = []
    with pytest.raises(CannotTell) as error, DockerSandboxes(base, told.append).open(replace(NEEDS, image="localhost:1/nobodys:9")):
        pass
    assert error.value.reason.code == "image_missing"
    assert "localhost:1/nobodys:9" in error.value.reason.message
    assert "docker pull" in error.value.reason.hint


def test_a_name_that_can_be_no_image_is_said_as_well(base: Path) -> None:
    assert opening(base, replace(NEEDS, image="Not An Image")).reason.code == "image_missing"


def test_an_engine_without_a_usual_image_asks_for_one(base: Path) -> None:
    assert opening(base, SandboxNeeds("paper")).reason.code == "image_unnamed"


@pytest.mark.parametrize(
    ("address", "code"),
    [("unix:///nowhere/docker.sock", "docker_unreachable"), ("tcp://192.0.2.1:2375", "docker_remote"), ("nonsense", "docker_remote")],
)
def test_an_engine_that_does_not_run_or_is_elsewhere_is_said(base: Path, monkeypatch: pytest.MonkeyPatch, address: str, code: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    assert opening(base, NEEDS).reason.code == code


def test_an_image_without_a_shell_is_said(base: Path, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nLABEL empty=1\n")
    image = ask("build", "--quiet", str(tmp_path)).strip()
    try:
        with DockerSandboxes(base=base).open(replace(NEEDS, image=image)) as sandbox, pytest.raises(CannotTell) as error:
            sandbox.run(Command(("/bin/true",)))
        assert error.value.reason.code == "image_unusable"
    finally:
        ask("rmi", "--force", image)
