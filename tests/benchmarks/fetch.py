"""Fetching from a real S3 server: ours, hashed and counted, against `curl -o file` of the same object (aim: at least half as fast),
and the peak memory of our process on more than 2 GB (aim ≤ 150 MB)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.pairs import interleaved
from tests.stores import BUCKET, KEYS, S3Server, running_versitygw

PAIRS = 9
PAIRED_BYTES = 512 << 20
LARGE_BYTES = 2200 << 20
OURS = """
import json, resource, sys, time
from pathlib import Path
from restore_tester.backups.s3_source import S3Source
from restore_tester.clock import SystemClock
from restore_tester.contracts import Intake
from restore_tester.model import Location

endpoint, key, folder = sys.argv[1:]
keys = (("access_key", "env:ACCESS_KEY"), ("secret_key", "env:SECRET_KEY"))
source = S3Source(Location(None, "s3", f"s3://bucket/{key}", (("endpoint_url", endpoint), *keys)), SystemClock())
(backup,) = source.list_backups().complete
began = time.monotonic()
fetched = source.fetch(backup, Intake(Path(folder), lambda size: None))
seconds = time.monotonic() - began
print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10, fetched.size_bytes]))
"""


def ours(server: S3Server, key: str, folder: Path) -> tuple[float, int]:
    """Return the seconds of one fetch in a process of its own, and that process's peak of memory (bytes)."""
    environment = {**os.environ, "ACCESS_KEY": KEYS[0], "SECRET_KEY": KEYS[1]}
    argv = [sys.executable, "-c", OURS, server.endpoint, key, str(folder)]
    seconds, peak, _ = json.loads(subprocess.run(argv, check=True, stdout=subprocess.PIPE, env=environment, timeout=900).stdout)
    (folder / "dump").unlink()
    return seconds, peak


def curl(server: S3Server, key: str, folder: Path) -> float:
    url = server.client().generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": key})
    began = time.monotonic()
    subprocess.run(["curl", "-sf", "-o", str(folder / "curl"), url], check=True, timeout=900)
    seconds = time.monotonic() - began
    (folder / "curl").unlink()
    return seconds


def run() -> None:
    folder = Path(tempfile.mkdtemp(prefix="rt-bench-", dir="/tmp"))
    try:
        into = folder / "workspace" / "backup"
        into.mkdir(parents=True)
        with running_versitygw(folder, "--keep-alive") as server:
            for key, size in (("paired", PAIRED_BYTES), ("large", LARGE_BYTES)):
                made = folder / "made"
                subprocess.run(["head", "-c", str(size), "/dev/urandom"], check=True, stdout=made.open("wb"), timeout=300)
                server.client().upload_file(str(made), BUCKET, key)
                made.unlink()
            pairs = interleaved(lambda: ours(server, "paired", into)[0], lambda: curl(server, "paired", into), PAIRS)
            print(f"fetch of {PAIRED_BYTES / 1e6:.0f} MB against curl: {pairs} (aim: ratio ≤ 2)", flush=True)
            seconds, peak = ours(server, "large", into)
            print(
                f"fetch of {LARGE_BYTES / 1e9:.1f} GB: {seconds:.1f} s, {LARGE_BYTES / 1e6 / seconds:.0f} MB/s, "
                f"peak {peak / 1e6:.0f} MB of our process (aim ≤ 150 MB)",
                flush=True,
            )
    finally:
        shutil.rmtree(folder)
