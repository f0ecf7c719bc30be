"""Locations, configured or named on the command line → the backup source that reads one, and overviews of those in one store."""

from __future__ import annotations

import os
import re
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes, urlsplit

from restore_tester.clock import SystemClock
from restore_tester.contracts import BackupSource
from restore_tester.errors import CannotTell
from restore_tester.model import Location

if TYPE_CHECKING:
    from restore_tester.backups.overview import Ways

HOW_NAMES_ARE_READ = frozenset({"name", "timezone", "settle_seconds", "quiet_seconds"})
PoorFolders = dict[str, set[str]]
"""By bucket, the folders in which it did not pay to list several prefixes at once."""
_OCTAL = re.compile(rb"\\([0-7]{3})")


def open_source(location: Location) -> BackupSource:
    """Return the source that reads a location, its library loaded only now. Raise CannotTell for a type that this version does
    not know, and what the source raises."""
    if location.type == "given":
        from restore_tester.backups.given import GivenSource

        return GivenSource(location)
    if location.type == "folder":
        from restore_tester.backups.folder import FolderSource

        return FolderSource(location, SystemClock())
    if location.type == "s3":
        from restore_tester.backups.s3_source import S3Source

        return S3Source(location, SystemClock())
    raise CannotTell("source_unknown", f"this version reads no location of type {location.type}", "use one of: folder, s3")


def stores_of(locations: Iterable[Location], mounts: Sequence[str]) -> dict[Hashable, list[Location]]:
    """Given locations and this machine's mount points, return them by the store that answers for them: an S3 store as one identity,
    with one set of credentials, sees it, or the mount that a folder lies on. What is slow or away is so for the whole of it."""
    stores: dict[Hashable, list[Location]] = {}
    for location in locations:
        stores.setdefault(_store_of(location, mounts), []).append(location)
    return stores


def mount_points() -> tuple[str, ...]:
    """Return where something is mounted on this machine, by the kernel's own list: no mount is touched, for one may hang."""
    try:
        lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    except OSError:
        return ("/",)
    return tuple(os.fsdecode(_OCTAL.sub(lambda code: bytes([int(code[1], 8)]), line.split()[4])) for line in lines)


def overview_of(locations: Sequence[Location], poor: PoorFolders, ways: Ways) -> None:
    """Given locations of one store, tell the listing of each, or why there is none. Raise Misuse, SourceUnreachable where none can be
    asked."""
    if locations[0].type == "folder":
        from restore_tester.backups.folder_overview import overview_of_folders

        overview_of_folders(locations, ways)
    elif locations[0].type == "s3":
        from restore_tester.backups.s3 import Patience, Store
        from restore_tester.backups.s3_overview import overview_of_bucket

        buckets: dict[str, list[Location]] = {}
        for location in locations:
            buckets.setdefault(urlsplit(location.uri, allow_fragments=False).netloc, []).append(location)
        patience = Patience(attempts=3, longest_pause_seconds=2.0, connect_seconds=5.0, read_seconds=20.0)
        store = Store(locations[0], next(iter(buckets)), patience, connections=1)
        for bucket, those in buckets.items():
            overview_of_bucket(store.of_bucket(bucket), bucket, those, poor.setdefault(bucket, set()), ways)
    else:
        open_source(locations[0])


def _store_of(location: Location, mounts: Sequence[str]) -> Hashable:
    if location.type == "folder":
        path = os.fsdecode(unquote_to_bytes(location.uri.removeprefix("file://")))
        above = (mount for mount in mounts if mount in ("/", path) or path.startswith(f"{mount}/"))
        return location.type, max(above, key=len, default="/")
    return location.type, tuple(sorted(option for option in location.options if option[0] not in HOW_NAMES_ARE_READ))
