"""Whatever ends a docker sandbox, the next look at this machine and its engine finds them as they were before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from restore_tester.errors import SandboxFault
from restore_tester.model import SandboxNeeds
from restore_tester.sandboxes.docker.provider import DockerSandboxes
from restore_tester.sandboxes.docker.reaping import labels
from tests.docker_engine import ask, between_us_and_the_engine, containers, needs_docker
from tests.doomed import STAGES
from tests.inventory import shell, take_inventory

NEEDS = SandboxNeeds("postgresql", major=17)
HOUSE = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def engine(base: Path) -> Iterator[None]:
    needs_docker()
    yield
    assert containers(base) == []


@contextmanager
def doomed(base: Path, stage: str) -> Iterator[subprocess.Popen[str]]:
    """A process with a sandbox of its own."""
    environment = {"PATH": os.defpath, "PYTHONPATH": str(HOUSE), "PYTHONDONTWRITEBYTECODE": "1"}
    argv = [sys.executable, "-m", "tests.doomed", str(base), stage, "docker"]
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def until(holds: object, seconds: float = 60.0) -> None:
    give_up_at = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


def labelled(base: Path, folder: Path, deadline: datetime, *changes: str) -> str:
    """Return the id of a container that never runs, labelled as a sandbox's is; changes are `name=value`."""
    carried = labels(folder, deadline) | dict(change.split("=", 1) for change in changes)
    options = [f"--label={name}={value}" for name, value in carried.items()]
    return ask("create", "--network=none", *options, "postgres:17", "true").strip()


@pytest.mark.parametrize("stage", STAGES[:-1])
def test_what_a_killed_owner_left_is_gone_with_the_next_start(base: Path, stage: str) -> None:
    before = take_inventory(base)
    with doomed(base, stage) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == stage
        process.kill()
        process.wait()
        with DockerSandboxes(base=base).open(NEEDS) as sandbox:
            sandbox.run(shell(base, "true"))
    assert take_inventory(base) == before


@pytest.mark.parametrize("seconds", [0.4, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2])
def test_an_owner_may_be_killed_at_any_instant(base: Path, seconds: float) -> None:
    before = take_inventory(base)
    with doomed(base, "ended") as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with DockerSandboxes(base=base).open(NEEDS):
            pass
    assert take_inventory(base) == before


def test_the_programs_of_a_killed_owner_end_at_once_without_anybody_else(base: Path) -> None:
    with doomed(base, "running") as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "running"
        process.kill()
        process.wait()
        until(lambda: not take_inventory(base).processes)
    with DockerSandboxes(base=base).open(NEEDS):
        pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("stage", STAGES[:-1])
def test_a_request_to_stop_leaves_nothing_at_once(base: Path, stage: str, number: signal.Signals) -> None:
    before = take_inventory(base)
    with doomed(base, stage) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == stage
        process.send_signal(number)
        assert process.wait(60) == 130
    assert take_inventory(base) == before


def test_an_engine_that_dies_meanwhile_is_our_fault_and_leaves_nothing_running(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = take_inventory(base)
    with between_us_and_the_engine(base) as between:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{between.path}")
        with pytest.raises(SandboxFault) as error, DockerSandboxes(base=base).open(NEEDS) as sandbox:
            sandbox.run(shell(base, "echo up >&2; exec sleep 1000", on_error_line=lambda line: between.cut()))
        assert error.value.reason.code == "docker_unreachable"
        until(lambda: not take_inventory(base).processes)
    monkeypatch.delenv("DOCKER_HOST")
    with DockerSandboxes(base=base).open(NEEDS):
        pass
    assert take_inventory(base) == before


def test_the_container_of_a_living_owner_is_spared(base: Path) -> None:
    with DockerSandboxes(base=base).open(NEEDS) as first:
        with DockerSandboxes(base=base).open(NEEDS) as second:
            second.run(shell(base, "true"))
        assert first.run(shell(base, "echo alive")).output == b"alive\n"


def test_the_container_of_another_place_goes_only_long_after_its_deadline(base: Path) -> None:
    soon, long_ago = datetime.now(UTC) + timedelta(minutes=1), datetime.now(UTC) - timedelta(days=1)
    elsewhere = "restore-tester.place=elsewhere"
    alive = labelled(base, base / "nowhere", soon, elsewhere)
    try:
        dead = labelled(base, base / "nowhere", long_ago, elsewhere)
        with DockerSandboxes(base=base).open(NEEDS):
            here = {line.split()[0] for line in containers(base)}
            assert (alive[:12] in here, dead[:12] in here) == (True, False)
    finally:
        ask("rm", "--force", alive)


def test_a_container_without_our_label_is_nobody_of_ours(base: Path) -> None:
    strange = ask("create", "--network=none", "--label=restore-tester-like=1", "postgres:17", "true").strip()
    try:
        with DockerSandboxes(base=base).open(NEEDS):
            pass
        assert ask("inspect", "--format", "{{.State.Status}}", strange).strip() == "created"
    finally:
        ask("rm", "--force", strange)


def test_no_volume_of_the_image_is_left(base: Path) -> None:
    before = ask("volume", "ls", "--quiet")
    with DockerSandboxes(base=base).open(NEEDS) as sandbox:
        sandbox.run(shell(base, "true"))
        assert ask("volume", "ls", "--quiet") == before
    assert ask("volume", "ls", "--quiet") == before
