"""Drills that have ended, with what they saw."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _create_drills()
    _create_measurements()
    _create_findings()


def _create_drills() -> None:
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "drills",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("workload", sa.Text()),
        sa.Column("location", sa.Text()),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("began_at", instant, nullable=False),
        sa.Column("ended_at", instant),
        sa.Column("verdict", sa.Text()),
        sa.Column("proof_level", sa.Integer()),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("backup", sa.Text(), nullable=False),
        sa.Column("backup_uri", sa.Text(), nullable=False),
        sa.Column("backup_taken_at", instant),
        sa.Column("backup_size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("engine", sa.Text()),
        sa.Column("engine_version", sa.Text()),
        sa.Column("recovery_time_seconds", sa.Float()),
        sa.Column("recovery_time_objective_seconds", sa.Float()),
        sa.Column("verification_seconds", sa.Float()),
        sa.Column("recovery_point_not_before", instant),
        sa.Column("recovery_point_not_after", instant),
        sa.Column("data_loss_seconds", sa.Float()),
        sa.Column("recovery_point_lag_seconds", sa.Float()),
        sa.Column("recovery_point_objective_seconds", sa.Float()),
        sa.Column("record", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_drills"),
    )
    op.create_index("drills_by_time", "drills", ["began_at"])
    op.create_index("drills_by_workload", "drills", ["workload", "began_at"])
    op.create_index("drills_by_location", "drills", ["location", "began_at"])
    op.create_index("drills_by_verdict", "drills", ["verdict", "began_at"])
    op.create_index("drills_by_place", "drills", ["workload", "location", "began_at"])
    op.create_index("drills_by_place_and_verdict", "drills", ["workload", "location", "verdict", "began_at"])
    op.create_index("drills_by_backup_age", "drills", ["workload", "location", "verdict", "backup_taken_at"])


def _create_measurements() -> None:
    _create_detail(
        "stages",
        ("drill", "position"),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("bytes", sa.BigInteger()),
    )
    _create_detail(
        "content",
        ("drill", "position"),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("database", sa.Text(), nullable=False),
        sa.Column("schema", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger()),
        sa.Column("hash", sa.Text()),
    )
    op.create_index("content_by_database", "content", ["drill", "database"])


def _create_findings() -> None:
    _create_detail(
        "checks",
        ("drill", "position"),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("problems", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
    )
    _create_detail(
        "levels",
        ("drill", "level"),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
    )
    _create_detail(
        "reasons",
        ("drill", "kind", "position"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
    )


def _create_detail(table: str, key: tuple[str, ...], *columns: sa.Column[object]) -> None:
    op.create_table(
        table,
        sa.Column("drill", sa.Text(), nullable=False),
        *columns,
        sa.PrimaryKeyConstraint(*key, name=f"pk_{table}"),
        sa.ForeignKeyConstraint(["drill"], ["drills.id"], name=f"fk_{table}_drills", ondelete="CASCADE"),
    )
