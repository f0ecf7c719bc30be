"""Databases on the source server → restored data as checks see it, through the restorer's own sessions, without a restore before it."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from restore_tester.checking.catalogue import shipped_checks
from restore_tester.checking.runner import Answers, ask_checks
from restore_tester.clock import SystemClock
from restore_tester.contracts import Workspace
from restore_tester.model import BackupFacts, Check, Outcome
from restore_tester.restorers.postgresql.cluster import SUPERUSER, Cluster, ServerLog
from restore_tester.restorers.postgresql.data import PostgresData, prepare_amcheck
from restore_tester.restorers.postgresql.servers import Server
from restore_tester.restorers.postgresql.sessions import Sessions
from tests.producers import SourceServer

SCRIPT = frozenset({"logical", "script", "amcheck"})
ARCHIVE = frozenset({"logical", "archive", "indexes-just-built", "amcheck"})
_numbers = itertools.count(1)


class Somewhere:
    """A server that somebody else runs, in no sandbox of ours."""

    workspace = Workspace(Path("/"), Path("/"))

    def trouble(self) -> None:
        return None

    def poll(self) -> int | None:
        return None

    def stop(self, signal: int, deadline_seconds: float) -> int:
        raise AssertionError("it is not ours to stop")

    def errors(self) -> bytes:
        return b""


@dataclass(frozen=True)
class Asked:
    """What came of one check."""

    outcome: Outcome
    problems: int
    detail: str


class Asker:
    """Makes databases on a source server, and asks checks of them as of restored data."""

    def __init__(self, source: SourceServer) -> None:
        self.source = source
        if not source.psql("postgres", f"select 1 from pg_roles where rolname = '{SUPERUSER}'"):
            source.psql("postgres", f"create role {SUPERUSER} superuser login")
        self.has_amcheck = source.has_extension("amcheck")

    def database(self, sql: str) -> str:
        return self.source.make_database(f"asked_{next(_numbers)}", sql)

    @contextlib.contextmanager
    def data(self, *databases: str, features: frozenset[str] = SCRIPT) -> Iterator[PostgresData]:
        """Restored data that is these databases."""
        programs = self.source.bin_folder
        server = Server(self.source.major, programs, "installed", programs, frozenset())
        sessions = Sessions(Cluster(server, Somewhere(), ServerLog(), str(self.source.folder), Somewhere()))
        has = features if self.has_amcheck else features - {"amcheck"}
        facts = BackupFacts(format="pg_dump-plain", engine="postgresql", engine_version=self.source.version, databases=databases)
        try:
            yield PostgresData(sessions, databases, facts, self.source.version, has)
        finally:
            sessions.close()

    def prepare(self, *databases: str) -> None:
        """Install amcheck as the restorer does."""
        with self.data(*databases) as data:
            if self.has_amcheck:
                prepare_amcheck(data._sessions, databases)

    def ask_all(self, *checks: Check, of: tuple[str, ...], features: frozenset[str] = SCRIPT) -> Answers:
        with self.data(*of, features=features) as data:
            return ask_checks(checks, data, SystemClock())

    def ask(self, name: str, *databases: str, features: frozenset[str] = SCRIPT) -> Asked:
        """Ask one shipped check; no fault may come of it."""
        answers = self.ask_all(shipped(name), of=databases, features=features)
        result = answers.asked[0].result
        return Asked(result.outcome, result.problems, result.detail)

    def ask_of(self, name: str, sql: str, features: frozenset[str] = SCRIPT) -> Asked:
        """Ask one shipped check of a new database that these statements made."""
        return self.ask(name, self.database(sql), features=features)


def shipped(name: str) -> Check:
    return next(check for check in shipped_checks() if check.name == name)


def write_check(folder: Path, name: str, text: str, **changed: str | None) -> Path:
    """Write a check in SQL with a sound header, but for what is changed in it (None: left out)."""
    header: dict[str, str | None] = {"about": "Something is so.", "severity": "gating", "expect": "no_rows", "timeout": "60s", **changed}
    path = folder / f"{name}.sql"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"-- {key}: {value}\n" for key, value in header.items() if value is not None) + f"\n{text}\n")
    return path
