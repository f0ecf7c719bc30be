"""What a sandbox could leave behind, counted from outside: processes, mounts, sockets and files that have to do with one base folder."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from restore_tester.contracts import Command

MARK = "RESTORE_TESTER_MARK"


@dataclass(frozen=True, slots=True)
class Inventory:
    """Equal where nothing came and nothing went."""

    processes: frozenset[str]
    mounts: frozenset[str]
    sockets: frozenset[str]
    files: frozenset[str]


def shell(base: Path, script: str, **fields: Any) -> Command:
    """Return a marked command that runs a script of the shell; the fields are those of `Command`."""
    return Command(("/bin/sh", "-c", script), mark(base), **fields)


def mark(base: Path) -> dict[str, str]:
    """Return the environment by which a command inside a sandbox is found, wherever it hides: give it to every command of a test."""
    return {MARK: str(base), "PATH": os.defpath}


def take_inventory(base: Path) -> Inventory:
    """Given the folder that sandboxes are made under. Others' processes on this machine do not matter, nor does our own."""
    return Inventory(
        processes=frozenset(f"{process.name} {_title(process)}" for process in Path("/proc").iterdir() if _belongs(process, base)),
        mounts=frozenset(line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(base) in line),
        sockets=frozenset(line.split(maxsplit=7)[-1] for line in Path("/proc/net/unix").read_text().splitlines() if str(base) in line),
        files=frozenset(str(Path(folder) / name) for folder, names, files in os.walk(base) for name in (*names, *files)),
    )


def _title(process: Path) -> str:
    with contextlib.suppress(OSError):
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return "gone"


def _belongs(process: Path, base: Path) -> bool:
    """A jail has the folder on its command line, a command has the mark in its environment; a zombie has neither, and is nobody."""
    if not process.name.isdigit() or int(process.name) == os.getpid():
        return False
    for name in ("cmdline", "environ"):
        with contextlib.suppress(OSError):
            if os.fsencode(base) in (process / name).read_bytes():
                return True
    with contextlib.suppress(OSError):
        return (process / "cwd").readlink().is_relative_to(base)
    return False
