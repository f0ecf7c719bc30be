"""`verify` of a 1 MB custom dump against the shortest shell script that does the same: at most 1.5 times as long.

Twice: both with initdb, and both with a template data directory that was made before. The script is what a careful person
writes; it runs as an unprivileged user, because PostgreSQL refuses root, and so does ours where a `postgres` user exists.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.pairs import interleaved
from tests.producers import running_source

PROGRAM = str(Path(sys.executable).parent / "restore-tester")
SQL = """
CREATE TABLE accounts (id bigserial PRIMARY KEY, owner text, balance numeric(12, 2), opened timestamptz DEFAULT now());
CREATE TABLE moves (id bigserial PRIMARY KEY, account bigint REFERENCES accounts, amount numeric(10, 2), note text);
INSERT INTO accounts (owner, balance) SELECT md5(n::text), n FROM generate_series(1, 8000) n;
INSERT INTO moves (account, amount, note) SELECT 1 + n % 8000, n % 97, md5((n * 7)::text) FROM generate_series(1, 24000) n;
CREATE INDEX ON moves (account);
"""
SCRIPT = """
set -eu
D=$(mktemp -d $TMPDIR/rt-XXXXXX)
if [ "$TEMPLATE" ]; then cp -a "$TEMPLATE" $D/data; else initdb -D $D/data -U postgres --no-sync --no-instructions >/dev/null; fi
pg_ctl -s -w -D $D/data -l $D/log -o "-k $D -h '' -F" start
pg_restore -O -h $D -U postgres -C -d postgres "$DUMP"
psql -X -q -At -h $D -U postgres -d bench -c 'select count(*) from moves' >/dev/null
pg_ctl -s -D $D/data -m immediate stop
rm -rf $D
"""


def timed(argv: list[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, timeout=120, cwd="/tmp")
    return time.perf_counter() - began


def as_user(argv: list[str]) -> list[str]:
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *argv] if os.geteuid() == 0 else argv


def run() -> None:
    folder = Path(tempfile.mkdtemp(prefix="rt-bench-", dir="/var/tmp"))
    folder.chmod(0o777)
    try:
        with running_source() as source:
            source.make_database("bench", SQL)
            dump = shutil.copy(source.dump("bench"), folder / "bench.dump")
            programs = str(source.bin_folder)
        print(f"dump of {Path(dump).stat().st_size / 1e6:.2f} MB")
        environment = {
            "PATH": f"{programs}:/usr/bin:/bin",
            "LC_ALL": "C",
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "DUMP": str(dump),
            "TEMPLATE": "",
        }
        _compare("both with initdb", environment, folder, cached=False)
        template = folder / "template"
        initdb = ["initdb", "-D", str(template), "-U", "postgres", "--no-sync", "--no-instructions"]
        subprocess.run(as_user(initdb), env=environment, check=True, stdout=subprocess.DEVNULL, timeout=60)
        _compare("both with a template", environment | {"TEMPLATE": str(template)}, folder, cached=True)
    finally:
        shutil.rmtree(folder)


def _compare(name: str, environment: dict[str, str], folder: Path, *, cached: bool) -> None:
    cache = folder / "cache"

    def ours() -> float:
        if not cached:
            shutil.rmtree(cache, ignore_errors=True)
        return timed([PROGRAM, "verify", environment["DUMP"]], environment | {"RESTORE_TESTER_CACHE": str(cache)})

    pairs = interleaved(ours, lambda: timed(as_user(["sh", "-c", SCRIPT]), environment), 11)
    print(f"verify against the shortest script, {name}: {pairs} (aim ≤ 1.5)", flush=True)
