"""Histories to test: an empty database of either engine for each test, and small drills to remember in it.

PostgreSQL runs in a container (testcontainers) where a Docker engine with the image is there, else beside us from the
installed programs: a real server in any case, and nothing is skipped.
"""

from __future__ import annotations

import itertools
import os
import select
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, create_engine, make_url

from restore_tester.history.nouns import Lease, Place
from restore_tester.model import (
    Backup,
    BackupFacts,
    BackupRecord,
    CheckResult,
    Drill,
    DrillOrder,
    Environment,
    Levels,
    LevelState,
    Location,
    Objectives,
    Outcome,
    Part,
    Profile,
    Reason,
    RecoveryPoint,
    SandboxNeeds,
    Selection,
    Severity,
    Stage,
    TableContent,
    Verdict,
)
from tests.producers import SERVER_OPTIONS, SUPERUSER, SourceServer, running_source

IMAGE = "postgres:15"
SMALL_DISK = "/small"
PASSWORD = "canary-7f3e"
NOW = datetime(2026, 11, 5, 3, 0, tzinfo=UTC)
PLACE = Place("orders", "primary")
ENGINES = ("sqlite", "postgresql")
# A container that nobody stops ends by itself: the reaper of testcontainers is an image of its own, which may not be there.
_LONGEST_SECONDS = 1800
_numbers = itertools.count()


# --- databases --------------------------------------------------------------------------------------------------------


@contextmanager
def running_postgresql() -> Iterator[str]:
    """Return the DSN of a server, up to the name of a database."""
    if not _has_image():
        with running_source() as server:
            server.make_database("history")
            yield f"postgresql://{SUPERUSER}:{PASSWORD}@/history?host={server.folder}"
        return
    from testcontainers.community.postgres import PostgresContainer
    from testcontainers.core.config import testcontainers_config

    testcontainers_config.ryuk_disabled = True
    container = PostgresContainer(IMAGE, username="keeper", password=PASSWORD, dbname="history", driver=None)
    limited = ["timeout", str(_LONGEST_SECONDS), "docker-entrypoint.sh"]
    container.with_kwargs(entrypoint=limited, auto_remove=True).with_tmpfs_mount("/var/lib/postgresql/data")
    # A disk that is soon full. The image's server runs as user 999.
    container.with_tmpfs_mount(SMALL_DISK, "size=20m,uid=999,gid=999,mode=0700")
    container.with_env("POSTGRES_INITDB_ARGS", "--no-sync").with_command("postgres -c fsync=off")
    with container:
        yield container.get_connection_url()


def _has_image() -> bool:
    asked = subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, timeout=60, check=False) if _has_docker() else None
    return asked is not None and asked.returncode == 0


def _has_docker() -> bool:
    return any((Path(folder) / "docker").exists() for folder in os.environ.get("PATH", "").split(os.pathsep))


def new_database(server: str, template: str = "template0") -> str:
    """Given the server's DSN, create a database there, empty or like another one, return its DSN."""
    name = f"history_{os.getpid()}_{next(_numbers)}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {make_url(template).database if '://' in template else template}")
    engine.dispose()
    return server.replace("/history", f"/{name}")


class StoppedAndStarted:
    """A PostgreSQL of its own that can go away and come back. Made by `restartable_postgresql`."""

    def __init__(self, source: SourceServer) -> None:
        self._source = source
        self.folder = source.folder
        self.dsn = f"postgresql://{SUPERUSER}:{PASSWORD}@/history?host={source.folder}"

    def stop(self) -> None:
        self._control("stop", "-m", "fast")

    def start(self) -> None:
        options = " ".join((*(option or "''" for option in SERVER_OPTIONS), "-k", str(self._source.folder)))
        self._control("start", "-o", options, "-l", str(self._source.folder / "cluster" / "log"))

    def _control(self, *arguments: str) -> None:
        user = "postgres" if os.geteuid() == 0 else None
        argv = [str(self._source.bin_folder / "pg_ctl"), "-D", str(self._source.folder / "cluster"), "-w", "-s", *arguments]
        subprocess.run(argv, check=True, timeout=60, user=user, cwd=self._source.folder, env=self._source.environment)


@contextmanager
def restartable_postgresql() -> Iterator[StoppedAndStarted]:
    with running_source() as source:
        source.make_database("history")
        server = StoppedAndStarted(source)
        try:
            yield server
        finally:
            with suppress(subprocess.CalledProcessError):
                server.stop()


@dataclass(frozen=True)
class Between:
    """Stands between us and a server. While it is `silent`, it takes what either says, and passes nothing on."""

    silent: threading.Event = field(default_factory=threading.Event)


