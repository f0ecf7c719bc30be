"""What the process sandbox keeps from the programs inside, where the kernel allows all of it."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from restore_tester.contracts import Command, Sandbox
from restore_tester.errors import SandboxFault
from restore_tester.model import SandboxNeeds
from restore_tester.sandboxes.process.provider import ProcessSandboxes
from tests.inventory import mark, shell, take_inventory

NEEDS = SandboxNeeds("postgresql")


@pytest.fixture
def sandbox(base: Path) -> Iterator[Sandbox]:
    with ProcessSandboxes(base=base).open(NEEDS) as opened:
        yield opened


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user has no other uid to give")
def test_two_sandboxes_of_root_run_as_two_uids_that_are_nobody_elses(base: Path) -> None:
    provider = ProcessSandboxes(base=base)
    with provider.open(NEEDS) as first, provider.open(NEEDS) as second:
        uids = {int(sandbox.run(Command(("/usr/bin/id", "-u"))).output) for sandbox in (first, second)}
        assert {sandbox.workspace.here.stat().st_uid for sandbox in (first, second)} == uids
        assert first.run(Command(("/usr/bin/id", "-un"))).output == b"sandbox\n"
    assert len(uids) == 2
    assert min(uids) >= 0x70000000


def test_no_network_is_there_and_the_probe_says_sealed(sandbox: Sandbox, base: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        script = f"exec 3<>/dev/tcp/127.0.0.1/{listener.getsockname()[1]}"
        exit = sandbox.run(Command(("/bin/bash", "-c", script), mark(base)))
    assert (exit.code, b"Network is unreachable" in exit.errors) == (1, True)
    assert sandbox.seal().sealed


@pytest.mark.parametrize("path", ["/etc/shadow", "/etc/hostname", str(Path.home()), "/root", "/home", "/var", "/sys", "/proc/cpuinfo"])
def test_nothing_of_the_machine_outside_can_be_read(sandbox: Sandbox, base: Path, path: str) -> None:
    exit = sandbox.run(shell(base, f"ls -d {path}; cat {path}"))
    assert exit.output == b""


def test_neither_the_folders_of_other_sandboxes_nor_their_processes_are_seen(sandbox: Sandbox, base: Path) -> None:
    with ProcessSandboxes(base=base).open(NEEDS) as other:
        other.start(Command(("/usr/bin/sleep", "1000"), mark(base)))
        here = other.workspace.here
        assert sandbox.run(shell(base, f"ls {here} {base}")).output == b""
        assert b"sleep" not in sandbox.run(shell(base, "cat /proc/[0-9]*/cmdline")).output


@pytest.mark.parametrize("path", ["/usr/file", "/etc/file", "/file", "/dev/file", "/usr/bin/sh"])
def test_nothing_but_the_workspace_and_its_tmp_can_be_written(sandbox: Sandbox, base: Path, path: str) -> None:
    assert sandbox.run(shell(base, f"echo x >> {path}")).code != 0
    assert sandbox.run(shell(base, "echo x > file && echo x > /tmp/file && echo x > /dev/shm/file && echo x > /dev/null")).code == 0


def test_what_is_written_cannot_be_executed(sandbox: Sandbox, base: Path) -> None:
    exit = sandbox.run(shell(base, "for place in /workspace /tmp /dev/shm; do cp /bin/true $place/true; $place/true; echo $?; done"))
    assert exit.output.split()[:2] == [b"126", b"126"]


def test_no_capability_is_held_and_none_can_be_won_back(sandbox: Sandbox, base: Path) -> None:
    status = sandbox.run(shell(base, "grep -E '^(Cap|NoNewPrivs)' /proc/self/status")).output.decode()
    figures = {line.split(":")[0]: int(line.split(":")[1], 16) for line in status.splitlines()}
    assert figures.pop("NoNewPrivs") == 1
    assert set(figures.values()) == {0}
    assert sandbox.run(shell(base, "unshare --user --map-root-user true")).code != 0
    assert sandbox.run(shell(base, "ls /proc/1/root /proc/1/fd")).code != 0


def test_a_folder_below_closed_ones_is_shown_read_only_at_its_own_path(base: Path) -> None:
    folder = base / "closed" / "programs"
    folder.mkdir(parents=True)
    (folder / "tool").write_text("#!/bin/sh\necho tool runs\n")
    (folder / "tool").chmod(0o755)
    (base / "closed").chmod(0o700)
    (base / "closed" / "secret").touch()
    with ProcessSandboxes((folder,), base).open(NEEDS) as sandbox:
        assert sandbox.run(Command((str(folder / "tool"),))).output == b"tool runs\n"
        assert sandbox.run(shell(base, f"ls {base}/closed; echo x > {folder}/file")).output == b"programs\n"
    assert [path.name for path in folder.iterdir()] == ["tool"]
    (folder / "tool").unlink()
    folder.rmdir()
    (base / "closed" / "secret").unlink()
    (base / "closed").rmdir()


def test_a_folder_that_is_not_there_is_said_at_once(base: Path) -> None:
    with pytest.raises(SandboxFault) as error, ProcessSandboxes((base / "nowhere",), base).open(NEEDS):
        pass
    assert error.value.reason.code == "folder_missing"


def test_a_fork_bomb_meets_its_limit_and_the_next_command_still_runs(base: Path) -> None:
    with ProcessSandboxes(base=base).open(replace(NEEDS, processes=20)) as sandbox:
        bomb = sandbox.run(shell(base, "i=0; while [ $i -lt 100 ]; do sleep 1000 & i=$((i+1)); done; wait"))
        assert (bomb.code != 0, b"fork" in bomb.errors) == (True, True)
        assert sandbox.run(Command(("/bin/true",), mark(base))).code == 0


def test_a_memory_bomb_meets_its_limit(base: Path) -> None:
    with ProcessSandboxes(base=base).open(replace(NEEDS, memory_bytes=200 << 20)) as sandbox:
        assert sandbox.memory_bytes == 200 << 20
        exit = sandbox.run(shell(base, "head -c 1G /dev/zero | tail -n 1"))
    assert (exit.code, b"memory exhausted" in exit.errors) == (1, True)


@pytest.mark.parametrize("place", [".", "/tmp"])
def test_a_full_disk_limit_ends_the_sandbox_and_says_so(base: Path, place: str) -> None:
    with ProcessSandboxes(base=base).open(replace(NEEDS, disk_bytes=20 << 20)) as sandbox:
        with pytest.raises(SandboxFault) as error:
            sandbox.run(
                shell(base, f"mkdir {place}/closed; head -c 30M /dev/zero > {place}/closed/file; chmod 0 {place}/closed; exec sleep 1000")
            )
        assert error.value.reason.code == "disk_full"
        with pytest.raises(SandboxFault, match="disk"):
            sandbox.run(Command(("/bin/true",)))


def test_a_sandbox_that_lives_too_long_is_ended_and_says_so(base: Path) -> None:
    with ProcessSandboxes(base=base).open(replace(NEEDS, deadline_seconds=0.5)) as sandbox:
        running = sandbox.start(shell(base, "exec sleep 1000"))
        with pytest.raises(SandboxFault) as error:
            sandbox.run(shell(base, "exec sleep 1000"))
        assert error.value.reason.code == "deadline"
        with pytest.raises(SandboxFault, match="deadline"):
            running.stop(signal.SIGTERM, 60)


def test_a_sandbox_whose_inside_is_killed_says_that_it_was_lost(sandbox: Sandbox, base: Path) -> None:
    running = sandbox.start(shell(base, "exec sleep 1000"))
    jail = sorted(int(process.split()[0]) for process in take_inventory(base).processes if "jail/start.py" in process)
    os.kill(jail[-1], signal.SIGKILL)
    with pytest.raises(SandboxFault) as error:
        sandbox.run(shell(base, "exec sleep 1000"))
    assert error.value.reason.code == "sandbox_lost"
    with pytest.raises(SandboxFault, match="ended by itself"):
        running.stop(signal.SIGTERM, 60)


def test_whatever_kills_the_guardian_the_end_is_complete(base: Path) -> None:
    before = take_inventory(base)
    with ProcessSandboxes(base=base).open(NEEDS) as sandbox:
        sandbox.start(shell(base, "setsid sleep 1000 & exec sleep 1000"))
        jail = sorted(int(process.split()[0]) for process in take_inventory(base).processes if "jail/start.py" in process)
        os.kill(jail[0], signal.SIGKILL)
    assert take_inventory(base) == before


def test_a_program_that_left_its_group_dies_with_the_sandbox(base: Path) -> None:
    before = take_inventory(base)
    with ProcessSandboxes(base=base).open(NEEDS) as sandbox:
        script = "setsid sh -c 'trap \"\" TERM HUP INT; touch up; sleep 1000' >/dev/null 2>&1 & while ! test -e up; do sleep 0.01; done"
        assert sandbox.run(shell(base, script)).code == 0
        assert any("sleep 1000" in process for process in take_inventory(base).processes)
    assert take_inventory(base) == before
