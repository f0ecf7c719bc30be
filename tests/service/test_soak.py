"""kill -9 at random moments of real drills: afterwards nothing is lost, doubled, left running or left behind.

`RESTORE_TESTER_SOAK_KILLS` says how many (CI: 200), `RESTORE_TESTER_SOAK_SEED` repeats a run's moments.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.docker_engine import containers, needs_docker
from tests.inventory import take_inventory
from tests.producers import SourceServer
from tests.service.soaking import Lane

KILLS = int(os.environ.get("RESTORE_TESTER_SOAK_KILLS") or 15)
SEED = int(os.environ.get("RESTORE_TESTER_SOAK_SEED") or random.SystemRandom().randrange(1 << 32))
LANES = 4
# One kill in so many hits drills in containers, which begin more slowly.
OF_CONTAINERS = 25


@pytest.fixture(scope="module")
def tiny(source: SourceServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tiny")
    dump = source.dump(
        source.make_database("tiny", "CREATE TABLE kept (id int PRIMARY KEY); INSERT INTO kept SELECT generate_series(1, 50);")
    )
    shutil.copyfile(dump, place / "app-2026-11-05T030000Z.dump")
    os.utime(place / "app-2026-11-05T030000Z.dump", (time.time() - 3600,) * 2)
    return place


@pytest.fixture
def base() -> Iterator[Path]:
    """A short path: sockets lie below it."""
    with tempfile.TemporaryDirectory(prefix="soak-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def lane(number: int, base: Path, tiny: Path, cache: Path, top: str = "") -> Lane:
    (folder := base / f"{number}").mkdir()
    (sandboxes := base / f"s{number}").mkdir(mode=0o755)
    return Lane(folder, sandboxes, tiny, cache, random.Random(SEED + number), top, at_once=1 + number % 2)


def survived(soaked: Lane) -> None:
    """Each slot was done once, by a drill that passed; every other drill was closed as abandoned; nothing of them is there."""
    slots = soaked.rows("SELECT workload, drill FROM slots WHERE kind = 'slot' AND done_at IS NOT NULL ORDER BY workload")
    passed = soaked.rows("SELECT workload, id FROM drills WHERE verdict = 'passed' ORDER BY workload")
    assert [slot[0] for slot in slots] == soaked.names()
    told = "SELECT d.workload, d.id, r.code, r.message FROM drills d JOIN reasons r ON r.drill = d.id WHERE d.verdict != 'passed'"
    assert soaked.rows(f"{told} AND r.code != 'abandoned' ORDER BY d.began_at") == []
    assert passed == slots
    others = soaked.rows("SELECT count(*), sum(abandoned), sum(ended_at IS NULL) FROM drills WHERE verdict IS NULL OR verdict != 'passed'")
    assert others[0] in [(others[0][0], others[0][0], 0), (0, None, None)]
    assert soaked.rows("SELECT count(*) FROM slots WHERE done_at IS NULL") == [(0,)]
    assert soaked.said("slot given up") == soaked.said("unforeseen") == soaked.said("sandboxes left behind") == []
    gone_by = time.monotonic() + 30
    while (left := take_inventory(soaked.base)).processes and time.monotonic() < gone_by:
        time.sleep(0.1)
    assert (left.processes, left.mounts, left.sockets, left.files) == (frozenset(),) * 4


def test_killed_at_random_moments_nothing_is_lost_doubled_or_left(base: Path, tiny: Path, template_cache: Path) -> None:
    print(f"seed {SEED}")
    lanes = [lane(number, base, tiny, template_cache) for number in range(LANES)]
    shares = [KILLS // LANES + (number < KILLS % LANES) for number in range(LANES)]
    with ThreadPoolExecutor(LANES) as pool:
        list(pool.map(Lane.soak, lanes, shares))
    for soaked in lanes:
        survived(soaked)
    kills, hits, drills = (sum(getattr(soaked, name) for soaked in lanes) for name in ("kills", "hits", "workloads"))
    print(f"{kills} kills, {hits} of them with a drill under way, {drills} drills")
    assert hits == KILLS


def test_killed_with_drills_in_containers_no_container_is_left(base: Path, tiny: Path, template_cache: Path) -> None:
    needs_docker()
    soaked = lane(LANES, base, tiny, template_cache, "sandbox: docker")
    soaked.soak(max(1, KILLS // OF_CONTAINERS))
    survived(soaked)
    assert containers(soaked.base) == []
