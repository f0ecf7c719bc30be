"""One `docker exec` ↔ pipes: stdin pumped in, stdout and stderr taken apart and pumped out to their ends, the exit code told.

What is told on the status pipe is what a jail tells: `started`, `missing ERRNO` or `refused ERRNO`, then `exit CODE`, each a
line; nothing more where the container is lost.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import threading
import time
from typing import Protocol

from restore_tester.errors import SandboxFault
from restore_tester.sandboxes.docker import inside
from restore_tester.sandboxes.docker.channel import ERRORS, OUTPUT, Streams, write_all

Blocks = list[tuple[int, memoryview]]

_BLOCK_BYTES = 1 << 18
_IDLE_SECONDS = 0.25
_LOOK_SECONDS = (0.005, 0.25)
_SIGNAL_BASE = 128  # how the engine says that a signal ended a program
_NO_PROCESS = ("resource temporarily unavailable", "cannot allocate memory")


class Place(Protocol):
    """The container, as an execution sees it."""

    def exit_code(self, execution: str) -> int | None: ...

    def signal_process(self, pid: int, signal_number: int, whole_group: bool) -> None: ...

    def died_with_it(self) -> bool:
        """Return whether a program that was killed was killed by what ended, or spoils, the container."""

    def note(self, fault: SandboxFault) -> None: ...


class Execution:
    """A program in the container, served by threads of its own. Given descriptors that become its own: stdin (None: nothing to
    read), stdout, stderr and status."""

    def __init__(self, place: Place, name: str, channel: socket.socket, descriptors: tuple[int | None, int, int, int]) -> None:
        self._place = place
        self._name = name
        self._channel = channel
        stdin, self._output, self._errors, self._status = descriptors
        self._pid: int | None = None
        self._ended = False
        self._killed_by_us = False
        self._lock = threading.Lock()
        self._feeders = [] if stdin is None else [threading.Thread(target=self._feed, name="docker-stdin", args=(stdin,))]
        self._server = threading.Thread(target=self._serve, name="docker-exec")
        for thread in (*self._feeders, self._server):
            thread.start()

    def signal(self, signal_number: int, whole_group: bool) -> None:
        """Signal the program, or its group; one that ended is left alone."""
        with self._lock:
            if self._pid is None or self._ended:
                return
            self._killed_by_us |= signal_number == signal.SIGKILL
            self._place.signal_process(self._pid, signal_number, whole_group)

    def join(self) -> None:
        self._server.join()

    def _feed(self, stdin: int) -> None:
        try:
            with contextlib.suppress(OSError):  # the program ended before its input, which its exit code explains
                while block := os.read(stdin, _BLOCK_BYTES):
                    self._channel.sendall(block)
            with contextlib.suppress(OSError):
                self._channel.shutdown(socket.SHUT_WR)
        finally:
            os.close(stdin)

    def _serve(self) -> None:
        streams = Streams(self._channel)
        try:
            told, rest = self._first_line(streams)
            word, _, number = told.partition(" ")
            if word == inside.STARTED:
                self._pid = int(number)
                self._tell("started")
                self._pump(streams, rest)
            elif word == inside.MISSING:
                self._tell(told)
            elif any(why in told.lower() for why in _NO_PROCESS):
                self._tell(f"refused {errno.EAGAIN}")
            elif told:
                self._place.note(
                    SandboxFault("docker_refused", f"a program could not be started: {told[:500]}", "look at the engine's log")
                )
        except SandboxFault as fault:
            self._place.note(fault)
        finally:
            with contextlib.suppress(OSError):
                self._channel.shutdown(socket.SHUT_RDWR)  # wakes whoever still feeds
            for descriptor in (self._output, self._errors, self._status):
                os.close(descriptor)
            for feeder in self._feeders:
                feeder.join()
            self._channel.close()

    def _first_line(self, streams: Streams) -> tuple[str, Blocks]:
        """Return what our script says first on stderr, and all else that has come by then; where it could not even start, what the
        engine says in its place. The two streams come in any order."""
        line, others = b"", Blocks()
        while (blocks := streams.read()) is not None:
            for kind, block in blocks:
                if kind != ERRORS or b"\n" in line:
                    others.append((kind, block))
                    continue
                line += block
                if b"\n" in line:
                    line, _, rest = line.partition(b"\n")
                    others.append((ERRORS, memoryview(rest)))
                    line += b"\n"
            if b"\n" in line:
                return line.decode(errors="replace").strip(), others
        return (line + b"".join(block for _, block in others)).decode(errors="replace").strip(), Blocks()

    def _pump(self, streams: Streams, first: Blocks) -> None:
        open_ends = {OUTPUT: self._output, ERRORS: self._errors}
        told = False
        blocks: Blocks | None = first
        while blocks is not None:
            for kind, block in blocks:
                if kind in open_ends and not write_all(open_ends[kind], block):
                    del open_ends[kind]
            while not streams.wait(_IDLE_SECONDS):
                told = told or self._has_ended()
            blocks = streams.read()
        pause, longest = _LOOK_SECONDS
        while not (told or self._has_ended()):
            time.sleep(pause)
            pause = min(pause * 2, longest)

    def _has_ended(self) -> bool:
        """Where the program has ended, tell its code and end its group: a command ends with its leader."""
        code = self._place.exit_code(self._name)
        if code is None:
            return False
        with self._lock:
            self._ended = True
        code = _SIGNAL_BASE - code if _SIGNAL_BASE < code < _SIGNAL_BASE + signal.NSIG else code
        if self._pid is not None:
            self._place.signal_process(self._pid, signal.SIGKILL, whole_group=True)
        if code != -signal.SIGKILL or self._killed_by_us or not self._place.died_with_it():
            self._tell(f"exit {code}")
        return True

    def _tell(self, line: str) -> None:
        write_all(self._status, f"{line}\n".encode())
