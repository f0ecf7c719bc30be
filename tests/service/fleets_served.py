"""A service on a history of its own with drills that restore nothing, alive while a test looks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from restore_tester.clock import SystemClock
from restore_tester.history.nouns import Remembered, Search
from restore_tester.history.records import History, open_history
from restore_tester.model import Drill
from restore_tester.service.configured import load
from restore_tester.service.instance import Service
from restore_tester.service.metrics import Board
from restore_tester.service.notifications import Means
from tests.fake_executor import FakeExecutor


@dataclass(frozen=True)
class Served:
    service: Service
    history: History
    executor: FakeExecutor
    board: Board

    def drills(self, workload: str | None = None) -> list[Remembered]:
        """All that ended, the oldest first."""
        return [drill for drill in reversed(self.history.drills(Search(workload=workload, limit=10_000))) if drill.ended_at is not None]

    def triggers(self, workload: str | None = None) -> list[str]:
        return [drill.trigger for drill in self.drills(workload)]


def write(folder: Path, *workloads: str, top: str = "", more: str = "drill_every: 1d", location: str = "") -> Path:
    """Write a configuration: each workload has one location."""
    lines = [top, "concurrency: 4" if "concurrency" not in top else "", "workloads:"]
    for name in workloads:
        path = folder / name
        path.mkdir(exist_ok=True)
        lines += [f"  {name}:", "    owner: ops", *(f"    {line}" for line in more.splitlines())]
        lines += ["    locations:", f"      primary: {{type: folder, path: {path}{location}}}"]
    file = folder / "restore-tester.yaml"
    file.write_text("\n".join(lines) + "\n")
    return file


@contextmanager
def served(file: Path, executor: FakeExecutor | None = None, dsn: str = "", means: Means | None = None) -> Iterator[Served]:
    """A service that is alive, and ticks only where a test says so."""
    executor = executor or FakeExecutor()
    configuration = load(file)
    with ExitStack() as opened:
        history = opened.enter_context(open_history(dsn or f"sqlite:///{file.parent}/history.db"))
        board = Board(SystemClock())
        board.configure(configuration)
        service = Service(history, configuration, executor, board, ignored, means=means)
        service.load()
        opened.enter_context(board.rendering())
        opened.enter_context(service.alive())
        try:
            yield Served(service, history, executor, board)
        finally:
            service.stop(20)


def ignored(drill: Drill) -> None:
    """Nobody traces it."""


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for it; a test that waits in vain fails."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)
