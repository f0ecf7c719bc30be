"""What the tests of checks share: databases that are asked as restored data is."""

from __future__ import annotations

import pytest

from tests.asking import Asker
from tests.producers import SourceServer


@pytest.fixture(scope="session")
def asker(source: SourceServer) -> Asker:
    return Asker(source)
