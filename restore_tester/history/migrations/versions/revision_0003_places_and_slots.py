"""What is known of each place, with a number for each change; slots that are claimed and done; findings that were accepted.

The ledgers of the places so far are left to be made from their drills (`projection`): version 0 is of none. A drill tells the seed
of its choice. A backup no longer tells when it was last seen: each listing would write every row.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

# A quote within a text is escaped, so that this is the key and nothing else; and there is but one of that name.
_SEEDS_SQLITE = """
UPDATE drills SET seed = CAST(substr(record, instr(record, '"seed":') + 7, 20) AS INTEGER)
WHERE instr(record, '"seed":') > 0 AND substr(record, instr(record, '"seed":') + 7, 1) BETWEEN '0' AND '9'
"""
_SEEDS_POSTGRESQL = """
UPDATE drills SET seed = substring(record from '"seed":([0-9]+)')::bigint WHERE record ~ '"seed":[0-9]'
"""
_PLACES = """
INSERT INTO places (workload, location, first_seen, version, changed)
SELECT workload, location, min(since), 0, 1 FROM (
    SELECT workload, location, min(began_at) AS since FROM drills
    WHERE workload IS NOT NULL AND location IS NOT NULL GROUP BY workload, location
    UNION ALL SELECT workload, location, min(first_seen) FROM backups GROUP BY workload, location) AS known
GROUP BY workload, location
"""
_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _add_to_drills()
    _leave_out_last_seen()
    _create_places()
    _create_slots()
    _create_acceptances()


def _add_to_drills() -> None:
    op.add_column("drills", sa.Column("seed", sa.BigInteger()))
    op.add_column("drills", sa.Column("newest", sa.Boolean()))
    running = sa.text("ended_at IS NULL")
    op.create_index("drills_running_by_owner", "drills", ["owner"], sqlite_where=running, postgresql_where=running)
    op.execute(_SEEDS_SQLITE if op.get_bind().dialect.name == "sqlite" else _SEEDS_POSTGRESQL)


def _leave_out_last_seen() -> None:
    op.drop_index("backups_by_sight", "backups")
    op.drop_column("backups", "last_seen")
    there = sa.text("gone_at IS NULL")
    op.create_index("backups_by_age", "backups", ["workload", "location", "taken_at"])
    op.create_index("backups_present", "backups", ["workload", "location", "taken_at"], sqlite_where=there, postgresql_where=there)
    op.create_index("drills_by_backup", "drills", ["workload", "location", "backup", "began_at"])


def _create_places() -> None:
    op.create_table(
        "places",
        sa.Column("workload", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("first_seen", _INSTANT, nullable=False),
        sa.Column("ledger", sa.LargeBinary()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("listing", sa.Text()),
        sa.Column("listed_at", _INSTANT),
        sa.PrimaryKeyConstraint("workload", "location", name="pk_places"),
    )
    op.create_index("places_by_change", "places", ["changed"])
    op.create_index("places_by_version", "places", ["version"])
    op.create_table(
        "changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_changes"),
    )
    op.execute("INSERT INTO changes (id, number) VALUES (1, 1)")
    op.execute(_PLACES)


def _create_slots() -> None:
    op.create_table(
        "slots",
        sa.Column("workload", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("due_at", _INSTANT, nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("lease_until", _INSTANT, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("done_at", _INSTANT),
        sa.Column("drill", sa.Text()),
        sa.PrimaryKeyConstraint("workload", "name", name="pk_slots"),
    )
    claimed = sa.text("done_at IS NULL")
    op.create_index("slots_by_workload", "slots", ["kind", "workload", "due_at"])
    op.create_index("slots_by_time", "slots", ["kind", "due_at"])
    op.create_index("slots_claimed_by_lease", "slots", ["lease_until"], sqlite_where=claimed, postgresql_where=claimed)
    op.create_index("slots_claimed_by_owner", "slots", ["owner"], sqlite_where=claimed, postgresql_where=claimed)


def _create_acceptances() -> None:
    op.create_table(
        "acceptances",
        sa.Column("drill", sa.Text(), nullable=False),
        sa.Column("accepted_at", _INSTANT, nullable=False),
        sa.Column("workload", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("accepted_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("drill", "accepted_at", name="pk_acceptances"),
        sa.ForeignKeyConstraint(["drill"], ["drills.id"], name="fk_acceptances_drills", ondelete="CASCADE"),
    )
    op.create_index("acceptances_by_place", "acceptances", ["workload", "location", "accepted_at"])
