"""Requests to one jail over its socket, what it says of itself, and why it was lost.

Closing the socket ends the jail: the kernel closes it too when our process dies, however it dies.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from restore_tester.errors import SandboxFault
from restore_tester.sandboxes.process import frames
from restore_tester.sandboxes.process.jail import endings
from restore_tester.sandboxes.process.workspace import Folder

_START = Path(__file__).parent / "jail" / "start.py"
_START_SECONDS = 60.0
_END_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a sandbox may use: bytes of memory (each process) and of disk, processes at once, seconds in all."""

    memory_bytes: int
    processes: int
    disk_bytes: int
    deadline_seconds: float


@dataclass(frozen=True, slots=True)
class Hello:
    """What the jail says when it stands: where the workspace is seen at, and the words for what is in force."""

    inside: Path
    words: tuple[str, ...]


@contextlib.contextmanager
def jail(folder: Folder, limits: Limits, shown: Sequence[Path]) -> Iterator[Link]:
    """Start a jail, without waiting until it stands; at the end, no process of it is left. Raise SandboxFault where one is."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs, folder.log.open("wb") as log:
            guardian = _start(folder, limits, (shown, theirs.fileno(), log.fileno()))
        link = Link(ours, guardian, folder.log, limits)
        try:
            yield link
        finally:
            link.close()


def _start(folder: Folder, limits: Limits, handles: tuple[Sequence[Path], int, int]) -> subprocess.Popen[bytes]:
    shown, control, log = handles
    figures = (control, folder.uid, folder.gid, limits.memory_bytes, limits.processes, limits.disk_bytes, limits.deadline_seconds)
    argv = [sys.executable, "-I", "-S", "-X", "utf8", str(_START), *map(str, figures), str(folder.path), *map(str, shown)]
    needed = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}  # some builds of Python do not start without
    return subprocess.Popen(
        argv,
        env={"PATH": os.defpath, **needed},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=log,
        pass_fds=(control, folder.guard),
        cwd="/",
        start_new_session=True,  # Ctrl-C is for us: we end the jail in order
    )


class Link:
    """Safe to use from several threads."""

    def __init__(self, control: socket.socket, guardian: subprocess.Popen[bytes], log: Path, limits: Limits) -> None:
        self._control = control
        self._guardian = guardian
        self._log = log
        self._limits = limits
        self._sending = threading.Lock()
        self._greeting = threading.Lock()
        self._hello: Hello | None = None
        self._commands = 0

    def hello(self) -> Hello:
        """Wait until the jail stands. Raise SandboxFault where it cannot."""
        with self._greeting:
            if self._hello is None:
                self._control.settimeout(_START_SECONDS)
                try:
                    said = frames.receive(self._control)
                except OSError as error:
                    raise self.fault() from error
                finally:
                    self._control.settimeout(None)
                if said is None:
                    raise self.fault()
                inside, *words = map(os.fsdecode, said[0][1:])
                self._hello = Hello(Path(inside), tuple(words))
            return self._hello

    def launch(self, argv: Sequence[str], environment: Mapping[str, str], descriptors: Sequence[int]) -> int:
        """Given stdin, stdout, stderr and the status pipe of the command: return the number to signal it by."""
        self._commands += 1
        number = self._commands
        variables = [f"{name}={value}" for name, value in environment.items()]
        self._send(["run", str(number), str(len(argv)), *argv, *variables], descriptors)
        return number

    def signal(self, number: int, signal_number: int, whole_group: bool) -> None:
        self._send(["kill", str(number), str(int(signal_number)), "group" if whole_group else "leader"], ())

    def probe(self, port: int, name: str, report: int) -> None:
        self._send(["probe", str(port), name], (report,))

    def _send(self, fields: Sequence[str], descriptors: Sequence[int]) -> None:
        try:
            with self._sending:
                frames.send(self._control, [os.fsencode(field) for field in fields], descriptors)
        except OSError as error:
            raise self.fault() from error

    def fault(self) -> SandboxFault:
        """Given that the jail is lost, or as good as: return why."""
        ending = self._end()
        if ending == endings.DISK_FULL:
            message = f"the sandbox used more disk than its limit of {self._limits.disk_bytes} bytes, or its file system is nearly full"
            return SandboxFault("disk_full", message, "set TMPDIR to a file system with more room")
        if ending == endings.DEADLINE:
            message = f"the sandbox was ended at its deadline of {self._limits.deadline_seconds:g} seconds"
            return SandboxFault("deadline", message, "give the drill more time, or a faster machine")
        message = f"the sandbox ended by itself{self._last_words()}"
        return SandboxFault("sandbox_lost", message, "look for out-of-memory kills in the kernel's log")

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
            return f": {lines[-1][:500]}" if lines else ""
        return ""

    def close(self) -> None:
        """End the jail and wait until nothing of it is left. Raise SandboxFault where that takes too long."""
        if self._end() is None:
            message = f"the sandbox did not end within {_END_SECONDS:g} seconds (its guardian is process {self._guardian.pid})"
            raise SandboxFault("sandbox_left_behind", message, "look at that process: its disk may hang")

    def _end(self) -> int | None:
        """Hang up, wait until every process of the jail has done so too, and return how it ended; None where one has not."""
        with contextlib.suppress(OSError):  # hung up already
            self._control.shutdown(socket.SHUT_WR)
        self._control.settimeout(_END_SECONDS)  # Popen.wait would look, and sleep, and look again
        try:
            while self._control.recv(4096):
                continue
            return self._guardian.wait(_END_SECONDS)
        except (TimeoutError, subprocess.TimeoutExpired):
            return None
        except OSError:  # reset, with words of ours unread: gone as well
            return self._guardian.wait(_END_SECONDS)
