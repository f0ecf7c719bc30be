"""Children: made so that they never return into their parent's code, waited for without polling, ended to the last one."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable

_SOFTWARE = 70


def tell_trouble(text: str) -> None:
    """Add a line to the sandbox's `jail.log`."""
    sys.stderr.write(f"{text}\n")


def fork_into(body: Callable[[], int]) -> int:
    """Return the pid of a child that runs `body` and exits with what it returns; a failure of it is told on stderr."""
    pid = os.fork()
    if pid:
        return pid
    code = _SOFTWARE
    try:
        code = body()
    except BaseException:  # noqa: BLE001 - whatever it is must not run on as a second parent; the interpreter's own report, without the modules that print prettier ones
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


class Alarm:
    """A descriptor that becomes readable when a child has changed."""

    def __init__(self) -> None:
        self.descriptor, self._write_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)

    def quiet(self) -> None:
        try:
            os.read(self.descriptor, 4096)
        except BlockingIOError:
            return


def wait_readable(descriptors: tuple[int, ...], seconds: float | None) -> dict[int, int]:
    poller = select.poll()
    for descriptor in descriptors:
        poller.register(descriptor, select.POLLIN)
    return dict(poller.poll(None if seconds is None else max(0.0, seconds) * 1000))


def end_descendants() -> None:
    """Given that we adopt orphans: kill and reap until there is nobody left."""
    while True:
        for pid in _descendants(os.getpid()):
            try:
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        select.select([], [], [], 0.005)


def _descendants(ancestor: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - no pathlib in the jail
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - as above
                    parent = int(file.read().rpartition(b")")[2].split()[1])
            except OSError:  # it ended
                continue
            children.setdefault(parent, []).append(int(name))
    found: list[int] = []
    pending = [ancestor]
    while pending:
        below = children.get(pending.pop(), [])
        found += below
        pending += below
    return found
