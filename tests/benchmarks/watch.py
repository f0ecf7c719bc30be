"""The catalogue watch: processor time of a round in which nothing changed, for 1 000 folder locations and for 1 000 S3 locations under
one prefix of a real S3 server, 30 backups each; and one location of a million objects: its time and the peak of memory."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.stores import BUCKET, KEYS, running_versitygw

PLACES = 1000
BACKUPS = 30
ROUNDS = 5
OBJECTS = 1_000_000
NAME = "orders-{taken_at:%Y%m%dT%H%M%SZ}.dump"
WATCHING = """
import json, resource, sys, time
from datetime import UTC, datetime
from restore_tester.backups.overview import Limits
from restore_tester.clock import SystemClock
from restore_tester.history.nouns import Place
from restore_tester.history.records import open_history
from restore_tester.model import Location
from restore_tester.service.watch import CatalogueWatch, Watched

kind, where, dsn, rounds, places, name, endpoint = sys.argv[1:]
keys = (("endpoint_url", endpoint), ("access_key", "env:ACCESS_KEY"), ("secret_key", "env:SECRET_KEY")) if kind == "s3" else ()
options = (*keys, *((("name", name),) if name else ()))
uris = [f"{where}w{number:05}/" if kind == "s3" else f"{where}w{number:05}" for number in range(int(places))] if int(places) else [where]
watched = [Watched(Place(f"w{number:05}", "primary"), Location("primary", kind, uri, options)) for number, uri in enumerate(uris)]
found = []
with open_history(dsn) as history:
    watch = CatalogueWatch(history.ledgers, SystemClock(), limits=Limits(seconds=3000.0))
    for _ in range(int(rounds)):
        processor, wall = time.process_time(), time.monotonic()
        looked = watch.look(watched, 3000.0)
        assert looked.listed == len(watched) and not looked.failed and looked.untold is None, looked
        found.append((time.process_time() - processor, time.monotonic() - wall, looked.changed))
print(json.dumps([found, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10]))
"""
Rounds = list[tuple[float, float, int]]


def rounds(folder: Path, kind: str, where: str, *, count: int, places: int, name: str, endpoint: str = "") -> tuple[Rounds, int]:
    """Return (processor seconds, seconds, places that changed) of each round, and the peak of the process's memory in bytes."""
    dsn = f"sqlite:///{folder / 'history.db'}"
    argv = [sys.executable, "-c", WATCHING, kind, where, dsn, str(count), str(places), name, endpoint]
    environment = {**os.environ, "ACCESS_KEY": KEYS[0], "SECRET_KEY": KEYS[1]}
    done = subprocess.run(argv, check=True, stdout=subprocess.PIPE, env=environment, timeout=3600)
    (folder / "history.db").unlink()
    found, peak = json.loads(done.stdout)
    return found, peak


def told(what: str, found: Rounds, peak: int) -> None:
    first, idle = found[0], sorted(found[1:])[len(found[1:]) // 2]
    print(
        f"{what}: idle round {idle[0]:.2f} s of processor in {idle[1]:.1f} s ({idle[0] / 3:.2f} % of a core every 5 min); "
        f"first round {first[0]:.1f} s; peak {peak / 1e6:.0f} MB",
        flush=True,
    )


def spread(folder: Path) -> None:
    """Write the backups of all places, each in a folder of its own."""
    begin = datetime(2026, 10, 1, 2, tzinfo=UTC)
    for place in range(PLACES):
        (made := folder / f"w{place:05}").mkdir(parents=True)
        for day in range(BACKUPS):
            file = made / f"orders-{begin + timedelta(days=day):%Y%m%dT%H%M%SZ}.dump"
            file.write_bytes(b"x")
            os.utime(file, ((begin + timedelta(days=day)).timestamp(),) * 2)


def run() -> None:
    folder = Path(tempfile.mkdtemp(prefix="rt-bench-", dir="/tmp"))
    try:
        spread(folder / "backups")
        where = f"{(folder / 'backups').as_uri()}/"
        told(f"{PLACES} folders", *rounds(folder, "folder", where, count=ROUNDS, places=PLACES, name=NAME))
        with running_versitygw(folder, "--keep-alive") as server:
            bucket = folder / "objects" / BUCKET
            shutil.move(folder / "backups", bucket / "backups")
            common = {"name": NAME, "endpoint": server.endpoint}
            shared = rounds(folder, "s3", f"s3://{BUCKET}/backups/", count=ROUNDS, places=PLACES, **common)
            told(f"{PLACES} S3 prefixes below one", *shared)
            for part in range(OBJECTS // 1000):
                (made := bucket / "many" / f"{part:05}").mkdir(parents=True)
                for number in range(1000):
                    os.mknod(made / f"{number:03}.dump")
            for name, what in ((NAME, "names that are no backup's"), ("", "backups")):
                found, peak = rounds(folder, "s3", f"s3://{BUCKET}/many/", count=1, places=0, name=name, endpoint=server.endpoint)
                print(
                    f"{OBJECTS} objects, {what}: {found[0][0]:.0f} s of processor, {found[0][1]:.0f} s, peak {peak / 1e6:.0f} MB",
                    flush=True,
                )
    finally:
        shutil.rmtree(folder)
