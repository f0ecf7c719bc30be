"""A bucket's prefix → its backups: their listing, their ends, and hashed copies of their bytes.

A prefix is what keys begin with; one without a final slash is a folder where there are objects below it. A location
without a name (`verify s3://…`) is one object, or the folder of one backup. Each part is pinned by its ETag: every read
says If-Match, so what arrives is what was listed. Objects come in ranged pieces, several under way, in order. boto3 is
loaded when the store is first asked.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cached_property
from io import FileIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from restore_tester.backups.copying import tree_sha256
from restore_tester.backups.inventory import Inventory, backup_of
from restore_tester.backups.landing import new_copy, unsafe_parts
from restore_tester.backups.local_faults import writing
from restore_tester.backups.local_files import COPY_NAME, contents_name
from restore_tester.backups.ordered import Lane, Ring, in_order
from restore_tester.backups.recognition import Seen, Upload, rules_of
from restore_tester.backups.sidecar import LIMIT_BYTES, Sidecar, sidecar_in
from restore_tester.contracts import Clock, CountBytes, Intake, Listing
from restore_tester.errors import BackupArchived, BackupUnusable, Misuse, SourceUnreachable
from restore_tester.model import Backup, Ends, Fetched, Location, Part, Reason

if TYPE_CHECKING:
    from restore_tester.backups.s3 import Object, Patience, Span, Store
    from restore_tester.backups.s3_sums import Stored, Uncompared

RING = Ring(lanes=6, piece_bytes=8 << 20)


class S3Source:
    """Given a location `s3://bucket/prefix` (options of `recognition.rules_of` and of `s3.Store`). Implements `contracts.BackupSource`.

    Raise Misuse where the URI or an option makes no sense."""

    def __init__(self, location: Location, clock: Clock, patience: Patience | None = None, ring: Ring = RING) -> None:
        split = urlsplit(location.uri, allow_fragments=False)
        if split.scheme != "s3" or not split.netloc:
            raise Misuse("location_wrong", f"{location.uri} names no bucket", "write s3://BUCKET/PREFIX")
        self._bucket, self._prefix = split.netloc, location.uri[len(f"s3://{split.netloc}/") :]
        self._location, self._clock, self._patience, self._ring = location, clock, patience, ring
        self._rules = rules_of(location, objects_appear_whole=True)

    @cached_property
    def _store(self) -> Store:
        from restore_tester.backups.s3 import Patience, Store

        return Store(self._location, self._bucket, self._patience or Patience(), self._ring.lanes + 1)

    @property
    def identity(self) -> str:
        return self._store.identity

    def list_backups(self) -> Listing:
        """Return all that lies here. Raise SourceUnreachable for the whole where any page of it cannot be had; Misuse
        (`path_not_found`) where a location without a name is nothing."""
        if self._location.name is None:
            return self._given()
        base = self._base()
        inventory = Inventory(self._rules, self._clock.now(), lambda name: self._uri(base + name))
        for found in self._store.objects(base):
            inventory.add(_seen(found, base))
        for key, began_at in self._store.uploads(base):
            inventory.upload(Upload(key[len(base) :], began_at))
        self._note_deleted(inventory, base)
        return inventory.listing()

    def _note_deleted(self, inventory: Inventory, base: str) -> None:
        """Some stores know no versions and say so by breaking. Where backups are there, what was deleted is worth no lost drill."""
        try:
            for each in self._store.deleted(base):
                inventory.deleted(each.key[len(base) :], each.deleted_at, each.stored_at)
        except SourceUnreachable:
            if not inventory.has_complete:
                raise

    def _given(self) -> Listing:
        """One object, else all that lies below: what it is, and whether it is whole, its content says."""
        key = self._prefix.rstrip("/")
        only = self._store.exactly(self._prefix) if key == self._prefix and key else None
        if only is not None:
            return Listing((backup_of("", self._uri(key), (_seen(only, key),), is_tree=False),))
        base = f"{key}/" if key else ""
        members = tuple(_seen(each, base) for each in self._store.objects(base) if not each.key.endswith("/"))
        if members:
            tree = backup_of("", self._uri(base), members, is_tree=True)
            unsafe = unsafe_parts(tree.parts)
            return Listing((tree,)) if unsafe is None else Listing((), ((tree, unsafe),))
        inventory = Inventory(self._rules, self._clock.now(), self._uri)
        deleted = next(self._store.deleted(key), None) if key else None
        if deleted is not None and deleted.key == key:
            inventory.deleted(key, deleted.deleted_at, deleted.stored_at)
        for upload, began_at in self._store.uploads(key):
            if upload == key:
                inventory.upload(Upload(upload, began_at))
        if (listing := inventory.listing()).incomplete:
            return listing
        raise Misuse("path_not_found", f"there is nothing at {self._location.uri}", "check the bucket, the key, and the endpoint")

    def peek(self, backup: Backup, first: int, last: int) -> Ends:
        """Return the ends of the object, or of the folder's `toc.dat`; empty where it has none."""
        part = next((part for part in backup.parts if not backup.is_tree or part.name == contents_name(backup)), None)
        if part is None or part.size_bytes == 0:
            return Ends(b"", b"", backup.size_bytes, backup.parts, backup.is_tree)
        if part.size_bytes <= first + last:
            whole = self._read(backup, part, 0, part.size_bytes)
            head, tail = whole[:first], whole[-last:] if last else b""
        else:
            head = self._read(backup, part, 0, first)
            tail = self._read(backup, part, part.size_bytes - last, last) if last else b""
        return Ends(head, tail, backup.size_bytes, backup.parts, backup.is_tree)

    def fetch(self, backup: Backup, into: Intake) -> Fetched:
        """Copy all parts to `dump` in the intake's folder, a child of the workspace. Raise BackupUnusable (`backup_gone`,
        `changed_while_read`: plan once more; `checksum_mismatch`, `key_unusable`), BackupArchived, SourceUnreachable."""
        target = into.folder / COPY_NAME
        sidecar, warnings = self._sidecar(backup)
        if backup.is_tree:
            with writing(into.folder):
                target.mkdir(mode=0o755, exist_ok=True)
        copies = _Copies(target, backup, self._store, self._ring)
        wrong = copies.fetch(backup.parts, into.count)
        if wrong:
            wrong = copies.fetch(wrong, lambda size: None)
        if wrong:
            raise _mismatch(backup, wrong[0])
        sha256 = tree_sha256(copies.sums) if backup.is_tree else next(iter(copies.sums.values()))
        promised = sidecar.promised(copies.sums) if sidecar else None
        return Fetched(f"{into.folder.name}/{COPY_NAME}", backup.size_bytes, sha256, promised, (*warnings, *copies.warnings))

    def _sidecar(self, backup: Backup) -> tuple[Sidecar | None, tuple[Reason, ...]]:
        """One that lies in an archive says nothing against its backup, which does not."""
        beside = PurePosixPath(f"{_key_of(backup)}.sha256")
        try:
            content = self._store.small(str(beside), LIMIT_BYTES + 1)
        except BackupArchived as error:
            said = f"the sum beside the backup was not compared: {error.reason.message}"
            return None, (Reason("sidecar_unreadable", said, "keep it in the storage class of its backup"),)
        return (sidecar_in(content, backup.id.rpartition("/")[2], backup.is_tree, beside) if content is not None else None), ()

    def _base(self) -> str:
        """Return what is cut off a key to get its name."""
        if not self._prefix or self._prefix.endswith("/"):
            return self._prefix
        folder = f"{self._prefix}/"
        return folder if self._store.has_any(folder) else self._prefix

    def _uri(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}".rstrip("/")

    def _read(self, backup: Backup, part: Part, start: int, length: int) -> bytes:
        lane = Lane(memoryview(bytearray(length)), threading.Event())
        self._store.read(_span(backup, part, start, length), lane)
        return bytes(lane.buffer)


