"""What the operating system says of a file → the house's errors, naming who read it."""

from __future__ import annotations

import errno
import os
import pwd
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from restore_tester.errors import BackupUnusable, SandboxFault, SourceUnreachable


def name_of_reader() -> str:
    """Return `user@host`, or `uid 1234@host` where the uid has no name."""
    try:
        user = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        user = f"uid {os.geteuid()}"
    return f"{user}@{socket.gethostname()}"


def shown(name: Path | str | bytes) -> str:
    """A file name may be any bytes; a record is text."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


@contextmanager
def reading(path: Path, identity: str) -> Iterator[None]:
    """Raise BackupUnusable (`backup_gone`) or SourceUnreachable (`access_denied`, `read_failed`) for what the block is refused."""
    try:
        yield
    except FileNotFoundError as error:
        raise BackupUnusable(
            "backup_gone", f"{shown(error.filename or path)} was here and is gone", "verify again when the rotation is over"
        ) from error
    except PermissionError as error:
        refused = shown(error.filename or path)
        raise SourceUnreachable(
            "access_denied", f"{identity} may not read {refused}", "run as a user who may, or grant it read access"
        ) from error
    except OSError as error:
        raise SourceUnreachable(
            "read_failed", f"{shown(path)} cannot be read: {error.strerror}", "look at the disk or mount it lies on, then verify again"
        ) from error


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Raise SandboxFault (`disk_full`, `workspace_unwritable`) for what the block is refused."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise SandboxFault(
                "disk_full", f"no room is left for the copy in {shown(folder)}", "free disk space, or set TMPDIR to a larger disk"
            ) from error
        raise SandboxFault(
            "workspace_unwritable", f"{shown(folder)} cannot be written: {error.strerror}", "look at the disk of the workspace"
        ) from error
