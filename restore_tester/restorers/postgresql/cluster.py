"""A server and a profile → a throwaway PostgreSQL cluster that answers, inside a sandbox, on a unix socket only.

The data directory is a copy of a template that initdb made once; the server's own log, read while it is written, tells
what only it knows: that it crashed, that the disk is full, that memory ran out.
"""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from restore_tester.contracts import Command, Running, Sandbox
from restore_tester.errors import CannotTell, SandboxFault
from restore_tester.model import Profile, Reason
from restore_tester.restorers.postgresql.messages import escape
from restore_tester.restorers.postgresql.servers import Server
from restore_tester.restorers.postgresql.template import DATA_FOLDER, SUPERUSER, place_data_directory
from restore_tester.restorers.postgresql.templates import DISK_FULL, OUT_OF_MEMORY, SERVER_CRASHED

__all__ = ["SUPERUSER", "Cluster", "running_cluster"]

READY_SECONDS = 120.0
_POLL_SECONDS = 0.003
_STOP_SECONDS = 120.0
_KEPT_LOG_LINES = 200
_LAST_WORDS_SECONDS = 0.05
_REFUSED = re.compile(
    r'unrecognized configuration parameter "[\w.]+"|invalid value for parameter "[\w.]+"|parameter "[\w.]+" (?:requires|cannot)[^:]*'
    r'|[^:]* is outside the valid range for parameter "[\w.]+".*|invalid configuration parameter name "[\w.]+"|WAL [^:]* requires [^:]*'
)
_SOCKET_PATH_BYTES = 100
MIB = 1 << 20

# Nothing that was restored may reach out, load code, or fork a timeline (verification.md, section 6). Given on the command
# line, so that no ALTER SYSTEM of a dump gets past it.
ALWAYS = (
    ("listen_addresses", ""),
    ("archive_mode", "off"),
    ("shared_preload_libraries", ""),
    ("session_preload_libraries", ""),
    ("local_preload_libraries", ""),
    ("max_logical_replication_workers", "0"),
    ("lc_messages", "C"),
    ("timezone", "UTC"),
    ("log_destination", "stderr"),
    ("logging_collector", "off"),
    ("log_min_messages", "warning"),
    ("log_min_error_statement", "panic"),
    ("log_timezone", "UTC"),
    ("log_line_prefix", ""),
    ("log_statement", "none"),
    ("unix_socket_permissions", "0777"),
    ("ssl", "off"),
)
# What a dump sets for its databases and roles outranks the server's command line, but not what a session asks for itself.
PINNED = (
    "-c lc_messages=C -c session_preload_libraries= -c local_preload_libraries= "
    "-c statement_timeout=0 -c lock_timeout=0 -c idle_session_timeout=0"
)
_SEVERE = re.compile(r"(?:LOG|WARNING|ERROR|FATAL|PANIC):  ")
_FAULTS = (
    (re.compile(r"No space left on device|Disk quota exceeded|File too large"), DISK_FULL),
    (re.compile(r"[Oo]ut of memory|[Cc]annot allocate memory"), OUT_OF_MEMORY),
    (
        re.compile(r"^PANIC:|was terminated by signal|terminating connection because of crash|all server processes terminated"),
        SERVER_CRASHED,
    ),
)
_NOT_STARTED = Reason(
    "server_not_started", "the restored server did not start", "see what `restore-tester doctor` says about this server, then drill again"
)


@dataclass(slots=True)
class ServerLog:
    """The server's stderr: the newest lines, and the first sign of a fault of the sandbox."""

    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_LOG_LINES))
    fault: Reason | None = None

    def note(self, line: str) -> None:
        self.lines.append(line)
        if self.fault is None and _SEVERE.match(line):
            self.fault = fault_of(line)


def fault_of(text: str) -> Reason | None:
    """Return the fault of the sandbox that a server's message tells of, None where it tells of none."""
    return next((reason for pattern, reason in _FAULTS if pattern.search(text)), None)


def sandbox_fault(reason: Reason) -> SandboxFault:
    return SandboxFault(reason.code, reason.message, reason.hint)


class Cluster:
    """A running server. `host` is the folder of its socket as seen from here, `inside_host` as seen from the sandbox."""

    def __init__(self, server: Server, running: Running, log: ServerLog, host: str, sandbox: Sandbox) -> None:
        self.server = server
        self.host = host
        self.inside_host = str(sandbox.workspace.inside / "run")
        self.log = log
        self._running = running
        self._sandbox = sandbox

    def environment(self, database: str = "postgres") -> dict[str, str]:
        """Return the environment of a client program inside the sandbox. The options outrank what a dump sets for a database or role."""
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": "/nonexistent",
            "LC_ALL": "C",
            "TZ": "UTC",
            "PGHOST": self.inside_host,
            "PGUSER": SUPERUSER,
            "PGDATABASE": database,
            "PGOPTIONS": f"{PINNED} -c default_transaction_read_only=off",
        }

    def raise_if_faulty(self) -> None:
        """Raise SandboxFault where the server is gone, or its log tells of a full disk, of memory, of a crash."""
        if self.log.fault is not None or self._running.poll() is not None:
            raise self.fault()
        if met := self._sandbox.trouble():
            raise met

    def fault(self) -> SandboxFault:
        """Given that the server does not serve any more: return why, the sandbox's own knowledge first."""
        return self._sandbox.trouble() or sandbox_fault(self.log.fault or SERVER_CRASHED)

    def stop(self) -> None:
        """End as an operator would, so that the data directory can be kept: shut down cleanly."""
        if self._running.poll() is None:
            self._running.stop(signal.SIGINT, _STOP_SECONDS)


