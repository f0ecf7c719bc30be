"""A job → one drill, planned and run in a process of its own, remembered from its start under a lease that is kept alive."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import restore_tester
from restore_tester.cli.equipment import equipment_for
from restore_tester.cli.fleet import Job
from restore_tester.cli.worker import Failure
from restore_tester.clock import SystemClock
from restore_tester.contracts import DrillEvent, ProgressSink
from restore_tester.drill import MOST_PLANS, run_drill, wants_another_plan
from restore_tester.errors import CannotTell, Interrupted, RestoreTesterError
from restore_tester.history.nouns import Lease, Place
from restore_tester.history.records import History
from restore_tester.judgement.comparison import survivors
from restore_tester.judgement.recovery_point import taken_at
from restore_tester.model import Blame, Drill, DrillOrder, Fingerprint, Reason, from_json, to_json

LEASE = timedelta(minutes=5)
RENEW_SECONDS = 30.0
LONGEST_END_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a job: a drill, or why there is none. `forgotten` is why the history does not hold it."""

    job: Job
    drill: Drill | None = None
    error: RestoreTesterError | None = None
    forgotten: RestoreTesterError | None = None


Watch = Callable[[Job, DrillOrder, DrillEvent], None]


class Crew:
    """Drills, each in its own process; safe from several threads. Asked to stop, every process is, and nothing begins any more."""

    def __init__(self, history: History, sandbox: str, watch: Watch) -> None:
        self._history, self._sandbox, self._watch = history, sandbox, watch
        self._clock = SystemClock()
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._stopping = threading.Event()
        self._workers: set[subprocess.Popen[bytes]] = set()
        self._running: set[str] = set()
        self._lock = threading.Lock()

    def drill(self, job: Job) -> Ended:
        """Plan, remember the start, run, remember the end. Raise Interrupted where nothing had begun."""
        try:
            with self._worker() as worker:
                drill = self._drill(job, worker)
        except RestoreTesterError as error:
            return Ended(job, error=error)
        try:
            self._history.finish(drill)
        except RestoreTesterError as error:
            return Ended(job, drill, forgotten=error)
        finally:
            with self._lock:
                self._running.discard(drill.drill)
        return Ended(job, drill)

    def stop(self) -> None:
        """Ask every drill to end."""
        self._stopping.set()
        with self._lock:
            for worker in self._workers:
                worker.send_signal(signal.SIGTERM)

    @contextmanager
    def leases_kept(self) -> Iterator[None]:
        """Renew the leases of what runs, for as long as the block lasts."""
        ended = threading.Event()

        def renew() -> None:
            while not ended.wait(RENEW_SECONDS):
                with self._lock:
                    running = tuple(self._running)
                for drill in running:
                    # One renewal that fails is no harm: a lease lasts for ten.
                    with suppress(CannotTell):
                        self._history.renew(drill, self._lease())

        renewing = threading.Thread(target=renew, name="leases", daemon=True)
        renewing.start()
        try:
            yield
        finally:
            ended.set()
            renewing.join()

    def _lease(self) -> Lease:
        return Lease(self._owner, self._clock.now() + LEASE)

    def _drill(self, job: Job, worker: _Worker) -> Drill:
        order = self._expecting(worker.plan(job.request), job)
        self._history.start(order, self._lease(), self._clock.now())
        with self._lock:
            self._running.add(order.drill)
        drill = self._run(job, order, worker)
        for _ in range(MOST_PLANS - 1):
            if not wants_another_plan(drill) or self._stopping.is_set():
                break
            # The same drill, of what lies there now: one that went away under our hands is none of its own.
            with suppress(RestoreTesterError, Interrupted):
                again = replace(worker.plan(job.request), drill=order.drill)
                drill = self._run(job, self._expecting(again, job), worker)
        return drill

    def _run(self, job: Job, order: DrillOrder, worker: _Worker) -> Drill:
        try:
            return worker.run(order, lambda event: self._watch(job, order, event))
        except Interrupted:
            return self._unseen(order, Reason("interrupted", "the drill was interrupted before its end", "start it again"))
        except CannotTell as error:
            return self._unseen(order, error.reason)

    def _unseen(self, order: DrillOrder, reason: Reason) -> Drill:
        """Return the record of a drill whose process can no longer say what it saw."""
        facts = replace(order.facts, trouble=reason, trouble_blame=Blame.OURS)
        return run_drill(replace(order, facts=facts), equipment_for(lambda event: None, self._sandbox))

    def _expecting(self, order: DrillOrder, job: Job) -> DrillOrder:
        """What the backups held that passed before: of this location, else of another one."""
        if order.facts.trouble is not None:
            return order
        first = order.location.name or ""
        places = (first, *(location.name or "" for location in job.workload.locations if location.name != first))
        found = (self._history.baseline(Place(job.workload.name, place), taken_at(order), order.database) for place in places)
        baseline: Fingerprint | None = next((held for held in found if held is not None), None)
        return replace(order, expected=survivors(baseline, job.may_vanish) if baseline is not None else None)

    @contextmanager
    def _worker(self) -> Iterator[_Worker]:
        with _started(self._sandbox) as process:
            with self._lock:
                self._workers.add(process)
            try:
                if self._stopping.is_set():
                    raise Interrupted("stopping")
                yield _Worker(process, self._stopping)
            finally:
                with self._lock:
                    self._workers.discard(process)


class _Worker:
    """The other side of `worker.main`."""

    def __init__(self, process: subprocess.Popen[bytes], stopping: threading.Event) -> None:
        self._process, self._stopping = process, stopping

    def plan(self, request: object) -> DrillOrder:
        """Raise Misuse, CannotTell as `plan_drill` does; Interrupted."""
        return from_json(DrillOrder, self._ask("plan", request, b"order", lambda event: None))

    def run(self, order: DrillOrder, progress: ProgressSink) -> Drill:
        """Raise CannotTell (`worker_lost`), Interrupted."""
        return from_json(Drill, self._ask("run", order, b"drill", progress))

    def _ask(self, word: str, value: object, answer: bytes, progress: ProgressSink) -> bytes:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(word.encode() + b" " + to_json(value) + b"\n")
            self._process.stdin.flush()
        for line in self._process.stdout:
            said, _, text = line.rstrip(b"\n").partition(b" ")
            if said == answer:
                return text
            if said == b"error":
                raise from_json(Failure, text).error()
            if said == b"event":
                progress(from_json(DrillEvent, text))
        if self._stopping.is_set():
            raise Interrupted("stopping")
        how = self._process.wait(LONGEST_END_SECONDS)
        said_how = f"was killed by signal {-how}" if how < 0 else f"ended with exit code {how}"
        hint = "look for out-of-memory kills in the kernel's log, then drill again"
        raise CannotTell("worker_lost", f"the process that drilled {said_how} and said nothing", hint)


@contextmanager
def _started(sandbox: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own: what a terminal sends to its foreground goes to us alone, and we pass it on once."""
    package = str(Path(restore_tester.__file__).parent.parent)
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "restore_tester.cli.worker", sandbox],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(LONGEST_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
