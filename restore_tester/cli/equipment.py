"""What this machine offers → the `Equipment` of a drill. The one place that knows every room by name."""

from __future__ import annotations

from restore_tester.backups.given import GivenSource
from restore_tester.clock import SystemClock
from restore_tester.contracts import BackupSource, Equipment, ProgressSink
from restore_tester.errors import CannotTell
from restore_tester.model import Location
from restore_tester.restorers.postgresql.restorer import PostgresRestorer
from restore_tester.restorers.postgresql.servers import find_servers
from restore_tester.sandboxes.process.provider import ProcessSandboxes

SOURCES = {"given": GivenSource}


def equipment_for(progress: ProgressSink) -> Equipment:
    """Return what drills on this machine can use."""
    servers = find_servers()
    folders = tuple(dict.fromkeys(folder for server in servers for folder in server.exposed_folders()))
    return Equipment(
        sandboxes=ProcessSandboxes(folders),
        open_source=open_source,
        restorers={"postgresql": PostgresRestorer(servers)},
        clock=SystemClock(),
        progress=progress,
    )


def open_source(location: Location) -> BackupSource:
    """Return the source that reads a location. Raise CannotTell for a type that this version does not know."""
    if location.type not in SOURCES:
        raise CannotTell("source_unknown", f"this version reads no location of type {location.type}", f"use one of: {', '.join(SOURCES)}")
    return SOURCES[location.type](location)
