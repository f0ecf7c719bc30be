"""Drills are remembered from their start, by owner and lease; slots are claimed; backups are remembered as they were seen.

A backup that was drilled was seen: those of the drills so far are filled in. The next listing tells which are still there.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _add_leases()
    _create_backups()
    _fill_backups()


def _add_leases() -> None:
    op.add_column("drills", sa.Column("slot", sa.Text()))
    op.add_column("drills", sa.Column("owner", sa.Text()))
    op.add_column("drills", sa.Column("lease_until", sa.DateTime(timezone=True)))
    op.add_column("drills", sa.Column("abandoned", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("drills", sa.Column("if_abandoned", sa.Text()))
    running = sa.text("ended_at IS NULL")
    op.create_index("drills_running_by_lease", "drills", ["lease_until"], sqlite_where=running, postgresql_where=running)
    op.create_index("drills_running_by_place", "drills", ["workload", "location"], sqlite_where=running, postgresql_where=running)
    op.create_index("drills_slot", "drills", ["workload", "location", "slot"], unique=True)


def _create_backups() -> None:
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "backups",
        sa.Column("workload", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("taken_at", instant),
        sa.Column("stored_at", instant),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("first_seen", instant, nullable=False),
        sa.Column("last_seen", instant, nullable=False),
        sa.Column("gone_at", instant),
        sa.PrimaryKeyConstraint("workload", "location", "id", name="pk_backups"),
    )
    op.create_index("backups_by_sight", "backups", ["workload", "location", "last_seen"])


def _fill_backups() -> None:
    op.execute(
        "INSERT INTO backups (workload, location, id, uri, taken_at, size_bytes, first_seen, last_seen)"
        " SELECT workload, location, backup, max(backup_uri), max(backup_taken_at), max(backup_size_bytes), min(began_at), max(began_at)"
        " FROM drills WHERE workload IS NOT NULL AND location IS NOT NULL GROUP BY workload, location, backup"
    )
