"""Locations of one S3 store and one identity → an overview of each, by the fewest listings that show them all (`scopes`).

Unfinished uploads are listed before the objects: one that ends in between is then seen twice, and not missed. As a store lists
keys in order, a prefix is whole as soon as a key behind it comes: it is told and forgotten, so that a bucket of a million
objects takes no more memory than its largest prefix. Where a store keeps another order (AWS's directory buckets do), nothing is
told before the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from restore_tester.backups.inventory import Inventory
from restore_tester.backups.overview import Deadline, Told, Ways
from restore_tester.backups.recognition import Rules, Seen, Upload, rules_of
from restore_tester.backups.scopes import Scope, scopes
from restore_tester.errors import RestoreTesterError
from restore_tester.model import Location

if TYPE_CHECKING:
    from restore_tester.backups.s3 import Object, Store

# What is the store's own and not the prefix's: after three in a row the rest of the bucket is not asked.
FAILURES_IN_A_ROW = 3
_OF_THE_PREFIX = frozenset({"access_denied", "listing_too_slow"})
_UNORDERED_BUCKET = "--x-s3"


def overview_of_bucket(store: Store, bucket: str, locations: Sequence[Location], poor: set[str], ways: Ways) -> None:
    """Given a store of that bucket and the locations in it, tell each listing, or why there is none. `poor` are the folders that
    are not to be shared: found out here, remembered by the caller."""
    shelves: dict[str, _Shelf] = {}
    for location in locations:
        try:
            rules = rules_of(location, objects_appear_whole=True)
        except RestoreTesterError as error:
            ways.told(location, error)
            continue
        prefix = location.uri[len(f"s3://{bucket}/") :]
        shelves.setdefault(prefix, _Shelf(prefix, bucket)).readers.append((location, rules))
    _Bucket(store, bucket, shelves, poor, ways).tell_all()


class _DoesNotPay(Exception):
    """A listing for several prefixes meets too many strangers."""


class _Unordered(Exception):
    """A key came behind one that it stands before: what was told of this listing may have been a part."""


class _Shelf:
    """One prefix, the locations that read it, and what was found on it. A prefix without a final slash is a folder where there are
    objects below it, and then nothing else."""

    def __init__(self, prefix: str, bucket: str) -> None:
        self.prefix, self._bucket = prefix, bucket
        self.readers: list[tuple[Location, Rules]] = []
        self._folder = f"{prefix}/" if prefix and not prefix.endswith("/") else None

    def begin(self, now: datetime, most: int) -> None:
        self._now, self._most = now, most
        self._uploads: list[tuple[str, datetime]] = []
        self._stand_at(self.prefix)

    def _stand_at(self, base: str) -> None:
        self._base = base
        self._inventories = [
            Inventory(rules, self._now, lambda name: f"s3://{self._bucket}/{base}{name}".rstrip("/"), self._most)
            for _, rules in self.readers
        ]

    def upload(self, key: str, began_at: datetime) -> None:
        self._uploads.append((key, began_at))

    def put(self, each: Object) -> None:
        if self._folder is not None and each.key.startswith(self._folder):
            self._stand_at(self._folder)
            self._folder = None
        if each.key.startswith(self._base):
            seen = Seen(each.key[len(self._base) :], each.size_bytes, each.stored_at, each.etag)
            for inventory in self._inventories:
                inventory.add(seen)

    def tell(self, told: Told) -> None:
        for (location, _), inventory in zip(self.readers, self._inventories, strict=True):
            for key, began_at in self._uploads:
                if key.startswith(self._base):
                    inventory.upload(Upload(key[len(self._base) :], began_at))
            told(location, inventory.listing())


class _Bucket:
    """One bucket's round. `shelves` are those that nobody was told of yet."""

    def __init__(self, store: Store, bucket: str, shelves: dict[str, _Shelf], poor: set[str], ways: Ways) -> None:
        self._store, self._shelves, self._poor, self._ways = store, shelves, poor, ways
        self._is_ordered = not bucket.endswith(_UNORDERED_BUCKET)
        self._failures = 0

    def tell_all(self) -> None:
        while self._shelves:
            for scope in scopes(self._shelves, self._poor):
                if not self._show(scope):
                    break  # what was found out changes the plan for the rest

    def _show(self, scope: Scope) -> bool:
        """Return whether the plan still holds."""
        shelves = {prefix: self._shelves[prefix] for prefix in scope.members}
        try:
            self._list(scope, _Reading(shelves, scope.strangers_allowed, self._is_ordered))
        except _DoesNotPay:
            self._poor.add(scope.prefix)
            return False
        except _Unordered:
            self._is_ordered = False
            self._shelves.update(shelves)
            return False
        except RestoreTesterError as error:
            return self._failed(scope, error)
        self._failures = 0
        return True

    def _failed(self, scope: Scope, error: RestoreTesterError) -> bool:
        of_the_prefix = error.reason.code in _OF_THE_PREFIX
        if of_the_prefix and scope.strangers_allowed is not None:
            self._poor.add(scope.prefix)
            return False
        self._failures = 0 if of_the_prefix else self._failures + 1
        is_down = self._failures >= FAILURES_IN_A_ROW
        self._fail(tuple(self._shelves) if is_down else scope.members, error)
        return not is_down

    def _fail(self, prefixes: Iterable[str], error: RestoreTesterError) -> None:
        for prefix in prefixes:
            shelf = self._shelves.pop(prefix, None)
            for location, _ in shelf.readers if shelf is not None else ():
                self._ways.told(location, error)

    def _list(self, scope: Scope, reading: _Reading) -> None:
        now, limits = self._ways.clock.now(), self._ways.limits
        deadline = Deadline(self._ways, f"the prefix {scope.prefix!r}")
        for shelf in reading.shelves.values():
            shelf.begin(now, limits.backups)
        for key, began_at in self._store.uploads(scope.prefix):
            deadline.check()
            reading.upload(key, began_at)
        for page in self._store.pages(scope.prefix):
            for each in page:
                for shelf in reading.put(each):
                    self._done(shelf)
            deadline.check()
        for prefix in scope.members:
            if prefix in self._shelves:
                self._done(self._shelves[prefix])

    def _done(self, shelf: _Shelf) -> None:
        del self._shelves[shelf.prefix]
        shelf.tell(self._ways.told)


