"""What a sandbox may use of disk and time, looked at from outside while it lives → a fault when it is too much."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from restore_tester.errors import SandboxFault
from restore_tester.sandboxes.process import trees
from restore_tester.sandboxes.process.workspace import Folder

_LOOK_SECONDS = 0.5
_LOOK_SHARE = 20  # a look at the disk may cost a twentieth of the time
_FLOOR_SHARE = 20  # the file system's last twentieth is not ours


class Watch:
    """Given the limits in bytes and seconds from now, and who is told, once, that one is passed. A thread of its own, until `stop`."""

    def __init__(self, folder: Folder, disk_bytes: int, deadline_seconds: float, tell: Callable[[SandboxFault], None]) -> None:
        self._folder = folder
        self._disk_bytes = disk_bytes
        self._deadline_seconds = deadline_seconds
        self._tell = tell
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, name="docker-watch", args=(time.monotonic() + deadline_seconds,))
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _look(self, deadline: float) -> None:
        floor = self._folder.free_bytes() // _FLOOR_SHARE
        pause = _LOOK_SECONDS
        while not self._stopped.wait(max(0.0, min(pause, deadline - time.monotonic()))):
            began = time.monotonic()
            if began >= deadline:
                message = f"the sandbox was ended at its deadline of {self._deadline_seconds:g} seconds"
                return self._tell(SandboxFault("deadline", message, "give the drill more time, or a faster machine"))
            if trees.used_bytes([str(self._folder.here)]) > self._disk_bytes or self._folder.free_bytes() < floor:
                message = f"the sandbox used more disk than its limit of {self._disk_bytes} bytes, or its file system is nearly full"
                return self._tell(SandboxFault("disk_full", message, "set TMPDIR to a file system with more room"))
            pause = max(_LOOK_SECONDS, (time.monotonic() - began) * _LOOK_SHARE)
        return None
