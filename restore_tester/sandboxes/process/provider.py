"""What a restore needs → an open sandbox on this machine, gone when its block ends. Implements `contracts.SandboxProvider`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from restore_tester.errors import SandboxFault
from restore_tester.model import SandboxNeeds
from restore_tester.sandboxes.process import machine
from restore_tester.sandboxes.process.link import Limits, jail
from restore_tester.sandboxes.process.sandbox import ProcessSandbox
from restore_tester.sandboxes.process.workspace import Folder, claim

_MEMORY_SHARE, _DISK_SHARE = 0.8, 0.9
_PROCESSES = 512
_DEADLINE_SECONDS = 12 * 3600.0


class ProcessSandboxes:
    """Given folders to show inside read-only, at their own path, beside the system's programs; and the folder to make workspaces
    under (None: `$TMPDIR`, else /tmp)."""

    kind = "process"

    def __init__(self, folders: tuple[Path, ...] = (), base: Path | None = None) -> None:
        self._folders = folders
        self._base = base

    @contextlib.contextmanager
    def open(self, needs: SandboxNeeds) -> Iterator[ProcessSandbox]:
        shown = _shown(self._folders)
        with claim(self._base) as folder:
            limits = _limits(needs, folder)
            with contextlib.ExitStack() as ended, jail(folder, limits, shown) as link:
                sandbox = ProcessSandbox(folder, link, machine.usable_cpus(), limits)
                ended.callback(sandbox.join)
                yield sandbox


def _limits(needs: SandboxNeeds, folder: Folder) -> Limits:
    memory = needs.memory_bytes or int(machine.usable_memory_bytes() * _MEMORY_SHARE)
    room = min(int(folder.free_bytes() * _DISK_SHARE), machine.granted_disk_bytes())
    disk = room if needs.disk_bytes is None else min(needs.disk_bytes, room)
    return Limits(memory, needs.processes or _PROCESSES, disk, needs.deadline_seconds or _DEADLINE_SECONDS)


def _shown(folders: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return the folders to show inside. Raise SandboxFault where one is missing: a private root with a hole proves nothing."""
    for folder in folders:
        if not folder.is_dir():
            raise SandboxFault("folder_missing", f"the folder {folder} is to be shown in the sandbox and is not there", "install it again")
    return tuple(folder.absolute() for folder in folders)
