"""The foreign name of a backup's part → a file of that name inside a folder of ours, or a refusal. Nothing is written elsewhere.

A key of S3 is any text: `..`, empty and absolute pieces are names there, and a way out of our folder here. Such a name is refused
where it is listed, and once more where its file is made: folder by folder, through no link, and only as a new file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from io import FileIO
from pathlib import Path

from restore_tester.backups.local_faults import shown, writing
from restore_tester.errors import CannotTell
from restore_tester.model import Part, Reason

# Of ext4, XFS and every other file system that a workspace lies on.
LONGEST_NAME_BYTES = 255
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def unsafe_name(name: str) -> Reason | None:
    """Given the name of a part inside its backup, return why no file may be called so, None where one may."""
    if all(_is_file_name(piece) for piece in name.split("/")):
        return None
    return _unsafe(f"a part of the backup is called {name[:200]!r}, which is no name for a file inside a folder")


def unsafe_parts(parts: Iterable[Part]) -> Reason | None:
    """Given all parts of a folder, return why they cannot lie in one together, None where they can."""
    names = {part.name for part in parts}
    for name in sorted(names):
        if (reason := unsafe_name(name)) is not None:
            return reason
        cuts = (index for index, letter in enumerate(name) if letter == "/")
        if any((above := name[:cut]) in names for cut in cuts):
            return _unsafe(f"the backup has an object called {above[:200]!r} and others below it, as if it were a folder")
    return None


def new_copy(target: Path, name: str | None) -> FileIO:
    """Given where a backup is copied to, and the name of a part of a folder (None: the backup is one file), return its new file, open
    for writing; an older one of that name is replaced. Raise CannotTell (`name_unsafe`), SandboxFault."""
    if name is None:
        return _new_file(target.parent, (), target.name)
    if (reason := unsafe_name(name)) is not None:
        raise CannotTell(reason.code, reason.message, reason.hint)
    *folders, last = name.split("/")
    return _new_file(target, folders, last)


def _is_file_name(piece: str) -> bool:
    return piece not in ("", ".", "..") and "\0" not in piece and len(piece.encode("utf-8", "surrogatepass")) <= LONGEST_NAME_BYTES


def _new_file(root: Path, folders: Iterable[str], name: str) -> FileIO:
    path = root.joinpath(*folders, name)
    with writing(path.parent):
        root.mkdir(mode=0o755, parents=True, exist_ok=True)
        folder = os.open(root, _FOLDER)
        try:
            for each in folders:
                with suppress(FileExistsError):
                    os.mkdir(each, 0o755, dir_fd=folder)
                inner = os.open(each, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = inner
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
            return FileIO(path, "wb", opener=lambda path, flags: os.open(name, _NEW_FILE, 0o666, dir_fd=folder))
        finally:
            os.close(folder)


def _unsafe(said: str) -> Reason:
    hint = "rename those objects, or take them out of the backup's folder; find out who put them there"
    return Reason("name_unsafe", shown(said), hint)
