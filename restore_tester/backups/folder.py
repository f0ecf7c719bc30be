"""A folder of backups → their listing, their ends, and hashed copies of their bytes.

Names are relative to the folder, at any depth. A link is an alias: followed where its own name is recognised and its
target is a file inside the folder, refused where it leads out of it, never followed to a folder. Each part is pinned by
device, inode, size and modification time, so that what is copied is what was listed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from restore_tester.backups.copying import Changed, copy_part, pin_of, tree_sha256
from restore_tester.backups.inventory import Inventory, Recognition, Seen, rules_of
from restore_tester.backups.local_faults import name_of_reader, reading, shown, writing
from restore_tester.backups.local_files import COPY_NAME, contents_name, ends_of, path_of
from restore_tester.backups.sidecar import read_sidecar
from restore_tester.contracts import Clock, Intake, Listing
from restore_tester.errors import CannotTell, SourceUnreachable
from restore_tester.model import Backup, Ends, Fetched, Location, Part, Reason

NO_BACKUPS_IN = frozenset({"lost+found", ".snapshot", ".zfs"})
_Found = tuple[str, os.stat_result | None, Reason | None]
"""A relative name, its state (None where it can be no backup), and why it may not be read."""


class FolderSource:
    """Given a location whose `uri` is a folder (options `name timezone settle_seconds quiet_seconds`). Implements `contracts.BackupSource`.

    Raise Misuse where an option makes no sense."""

    def __init__(self, location: Location, clock: Clock) -> None:
        self.identity = name_of_reader()
        self._root = path_of(location.uri).absolute()
        self._rules = rules_of(location, objects_appear_whole=False)
        self._clock = clock

    def list_backups(self) -> Listing:
        """Return all that lies here. Raise SourceUnreachable (`location_absent`, `access_denied`, `read_failed`) for the whole
        where any folder of it cannot be read. What vanishes meanwhile was rotated away, and is not listed."""
        root_uri = self._root.as_uri()
        inventory = Inventory(self._rules, self._clock.now(), lambda name: _uri(root_uri, name))
        for name, state, refusal in self._walk():
            if state is None:
                inventory.unrecognised(name)
            else:
                inventory.add(Seen(name, state.st_size, datetime.fromtimestamp(state.st_mtime, UTC), pin_of(state), refusal))
        return inventory.listing()

    def peek(self, backup: Backup, first: int, last: int) -> Ends:
        """Return the ends of the file, or of the folder's `toc.dat`; empty where it has none."""
        part = next((part for part in backup.parts if not backup.is_tree or part.name == contents_name(backup)), None)
        if part is None:
            return Ends(b"", b"", backup.size_bytes, backup.parts, backup.is_tree)
        path = _path_of_part(backup, part)
        with reading(path, self.identity):
            head, tail = ends_of(path, part.size_bytes, first, last)
            if pin_of(path.stat()) != part.pin:
                raise _changed(path)
        return Ends(head, tail, backup.size_bytes, backup.parts, backup.is_tree)

    def fetch(self, backup: Backup, into: Intake) -> Fetched:
        """Copy all parts to `dump` in the intake's folder, a child of the workspace. Raise BackupUnusable (`backup_gone`,
        `changed_while_read`): then plan once more."""
        path = path_of(backup.uri)
        sidecar = read_sidecar(path, backup.is_tree, self.identity)
        target = into.folder / COPY_NAME
        if backup.is_tree:
            with writing(into.folder):
                target.mkdir(mode=0o755, exist_ok=True)
        sums = {}
        for part in backup.parts:
            copy = target.joinpath(*PurePosixPath(part.name).parts) if backup.is_tree else target
            try:
                sums[part.name] = copy_part(_path_of_part(backup, part), part.pin, copy, into.count)
            except Changed:
                raise _changed(path) from None
        sha256 = tree_sha256(sums) if backup.is_tree else next(iter(sums.values()))
        return Fetched(f"{into.folder.name}/{COPY_NAME}", backup.size_bytes, sha256, sidecar.promised(sums) if sidecar else None)

    def _walk(self) -> Iterator[_Found]:
        """A stack, not recursion: how deep folders lie is not ours to say."""
        with reading(self._root, self.identity):
            root = self._root.resolve()
            if not root.is_dir():
                raise self._absent()
        pending = [(root, "")]
        while pending:
            folder, inside = pending.pop()
            entries = self._entries(folder, root)
            with reading(folder, self.identity):
                for entry in entries:
                    if not entry.is_dir(follow_symlinks=False):
                        yield from self._file(entry, f"{inside}{entry.name}", root)
                    elif entry.name not in NO_BACKUPS_IN:
                        pending.append((folder / entry.name, f"{inside}{entry.name}/"))

    def _entries(self, folder: Path, root: Path) -> list[os.DirEntry[str]]:
        with reading(folder, self.identity):
            try:
                with os.scandir(folder) as entries:
                    return list(entries)
            except FileNotFoundError:
                if folder == root:
                    raise self._absent() from None
                return []

    def _file(self, entry: os.DirEntry[str], name: str, root: Path) -> Iterator[_Found]:
        if not _is_text(name):
            yield shown(name), None, None
        elif entry.is_symlink():
            yield from self._link(Path(entry.path), name, root)
        else:
            with suppress(FileNotFoundError):
                state = entry.stat(follow_symlinks=False)
                yield name, state if stat.S_ISREG(state.st_mode) else None, None

    def _link(self, path: Path, name: str, root: Path) -> Iterator[_Found]:
        try:
            target, state = path.resolve(strict=True), path.stat()
        except (OSError, RuntimeError):  # it leads to nothing, to where we may not look, or in a circle
            yield name, None, None
            return
        if not target.is_relative_to(root):
            said = f"{name} is a link that leaves the location"
            yield name, path.lstat(), Reason("link_leaves_location", said, "put the file itself in its place")
        elif not stat.S_ISREG(state.st_mode):
            yield name, None, None
        elif self._rules.pattern is not None and self._names_backup(name):
            yield name, state, None

    def _absent(self) -> SourceUnreachable:
        return SourceUnreachable("location_absent", f"there is no folder {shown(self._root)}", "mount it, or correct the location's path")

    def _names_backup(self, name: str) -> bool:
        names = Recognition(self._rules.pattern)
        return names.is_backup(name) or names.folder_of(name) is not None


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _uri(root_uri: str, name: str) -> str:
    return f"{root_uri}/{quote(name)}" if name else root_uri


def _path_of_part(backup: Backup, part: Part) -> Path:
    path = path_of(backup.uri)
    return path.joinpath(*PurePosixPath(part.name).parts) if backup.is_tree else path


def _changed(path: Path) -> CannotTell:
    return CannotTell(
        "changed_while_read",
        f"{shown(path)} changed between its listing and its copy",
        "drill it again when the job that writes it has ended",
    )
