"""`verify s3://…`: what the usual AWS_* variables name, without any configuration."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.s3_fixtures import Place
from tests.stores import BUCKET, KEYS
from tests.terminal import run


@pytest.fixture
def store(place: Place) -> dict[str, str]:
    """The environment of a process that may read the test's server."""
    keys = {"AWS_ACCESS_KEY_ID": KEYS[0], "AWS_SECRET_ACCESS_KEY": KEYS[1], "AWS_REGION": "us-east-1"}
    return {**keys, "AWS_ENDPOINT_URL": place.server.endpoint}


def verified(uri: str, store: dict[str, str], cache: Path) -> tuple[int, dict[str, object]]:
    done = run("verify", uri, "-o", "json", RESTORE_TESTER_CACHE=str(cache), **store)
    return done.returncode, json.loads(done.stdout)


def test_an_object_is_verified(place: Place, store: dict[str, str], app_dump: Callable[..., Path], template_cache: Path) -> None:
    place.put("app.dump", app_dump("custom").read_bytes())
    code, record = verified(f"s3://{BUCKET}/{place.prefix}app.dump", store, template_cache)
    assert (code, record["verdict"], record["location"]) == (0, "passed", None)
    assert record["selection"] == {"strategy": "given", "why": "named on the command line", "candidates": 1, "seed": None}


def test_the_prefix_of_a_directory_dump_is_one_backup(
    place: Place, store: dict[str, str], app_dump: Callable[..., Path], template_cache: Path
) -> None:
    for part in app_dump("directory").iterdir():
        place.put(f"app/{part.name}", part.read_bytes())
    code, record = verified(f"s3://{BUCKET}/{place.prefix}app", store, template_cache)
    assert (code, record["verdict"], record["backup"]["format"]) == (0, "passed", "pg_dump-directory")  # type: ignore[index]


def test_a_key_that_is_not_there_is_usage(place: Place, store: dict[str, str], template_cache: Path) -> None:
    code, record = verified(f"s3://{BUCKET}/{place.prefix}absent", store, template_cache)
    assert (code, record["error"]["code"]) == (2, "path_not_found")  # type: ignore[index]


def test_a_bucket_that_may_not_be_read_is_inconclusive(place: Place, store: dict[str, str], template_cache: Path) -> None:
    code, record = verified(f"s3://{BUCKET}/{place.prefix}app", {**store, "AWS_SECRET_ACCESS_KEY": "wrong"}, template_cache)
    assert (code, record["verdict"]) == (3, "inconclusive")