@contextmanager
def silenceable(server: Path, folder: Path) -> Iterator[Between]:
    """Listen in a folder as the server does in its own."""
    between = Between()

    class Passing(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.socket(socket.AF_UNIX) as there, suppress(OSError):
                there.connect(str(server / ".s.PGSQL.5432"))
                ends = {self.request: there, there: self.request}
                while ready := select.select(list(ends), [], [])[0]:
                    for end in ready:
                        said = end.recv(65536)
                        if not said:
                            return
                        if not between.silent.is_set():
                            ends[end].sendall(said)

    class Listening(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

    with Listening(str(folder / ".s.PGSQL.5432"), Passing) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.05,))
        thread.start()
        yield between
        listening.shutdown()
        thread.join()


@contextmanager
def raw(dsn: str) -> Iterator[Connection]:
    """A plain connection to a history, as a stranger has one; what the body did is kept."""
    engine = create_engine(dsn)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def without_rights(code: str, *arguments: str) -> str:
    """Run Python code as one to whom the rights of files apply, also where we are root; return what it prints."""
    apply_to_root = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"] if os.geteuid() == 0 else []
    argv = [*apply_to_root, sys.executable, "-B", "-W", "error", "-c", code, *arguments]
    folder = Path(__file__).parents[1]
    done = subprocess.run(argv, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"}, cwd=folder, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- what is remembered -----------------------------------------------------------------------------------------------


def a_lease(owner: str = "us", seconds: float = 60, since: datetime = NOW) -> Lease:
    return Lease(owner, since + timedelta(seconds=seconds))


def a_backup(id: str = "orders-1.dump", taken_at: datetime | None = NOW - timedelta(hours=1), size_bytes: int = 1000) -> Backup:
    return Backup(id, f"file:///backups/{id}", taken_at, size_bytes, (Part(id, size_bytes, "pin"),), False, taken_at, "name")


def an_order(drill: str = "d1", place: Place = PLACE, backup: Backup | None = None) -> DrillOrder:
    return DrillOrder(
        drill=drill,
        workload=place.workload,
        location=Location(place.location, "folder", "/backups"),
        trigger="manual",
        backup=backup or a_backup(),
        facts=BackupFacts("pg_dump-custom", "postgresql", "15.18", databases=("orders",)),
        needs=SandboxNeeds("postgresql", 15),
        selection=Selection("rotating", "the newest", 3),
        profile=Profile.FAITHFUL,
        objectives=Objectives(3600.0, 900.0),
    )


def a_drill(drill: str = "d1", place: Place | None = PLACE, verdict: Verdict = Verdict.PASSED, minutes: float = 0) -> Drill:
    """A drill that began so many minutes after `NOW`. Of another place or verdict, or spoil it with `replace`."""
    began_at = NOW + timedelta(minutes=minutes)
    reasons = () if verdict is Verdict.PASSED else (Reason("rows_missing", "tables came back empty", "look in the backup job"),)
    return Drill(
        drill=drill,
        workload=place.workload if place else None,
        location=place.location if place else None,
        trigger="manual",
        backup=BackupRecord(
            "orders-1.dump",
            "file:///backups/orders-1.dump",
            "pg_dump-custom",
            "postgresql",
            "15.18",
            None,
            ("orders",),
            2,
            began_at - timedelta(hours=1),
            1000,
            "ab" * 32,
        ),
        selection=Selection("rotating", "the newest", 3),
        verdict=verdict,
        reasons=reasons,
        warnings=(Reason("source_defect", "the source had it wrong already", "tell its owner"),),
        proof_level=3,
        levels=Levels(restored=LevelState.PROVED),
        next_level_needs="a heartbeat",
        recovery_time_seconds=12.5,
        verification_seconds=2.5,
        recovery_time_objective_seconds=3600.0,
        profile=Profile.FAITHFUL,
        recovery_point=RecoveryPoint(began_at - timedelta(hours=2), began_at - timedelta(hours=1), "heartbeat"),
        data_loss_seconds=7200.0,
        recovery_point_lag_seconds=60.0,
        recovery_point_objective_seconds=900.0,
        stages=(Stage("fetch", began_at, 1.0, 1000), Stage("restore", began_at, 2.0)),
        checks=(CheckResult("foreign_keys", Severity.GATING, Outcome.PASSED, 0, "", 0.1, "cd" * 32),),
        content=some_content(),
        differences=(),
        environment=Environment("process", "root", "15.18", 2, 1 << 30, ("no-network",)),
        began_at=began_at,
        ended_at=began_at + timedelta(minutes=1),
        sandbox_destroyed=True,
        tool_version="0.1",
    )


def some_content(orders: int | None = 10, database: str = "orders") -> tuple[TableContent, ...]:
    return TableContent(database, "public", "orders", orders), TableContent(database, "public", "lines", 3, "ef" * 32)


def of_backup(drill: Drill, id: str, taken_at: datetime | None) -> Drill:
    """The same drill, of another backup."""
    return replace(drill, backup=replace(drill.backup, id=id, taken_at=taken_at))
