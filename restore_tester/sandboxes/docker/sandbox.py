"""An open sandbox in a container: commands in, exits out. Implements `contracts.Sandbox`."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from pathlib import Path

from restore_tester.contracts import Command, DiskUse, Exit, SealReport, Workspace
from restore_tester.errors import CannotTell, SandboxFault
from restore_tester.sandboxes.docker import inside
from restore_tester.sandboxes.docker.container import Plan
from restore_tester.sandboxes.docker.link import Link
from restore_tester.sandboxes.process import trees
from restore_tester.sandboxes.process.dialogue import Dialogue
from restore_tester.sandboxes.process.sandbox import ProcessRunning

_PROBE_SECONDS = 60.0
_ENDING_SECONDS = 2.0
_LISTENING = "0A"


class DockerSandbox:
    kind = "docker"

    def __init__(self, plan: Plan, link: Link) -> None:
        self.cpus = plan.limits.cpus
        self.memory_bytes = plan.limits.memory_bytes
        self.image = f"{plan.image.name}@{plan.image.digest}"
        self.workspace = Workspace(here=plan.folder.here, inside=Path(inside.WORKSPACE))
        self._plan = plan
        self._link = link
        self._sealed = False
        self._started: list[ProcessRunning] = []

    def run(self, command: Command) -> Exit:
        return Dialogue(self._link, command).converse()

    def start(self, command: Command) -> ProcessRunning:
        running = ProcessRunning(Dialogue(self._link, command))
        self._started.append(running)
        return running

    def trouble(self) -> SandboxFault | None:
        return self._link.trouble()

    def seal(self) -> SealReport:
        """Hand over what was fetched so far to the sandbox's own uid, then look from inside for a way out: a route, or a sight of
        what we ourselves listen on outside."""
        self._plan.folder.hand_over()
        name = f"restore-tester-{os.urandom(8).hex()}"
        with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(socket.AF_UNIX) as abstract:
            abstract.bind(b"\0" + name.encode())
            abstract.listen()
            command = Command(
                (inside.SHELL, "-c", inside.NETWORK), {"PATH": os.defpath}, deadline_seconds=_PROBE_SECONDS, keep_bytes=1 << 24
            )
            said = self.run(command).output.decode(errors="replace")
            found = ways_out(said, listener.getsockname()[1], name)
        self._sealed = not found
        return SealReport(self._sealed, "; ".join(found) or "no way out was found from inside")

    def disk(self) -> DiskUse:
        return DiskUse(trees.used_bytes([str(self._plan.folder.here)]), self._plan.limits.disk_bytes)

    def isolation(self) -> tuple[str, ...]:
        words = {
            "no-network": True,
            "own-uid": self._plan.folder.uid not in (0, os.geteuid()),
            "private-filesystem": True,
            "no-capabilities": True,
            "memory-limit": self._plan.abilities.limits_memory,
            "process-limit": self._plan.abilities.limits_processes,
            "disk-limit": True,
            "time-limit": True,
            "sealed-probe": self._sealed,
        }
        return tuple(word for word, holds in words.items() if holds)

    def keep(self) -> None:
        self._plan.folder.keep()

    def clear(self) -> None:
        """End every program and remove what they wrote, as far as that goes at once, while the container still stands: its end makes
        the engine sync its own files, and the file system then writes out ours with them, which may take seconds, for nothing."""
        self._link.kill_all()
        for running in self._started:
            with contextlib.suppress(CannotTell):
                running.stop(signal.SIGKILL, _ENDING_SECONDS)
        if not self._plan.folder.kept():
            with contextlib.suppress(OSError):
                trees.remove(str(self._plan.folder.here))

    def join(self) -> None:
        """Given that the container is gone: wait for the threads that served it."""
        self._link.join()
        for running in self._started:
            running.join()


def ways_out(said: str, port: int, name: str) -> list[str]:
    """Given the kernel's tables as a program inside sees them, a TCP port and an abstract unix socket that we listen on outside.
    Raise SandboxFault (`seal_unproven`) where the tables are not whole."""
    tables = {part.partition("\n")[0]: part.partition("\n")[2].splitlines() for part in said.split("= ")[1:]}
    if "end" not in tables or not tables.get("unix") or not tables.get("route"):
        raise SandboxFault("seal_unproven", "the probe for a way out did not answer", "run the drill again")
    rows = {table: [line.split() for line in lines] for table, lines in tables.items()}
    found = []
    if any(row and row[0] != "lo" for row in rows["route"][1:]) or any(row and row[-1] != "lo" for row in rows.get("ipv6_route", ())):
        found.append("there is a route out")
    if any(len(row) > 3 and row[1].endswith(f":{port:04X}") and row[3] == _LISTENING for row in rows.get("tcp", ())):
        found.append("a program of this machine is reachable at 127.0.0.1")
    if any(row and row[-1] == f"@{name}" for row in rows["unix"]):
        found.append("a program of this machine is reachable at an abstract unix socket")
    return found
