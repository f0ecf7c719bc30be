"""The tables of a history, as revision `HEAD` leaves them. The whole record lies in `drills.record`; what stands beside it
is what queries need.

An index serves each question of `records` and `backups`; a test reads the plans of both engines.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    false,
    text,
)

REVISIONS = ("0001", "0002", "0003")
HEAD = REVISIONS[-1]
# A name of its own: a history may share a database with other software that uses alembic.
VERSION_TABLE = "restore_tester_version"
METADATA = MetaData(naming_convention={"pk": "pk_%(table_name)s", "fk": "fk_%(table_name)s_%(referred_table_name)s"})
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Instant(TypeDecorator[datetime]):
    """Aware UTC in and out. SQLite has no zones: there it is UTC without saying so, at a fixed width, so that it sorts."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a history takes aware instants only")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class Words(TypeDecorator[str]):
    """Text that may come out of a backup or a store. PostgreSQL refuses NUL, both refuse lone surrogates: neither may cost a record."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", value)


def _of_drill() -> Column[str]:
    return Column("drill", Words, ForeignKey("drills.id", ondelete="CASCADE"), primary_key=True)


drills = Table(
    "drills",
    METADATA,
    Column("id", Words, primary_key=True),
    Column("workload", Words),
    Column("location", Words),
    Column("trigger", Words, nullable=False),
    Column("began_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("verdict", Words),
    Column("proof_level", Integer),
    Column("profile", Words, nullable=False),
    Column("strategy", Words, nullable=False),
    Column("backup", Words, nullable=False),
    Column("backup_uri", Words, nullable=False),
    Column("backup_taken_at", Instant),
    Column("backup_size_bytes", BigInteger, nullable=False),
    Column("engine", Words),
    Column("engine_version", Words),
    Column("recovery_time_seconds", Float),
    Column("recovery_time_objective_seconds", Float),
    Column("verification_seconds", Float),
    Column("recovery_point_not_before", Instant),
    Column("recovery_point_not_after", Instant),
    Column("data_loss_seconds", Float),
    Column("recovery_point_lag_seconds", Float),
    Column("recovery_point_objective_seconds", Float),
    Column("record", Text),
    Column("slot", Words),
    Column("owner", Words),
    Column("lease_until", Instant),
    Column("abandoned", Boolean, nullable=False, server_default=false()),
    Column("if_abandoned", Text),
    Column("seed", BigInteger),
    Column("newest", Boolean),
)
_RUNNING = text("ended_at IS NULL")
Index("drills_by_time", drills.c.began_at)
Index("drills_by_workload", drills.c.workload, drills.c.began_at)
Index("drills_by_location", drills.c.location, drills.c.began_at)
Index("drills_by_verdict", drills.c.verdict, drills.c.began_at)
Index("drills_by_place", drills.c.workload, drills.c.location, drills.c.began_at)
Index("drills_by_place_and_verdict", drills.c.workload, drills.c.location, drills.c.verdict, drills.c.began_at)
Index("drills_by_backup_age", drills.c.workload, drills.c.location, drills.c.verdict, drills.c.backup_taken_at)
Index("drills_running_by_lease", drills.c.lease_until, sqlite_where=_RUNNING, postgresql_where=_RUNNING)
Index("drills_running_by_owner", drills.c.owner, sqlite_where=_RUNNING, postgresql_where=_RUNNING)
Index("drills_by_backup", drills.c.workload, drills.c.location, drills.c.backup, drills.c.began_at)
Index("drills_running_by_place", drills.c.workload, drills.c.location, sqlite_where=_RUNNING, postgresql_where=_RUNNING)
Index("drills_slot", drills.c.workload, drills.c.location, drills.c.slot, unique=True)

stages = Table(
    "stages",
    METADATA,
    _of_drill(),
    Column("position", Integer, primary_key=True),
    Column("name", Words, nullable=False),
    Column("began_at", Instant, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("bytes", BigInteger),
)
checks = Table(
    "checks",
    METADATA,
    _of_drill(),
    Column("position", Integer, primary_key=True),
    Column("name", Words, nullable=False),
    Column("severity", Words, nullable=False),
    Column("outcome", Words, nullable=False),
    Column("problems", BigInteger, nullable=False),
    Column("detail", Words, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("sha256", Words, nullable=False),
)
levels = Table(
    "levels",
    METADATA,
    _of_drill(),
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("name", Words, nullable=False),
    Column("state", Words, nullable=False),
)
reasons = Table(
    "reasons",
    METADATA,
    _of_drill(),
    Column("kind", Words, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("code", Words, nullable=False),
    Column("message", Words, nullable=False),
    Column("hint", Words, nullable=False),
)
content = Table(
    "content",
    METADATA,
    _of_drill(),
    Column("position", Integer, primary_key=True),
    Column("database", Words, nullable=False),
    Column("schema", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("rows", BigInteger),
    Column("hash", Words),
)
Index("content_by_database", content.c.drill, content.c.database)
DETAILS = (stages, checks, levels, reasons, content)

backups = Table(
    "backups",
    METADATA,
    Column("workload", Words, primary_key=True),
    Column("location", Words, primary_key=True),
    Column("id", Words, primary_key=True),
    Column("uri", Words, nullable=False),
    Column("taken_at", Instant),
    Column("stored_at", Instant),
    Column("size_bytes", BigInteger, nullable=False),
    Column("first_seen", Instant, nullable=False),
    Column("gone_at", Instant),
)
_THERE = text("gone_at IS NULL")
Index("backups_by_age", backups.c.workload, backups.c.location, backups.c.taken_at)
Index("backups_present", backups.c.workload, backups.c.location, backups.c.taken_at, sqlite_where=_THERE, postgresql_where=_THERE)

# `ledger` is `ledger_bytes` of `version` (None: it is to be made), `changed` the number of the change that made it. `listing` is the
# digest of the last listing that showed something else than the one before, at `listed_at`.
places = Table(
    "places",
    METADATA,
    Column("workload", Words, primary_key=True),
    Column("location", Words, primary_key=True),
    Column("first_seen", Instant, nullable=False),
    Column("ledger", LargeBinary),
    Column("version", Integer, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("listing", Text),
    Column("listed_at", Instant),
)
Index("places_by_change", places.c.changed)
Index("places_by_version", places.c.version)
# A single row: who changes places holds it from then on until all is kept, so that numbers are seen in their order.
changes = Table(
    "changes", METADATA, Column("id", Integer, primary_key=True, autoincrement=False), Column("number", BigInteger, nullable=False)
)

slots = Table(
    "slots",
    METADATA,
    Column("workload", Words, primary_key=True),
    Column("name", Words, primary_key=True),
    Column("kind", Words, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("owner", Words, nullable=False),
    Column("lease_until", Instant, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("done_at", Instant),
    Column("drill", Words),
)
_CLAIMED = text("done_at IS NULL")
Index("slots_by_workload", slots.c.kind, slots.c.workload, slots.c.due_at)
Index("slots_by_time", slots.c.kind, slots.c.due_at)
Index("slots_claimed_by_lease", slots.c.lease_until, sqlite_where=_CLAIMED, postgresql_where=_CLAIMED)
Index("slots_claimed_by_owner", slots.c.owner, sqlite_where=_CLAIMED, postgresql_where=_CLAIMED)

acceptances = Table(
    "acceptances",
    METADATA,
    _of_drill(),
    Column("accepted_at", Instant, primary_key=True),
    Column("workload", Words, nullable=False),
    Column("location", Words, nullable=False),
    Column("accepted_by", Words, nullable=False),
    Column("reason", Words, nullable=False),
)
Index("acceptances_by_place", acceptances.c.workload, acceptances.c.location, acceptances.c.accepted_at)
