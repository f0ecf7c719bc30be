"""Drills that restore nothing: they take as long, and end, as a test says. Implements `executors.seam.Executor`."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from restore_tester.contracts import ProgressSink
from restore_tester.errors import CannotTell, Interrupted
from restore_tester.model import Backup, Drill, DrillOrder, Selection, Verdict
from restore_tester.planning import DrillRequest
from restore_tester.service.executors.seam import SawListing
from tests.histories import Place, a_backup, a_drill, an_order

Ending = Callable[[DrillRequest], Verdict]
Choice = Callable[[DrillRequest], Backup]


def all_pass(request: DrillRequest) -> Verdict:
    return Verdict.PASSED


def the_one(request: DrillRequest) -> Backup:
    return a_backup(request.backup or "b1.dump", datetime.now(UTC) - timedelta(minutes=1))


class FakeExecutor:
    """Given how long a drill takes (seconds), how it ends, what it takes, and its deadline (seconds). `requests` are those that were
    planned."""

    def __init__(
        self, seconds: float = 0.0, ending: Ending = all_pass, choice: Choice = the_one, deadline_seconds: float | None = None
    ) -> None:
        self.seconds, self.ending, self.choice, self.deadline_seconds = seconds, ending, choice, deadline_seconds
        self.requests: list[DrillRequest] = []
        self.running = 0
        self.most_running = 0
        self._stopping = threading.Event()
        self._sessions: list[_Session] = []
        self._lock = threading.Lock()

    @contextmanager
    def session(self, saw: SawListing) -> Iterator[_Session]:
        if self._stopping.is_set():
            raise Interrupted("stopping")
        with self._lock:
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        session = _Session(self, self._stopping)
        with self._lock:
            self._sessions.append(session)
        try:
            yield session
        finally:
            with self._lock:
                self._sessions.remove(session)
                self.running -= 1

    def stop(self) -> None:
        self._stopping.set()
        with self._lock:
            for session in self._sessions:
                session.stop()


class _Session:
    def __init__(self, executor: FakeExecutor, stopping: threading.Event) -> None:
        self._executor, self._stopping = executor, stopping
        self._ended = threading.Event()
        self._request: DrillRequest | None = None

    def plan(self, request: DrillRequest) -> DrillOrder:
        self._request = request
        self._executor.requests.append(request)
        location = request.locations[0]
        order = an_order(secrets.token_hex(8), Place(request.workload or "", location.name or ""), self._executor.choice(request))
        needs = replace(order.needs, deadline_seconds=self._executor.deadline_seconds)
        selection = Selection("rotating", "a test says so", 1)
        return replace(order, trigger=request.trigger, selection=selection, needs=needs)

    def run(self, order: DrillOrder, progress: ProgressSink) -> Drill:
        assert self._request is not None
        began_at = datetime.now(UTC)
        if self._executor.seconds > 0 and self._ended.wait(self._executor.seconds):
            if self._stopping.is_set():
                raise Interrupted("stopping")
            raise CannotTell("worker_lost", "it was ended", "a test ended it")
        drill = a_drill(order.drill, Place(order.workload or "", order.location.name or ""), self._executor.ending(self._request))
        backup = replace(drill.backup, id=order.backup.id, taken_at=order.backup.taken_at)
        return replace(drill, trigger=order.trigger, backup=backup, began_at=began_at, ended_at=datetime.now(UTC))

    def stop(self) -> None:
        self._ended.set()
