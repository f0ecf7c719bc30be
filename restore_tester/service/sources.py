"""A location, configured or named on the command line → the backup source that reads it."""

from __future__ import annotations

from restore_tester.clock import SystemClock
from restore_tester.contracts import BackupSource
from restore_tester.errors import CannotTell
from restore_tester.model import Location


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
