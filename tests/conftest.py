"""What all tests share: one real source server for each test process, its database `app`, and real dumps of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.drills.tool import Tool
from tests.producers import APP_SQL, SourceServer, running_source
from tests.restoring import Restoring

pytest_plugins = ["tests.s3_fixtures"]

hypothesis.settings.register_profile("house", deadline=None, database=None)
hypothesis.settings.load_profile("house")


@pytest.fixture(scope="session")
def source() -> Iterator[SourceServer]:
    """A source PostgreSQL with the database `app`. Make databases of your own beside it; leave `app` as it is."""
    with running_source() as server:
        server.make_database("app", APP_SQL)
        yield server


@pytest.fixture(scope="session")
def cluster() -> Iterator[SourceServer]:
    """A source with `app` alone, for dumps of a whole cluster: what other tests make in `source`, and break there, is not in it."""
    with running_source() as server:
        server.make_database("app", APP_SQL)
        yield server


@pytest.fixture(scope="session")
def app_dump(source: SourceServer) -> Callable[..., Path]:
    """Call with a format (`custom`, `directory`, `tar`, `plain`) and options of pg_dump: a dump of `app`, shared. Copy before you spoil."""

    def dump(format: str = "custom", *options: str) -> Path:
        return source.dump("app", format, *options)

    return dump


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where `CI` is set, a skipped test is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Tool:
    """The command line as a user runs it, with one template cache for the session."""
    return Tool(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def template_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache of data directories for the session, and nobody's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESTORE_TESTER_CACHE", str(folder := tmp_path_factory.mktemp("templates")))
        yield folder


@pytest.fixture
def restoring(template_cache: Path) -> Restoring:
    """Restores dumps for real."""
    return Restoring()
