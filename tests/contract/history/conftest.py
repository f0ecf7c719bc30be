"""One suite, both engines: `empty` is an empty database of each in turn, `dsn` one that holds a history without drills."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from restore_tester.history.records import History, open_history
from tests.histories import ENGINES, new_database, running_postgresql


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    with running_postgresql() as server:
        yield server


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def empty(request: pytest.FixtureRequest, engine: str, tmp_path: Path) -> str:
    if engine == "sqlite":
        return f"sqlite:///{tmp_path}/history.db"
    return new_database(request.getfixturevalue("postgresql"))


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: str) -> str:
    dsn = new_database(postgresql)
    with open_history(dsn):
        return dsn


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("history") / "template.db"
    with open_history(f"sqlite:///{path}"):
        return path


@pytest.fixture
def dsn(request: pytest.FixtureRequest, engine: str, tmp_path: Path) -> str:
    if engine == "postgresql":
        return new_database(request.getfixturevalue("postgresql"), template=request.getfixturevalue("migrated_postgresql"))
    shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "history.db")
    return f"sqlite:///{tmp_path}/history.db"


@pytest.fixture
def history(dsn: str) -> Iterator[History]:
    with open_history(dsn) as opened:
        yield opened
