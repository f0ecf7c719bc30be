"""A PostgreSQL server → two folders with generations of backups: sound ones, and others that went wrong the way backups do.

Three days of a shop are played through in order, in a sandbox of their own. What says when a backup was taken (its name, its
file's time, its header) is set back to the day that it stands for; all else is what pg_dump wrote.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from restore_tester.contracts import Command, Sandbox, SandboxProvider
from restore_tester.errors import CannotTell
from restore_tester.model import Drill, Profile, SandboxNeeds, Verdict
from restore_tester.restorers.postgresql.cluster import Cluster, running_cluster
from restore_tester.restorers.postgresql.servers import Server

DATABASE, MAINTENANCE, SET_ASIDE = "shop", "postgres", "shop_set_aside"
PRIMARY, OFFSITE = "primary", "offsite"
NAME = "shop-{taken_at:%Y-%m-%dT%H%M%SZ}.{any}"
HEARTBEAT_QUERY = "select max(beat_at) from heartbeat"
COMMAND_SECONDS = 120.0
CUT_TABLE = b"COPY public.payments "
CUT_ROWS = 30_000
FLIPPED_BYTES = 3
# A file younger than a minute may still be being written: the newest backup must have been there for longer.
NEWEST = timedelta(minutes=10)
STALE = timedelta(hours=26)

ORPHANS = "set session_replication_role = replica; delete from customers where id between 4000 and 4060"
EMPTIED = "truncate payments"


@dataclass(frozen=True, slots=True)
class Case:
    """A backup of the demo: where it lies and how old its name says that it is, how it came about, and the verdict that it must
    get, for the reason of code `why`."""

    location: str
    age: timedelta
    suffix: str
    story: str
    expected: Verdict
    why: str | None = None

    def file(self, now: datetime) -> str:
        return f"shop-{now - self.age:%Y-%m-%dT%H%M%SZ}.{self.suffix}"

    def is_met(self, drill: Drill) -> bool:
        """Return whether a drill found what is there to be found."""
        codes = {reason.code for reason in drill.reasons}
        return drill.verdict is self.expected and (self.why in codes or (self.why is None and not codes))


FIRST = Case(PRIMARY, timedelta(hours=72), "dump", "a sound dump (pg_dump -Fc), three days old", Verdict.PASSED)
CUT = Case(
    PRIMARY, timedelta(hours=48), "sql", "cut between two rows: psql restores it with exit code 0", Verdict.FAILED, "trailer_missing"
)
FLIPPED = Case(
    PRIMARY, timedelta(hours=24), "dump", "three bits flipped: pg_restore -l lists it without a word", Verdict.FAILED, "archive_damaged"
)
LOST = Case(
    PRIMARY, timedelta(hours=12), "dump", "a faultless dump, but the payments were gone before it began", Verdict.FAILED, "rows_missing"
)
LATEST = Case(PRIMARY, NEWEST, "dump", "a sound dump, the newest", Verdict.PASSED)
COPY = Case(OFFSITE, timedelta(hours=48), "sql", "a sound dump (plain SQL), two days old", Verdict.PASSED)
LYING = Case(OFFSITE, timedelta(hours=24), "sql", "its foreign keys say valid, and customers are missing", Verdict.FAILED, "check_failed")
RENAMED = Case(OFFSITE, NEWEST, "dump", "yesterday's data, uploaded again under today's name", Verdict.FAILED, "rpo_missed")
# In the order in which they are drilled: what passed before is what the next is compared with.
CASES = (FIRST, CUT, FLIPPED, LOST, LATEST, COPY, LYING, RENAMED)


def make_backups(server: Server, sandboxes: SandboxProvider, folder: Path, now: datetime) -> None:
    """Write every case's file into the folder of its location, under `folder`. Raise CannotTell where the server or its tools
    do not work."""
    with (
        sandboxes.open(SandboxNeeds(engine="postgresql", major=server.major)) as sandbox,
        running_cluster(server, sandbox, Profile.FAST, (), keep=False) as cluster,
    ):
        _play(_Workshop(sandbox, cluster, folder, now))


def _play(shop: _Workshop) -> None:
    shop.found(FIRST.age)
    shop.dump(FIRST, "--format=custom")
    shop.trade_until(COPY.age)
    cut_between_rows(shop.dump(COPY, "--create"), shop.path(CUT))
    shop.stamp(CUT)
    shop.trade_until(STALE)
    shop.dump(RENAMED, "--format=custom", begun=STALE)
    shop.trade_until(FLIPPED.age)
    flip_bits(shop.dump(FLIPPED, "--format=custom"))
    shop.stamp(FLIPPED)
    with shop.set_aside():
        shop.ask(DATABASE, ORPHANS)
        shop.dump_in_two(LYING)
    shop.trade_until(LOST.age)
    with shop.set_aside():
        shop.ask(DATABASE, EMPTIED)
        shop.dump(LOST, "--format=custom")
    shop.trade_until(LATEST.age)
    shop.dump(LATEST, "--format=custom")


class _Workshop:
    """Runs the server's own tools in the sandbox and carries out what they write. Ages count back from `now`."""

    def __init__(self, sandbox: Sandbox, cluster: Cluster, folder: Path, now: datetime) -> None:
        self._sandbox = sandbox
        self._cluster = cluster
        self._folder = folder
        self._now = now

    def found(self, age: timedelta) -> None:
        self.ask(MAINTENANCE, f"create database {DATABASE}")
        self._run_script("demo_database.sql", age)

    def trade_until(self, age: timedelta) -> None:
        self._run_script("demo_trade.sql", age)

    @contextmanager
    def set_aside(self) -> Iterator[None]:
        """In the block the shop may be spoiled; after it, it is as before."""
        self.ask(MAINTENANCE, f"create database {SET_ASIDE} template {DATABASE}")
        yield
        self.ask(MAINTENANCE, f"drop database {DATABASE}")
        self.ask(MAINTENANCE, f"alter database {SET_ASIDE} rename to {DATABASE}")

    def ask(self, database: str, sql: str) -> None:
        self._run("psql", database, "-c", sql)

    def path(self, case: Case) -> Path:
        return self._folder / case.location / case.file(self._now)

    def stamp(self, case: Case) -> None:
        at = (self._now - case.age).timestamp()
        os.utime(self.path(case), (at, at))

    def dump(self, case: Case, *options: str, begun: timedelta | None = None) -> Path:
        """Dump the shop as it stands; its header says that it began `begun` ago (as its name does, unless told otherwise)."""
        path = self.path(case)
        self._dump(path, *options)
        if "--format=custom" in options:
            date_archive(path, self._now - (begun or case.age))
        self.stamp(case)
        return path

    def dump_in_two(self, case: Case) -> None:
        """Schema first, then the data with its triggers off: nothing has looked at the foreign keys, and they say valid."""
        path = self.path(case)
        data = path.with_suffix(".data")
        self._dump(path, "--schema-only", "--create")
        self._dump(data, "--data-only", "--disable-triggers")
        with path.open("ab") as whole:
            whole.write(data.read_bytes())
        data.unlink()
        self.stamp(case)

    def _dump(self, path: Path, *options: str) -> None:
        inside, here = self._sandbox.workspace.inside / path.name, self._sandbox.workspace.here / path.name
        self._run("pg_dump", DATABASE, *options, "--file", str(inside))
        shutil.copyfile(here, path)
        here.unlink()

    def _run_script(self, script: str, age: timedelta) -> None:
        with Path(__file__).with_name(script).open("rb") as stream:
            self._run("psql", DATABASE, "-v", f"until={self._now - age:%Y-%m-%d %H:%M:%SZ}", "-f", "-", stdin=stream)

    def _run(self, program: str, database: str, *options: str, stdin: BinaryIO | None = None) -> None:
        quiet = ("-X", "-q", "-v", "ON_ERROR_STOP=1") if program == "psql" else ()
        argv = (self._cluster.server.program(program), *quiet, *options)
        done = self._sandbox.run(Command(argv, self._cluster.environment(database), stdin, COMMAND_SECONDS))
        if done.code != 0:
            said = done.errors.decode(errors="replace").strip().split("\n")[0]
            raise CannotTell("demo_not_made", f"{program} failed: {said}", "see what `restore-tester doctor` says about this server")


