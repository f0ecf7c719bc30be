"""This machine, or the control group we live in → processors, memory and disk that a sandbox can really have."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from restore_tester.config import units
from restore_tester.errors import SandboxFault

_GROUPS = Path("/sys/fs/cgroup")
_UNLIMITED = 1 << 60  # control groups v1 say "no limit" as a number near 2^63


def usable_cpus() -> int:
    """Return whole processors, at least 1: what affinity and the control group's quota leave."""
    cpus = float(len(os.sched_getaffinity(0)))
    for folder in _group_folders("cpu"):
        quota = _text(folder / "cpu.max").split() or [_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")]
        if len(quota) == 2 and quota[0].isdigit() and quota[1].isdigit() and int(quota[1]):
            cpus = min(cpus, int(quota[0]) / int(quota[1]))
    return max(1, int(cpus))


def usable_memory_bytes() -> int:
    """Return the machine's memory or the control group's limit, whichever is less."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for folder in _group_folders("memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            limit = _text(folder / name)
            if limit.isdigit() and 0 < int(limit) < _UNLIMITED:
                memory = min(memory, int(limit))
    return memory


def granted_disk_bytes() -> int:
    """Return the most that one sandbox may take by `RESTORE_TESTER_DISK`, a size such as `8GiB`: a pod is put out where its folder
    outgrows what it was granted, and no system call tells how much that is. Raise SandboxFault where it is no size."""
    written = os.environ.get("RESTORE_TESTER_DISK")
    if not written:
        return sys.maxsize
    try:
        return units.bytes_of(written)
    except ValueError as error:
        message = f"RESTORE_TESTER_DISK is {written!r}, which is no size"
        raise SandboxFault("disk_limit_unreadable", message, "write a number and its unit, as 8GiB") from error


def _group_folders(controller: str) -> list[Path]:
    """Return the folders of our control group and of the groups around it, both hierarchies' ways."""
    folders: list[Path] = []
    for line in _text(Path("/proc/self/cgroup")).splitlines():
        number, controllers, path = line.split(":", 2)
        if number != "0" and controller not in controllers.split(","):
            continue
        for root in (_GROUPS, _GROUPS / "unified") if number == "0" else (_GROUPS / controllers, _GROUPS / controller):
            inner = root / path.lstrip("/")
            folders += [folder for folder in (inner, *inner.parents) if folder.is_relative_to(root)]
    return folders


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
