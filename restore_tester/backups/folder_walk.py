"""A folder → every file in it and below, as an inventory takes it.

A link is an alias: followed where its own name is recognised and its target is a file inside the folder, refused where it
leads out of it, never followed to a folder. Folders are read entry by entry: a million files in one of them take no memory.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from restore_tester.backups.copying import pin_of
from restore_tester.backups.inventory import Inventory
from restore_tester.backups.local_faults import reading, shown
from restore_tester.backups.recognition import Rules, Seen
from restore_tester.backups.writers import is_being_written
from restore_tester.errors import SourceUnreachable
from restore_tester.model import Reason

NO_BACKUPS_IN = frozenset({"lost+found", ".snapshot", ".zfs"})


@dataclass(frozen=True, slots=True)
class Found:
    """A relative name, its state (None where it can be no backup), and why it may not be read."""

    name: str
    state: os.stat_result | None
    refusal: Reason | None = None
    is_link: bool = False


def inventory_of(root: Path, rules: Rules, now: datetime, most: int | None = None) -> Inventory:
    """Return an empty inventory of a folder; `most` as `Inventory` takes it."""
    root_uri = root.as_uri()
    return Inventory(
        rules,
        now,
        lambda name: f"{root_uri}/{quote(name)}" if name else root_uri,
        most,
        is_written=lambda name: is_being_written(root / name),
    )


def take_in(inventory: Inventory, found: Found) -> None:
    """Add what was found to an inventory."""
    if found.state is None:
        inventory.unrecognised(found.name)
    else:
        stored_at = datetime.fromtimestamp(found.state.st_mtime, UTC)
        changed_at = datetime.fromtimestamp(found.state.st_ctime, UTC)
        inventory.add(Seen(found.name, found.state.st_size, stored_at, pin_of(found.state), found.refusal, changed_at))


class FolderWalk:
    """Given a folder, who reads it (for messages), whether a name is a backup's, and what is called before each folder is read: it may
    raise, and the walk ends."""

    def __init__(
        self, root: Path, identity: str, names_backup: Callable[[str], bool], before_each: Callable[[], None] = lambda: None
    ) -> None:
        self._root, self._identity, self._names_backup, self._before_each = root, identity, names_backup, before_each

    def all(self) -> Iterator[Found]:
        """A stack, not recursion: how deep folders lie is not ours to say. Raise SourceUnreachable (`location_absent`,
        `access_denied`, `read_failed`) where any folder cannot be read."""
        with reading(self._root, self._identity):
            root = self._root.resolve()
            if not root.is_dir():
                raise self._absent()
        pending = [(root, "")]
        while pending:
            folder, inside = pending.pop()
            self._before_each()
            with reading(folder, self._identity):
                for entry in self._entries(folder, root):
                    if not entry.is_dir(follow_symlinks=False):
                        yield from self._file(entry, f"{inside}{entry.name}", root)
                    elif entry.name not in NO_BACKUPS_IN:
                        pending.append((folder / entry.name, f"{inside}{entry.name}/"))

    def _entries(self, folder: Path, root: Path) -> Iterator[os.DirEntry[str]]:
        try:
            entries = os.scandir(folder)
        except FileNotFoundError:
            if folder == root:
                raise self._absent() from None
            return
        with entries:
            yield from entries

    def _file(self, entry: os.DirEntry[str], name: str, root: Path) -> Iterator[Found]:
        if not _is_text(name):
            yield Found(shown(name), None)
        elif entry.is_symlink():
            yield from self._link(Path(entry.path), name, root)
        else:
            with suppress(FileNotFoundError):
                state = entry.stat(follow_symlinks=False)
                yield Found(name, state if stat.S_ISREG(state.st_mode) else None)

    def _link(self, path: Path, name: str, root: Path) -> Iterator[Found]:
        try:
            target, state = path.resolve(strict=True), path.stat()
        except (OSError, RuntimeError):  # it leads to nothing, to where we may not look, or in a circle
            yield Found(name, None)
            return
        if not target.is_relative_to(root):
            said = f"{name} is a link that leaves the location"
            yield Found(name, path.lstat(), Reason("link_leaves_location", said, "put the file itself in its place"))
        elif not stat.S_ISREG(state.st_mode):
            yield Found(name, None)
        elif self._names_backup(name):
            yield Found(name, state, is_link=True)

    def _absent(self) -> SourceUnreachable:
        return SourceUnreachable("location_absent", f"there is no folder {shown(self._root)}", "mount it, or correct the location's path")


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
