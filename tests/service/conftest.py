"""What the tests of a service that runs share: a fleet in a folder, and a small dump."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fleets import Fleet
from tests.producers import SourceServer


@pytest.fixture
def fleet(tmp_path: Path, template_cache: Path) -> Fleet:
    return Fleet(tmp_path, template_cache)


@pytest.fixture(scope="session")
def small(source: SourceServer) -> Path:
    return source.dump(
        source.make_database("served", "CREATE TABLE kept (id int PRIMARY KEY); INSERT INTO kept SELECT generate_series(1, 50);")
    )
