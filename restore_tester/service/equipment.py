"""What this machine offers → the `Equipment` of a drill. The one place that knows every room by name."""

from __future__ import annotations

from restore_tester.clock import SystemClock
from restore_tester.contracts import Clock, Equipment, ProgressSink
from restore_tester.errors import Misuse
from restore_tester.restorers.postgresql.restorer import PostgresRestorer
from restore_tester.restorers.postgresql.servers import find_servers
from restore_tester.sandboxes.docker.engine import connect
from restore_tester.sandboxes.docker.provider import DockerSandboxes
from restore_tester.sandboxes.docker.reaping import reap as reap_containers
from restore_tester.sandboxes.process.provider import ProcessSandboxes
from restore_tester.sandboxes.process.workspace import claim, count_dead
from restore_tester.service.sources import open_source

SANDBOXES = ("auto", "process", "docker")


def equipment_for(progress: ProgressSink, sandbox: str = "auto") -> Equipment:
    """Given a sink for progress and the kind of sandbox (`auto`: what is here), return what drills on this machine can use.
    Raise Misuse for a kind that is not here."""
    if sandbox not in SANDBOXES:
        raise Misuse("sandbox_unknown", f"there is no sandbox {sandbox!r}", f"use one of: {', '.join(SANDBOXES)}")
    servers = find_servers()
    folders = tuple(dict.fromkeys(folder for server in servers for folder in server.exposed_folders()))
    return Equipment(
        sandboxes=DockerSandboxes(progress=progress) if sandbox == DockerSandboxes.kind else ProcessSandboxes(folders),
        open_source=open_source,
        restorers={"postgresql": PostgresRestorer(servers)},
        clock=SystemClock(),
        progress=progress,
    )


def reap(sandbox: str) -> int:
    """Given the kind of sandbox in use, remove what dead drills left on this machine. Return how many workspaces could not be removed.
    Raise CannotTell (`workspace_unusable`, an engine that cannot be reached)."""
    with claim(None):
        """Whoever makes a workspace buries the dead first."""
    if sandbox == DockerSandboxes.kind:
        with connect() as engine:
            reap_containers(engine, SystemClock())
    return count_dead(None)


def no_equipment(clock: Clock) -> Equipment:
    """Return the equipment of a drill that is only judged."""
    return Equipment(ProcessSandboxes(()), open_source, {}, clock, lambda event: None)
