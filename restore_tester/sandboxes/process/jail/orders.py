"""The command line of the jail → what it is to confine, and how far."""

from __future__ import annotations

from collections.abc import Sequence


class Order:
    """Given by `link`: the sandbox's folder, the uid and gid to run commands as, limits (bytes, seconds, a count), folders to show."""

    __slots__ = ("control", "deadline_seconds", "disk_bytes", "folder", "gid", "memory_bytes", "processes", "shown", "uid")

    def __init__(self, words: Sequence[str]) -> None:
        control, uid, gid, memory, processes, disk, deadline, self.folder, *shown = words
        self.control = int(control)
        self.uid, self.gid = int(uid), int(gid)
        self.memory_bytes, self.processes, self.disk_bytes = int(memory), int(processes), int(disk)
        self.deadline_seconds = float(deadline)
        self.shown = tuple(shown)

    @property
    def workspace(self) -> str:
        return f"{self.folder}/workspace"

    @property
    def scratch(self) -> str:
        """Return the folder that `/tmp` is inside: its use counts like the workspace's."""
        return f"{self.folder}/tmp"  # noqa: S108 - not that one

    @property
    def root(self) -> str:
        return f"{self.folder}/root"
