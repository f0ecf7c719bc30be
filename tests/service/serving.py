"""`serve` as its operator runs it: a process of its own, what it says on its log, and what it answers."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.fleets import Fleet
from tests.terminal import command, environment

PATIENCE_SECONDS = 90.0


class Serving:
    """A service in a process of its own, and what it has said."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[dict[str, Any]] = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(json.loads(line) if line.startswith("{") else {"event": line.rstrip()})

    def join(self) -> None:
        self._reading.join(PATIENCE_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def wait_for(self, event: str, **facts: object) -> dict[str, Any]:
        """Return the first line that says so."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            for line in list(self.said):
                if line["event"] == event and all(line.get(name) == value for name, value in facts.items()):
                    return line
            assert time.monotonic() < deadline, f"{event} {facts} was never said: {self.said}"
            time.sleep(0.05)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, return the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE_SECONDS)
        self._reading.join(PATIENCE_SECONDS)
        return code

    def get(self, path: str) -> tuple[int, str]:
        line = self.wait_for("listening")
        try:
            with urllib.request.urlopen(f"http://{line['host']}:{line['port']}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@contextmanager
def serve(fleet: Fleet, **more: str) -> Iterator[Serving]:
    argv = command("serve", "--listen", "127.0.0.1:0")
    given = environment({"RESTORE_TESTER_CACHE": str(fleet.cache), **more})
    process = subprocess.Popen(argv, cwd=fleet.folder, env=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    serving = Serving(process)
    try:
        yield serving
    finally:
        process.kill()
        process.wait()
        serving.join()
