"""A PostgreSQL server → a folder of backups: two sound ones, and four that were spoiled the way backups are spoiled in the field.

The database lives in a sandbox of its own, so nothing of it is left when the backups are made.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from restore_tester.contracts import Command, Sandbox, SandboxProvider
from restore_tester.errors import CannotTell
from restore_tester.model import Profile, SandboxNeeds, Verdict
from restore_tester.restorers.postgresql.cluster import Cluster, running_cluster
from restore_tester.restorers.postgresql.servers import Server

DATABASE = "shop"
HEARTBEAT_QUERY = "select max(beat_at) from heartbeat"
RECOVERY_POINT_OBJECTIVE = "24h"
COMMAND_SECONDS = 120.0
CUT_TABLE = b"COPY public.payments "
CUT_ROWS = 30_000
FLIPPED_BYTES = 3

LATE = "update heartbeat set beat_at = beat_at - interval '26 hours'"
ON_TIME = "update heartbeat set beat_at = beat_at + interval '26 hours'"
ORPHANS = "set session_replication_role = replica; delete from customers where id between 4000 and 4060"


@dataclass(frozen=True, slots=True)
class Case:
    """A backup of the demo: how it came about, and the verdict that it must get."""

    file: str
    story: str
    expected: Verdict


CASES = (
    Case("shop.dump", "a sound dump (pg_dump -Fc)", Verdict.PASSED),
    Case("shop.sql", "a sound dump (plain SQL)", Verdict.PASSED),
    Case("shop-cut.sql", "cut between two rows: psql restores it with exit code 0", Verdict.FAILED),
    Case("shop-flipped.dump", "three bits flipped: pg_restore -l lists it without a word", Verdict.FAILED),
    Case("shop-stale.dump", "taken just now, from a replica that stopped 26 hours ago", Verdict.FAILED),
    Case("shop-lying.sql", "its foreign keys say valid, and customers are missing", Verdict.FAILED),
)


def make_backups(server: Server, sandboxes: SandboxProvider, folder: Path) -> None:
    """Write every case's file into `folder`. Raise CannotTell where the server or its tools do not work."""
    with (
        sandboxes.open(SandboxNeeds(engine="postgresql", major=server.major)) as sandbox,
        running_cluster(server, sandbox, Profile.FAST, (), keep=False) as cluster,
    ):
        made = _Workshop(sandbox, cluster, folder)
        made.ask("postgres", f"create database {DATABASE}")
        made.run_script(DATABASE, Path(__file__).with_name("demo_database.sql"))
        made.dump("shop.dump", "--format=custom")
        made.dump("shop.sql", "--create")
        made.ask(DATABASE, LATE)
        made.dump("shop-stale.dump", "--format=custom")
        made.ask(DATABASE, ON_TIME)
        made.ask(DATABASE, ORPHANS)
        made.dump("schema.sql", "--schema-only", "--create")
        made.dump("data.sql", "--data-only", "--disable-triggers")
    _join(folder / "schema.sql", folder / "data.sql", folder / "shop-lying.sql")
    cut_between_rows(folder / "shop.sql", folder / "shop-cut.sql")
    flip_bits(folder / "shop.dump", folder / "shop-flipped.dump")


class _Workshop:
    """Runs the server's own tools in the sandbox and carries out what they write."""

    def __init__(self, sandbox: Sandbox, cluster: Cluster, folder: Path) -> None:
        self._sandbox = sandbox
        self._cluster = cluster
        self._folder = folder

    def ask(self, database: str, sql: str) -> None:
        self._run("psql", database, "-c", sql)

    def run_script(self, database: str, script: Path) -> None:
        with script.open("rb") as stream:
            self._run("psql", database, "-f", "-", stdin=stream)

    def dump(self, name: str, *options: str) -> None:
        inside, here = self._sandbox.workspace.inside / name, self._sandbox.workspace.here / name
        self._run("pg_dump", DATABASE, *options, "--file", str(inside))
        shutil.copyfile(here, self._folder / name)
        here.unlink()

    def _run(self, program: str, database: str, *options: str, stdin: BinaryIO | None = None) -> None:
        quiet = ("-X", "-q", "-v", "ON_ERROR_STOP=1") if program == "psql" else ()
        argv = (self._cluster.server.program(program), *quiet, *options)
        done = self._sandbox.run(Command(argv, self._cluster.environment(database), stdin, COMMAND_SECONDS))
        if done.code != 0:
            said = done.errors.decode(errors="replace").strip().split("\n")[0]
            raise CannotTell("demo_not_made", f"{program} failed: {said}", "see what `restore-tester doctor` says about this server")


# --- how they are spoiled ---------------------------------------------------------------------------------------------


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


def flip_bits(sound: Path, spoiled: Path) -> None:
    """Given a custom dump, flip single bits in the midst of its data: what a bad disk or a bad cable does."""
    damaged = bytearray(sound.read_bytes())
    for share in range(1, FLIPPED_BYTES + 1):
        damaged[len(damaged) * share // (FLIPPED_BYTES + 1)] ^= 0x10
    spoiled.write_bytes(damaged)


def _join(schema: Path, data: Path, whole: Path) -> None:
    """Schema first, then the data with its triggers off: nothing has looked at the foreign keys, and they say valid."""
    with whole.open("wb") as target:
        for part in (schema, data):
            target.write(part.read_bytes())
            part.unlink()