class _Reading:
    """One listing under way: which shelves a key belongs to, and which are whole since another one came."""

    def __init__(self, shelves: dict[str, _Shelf], strangers_allowed: int | None, is_ordered: bool) -> None:
        self.shelves, self._is_ordered = shelves, is_ordered and strangers_allowed is not None
        self._lengths = sorted({len(prefix) for prefix in shelves})
        self._open: list[_Shelf] = []
        self._closed: set[str] = set()
        self._strangers, self._strangers_allowed = 0, strangers_allowed

    def upload(self, key: str, began_at: datetime) -> None:
        for shelf in self._homes(key):
            shelf.upload(key, began_at)

    def put(self, each: Object) -> Iterable[_Shelf]:
        """Put an object on its shelves. Return those that are whole now. Raise _DoesNotPay, _Unordered."""
        homes = self._homes(each.key)
        whole: list[_Shelf] = []
        if self._is_ordered and homes != self._open:
            whole = [shelf for shelf in self._open if shelf not in homes]
            self._closed |= {shelf.prefix for shelf in whole}
            self._open = homes
            if any(shelf.prefix in self._closed for shelf in homes):
                raise _Unordered
        for shelf in homes:
            shelf.put(each)
        return whole

    def _homes(self, key: str) -> list[_Shelf]:
        found = [shelf for length in self._lengths if (shelf := self.shelves.get(key[:length])) is not None]
        if not found:
            self._strangers += 1
            if self._strangers_allowed is not None and self._strangers > self._strangers_allowed:
                raise _DoesNotPay
        return found
