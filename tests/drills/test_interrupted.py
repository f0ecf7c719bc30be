"""A drill that is stopped at the beginning of each of its stages leaves nothing behind, and says what it was."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.drills.test_bad_input import Dump
from tests.drills.tool import REPOSITORY, Tool, short_folder
from tests.inventory import take_inventory

STAGES = ("provision", "fetch", "decode", "restore", "ready", "analyze", "gate", "check", "cleanup")
INTERRUPTED = 130


def struck(tool: Tool, folder: Path, backup: Path, stage: str, number: int) -> subprocess.CompletedProcess[bytes]:
    argv = [sys.executable, "-m", "tests.drills.staged", str(backup), stage, str(number)]
    return subprocess.run(argv, env=tool.environment(folder), cwd=REPOSITORY, capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_to_stop_is_recorded_and_cleaned_up_after(tool: Tool, app_dump: Dump, stage: str, number: int) -> None:
    with short_folder() as folder:
        before = take_inventory(folder)
        done = struck(tool, folder, app_dump("custom"), stage, number)
        assert take_inventory(folder) == before
    record = json.loads(done.stdout)
    assert (done.returncode, record["verdict"]) == (INTERRUPTED, "inconclusive"), done.stderr
    assert "interrupted" in [reason["code"] for reason in record["reasons"]]


@pytest.mark.parametrize("stage", STAGES)
def test_what_a_killed_drill_left_is_gone_after_the_next_start(tool: Tool, app_dump: Dump, stage: str) -> None:
    with short_folder() as folder:
        before = take_inventory(folder)
        done = struck(tool, folder, app_dump("custom"), stage, signal.SIGKILL)
        assert done.returncode == -signal.SIGKILL
        again = struck(tool, folder, app_dump("custom"), "none", 0)
        assert (again.returncode, take_inventory(folder)) == (0, before)