# --- how they are spoiled, and dated ----------------------------------------------------------------------------------


def cut_between_rows(sound: Path, spoiled: Path) -> None:
    """Given a plain dump, keep it up to a row in the middle of the payments: what a full disk or a killed job leaves."""
    rows_left = None
    with sound.open("rb") as script, spoiled.open("wb") as cut:
        for line in script:
            if rows_left == 0:
                return
            cut.write(line)
            if rows_left is not None:
                rows_left -= 1
            elif line.startswith(CUT_TABLE):
                rows_left = CUT_ROWS


def flip_bits(archive: Path) -> None:
    """Flip single bits in the midst of a dump's data: what a bad disk or a bad cable does."""
    damaged = bytearray(archive.read_bytes())
    for share in range(1, FLIPPED_BYTES + 1):
        damaged[len(damaged) * share // (FLIPPED_BYTES + 1)] ^= 0x10
    archive.write_bytes(damaged)


def date_archive(archive: Path, at: datetime) -> None:
    """Given a custom dump, let its header say that it began at that instant (pg_backup_archiver.c, WriteHead: seven numbers, each
    a sign and its bytes, after the magic, the version, two sizes, the format and the compression)."""
    content = bytearray(archive.read_bytes())
    minor, number_bytes = content[6], content[8]
    place = 11 + (1 if minor >= 15 else 1 + number_bytes)
    for number in (at.second, at.minute, at.hour, at.day, at.month - 1, at.year - 1900, 0):
        content[place : place + 1 + number_bytes] = b"\0" + number.to_bytes(number_bytes, "little")
        place += 1 + number_bytes
    archive.write_bytes(content)