@contextmanager
def running_cluster(
    server: Server, sandbox: Sandbox, profile: Profile, settings: tuple[tuple[str, str], ...], keep: bool
) -> Iterator[Cluster]:
    """Given a sealed sandbox, yield a cluster that answers. With `keep` it is shut down cleanly at the end; otherwise the sandbox ends it.

    Raise CannotTell (`settings_refused`, `server_missing`), SandboxFault (`disk_full`, `out_of_memory`, `server_not_started`).
    """
    with ExitStack() as stack:
        importing = threading.Thread(target=_import_client, name="import-psycopg")
        importing.start()
        stack.callback(importing.join)
        place_data_directory(server, sandbox, profile)
        run = sandbox.workspace.here / "run"
        _make_socket_folder(run, sandbox.workspace.here)
        log = ServerLog()
        running = sandbox.start(_server_command(server, sandbox, profile, settings, log.note))
        host = stack.enter_context(_short_path(run))
        importing.join()
        _wait_until_ready(host, running, log, sandbox)
        cluster = Cluster(server, running, log, host, sandbox)
        if keep:
            stack.callback(cluster.stop)
        yield cluster


def _import_client() -> None:
    import psycopg  # noqa: F401 - takes 0.1 to 0.3 s, while the server starts


def _make_socket_folder(run: Path, workspace: Path) -> None:
    run.mkdir(mode=0o755)
    owner = workspace.stat()
    if os.geteuid() == 0:
        os.chown(run, owner.st_uid, owner.st_gid)


@contextmanager
def _short_path(folder: Path) -> Iterator[str]:
    """A socket's path may have 107 bytes (unix(7)); a longer folder is reached through a descriptor of it."""
    if len(os.fsencode(folder)) <= _SOCKET_PATH_BYTES - len("/.s.PGSQL.5432"):
        yield str(folder)
        return
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/{os.getpid()}/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _server_command(
    server: Server, sandbox: Sandbox, profile: Profile, settings: tuple[tuple[str, str], ...], note: Callable[[str], None]
) -> Command:
    inside = sandbox.workspace.inside
    ours = [*ALWAYS, ("unix_socket_directories", str(inside / "run"))]
    if server.major >= 17:
        ours.append(("event_triggers", "off"))
    chosen = (*(_fast(sandbox) if profile is Profile.FAST else ()), *settings, *ours)
    argv = [server.program("postgres"), "-D", str(inside / DATA_FOLDER)]
    for name, value in chosen:
        argv += ["-c", f"{name}={value}"]
    return Command(tuple(argv), {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "HOME": "/nonexistent"}, on_error_line=note)


def _fast(sandbox: Sandbox) -> tuple[tuple[str, str], ...]:
    """What verification.md 4.1 measured as "tuned", scaled to the sandbox: buffers an eighth of its memory, and index builds
    of all jobs and their parallel workers together no more than a quarter."""
    mib = sandbox.memory_bytes // MIB
    jobs = max(1, sandbox.cpus)
    return (
        ("fsync", "off"),
        ("full_page_writes", "off"),
        ("synchronous_commit", "off"),
        ("wal_level", "minimal"),
        ("max_wal_senders", "0"),
        ("max_wal_size", "32GB"),
        ("checkpoint_timeout", "1d"),
        ("autovacuum", "off"),
        ("shared_buffers", f"{min(1024, max(16, mib // 8))}MB"),
        ("maintenance_work_mem", f"{min(1024, max(16, mib // (4 * jobs)))}MB"),
        ("max_parallel_maintenance_workers", str(min(2, jobs))),
        ("max_connections", str(40 + 2 * jobs)),
        ("jit", "off"),
    )


def _wait_until_ready(host: str, running: Running, log: ServerLog, sandbox: Sandbox) -> None:
    """Ready is an answered query. "Starting up" is not a failure; an end is."""
    import psycopg

    deadline = time.monotonic() + READY_SECONDS
    socket = Path(host) / ".s.PGSQL.5432"
    while True:
        if socket.exists():
            try:
                with psycopg.connect(host=host, user=SUPERUSER, dbname="postgres", connect_timeout=10) as connection:
                    connection.execute("SELECT 1")
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise sandbox_fault(_NOT_STARTED) from error
        if running.poll() is not None:
            raise sandbox.trouble() or _why_not_started(log)
        if time.monotonic() > deadline:
            raise sandbox_fault(_NOT_STARTED)
        time.sleep(_POLL_SECONDS)


def _why_not_started(log: ServerLog) -> CannotTell:
    """Tell a setting that the server refuses from a sandbox that is too small."""
    time.sleep(_LAST_WORDS_SECONDS)
    for line in tuple(log.lines):
        if log.fault is None and (refused := _REFUSED.search(line)):
            return CannotTell(
                "settings_refused", f"the server refuses its settings: {escape(refused[0])[:200]}", "correct them under `settings`"
            )
    return sandbox_fault(log.fault or _NOT_STARTED)