class _Copies:
    """The copies of a backup's parts, written and summed as their pieces pass. `sums` are the sha256 of each part by its name."""

    def __init__(self, target: Path, backup: Backup, store: Store, ring: Ring) -> None:
        self._target, self._backup, self._store, self._ring = target, backup, store, ring
        self.sums: dict[str, str] = {}
        self._uncompared: dict[str, Uncompared] = {}

    @property
    def warnings(self) -> tuple[Reason, ...]:
        """A sum that was there and not looked at: nobody may take the bytes for compared."""
        if not self._uncompared:
            return ()
        name, first = next(iter(self._uncompared.items()))
        what = f"{len(self._uncompared)} objects of the backup" if len(self._uncompared) > 1 else name
        message = f"the {first.algorithm} that the store keeps of {what} was not compared with the bytes: {first.why}"
        return (Reason("sum_not_compared", message, "grant s3:GetObjectAttributes, or leave a sum beside the backup (NAME.sha256)"),)

    def fetch(self, parts: tuple[Part, ...], count: CountBytes) -> tuple[Part, ...]:
        """Return the parts whose bytes are not what the store's own sum says: a proxy on the way, or the store itself."""
        pieces = [piece for part in parts for piece in self._pieces(part)]
        wrong = []
        with ExitStack() as stack:
            copy: _Copy | None = None
            for arrival in in_order(pieces, self._arrive, self._ring, count):
                part, span = arrival.piece
                if span.start == 0:
                    copy = _Copy(stack.enter_context(self._open(part)), arrival.told)
                assert copy is not None
                copy.take(arrival.content)
                if span.start + span.length == part.size_bytes:
                    stack.close()
                    self.sums[part.name] = copy.sha256
                    wrong += [part] if copy.is_wrong else []
                    if copy.uncompared is not None:
                        self._uncompared[part.name] = copy.uncompared
        return tuple(wrong)

    def _pieces(self, part: Part) -> Iterator[tuple[Part, Span]]:
        size = self._ring.piece_bytes
        for start in range(0, max(1, part.size_bytes), size):
            yield part, _span(self._backup, part, start, min(size, part.size_bytes - start))

    def _arrive(self, piece: tuple[Part, Span], lane: Lane) -> Stored:
        """Return the store's own sum of the whole object, with its first piece."""
        _, span = piece
        told = self._store.read(span, lane)
        return told if span.is_whole or span.start else self._store.sum_of(span)

    def _open(self, part: Part) -> FileIO:
        return new_copy(self._target, part.name if self._backup.is_tree else None)


