"""A database of about 500 MB: our restore stage against the best hand-tuned `pg_restore` (aim ≤ 1.10), and the whole
`verify` with every shipped check against that same `pg_restore` (aim ≤ 1.9)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.pairs import Pairs
from tests.benchmarks.small import PROGRAM, as_user
from tests.producers import running_source

EVENTS = """
CREATE TABLE events (id bigserial PRIMARY KEY, kind text, actor bigint, payload text, happened_at timestamptz);
INSERT INTO events (kind, actor, payload, happened_at)
    SELECT 'kind ' || n % 20, n % 5000, md5(n::text) || md5((n * 3)::text), now() - n * interval '1 second'
    FROM generate_series(1, 800000) n;
CREATE INDEX ON events (kind, happened_at);
CREATE INDEX ON events (actor);
CREATE INDEX ON events (happened_at);
"""
TUNED = (
    "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0 -c max_wal_size=32GB "
    "-c checkpoint_timeout=1d -c shared_buffers=1GB -c maintenance_work_mem=1GB -c autovacuum=off -c max_parallel_maintenance_workers=2"
)
PAIRS = 9


def make_dump(folder: Path) -> tuple[Path, str]:
    """Return a custom dump of the bench database, and the folder of the programs that made it."""
    with running_source() as source:
        source.make_database("bench")
        source.run("pgbench", "-i", "-q", "-s", "20", "bench")
        source.psql("bench", EVENTS)
        size = source.psql("bench", "SELECT pg_database_size('bench')")
        dump = Path(shutil.copy(source.dump("bench"), folder / "bench.dump"))
        print(f"database of {int(size) / 1e6:.0f} MB, dump of {dump.stat().st_size / 1e6:.0f} MB", flush=True)
        return dump, str(source.bin_folder)


def tuned_restore(dump: Path, folder: Path, environment: dict[str, str]) -> float:
    """Return the seconds of pg_restore alone, into a tuned server that was started before."""
    data = Path(tempfile.mkdtemp(prefix="t", dir=folder))
    data.chmod(0o777)

    def step(*argv: str) -> None:
        subprocess.run(
            as_user(list(argv)), env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=600, cwd="/tmp"
        )

    step("initdb", "-D", f"{data}/d", "-U", "postgres", "--no-sync", "--no-instructions")
    step("pg_ctl", "-s", "-w", "-D", f"{data}/d", "-l", f"{data}/log", "-o", f"-k {data} -h '' {TUNED}", "start")
    try:
        step("createdb", "-h", str(data), "-U", "postgres", "bench")
        began = time.perf_counter()
        step("pg_restore", "-O", "-h", str(data), "-U", "postgres", "-d", "bench", "-j", str(os.cpu_count()), str(dump))
        return time.perf_counter() - began
    finally:
        step("pg_ctl", "-s", "-D", f"{data}/d", "-m", "immediate", "stop")
        shutil.rmtree(data)


def whole_verify(dump: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Return the seconds of the restore stage, and of the whole command."""
    began = time.perf_counter()
    done = subprocess.run([PROGRAM, "verify", str(dump), "-o", "json"], env=environment, capture_output=True, timeout=600, check=True)
    seconds = time.perf_counter() - began
    stages = {stage["name"]: stage["seconds"] for stage in json.loads(done.stdout)["stages"]}
    print("  " + " ".join(f"{name} {seconds:.2f}" for name, seconds in stages.items()), file=sys.stderr, flush=True)
    return stages["restore"], seconds


def run() -> None:
    folder = Path(tempfile.mkdtemp(prefix="rt-bench-", dir="/var/tmp"))
    folder.chmod(0o777)
    try:
        dump, programs = make_dump(folder)
        environment = {"PATH": f"{programs}:/usr/bin:/bin", "LC_ALL": "C", "HOME": str(folder), "TMPDIR": str(folder)}
        whole_verify(dump, environment), tuned_restore(dump, folder, environment)
        runs = [(whole_verify(dump, environment), tuned_restore(dump, folder, environment)) for _ in range(PAIRS)]
        tuned = tuple(seconds for _, seconds in runs)
        print(f"restore stage against hand-tuned pg_restore: {Pairs(tuple(ours[0] for ours, _ in runs), tuned)} (aim ≤ 1.10)")
        print(f"whole verify against hand-tuned pg_restore: {Pairs(tuple(ours[1] for ours, _ in runs), tuned)} (aim ≤ 1.9)")
    finally:
        shutil.rmtree(folder)
