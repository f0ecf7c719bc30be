"""Fixtures of tests that read from S3: one server for each test process, a prefix of its own for each test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from restore_tester.backups.ordered import Ring
from restore_tester.backups.s3 import Patience
from restore_tester.backups.s3_source import S3Source
from restore_tester.clock import SystemClock
from restore_tester.contracts import Clock, Intake
from restore_tester.model import Backup, Fetched, Location
from tests.stores import BUCKET, KEYS, S3Server, running_versitygw

QUICK = Patience(attempts=6, longest_pause_seconds=0.05, connect_seconds=5, read_seconds=2)
SMALL_RING = Ring(lanes=4, piece_bytes=1 << 20)


@dataclass(frozen=True)
class Place:
    """A prefix on a server: where a test's objects lie, and a source that reads them."""

    server: S3Server
    prefix: str

    def put(self, name: str, content: bytes, **extra: str) -> None:
        self.server.client().put_object(Bucket=BUCKET, Key=self.prefix + name, Body=content, **extra)

    def source(self, *options: tuple[str, str], name: str | None = "place", through: S3Server | None = None, key: str = "") -> S3Source:
        found = (
            ("endpoint_url", (through or self.server).endpoint),
            ("access_key", "env:ACCESS_KEY"),
            ("secret_key", "env:SECRET_KEY"),
        )
        location = Location(name, "s3", f"s3://{BUCKET}/{self.prefix}{key}", (*found, *options))
        return S3Source(location, self.clock, patience=QUICK, ring=SMALL_RING)

    @property
    def clock(self) -> Clock:
        return SystemClock()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with running_versitygw(tmp_path_factory.mktemp("s3"), "--keep-alive") as server:
        yield server


@pytest.fixture
def place(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("ACCESS_KEY", KEYS[0])
    monkeypatch.setenv("SECRET_KEY", KEYS[1])
    return Place(s3_server, f"{uuid.uuid4().hex}/")


def fetch(source: S3Source, backup: Backup, tmp_path: Path) -> tuple[Fetched, Path]:
    """Return what was fetched, and where it lies."""
    folder = tmp_path / "workspace" / "backup"
    folder.mkdir(parents=True, exist_ok=True)
    fetched = source.fetch(backup, Intake(folder, lambda size: None))
    return fetched, folder.parent / fetched.path


def only(source: S3Source) -> Backup:
    (backup,) = source.list_backups().complete
    return backup
