"""Fixtures of tests that drill a configured fleet."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fleets import Fleet


@pytest.fixture
def fleet(tmp_path: Path, template_cache: Path) -> Fleet:
    """A folder for one fleet, with the template cache of the session."""
    return Fleet(tmp_path, template_cache)


@pytest.fixture
def short_tmp() -> Iterator[Callable[[], Path]]:
    """Call for a folder whose path is short enough for a unix socket."""
    with tempfile.TemporaryDirectory(prefix="rt-fleet-") as folder:
        yield lambda: Path(folder)