class _Copy:
    """One part's copy: written and summed at once, compared with the store's sum at its end."""

    def __init__(self, file: FileIO, stored: Stored) -> None:
        from restore_tester.backups.s3_sums import Comparison

        self._file, self._compared = file, Comparison(stored)
        self._folder = Path(str(file.name)).parent

    def take(self, content: memoryview) -> None:
        self._compared.update(content)
        with writing(self._folder):
            written = 0
            while written < len(content):
                written += self._file.write(content[written:])

    @property
    def sha256(self) -> str:
        return self._compared.sha256

    @property
    def is_wrong(self) -> bool:
        return self._compared.is_wrong

    @property
    def uncompared(self) -> Uncompared | None:
        return self._compared.uncompared


def _seen(each: Object, base: str) -> Seen:
    return Seen(each.key[len(base) :], each.size_bytes, each.stored_at, each.etag)


def _key_of(backup: Backup) -> str:
    return backup.uri.removeprefix("s3://").partition("/")[2]


def _span(backup: Backup, part: Part, start: int, length: int) -> Span:
    from restore_tester.backups.s3 import Span

    key = _key_of(backup)
    if backup.is_tree:
        key = f"{key}/{part.name}" if key else part.name
    return Span(key, part.pin, part.size_bytes, start, length)


def _mismatch(backup: Backup, part: Part) -> BackupUnusable:
    said = f"the bytes of {backup.uri} ({part.name}) are not those that the store's own checksum promises, read twice"
    return BackupUnusable("checksum_mismatch", said, "look at the store's health, and at any proxy before it; take another copy")
