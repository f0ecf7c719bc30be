"""Whatever ends a process sandbox, the next look at this machine finds it as it was before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from restore_tester.contracts import Command
from restore_tester.errors import SandboxFault
from restore_tester.model import SandboxNeeds
from restore_tester.sandboxes.process.provider import ProcessSandboxes
from tests.doomed import STAGES
from tests.inventory import mark, shell, take_inventory

NEEDS = SandboxNeeds("postgresql")
HOUSE = Path(__file__).parents[2]


@contextmanager
def doomed(base: Path, stage: str) -> Iterator[subprocess.Popen[str]]:
    """A process with a sandbox of its own."""
    environment = {"PATH": os.defpath, "PYTHONPATH": str(HOUSE), "PYTHONDONTWRITEBYTECODE": "1"}
    argv = [sys.executable, "-m", "tests.doomed", str(base), stage]
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def parent_of(base: Path) -> Path:
    return base / f"restore-tester-{os.geteuid()}"


@pytest.mark.parametrize("stage", STAGES[:-1])
def test_what_a_killed_owner_left_is_gone_with_the_next_start(base: Path, stage: str) -> None:
    before = take_inventory(base)
    with doomed(base, stage) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == stage
        process.kill()
        process.wait()
        assert take_inventory(base).files != before.files
        with ProcessSandboxes(base=base).open(NEEDS) as sandbox:
            assert [path.name for path in parent_of(base).iterdir()] == [sandbox.workspace.here.parent.name]
    assert take_inventory(base) == before


@pytest.mark.parametrize("seconds", [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4])
def test_an_owner_may_be_killed_at_any_instant(base: Path, seconds: float) -> None:
    before = take_inventory(base)
    with doomed(base, "ended") as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with ProcessSandboxes(base=base).open(NEEDS):
            pass
    assert take_inventory(base) == before


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


def test_hostile_content_is_removed_and_nothing_beyond_it(base: Path) -> None:
    (base / "treasure").mkdir()
    (base / "treasure" / "gold").write_text("gold")
    script = f"""
        ln -s {base}/treasure link; ln -s / root; ln -s /nowhere dangling; mkfifo pipe; touch -- -rf ' ' '\t' "$(printf 'a\\nb\\377')"
        mkdir closed && mkdir closed/inner && touch closed/inner/file && chmod 0 closed/inner closed
        i=0; while [ $i -lt 120 ]; do mkdir -m 700 {"x" * 50} && cd -P {"x" * 50}; i=$((i+1)); done; touch deep; chmod 0 ."""
    with ProcessSandboxes(base=base).open(NEEDS) as sandbox:
        sandbox.run(shell(base, script))
        assert (sandbox.workspace.here / "closed").is_dir()
    assert not parent_of(base).exists()
    assert (base / "treasure" / "gold").read_text() == "gold"
    (base / "treasure" / "gold").unlink()
    (base / "treasure").rmdir()


def test_many_at_once_under_one_base_never_take_each_others_folders(base: Path) -> None:
    answers: list[bytes] = []

    def live() -> None:
        for _ in range(4):
            with ProcessSandboxes(base=base).open(NEEDS) as sandbox:
                answers.append(sandbox.run(Command(("/bin/cat", "/etc/group"), mark(base))).output[:4])

    threads = [threading.Thread(target=live) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [b"root"] * 16


@pytest.mark.parametrize("how", ["link", "open to all", "file"])
def test_a_place_that_somebody_else_prepared_is_not_used(base: Path, how: str) -> None:
    parent = parent_of(base)
    if how == "link":
        parent.symlink_to("/var")
    elif how == "file":
        parent.touch()
    else:
        parent.mkdir()
        parent.chmod(0o777)
    with pytest.raises(SandboxFault) as error, ProcessSandboxes(base=base).open(NEEDS):
        pass
    assert error.value.reason.code == "workspace_unsafe"
    parent.rmdir() if how == "open to all" else parent.unlink()


def test_a_place_that_is_not_there_or_too_long_for_a_socket_is_said_with_its_cure(base: Path) -> None:
    long = base / ("long" * 20)
    long.mkdir()
    for place, code in ((base / "nowhere", "workspace_unusable"), (long, "workspace_path_too_long")):
        with pytest.raises(SandboxFault, match="TMPDIR") as error, ProcessSandboxes(base=place).open(NEEDS):
            pass
        assert error.value.reason.code == code
    long.rmdir()
