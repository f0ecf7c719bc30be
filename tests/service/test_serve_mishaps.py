"""What befalls a service from outside: a history that is away, a full disk, sandboxes that resist, and hostile neighbours."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from restore_tester.history.nouns import Place
from restore_tester.model import Verdict
from tests.fake_executor import FakeExecutor
from tests.fleets import Fleet
from tests.histories import raw, restartable_postgresql
from tests.service.fleets_served import served, until, write
from tests.service.serving import serve
from tests.terminal import environment

PAUSED = "paused: {reason: a test, until: 2199-01-01}"
SHOP = Place("shop", "primary")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system, which only root may")


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True, timeout=10)
    try:
        yield folder
    finally:
        # What is below it may have got other names on its way out.
        for line in Path("/proc/self/mounts").read_text().splitlines():
            if line.split()[1].startswith(f"{folder.parents[2]}/"):
                subprocess.run(["umount", "-l", line.split()[1]], check=True, timeout=10)


# --- the history is away ----------------------------------------------------------------------------------------------


def test_a_history_that_is_away_at_the_start_is_waited_for_and_that_is_said(fleet: Fleet, small: Path) -> None:
    fleet.write("shop", top="history: {env: HISTORY_DSN}")
    fleet.put(small, "shop", 1)
    with restartable_postgresql() as server:
        server.stop()
        with serve(fleet, HISTORY_DSN=server.dsn) as serving:
            assert serving.wait_for("history away: waiting for it")["code"] == "history_unreachable"
            assert (serving.get("/healthz")[0], serving.get("/readyz")[0]) == (200, 503)
            assert "history_unreachable" in serving.get("/readyz")[1]
            server.start()
            serving.wait_for("drill ended", workload="shop", verdict="passed")
            assert serving.get("/readyz")[0] == 200
            assert serving.end() == 0


def test_after_five_minutes_without_a_history_nobody_takes_over_what_still_runs(tmp_path: Path) -> None:
    """Five minutes: every lease has run out when the history is back."""
    file = write(tmp_path, "shop")
    executor = FakeExecutor(6.0)
    with restartable_postgresql() as server, served(file, executor, server.dsn) as one:
        until(lambda: one.history.standings([SHOP])[0].running is not None)
        with served(file, FakeExecutor(), server.dsn) as other:
            server.stop()
            for service in (one.service, other.service):
                service._upkeep._renewed -= 60
                service.tick()
            server.start()
            long_ago = datetime.now(UTC) - timedelta(minutes=1)
            with raw(server.dsn.replace("postgresql://", "postgresql+psycopg://")) as stranger:
                for table in ("slots", "drills"):
                    stranger.exec_driver_sql(f"UPDATE {table} SET lease_until = %s WHERE lease_until > %s", (long_ago, long_ago))
            other.service.tick()
            one.service.tick()
            until(lambda: bool(one.drills()) and one.service.foreman.figures() == (0, 0))
            one.service.tick()
            assert [drill.verdict for drill in one.drills()] == [Verdict.PASSED]
            assert len(one.executor.requests) + len(other.executor.requests) == 1


@needs_root
def test_a_full_disk_loses_no_drill(tmp_path: Path) -> None:
    file = write(tmp_path, "shop")
    executor = FakeExecutor(2.0)
    with mounted(tmp_path / "disk", "3m") as disk, served(file, executor, f"sqlite:///{disk}/history.db") as fleet:
        until(lambda: fleet.history.standings([SHOP])[0].running is not None)
        with (disk / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError, match="No space"):
            while True:
                filler.write(bytes(4096))
        until(lambda: executor.running == 0)
        time.sleep(0.5)
        assert fleet.drills() == []
        (disk / "filler").unlink()
        until(lambda: (fleet.service.tick(), fleet.drills() != [])[1])
        assert ([drill.verdict for drill in fleet.drills()], len(executor.requests)) == ([Verdict.PASSED], 1)


# --- sandboxes --------------------------------------------------------------------------------------------------------


@needs_root
def test_a_sandbox_of_the_dead_that_cannot_be_removed_is_counted(fleet: Fleet) -> None:
    fleet.write("shop", more=PAUSED)
    with tempfile.TemporaryDirectory(prefix="rt-", dir="/tmp") as base:
        dead = Path(base) / f"restore-tester-{os.geteuid()}" / "dead"
        with mounted(dead / "workspace" / "held", "1m"), serve(fleet, TMPDIR=base) as serving:
            dead.parent.chmod(0o711)
            assert serving.wait_for("sandboxes left behind")["sandboxes"] == 1
            serving.wait_for("ready")
            until(lambda: "\nrestore_tester_sandboxes_leaked 1\n" in serving.get("/metrics")[1])
            assert serving.end() == 0


@pytest.mark.parametrize("module", [("restore_tester", "serve", "--listen", "127.0.0.1:0"), ("restore_tester.service.executors.worker",)])
def test_nobody_of_the_same_user_reads_the_environment_of_a_service_or_of_its_drills(fleet: Fleet, module: tuple[str, ...]) -> None:
    """What is drilled in an unsealed sandbox has our uid."""
    fleet.write("shop", more=PAUSED)
    with begun(fleet, "-m", *module) as ours, begun(fleet, "-c", "import time; time.sleep(600)") as anybody:
        until(lambda: not reads(ours.pid))
        assert reads(anybody.pid)
        assert ours.poll() is None


@contextmanager
def begun(fleet: Fleet, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    argv = [*ordinary(), sys.executable, *arguments]
    with subprocess.Popen(argv, cwd=fleet.folder, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def ordinary() -> list[str]:
    """Root has rights that no sandbox has: without them it is a user like any other."""
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"] if os.geteuid() == 0 else []


def reads(pid: int) -> bool:
    """Whether a process of our uid reads another one's environment."""
    code = "import sys; sys.exit(not open(sys.argv[1], 'rb').read())"
    argv = [*ordinary(), sys.executable, "-c", code, f"/proc/{pid}/environ"]
    return subprocess.run(argv, capture_output=True, timeout=60, check=False).returncode == 0


# --- places -----------------------------------------------------------------------------------------------------------


def test_a_location_that_lags_behind_the_first_is_said(fleet: Fleet, small: Path) -> None:
    fleet.write("shop", locations=("primary", "offsite"), more=PAUSED)
    for hours in range(1, 8):
        fleet.put(small, "shop", 24.0 * hours, "primary")
    for hours in range(5, 8):
        fleet.put(small, "shop", 24.0 * hours, "offsite")
    with serve(fleet) as serving:
        assert serving.wait_for("location lags", workload="shop", location="offsite")["code"] == "location_lags"
        assert serving.end() == 0
