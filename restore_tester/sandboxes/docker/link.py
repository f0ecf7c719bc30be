"""Requests to one container → programs started and signalled in it, and why it was lost."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import TimeoutError as StartTimeoutError
from typing import TYPE_CHECKING

from restore_tester.errors import CannotTell, SandboxFault
from restore_tester.sandboxes.docker import inside
from restore_tester.sandboxes.docker.channel import Streams, open_channel
from restore_tester.sandboxes.docker.engine import Engine
from restore_tester.sandboxes.docker.execution import Execution

if TYPE_CHECKING:
    import socket

    from restore_tester.sandboxes.docker.container import Container

_START_SECONDS = 120.0
_ANSWER_SECONDS = 10.0
_STOPPING_SECONDS = 5.0


class Link:
    """Safe to use from several threads. Implements `dialogue.Launcher` and `execution.Place`."""

    def __init__(self, engine: Engine, container: Container) -> None:
        self._engine = engine
        self._container = container
        self._launching = threading.Lock()
        self._talking = threading.Lock()
        self._executions: list[Execution] = []
        self._limit: SandboxFault | None = None
        self._noted: SandboxFault | None = None

    def _control(self) -> socket.socket:
        """Wait until the container runs. Raise CannotTell where it cannot."""
        try:
            return self._container.control.result(_START_SECONDS)
        except StartTimeoutError as error:
            message = f"the container did not start within {_START_SECONDS:g} seconds"
            raise SandboxFault("docker_refused", message, "look at the engine's log") from error
        except OSError as error:
            message = f"the Docker engine does not answer any more: {error.strerror or error}"
            raise SandboxFault("docker_unreachable", message, "see that the engine runs, then drill again") from error

    # --- as the dialogue of a command sees it ---

    def launch(self, argv: Sequence[str], environment: Mapping[str, str], descriptors: Sequence[int]) -> int:
        self._control()
        feeds = not stat.S_ISCHR(os.fstat(descriptors[0]).st_mode)  # else the null device: nothing to read
        variables = (f"{name}={value}" for name, value in environment.items())
        given = (argv[0], environment.get("PATH", os.defpath), *variables, *argv)
        try:
            name = self._engine.prepare(self._container.name, (inside.SHELL, "-c", inside.COMMAND, "restore-tester", *given), stdin=feeds)
            request: dict[str, object] = {"Detach": False, "Tty": False}
            channel = open_channel(self._engine.address, f"{self._engine.prefix}/exec/{name}/start", request)
        except (SandboxFault, OSError) as error:
            if isinstance(error, SandboxFault):
                self.note(error)
            raise self.fault() from error
        stdin, output, errors, status = (os.dup(descriptor) for descriptor in descriptors)
        if not feeds:
            os.close(stdin)
        with self._launching:
            self._executions.append(Execution(self, name, channel, (stdin if feeds else None, output, errors, status)))
            return len(self._executions) - 1

    def signal(self, number: int, signal_number: int, whole_group: bool) -> None:
        self._executions[number].signal(signal_number, whole_group)

    def fault(self) -> SandboxFault:
        """Given that the container is lost, or as good as: return why."""
        return self._limit or self._ending() or self._noted or _lost("it does not answer")

    # --- as a running program sees it ---

    def exit_code(self, execution: str) -> int | None:
        return self._engine.execution_code(execution)

    def signal_process(self, pid: int, signal_number: int, whole_group: bool) -> None:
        name = signal.Signals(signal_number).name.removeprefix("SIG")
        with self._talking, contextlib.suppress(OSError, CannotTell):  # a container that is gone has ended it already
            self._control().sendall(f"{name} {-pid if whole_group else pid}\n".encode())

    def died_with_it(self) -> bool:
        return self.trouble() is not None or self._ending() is not None

    def note(self, fault: SandboxFault) -> None:
        self._noted = self._noted or fault

    # --- as the sandbox sees it ---

    def end(self, why: SandboxFault) -> None:
        """A limit is passed: end everything."""
        self._limit = why
        with contextlib.suppress(CannotTell):
            self._control()
            self._engine.kill(self._container.name)

    def kill_all(self) -> None:
        """Kill every program but the container's own."""
        self.signal_process(1, signal.SIGKILL, whole_group=True)

    def trouble(self) -> SandboxFault | None:
        """Return the limit that the sandbox is known to have met, None where it has met none."""
        if self._limit is None and self._memory_kills():
            message = "the sandbox needed more memory than it may have, and the kernel killed a program in it"
            self._limit = SandboxFault("out_of_memory", message, "give the sandbox more memory, then drill again")
        return self._limit

    def join(self) -> None:
        """Given that the container is gone: wait for the threads that served it."""
        for execution in self._executions:
            execution.join()

    def _memory_kills(self) -> int | None:
        """Return how many programs the kernel has killed for memory in the container, None where it does not answer."""
        with self._talking, contextlib.suppress(OSError, CannotTell):
            control = self._control()
            control.sendall(f"{inside.MEMORY_KILLS}\n".encode())
            streams, said = Streams(control), b""
            while b"\n" not in said and streams.wait(_ANSWER_SECONDS) and (blocks := streams.read()):
                said += b"".join(block for _, block in blocks)
            return int(said.split()[-1]) if said.strip() else None
        return None

    def _ending(self) -> SandboxFault | None:
        """Return how the container ended, None where it goes on. One that is just ending is waited for."""
        give_up_at = time.monotonic() + _STOPPING_SECONDS
        while True:
            try:
                state = self._engine.state(self._container.name)
            except SandboxFault as fault:
                return fault
            if state is None:
                return _lost("somebody removed its container")
            if not state.running:
                break
            if self._memory_kills() is not None or time.monotonic() > give_up_at:
                return None
            time.sleep(0.02)
        if state.out_of_memory:
            return SandboxFault(
                "out_of_memory", "the sandbox needed more memory than it may have", "give the sandbox more memory, then drill again"
            )
        if state.code == inside.DEADLINE_CODE:
            return SandboxFault("deadline", "the sandbox was ended at its deadline", "give the drill more time, or a faster machine")
        if state.code == inside.UNSHARED_CODE:
            message = "the container cannot write to the workspace: its engine maps users (rootless), or runs on other files than ours"
            return SandboxFault("workspace_not_shared", message, "use this machine's own engine, or the process sandbox")
        return _lost(f"its container ended with code {state.code}")


def _lost(how: str) -> SandboxFault:
    return SandboxFault(
        "sandbox_lost", f"the sandbox ended by itself: {how}", "look at the engine's log, and for out-of-memory kills in the kernel's"
    )
