"""Drills in processes of this machine, one each: asked by lines, told by lines, ended with a clean-up. Implements `seam.Executor`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import restore_tester
from restore_tester.contracts import DrillEvent, ProgressSink
from restore_tester.errors import CannotTell, Interrupted
from restore_tester.model import Drill, DrillOrder, from_json, to_json
from restore_tester.planning import DrillRequest
from restore_tester.service.executors.seam import SawListing
from restore_tester.service.executors.worker import Failure, Saw

LONGEST_END_SECONDS = 120.0


class ProcessExecutor:
    """Given the kind of sandbox that drills use (`auto`, `process`, `docker`)."""

    def __init__(self, sandbox: str) -> None:
        self._sandbox = sandbox
        self._stopping = threading.Event()
        self._workers: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()

    @contextmanager
    def session(self, saw: SawListing) -> Iterator[_Session]:
        with _started(self._sandbox) as process:
            with self._lock:
                self._workers.add(process)
            try:
                if self._stopping.is_set():
                    raise Interrupted("stopping")
                yield _Session(process, self._stopping, saw)
            finally:
                with self._lock:
                    self._workers.discard(process)

    def stop(self) -> None:
        self._stopping.set()
        with self._lock:
            for worker in self._workers:
                worker.send_signal(signal.SIGTERM)


class _Session:
    """The other side of `worker.main`."""

    def __init__(self, process: subprocess.Popen[bytes], stopping: threading.Event, saw: SawListing) -> None:
        self._process, self._stopping, self._saw = process, stopping, saw

    def plan(self, request: DrillRequest) -> DrillOrder:
        return from_json(DrillOrder, self._ask("plan", request, b"order", lambda event: None))

    def run(self, order: DrillOrder, progress: ProgressSink) -> Drill:
        return from_json(Drill, self._ask("run", order, b"drill", progress))

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        threading.Thread(target=_make_end, args=(self._process,), name="ending", daemon=True).start()

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
            if said == b"saw":
                sight = from_json(Saw, text)
                self._saw(sight.location, sight.listing)
        if self._stopping.is_set():
            raise Interrupted("stopping")
        raise self._lost()

    def _lost(self) -> CannotTell:
        how = self._process.wait(LONGEST_END_SECONDS)
        said_how = f"was killed by signal {-how}" if how < 0 else f"ended with exit code {how}"
        hint = "look for out-of-memory kills in the kernel's log, then drill again"
        return CannotTell("worker_lost", f"the process that drilled {said_how} and said nothing", hint)


@contextmanager
def _started(sandbox: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own: what a terminal sends to its foreground goes to us alone, and we pass it on once."""
    package = str(Path(restore_tester.__file__).parent.parent)
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "restore_tester.service.executors.worker", sandbox],
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
        _make_end(process)
        process.stdout.close()


def _make_end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(LONGEST_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
