"""A sandbox that isolates nothing: the process sandbox's streams without its jail. For tests of what stands on the seam."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from restore_tester.contracts import SealReport
from restore_tester.errors import SandboxFault
from restore_tester.model import SandboxNeeds
from restore_tester.sandboxes.process.link import Hello, Limits
from restore_tester.sandboxes.process.sandbox import ProcessSandbox
from restore_tester.sandboxes.process.trees import remove
from restore_tester.sandboxes.process.workspace import Folder


class BareMachine:
    """In place of the link to a jail: says of each command what a jail would say."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[tuple[subprocess.Popen[bytes], threading.Thread]] = []

    def hello(self) -> Hello:
        return Hello(self._folder, ())

    def launch(self, argv: Sequence[str], environment: Mapping[str, str], descriptors: Sequence[int]) -> int:
        stdin, output, errors, status = (*descriptors[:3], os.dup(descriptors[3]))
        streams = {"stdin": stdin, "stdout": output, "stderr": errors}
        try:
            process = subprocess.Popen(argv, env=environment, cwd=self._folder, start_new_session=True, **streams)
        except OSError as error:
            os.write(status, b"missing %d\n" % (error.errno or 0))
            os.close(status)
            return -1
        os.write(status, b"started\n")
        waiting = threading.Thread(target=self._wait, args=(process, status))
        self._processes.append((process, waiting))
        waiting.start()
        return len(self._processes) - 1

    def _wait(self, process: subprocess.Popen[bytes], status: int) -> None:
        with contextlib.suppress(BrokenPipeError), open(status, "wb", buffering=0) as pipe:
            process.wait()
            self._kill_group(process)
            pipe.write(b"exit %d\n" % process.returncode)

    def _kill_group(self, process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    def signal(self, number: int, signal_number: int, whole_group: bool) -> None:
        process = self._processes[number][0] if number >= 0 else None
        if process and process.returncode is None:
            self._kill_group(process) if whole_group else process.send_signal(signal_number)

    def fault(self) -> SandboxFault:
        return SandboxFault("sandbox_lost", "the fake sandbox is gone", "open another")

    def end(self) -> None:
        for process, waiting in self._processes:
            self._kill_group(process)
            waiting.join()


class FakeSandbox(ProcessSandbox):
    kind = "fake"

    def seal(self) -> SealReport:
        return SealReport(False, "the fake isolates nothing")


class FakeSandboxes:
    kind = "fake"

    def __init__(self, base: Path) -> None:
        self._base = base

    @contextlib.contextmanager
    def open(self, needs: SandboxNeeds) -> Iterator[FakeSandbox]:
        folder = Folder(self._base / f"fake-{os.urandom(4).hex()}", os.geteuid(), os.getegid(), guard=-1)
        folder.here.mkdir(parents=True)
        machine = BareMachine(folder.here)
        sandbox = FakeSandbox(folder, machine, 1, Limits(1 << 30, 64, 1 << 40, 600.0))  # type: ignore[arg-type]
        try:
            yield sandbox
        finally:
            machine.end()
            sandbox.join()
            if not folder.kept():
                remove(str(folder.path))
