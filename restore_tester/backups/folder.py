"""A folder of backups → their listing, their ends, and hashed copies of their bytes.

Names are relative to the folder, at any depth. Each part is pinned by device, inode, size and modification time, so that
what is copied is what was listed.
"""

from __future__ import annotations

import time
from pathlib import Path, PurePosixPath

from restore_tester.backups.copying import Changed, copy_part, pin_of, tree_sha256
from restore_tester.backups.folder_walk import FolderWalk, inventory_of, take_in
from restore_tester.backups.local_faults import name_of_reader, reading, shown, writing
from restore_tester.backups.local_files import COPY_NAME, contents_name, ends_of, path_of
from restore_tester.backups.recognition import rules_of
from restore_tester.backups.sidecar import read_sidecar
from restore_tester.contracts import Clock, Intake, Listing
from restore_tester.errors import CannotTell
from restore_tester.model import Backup, Ends, Fetched, Location, Part


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
        where any folder of it cannot be read. What vanishes meanwhile was rotated away, and is not listed. A folder
        whose last file was closed a moment ago is looked at once more, three seconds after."""
        listing, closes_in_seconds = self._look()
        if closes_in_seconds:
            time.sleep(closes_in_seconds)
            listing, _ = self._look()
        return listing

    def _look(self) -> tuple[Listing, float]:
        inventory = inventory_of(self._root, self._rules, self._clock.now())
        for found in FolderWalk(self._root, self.identity, self._rules.names_backup).all():
            take_in(inventory, found)
        return inventory.listing(), inventory.closes_in_seconds

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
            try:
                inside = part.name if backup.is_tree else None
                sums[part.name] = copy_part(_path_of_part(backup, part), part.pin, target, inside, into.count)
            except Changed:
                raise _changed(path) from None
        sha256 = tree_sha256(sums) if backup.is_tree else next(iter(sums.values()))
        return Fetched(f"{into.folder.name}/{COPY_NAME}", backup.size_bytes, sha256, sidecar.promised(sums) if sidecar else None)


def _path_of_part(backup: Backup, part: Part) -> Path:
    path = path_of(backup.uri)
    return path.joinpath(*PurePosixPath(part.name).parts) if backup.is_tree else path


def _changed(path: Path) -> CannotTell:
    return CannotTell(
        "changed_while_read",
        f"{shown(path)} changed between its listing and its copy",
        "drill it again when the job that writes it has ended",
    )
