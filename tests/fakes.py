"""A sandbox that isolates nothing: programs run beside us, in a folder of their own. For tests of what stands on the seam."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from restore_tester.contracts import Command, Exit, Sandbox, SealReport, Workspace
from restore_tester.errors import SandboxFault
from restore_tester.model import SandboxNeeds
from restore_tester.sandboxes.process.dialogue import Dialogue
from restore_tester.sandboxes.process.sandbox import ProcessRunning
from restore_tester.sandboxes.process.trees import remove


class FakeSandbox:
    """Its own launcher: it says what the jail would say of each command."""

    kind, cpus, memory_bytes = "fake", 1, 1 << 30

    def __init__(self, folder: Path) -> None:
        self.workspace = Workspace(folder, folder)
        self.kept = False
        self._processes: list[subprocess.Popen[bytes]] = []
        self._waiting: list[threading.Thread | ProcessRunning] = []

    def run(self, command: Command) -> Exit:
        return Dialogue(self, command).converse()

    def start(self, command: Command) -> ProcessRunning:
        self._waiting.append(running := ProcessRunning(Dialogue(self, command)))
        return running

    def launch(self, argv: Sequence[str], environment: Mapping[str, str], descriptors: Sequence[int]) -> int:
        stdin, output, errors, status = (*descriptors[:3], os.dup(descriptors[3]))
        where = {"cwd": self.workspace.here, "env": environment, "start_new_session": True}
        try:
            process = subprocess.Popen(argv, stdin=stdin, stdout=output, stderr=errors, **where)
        except OSError as error:
            os.write(status, b"missing %d\n" % (error.errno or 0))
            os.close(status)
            return -1
        os.write(status, b"started\n")
        self._waiting.append(waiting := threading.Thread(target=self._wait, args=(process, status)))
        waiting.start()
        self._processes.append(process)
        return len(self._processes) - 1

    def _wait(self, process: subprocess.Popen[bytes], status: int) -> None:
        process.wait()
        self._signal_group(process.pid)
        with contextlib.suppress(BrokenPipeError), open(status, "wb", buffering=0) as pipe:
            pipe.write(b"exit %d\n" % process.returncode)

    def _signal_group(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)

    def signal(self, number: int, signal_number: int, whole_group: bool) -> None:
        process = self._processes[number] if number >= 0 else None
        if process and process.returncode is None:
            self._signal_group(process.pid) if whole_group else process.send_signal(signal_number)

    def fault(self) -> SandboxFault:
        return SandboxFault("sandbox_lost", "the fake sandbox is gone", "open another")

    def seal(self) -> SealReport:
        return SealReport(False, "the fake isolates nothing")

    def isolation(self) -> tuple[str, ...]:
        return ()

    def keep(self) -> None:
        self.kept = True

    def end(self) -> None:
        for process in self._processes:
            self._signal_group(process.pid)
        for waiting in self._waiting:
            waiting.join()
        if not self.kept:
            remove(str(self.workspace.here))


class FakeSandboxes:
    kind = "fake"

    def __init__(self, base: Path) -> None:
        self._base = base

    @contextlib.contextmanager
    def open(self, needs: SandboxNeeds) -> Iterator[Sandbox]:
        folder = self._base / f"fake-{os.urandom(4).hex()}"
        folder.mkdir(parents=True)
        sandbox = FakeSandbox(folder)
        try:
            yield sandbox
        finally:
            sandbox.end()
