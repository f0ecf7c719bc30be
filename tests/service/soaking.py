"""A folder, a dump and a seed → a service that is killed at random moments of its drills, and started again, until so many were killed.

A moment is drawn evenly from what a drill takes, from the instant at which the service says that it is ready: planning, fetching,
restoring, asking, cleaning up and remembering are all hit. The victim is the service, or everything of it at once as when the power
goes. No drill is killed a third time: after three attempts a service gives a slot up, as it should, and that is another test.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.terminal import ROOT, environment

PATIENCE_SECONDS = 120.0
MOST_ATTEMPTS = 3
# Due once, for longer than any test lasts.
WORKLOAD = (
    "  {name}: {{owner: ops, drill_every: 400d, select: newest, profile: fast, locations: {{here: {{type: folder, path: {place}}}}}}}"
)


@dataclass
class Lane:
    """One service after another, on one SQLite history. `base` is where sandboxes are made, `hits` counts kills with a drill under way."""

    folder: Path
    base: Path
    place: Path
    cache: Path
    chance: random.Random
    top: str = ""
    at_once: int = 1
    workloads: int = 0
    kills: int = 0
    hits: int = 0
    took: list[float] = field(default_factory=list)

    def soak(self, kills: int) -> None:
        """Kill so often while a drill is under way, then let what is due be drilled, and ask the service to stop."""
        with self._nursery() as ask:
            while self.hits < kills:
                self._write(2 * self.at_once)
                pid = self._start(ask)
                self._kill(pid)
                assert ask(f"wait {pid}") == -signal.SIGKILL
            self._write(0)
            pid = self._start(ask)
            self._wait(lambda: not self.open_workloads(), pid)
            os.kill(pid, signal.SIGTERM)
            assert ask(f"wait {pid}") == 0, self.log()[-3000:]

    # --- what is found afterwards -------------------------------------------------------------------------------------

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.folder / "history.db", timeout=30)) as connection:
            return connection.execute(query).fetchall()

    def open_workloads(self) -> set[str]:
        done = (
            {row[0] for row in self.rows("SELECT workload FROM slots WHERE kind = 'slot' AND done_at IS NOT NULL")} if self.kills else set()
        )
        return set(self.names()) - done

    def names(self) -> list[str]:
        return [f"w{number:03}" for number in range(self.workloads)]

    def log(self) -> str:
        log = self.folder / "log"
        return log.read_text() if log.exists() else ""

    def said(self, event: str) -> list[dict[str, Any]]:
        return [line for text in self.log().splitlines() if text.startswith("{") and (line := json.loads(text))["event"] == event]

    # --- one life -----------------------------------------------------------------------------------------------------

    def _write(self, pending: int) -> None:
        """Add workloads until so many wait to be drilled."""
        self.workloads += max(0, pending - len(self.open_workloads()))
        lines = [self.top, f"history: sqlite:///{self.folder}/history.db", f"concurrency: {self.at_once}", "watch_every: 1h", "workloads:"]
        lines += [WORKLOAD.format(name=name, place=self.place) for name in self.names()]
        (self.folder / "restore-tester.yaml").write_text("\n".join(lines) + "\n")

    def _start(self, ask: Ask) -> int:
        before = len(self.said("ready"))
        pid = ask(f"start {self.folder} {self.folder / 'log'}")
        self._wait(lambda: len(self.said("ready")) > before, pid)
        return pid

    def _kill(self, pid: int) -> None:
        """At a random moment; somewhat later where that would be a slot's third death."""
        while True:
            time.sleep(self.chance.uniform(0, self._drill_seconds()))
            claims = self.rows("SELECT attempt, owner FROM slots WHERE kind = 'slot' AND done_at IS NULL")
            ours = [attempt for attempt, owner in claims if f"/{pid}/" in owner]
            # What the dead before left is claimed once more, if it is not already.
            if max([*ours, *(attempt + 1 for attempt, owner in claims if f"/{pid}/" not in owner)], default=0) < MOST_ATTEMPTS:
                break
        victims = [pid]
        if self.chance.random() < 0.5:
            os.kill(pid, signal.SIGSTOP)
            victims += _descendants(pid)
        for victim in victims:
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.kills += 1
        self.hits += bool(ours)

    def _drill_seconds(self) -> float:
        """What a drill takes from the start of its process to its end, so far as is known."""
        ends = [sum(line["stages"].values()) + 1.0 for line in self.said("drill ended")[-5:]]
        return max(ends, default=3.0) * 1.2

    def _wait(self, condition: Any, pid: int) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z", f"it ended: {self.log()[-3000:]}"
            assert time.monotonic() < deadline, f"it did not come to pass: {self.log()[-3000:]}"
            time.sleep(0.05)

    @contextmanager
    def _nursery(self) -> Iterator[Ask]:
        more = environment({"TMPDIR": str(self.base), "RESTORE_TESTER_CACHE": str(self.cache)})
        argv = [sys.executable, "-m", "tests.service.nursery"]
        with subprocess.Popen(argv, cwd=ROOT, env=more, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield Ask(process)
            finally:
                for child in _descendants(process.pid):
                    os.kill(child, signal.SIGKILL)
                assert process.stdin is not None
                process.stdin.close()


class Ask:
    """One question at a time to a nursery."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, line: str) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


def _descendants(pid: int) -> list[int]:
    """Those whose parents, or whose parents' parents, are that process."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                children.setdefault(int((path / "stat").read_text().rpartition(")")[2].split()[1]), []).append(int(path.name))
            except (OSError, IndexError):
                continue
    found, todo = [], [pid]
    while todo:
        todo += (below := children.get(todo.pop(), []))
        found += below
    return found
