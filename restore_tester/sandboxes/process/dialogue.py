"""A command in the jail ↔ our streams: stdin fed, stdout and stderr drained to their ends, its exit code.

Everything but the feeding happens in the thread that calls `converse`, so whatever a callback raises, or Ctrl-C, comes out
of there, and the command is killed.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from restore_tester.contracts import Command, Exit
from restore_tester.errors import SandboxFault
from restore_tester.sandboxes.process.streams import Feeder, Kept, Lines, open_pipe

_BLOCK_BYTES = 1 << 18
_LOOK_SECONDS = 0.25  # a signal that comes just before a wait begins does not end it: no wait may be long
_AFTERMATH_SECONDS = 10.0  # of silence, for streams that relatives of an ended command still hold


class Launcher(Protocol):
    """What a dialogue needs of the place where programs run; `link.Link` is the real one."""

    def launch(self, argv: Sequence[str], environment: Mapping[str, str], descriptors: Sequence[int]) -> int: ...

    def signal(self, number: int, signal_number: int, whole_group: bool) -> None: ...

    def fault(self) -> SandboxFault: ...


class Dialogue:
    """One command, from its start to its end. `code` is its exit code as soon as it ended, `over` is set when nothing more comes."""

    def __init__(self, link: Launcher, command: Command) -> None:
        """Return when the program runs. Raise SandboxFault where it cannot."""
        self.code: int | None = None
        self.over = threading.Event()
        self._link = link
        self._command = command
        self._output = Kept(command.keep_bytes)
        self._errors = Kept(command.keep_bytes)
        self._lines = Lines(command.on_error_line) if command.on_error_line else None
        self._said = b""
        with contextlib.ExitStack() as opened:
            self._launch(opened)
            self._opened = opened.pop_all()

    def _launch(self, opened: contextlib.ExitStack) -> None:
        with contextlib.ExitStack() as theirs:
            self._feeder: Feeder | None = None
            if self._command.stdin is None:
                stdin = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
                theirs.callback(os.close, stdin)
            else:
                stdin, feed = open_pipe(theirs, None)
                self._feeder = Feeder(feed, self._command.stdin, self._command.on_input, self.kill)
                opened.callback(self._feeder.stop)
            self._from_output, output = open_pipe(opened, theirs)
            self._from_errors, errors = open_pipe(opened, theirs)
            self._from_status, status = open_pipe(opened, theirs)
            self._number = self._link.launch(self._command.argv, self._command.environment, (stdin, output, errors, status))
        try:
            self._await_start()
        except BaseException:
            self.kill()
            raise
        if self._feeder:
            self._feeder.start()

    def _await_start(self) -> None:
        poller = select.poll()
        poller.register(self._from_status, select.POLLIN)
        while b"\n" not in self._said:
            if not poller.poll(_LOOK_SECONDS * 1000):
                continue
            block = os.read(self._from_status, 4096)
            if not block:
                raise self._link.fault()
            self._said += block
        what, _, self._said = self._said.partition(b"\n")
        word, _, number = what.decode("ascii").partition(" ")
        if word == "started":
            self._take_status(b"")
            return
        program, why = self._command.argv[0], os.strerror(int(number))
        if word == "missing":
            raise SandboxFault("program_missing", f"{program} cannot be run in the sandbox: {why}", "install it; `doctor` says how")
        raise SandboxFault("process_limit", f"the sandbox could not start {program}: {why}", "give the sandbox more processes or memory")

    def signal(self, signal_number: int) -> None:
        """Signal the program itself, not what it started."""
        self._link.signal(self._number, signal_number, whole_group=False)

    def kill(self) -> None:
        """Kill the program and its group. A jail that is gone has done so already."""
        with contextlib.suppress(SandboxFault):
            self._link.signal(self._number, signal.SIGKILL, whole_group=True)

    def errors(self) -> bytes:
        return self._errors.bytes()

    def converse(self) -> Exit:
        """Feed and drain until the command and its streams have ended. Raise what the stdin stream raised, or SandboxFault."""
        try:
            with self._opened:
                try:
                    in_time = self._drain()
                except BaseException:
                    self.kill()
                    raise
        finally:
            self.over.set()
        if self._feeder and self._feeder.trouble:
            raise self._feeder.trouble
        if not in_time:
            message = f"{self._command.argv[0]} ran longer than {self._command.deadline_seconds:g} seconds and was killed"
            raise SandboxFault("deadline", message, "give the drill more time, or a faster machine")
        if self.code is None:
            raise self._link.fault()
        return Exit(self.code, self._output.bytes(), self._errors.bytes())

    def _drain(self) -> bool:
        """Return whether the command ended before its deadline."""
        limit = self._command.deadline_seconds
        deadline = time.monotonic() + limit if limit is not None else float("inf")
        takers = {self._from_output: self._output.take, self._from_errors: self._take_errors, self._from_status: self._take_status}
        poller = select.poll()
        for descriptor in takers:
            poller.register(descriptor, select.POLLIN)
        in_time, heard_at = True, time.monotonic()
        while takers:
            settled = self.code is not None or not in_time
            wait = _LOOK_SECONDS if settled else max(0.0, min(_LOOK_SECONDS, deadline - time.monotonic()))
            ready = poller.poll(wait * 1000 + 1)
            heard_at = time.monotonic() if ready else heard_at
            if settled and time.monotonic() - heard_at >= _AFTERMATH_SECONDS:
                break
            for descriptor, _ in ready:
                block = os.read(descriptor, _BLOCK_BYTES)
                takers[descriptor](block)
                if not block:
                    poller.unregister(descriptor)
                    del takers[descriptor]
            if in_time and self.code is None and time.monotonic() >= deadline:
                in_time, heard_at = False, time.monotonic()
                self.kill()
        if self._lines:
            self._lines.end()
        return in_time

    def _take_errors(self, block: bytes) -> None:
        self._errors.take(block)
        if self._lines:
            self._lines.take(block)

    def _take_status(self, block: bytes) -> None:
        self._said += block
        if self.code is None and self._said.startswith(b"exit ") and self._said.endswith(b"\n"):
            self.code = int(self._said[5:])
