"""An open sandbox in this machine: commands in, exits out. Implements `contracts.Sandbox`."""

from __future__ import annotations

import os
import select
import socket
import threading
import time

from restore_tester.contracts import Command, DiskUse, Exit, SealReport, Workspace
from restore_tester.errors import SandboxFault
from restore_tester.sandboxes.process import trees
from restore_tester.sandboxes.process.dialogue import Dialogue
from restore_tester.sandboxes.process.link import Limits, Link
from restore_tester.sandboxes.process.workspace import Folder

_PROBE_SECONDS = 30.0
_POLL_SECONDS = 5.0


class ProcessRunning:
    """A program that goes on: its streams are drained by a thread of its own. Implements `contracts.Running`."""

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue
        self._trouble: BaseException | None = None
        self._thread = threading.Thread(target=self._converse, name="drain", daemon=True)
        self._thread.start()

    def _converse(self) -> None:
        try:
            self._dialogue.converse()
        except BaseException as trouble:  # noqa: BLE001 - raised where somebody looks: in poll and stop
            self._trouble = trouble

    def poll(self) -> int | None:
        if self._dialogue.code is None and self._dialogue.over.is_set():
            self._thread.join(_POLL_SECONDS)
            if self._trouble:
                raise self._trouble
        return self._dialogue.code

    def stop(self, signal: int, deadline_seconds: float) -> int:
        give_up_at = time.monotonic() + deadline_seconds
        self._dialogue.signal(signal)
        while (code := self.poll()) is None:
            if time.monotonic() >= give_up_at:
                message = f"a program did not end within {deadline_seconds:g} seconds of signal {int(signal)}"
                raise SandboxFault("deadline", message, "give the drill more time, or a faster machine")
            self._dialogue.over.wait(0.005)
        return code

    def errors(self) -> bytes:
        return self._dialogue.errors()

    def join(self) -> None:
        """Given that the jail is gone: wait until the thread has seen it."""
        self._thread.join()


class ProcessSandbox:
    kind = "process"
    image = None

    def __init__(self, folder: Folder, link: Link, cpus: int, limits: Limits) -> None:
        self.cpus = cpus
        self.memory_bytes = limits.memory_bytes
        self._disk_bytes = limits.disk_bytes
        self._folder = folder
        self._link = link
        self._sealed = False
        self._started: list[ProcessRunning] = []

    @property
    def workspace(self) -> Workspace:
        return Workspace(here=self._folder.here, inside=self._link.hello().inside)

    def run(self, command: Command) -> Exit:
        return Dialogue(self._link, command).converse()

    def start(self, command: Command) -> ProcessRunning:
        running = ProcessRunning(Dialogue(self._link, command))
        self._started.append(running)
        return running

    def seal(self) -> SealReport:
        """Hand over what was fetched so far to the sandbox's own uid, then let a probe from inside look for a way out."""
        self._link.hello()
        self._folder.hand_over()
        name = f"restore-tester-{os.urandom(8).hex()}"
        with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(socket.AF_UNIX) as abstract:
            abstract.bind(b"\0" + name.encode())
            abstract.listen()
            found = self._probe(listener.getsockname()[1], name)
        self._sealed = found == []
        return SealReport(self._sealed, "; ".join(found) or "no way out was found from inside")

    def _probe(self, port: int, name: str) -> list[str]:
        """Return the ways out that were found. Raise SandboxFault where nothing could be asked."""
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        said = b""
        with open(read_end, "rb", buffering=0) as report:  # noqa: PTH123 - a descriptor, not a path
            try:
                self._link.probe(port, name, write_end)
            finally:
                os.close(write_end)
            while select.select([report], [], [], _PROBE_SECONDS)[0] and (block := report.read(4096)):
                said += block
        if not said:
            raise self._link.fault()
        *found, last = said.decode().rstrip("\n").split("\n")
        if last != "probed":
            raise SandboxFault("seal_unproven", f"the probe for a way out did not answer: {last}", "run the drill again")
        return found

    def trouble(self) -> SandboxFault | None:
        """Return None: what meets a limit here is told so itself, or ends the jail, which the next command tells."""
        return None

    def disk(self) -> DiskUse:
        return DiskUse(trees.used_bytes([str(self._folder.here)]), self._disk_bytes)

    def isolation(self) -> tuple[str, ...]:
        return (*self._link.hello().words, *(("sealed-probe",) if self._sealed else ()))

    def keep(self) -> None:
        self._folder.keep()

    def join(self) -> None:
        """Given that the jail is gone: wait for the threads that served it."""
        for running in self._started:
            running.join()
