"""A path named on the command line → one backup: its listing, its ends, and a hashed copy of its bytes.

The path is a file, or a folder of regular files. Nothing is read through a link that leaves the folder. Each part is
pinned by device, inode, size and modification time, so that what is copied is what was listed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from restore_tester.backups.copying import Changed, copy_part, pin_of, tree_sha256
from restore_tester.backups.local_faults import name_of_reader, reading, shown
from restore_tester.backups.local_files import COPY_NAME, contents_name, ends_of, kind_of, path_of
from restore_tester.backups.sidecar import read_sidecar
from restore_tester.contracts import Intake, Listing
from restore_tester.errors import CannotTell, Misuse, SourceUnreachable
from restore_tester.model import Backup, Ends, Fetched, Location, Part


@dataclass(frozen=True, slots=True)
class _Listed:
    """A part, where its bytes really lie, and when they were last written."""

    part: Part
    path: Path
    modified: float


class GivenSource:
    """Given a location whose `uri` is a path or a `file://` URI. Implements `contracts.BackupSource`."""

    def __init__(self, location: Location) -> None:
        self.identity = name_of_reader()
        self._path = path_of(location.uri)

    def list_backups(self) -> Listing:
        """Return the one backup that the path names. Raise Misuse where there is none, SourceUnreachable where we may not look."""
        return Listing((self._backup(self._look(first_time=True)),))

    def peek(self, backup: Backup, first: int, last: int) -> Ends:
        """Return the ends of the file, or of the folder's `toc.dat` (also a compressed one); empty where it has none."""
        named = {listed.part.name: listed for listed in self._look()}
        seen = named.get(contents_name(backup)) if backup.is_tree else next(iter(named.values()))
        if seen is None:
            return Ends(b"", b"", backup.size_bytes, backup.parts, backup.is_tree)
        with reading(seen.path, self.identity):
            head, tail = ends_of(seen.path, seen.part.size_bytes, first, last)
        return Ends(head, tail, backup.size_bytes, backup.parts, backup.is_tree)

    def fetch(self, backup: Backup, into: Intake) -> Fetched:
        """Copy all parts to `dump` in the intake's folder, a child of the workspace. A backup that changes meanwhile is read once
        more, where it is still as large as listed."""
        sidecar = read_sidecar(self._path, backup.is_tree, self.identity)
        try:
            sums = self._copy(backup, into)
        except Changed:
            again = self._backup(self._look())
            if again.size_bytes != backup.size_bytes:
                raise _changed(self._path) from None
            sums = self._copy_or_give_up(again, into)
        sha256 = tree_sha256(sums) if backup.is_tree else next(iter(sums.values()))
        return Fetched(f"{into.folder.name}/{COPY_NAME}", backup.size_bytes, sha256, sidecar.promised(sums) if sidecar else None)

    def _copy_or_give_up(self, backup: Backup, into: Intake) -> dict[str, str]:
        try:
            return self._copy(backup, into)
        except Changed:
            raise _changed(self._path) from None

    def _copy(self, backup: Backup, into: Intake) -> dict[str, str]:
        """Return the sha256 of each part by its name."""
        target = into.folder / COPY_NAME
        now = {listed.part.name: listed for listed in self._look()}
        if {name: listed.part for name, listed in now.items()} != {part.name: part for part in backup.parts}:
            raise Changed
        if backup.is_tree:
            target.mkdir(mode=0o755, exist_ok=True)
        sums = {}
        for name, listed in now.items():
            sums[name] = copy_part(listed.path, listed.part.pin, target, name if backup.is_tree else None, into.count)
        return sums

    def _backup(self, listed: tuple[_Listed, ...]) -> Backup:
        return Backup(
            id=shown(self._path.name or self._path),
            uri=self._path.absolute().as_uri(),
            stored_at=datetime.fromtimestamp(max(each.modified for each in listed), UTC) if listed else None,
            size_bytes=sum(each.part.size_bytes for each in listed),
            parts=tuple(each.part for each in listed),
            is_tree=self._path.is_dir(),
        )

    def _look(self, first_time: bool = False) -> tuple[_Listed, ...]:
        """Return every part, sorted by name. A path absent at first was mistyped; one absent later is a backup that went away."""
        with reading(self._path, self.identity):
            try:
                state = self._path.stat()
            except (FileNotFoundError, NotADirectoryError):
                if first_time:
                    raise Misuse("path_not_found", f"there is nothing at {shown(self._path)}", "check the path") from None
                raise
            if stat.S_ISREG(state.st_mode):
                return (_listed(shown(self._path.name), self._path, state),)
            if not stat.S_ISDIR(state.st_mode):
                raise Misuse(
                    "not_a_file",
                    f"{shown(self._path)} is a {kind_of(state.st_mode)}",
                    "write the backup into a file first, then name that file",
                )
            root = self._path.resolve()
            return tuple(sorted(_walk(root, root, self.identity), key=lambda each: each.part.name))


def _walk(folder: Path, root: Path, identity: str) -> Iterator[_Listed]:
    with reading(folder, identity), os.scandir(folder) as entries:
        for entry in entries:
            path = folder / entry.name
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(path, root, identity)
                continue
            target = _target_of_link(path, root) if entry.is_symlink() else path
            state = target.stat()
            if not stat.S_ISREG(state.st_mode):
                raise SourceUnreachable(
                    "special_file",
                    f"{shown(path)} is a {kind_of(state.st_mode)}",
                    "a backup is made of regular files: remove it, or name another folder",
                )
            yield _listed(_portable_name(path.relative_to(root)), target, state)


def _target_of_link(path: Path, root: Path) -> Path:
    try:
        target = path.resolve(strict=True)
    except (FileNotFoundError, RuntimeError) as error:
        raise SourceUnreachable("broken_link", f"{shown(path)} is a link to nothing", "put the file that it names in its place") from error
    if not target.is_relative_to(root):
        raise SourceUnreachable("link_leaves_backup", f"{shown(path)} is a link that leaves the folder", "put the file itself in its place")
    return target


def _listed(name: str, path: Path, state: os.stat_result) -> _Listed:
    return _Listed(Part(name, state.st_size, pin_of(state)), path, state.st_mtime)


def _portable_name(path: Path) -> str:
    try:
        return os.fsencode(path.as_posix()).decode("utf-8")
    except UnicodeDecodeError as error:
        raise SourceUnreachable("name_unreadable", f"{shown(path)} is not a name in UTF-8", "rename it, or name another folder") from error


def _changed(path: Path) -> CannotTell:
    """Somebody is writing it: which bytes we would have judged, nobody can say."""
    return CannotTell(
        "changed_while_read", f"{shown(path)} changed while it was read", "verify it again when the job that writes it has ended"
    )
