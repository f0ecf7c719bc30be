"""A location in memory: the fake of `contracts.BackupSource`, held to the same contract suite as the real ones."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

from restore_tester.contracts import Intake, Listing
from restore_tester.errors import BackupUnusable, CannotTell
from restore_tester.model import Backup, Ends, Fetched, Part

BLOCK_BYTES = 1 << 16


class FakeSource:
    """Given files by name (one file: a plain backup; `is_tree`: a folder), serve them as one backup. Change `files` to play the world."""

    identity = "tester@nowhere"

    def __init__(self, files: Mapping[str, bytes], stored_at: datetime, *, is_tree: bool = False, sidecar: str | None = None) -> None:
        self.files = dict(files)
        self._stored_at = stored_at
        self._is_tree = is_tree
        self._sidecar = sidecar

    def list_backups(self) -> Listing:
        parts = tuple(Part(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in sorted(self.files.items()))
        name = "backup" if self._is_tree else parts[0].name
        return Listing((Backup(name, f"fake:///{name}", self._stored_at, sum(p.size_bytes for p in parts), parts, self._is_tree),))

    def peek(self, backup: Backup, first: int, last: int) -> Ends:
        data = self._read("toc.dat" if self._is_tree else backup.parts[0].name, missing=b"" if self._is_tree else None)
        return Ends(data[:first], data[max(0, len(data) - last) :], backup.size_bytes, backup.parts, backup.is_tree)

    def fetch(self, backup: Backup, into: Intake) -> Fetched:
        sums = {}
        for part in backup.parts:
            data = self._read(part.name)
            sums[part.name] = hashlib.sha256(data).hexdigest()
            if sums[part.name] != part.pin:
                raise CannotTell("changed_while_read", f"{part.name} changed while it was read", "read it again")
            copy = into.folder / "dump" / part.name if self._is_tree else into.folder / "dump"
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(data)
            for start in range(0, len(data), BLOCK_BYTES):
                into.count(len(data[start : start + BLOCK_BYTES]))
        lines = "".join(sorted(f"{sha256}  {name}\n" for name, sha256 in sums.items()))
        sha256 = hashlib.sha256(lines.encode()).hexdigest() if self._is_tree else next(iter(sums.values()))
        return Fetched(f"{into.folder.name}/dump", backup.size_bytes, sha256, self._sidecar)

    def _read(self, name: str, missing: bytes | None = None) -> bytes:
        data = self.files.get(name, missing)
        if data is None:
            raise BackupUnusable("backup_gone", f"{name} was here and is gone", "choose another backup")
        return data
