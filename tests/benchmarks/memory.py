"""Peak memory of our own process while it verifies dumps of more than 2 GB: at most 150 MB. (The server's memory is its own.)"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

from tests.benchmarks.small import PROGRAM
from tests.producers import running_source

ROWS = 2_200_000
SQL = f"""
CREATE TABLE blobs (id bigint, body text);
INSERT INTO blobs
    SELECT n, (SELECT string_agg(md5((n * 31 + k)::text), '') FROM generate_series(1, 30) k) FROM generate_series(1, {ROWS}) n;
"""


def peak_bytes(argv: list[str], folder: Path) -> tuple[int, int]:
    """Return the highest resident size of the started process itself (not of its children), and its exit code."""
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": str(folder), "TMPDIR": str(folder)}
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, env=environment)
    ended, peak = threading.Event(), [0]

    def watch() -> None:
        # VmHWM only grows: the last reading before the end is the peak, but for what grows in the last 20 ms.
        while not ended.wait(0.02):
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
            except OSError:
                return
            peak[0] = max([peak[0]] + [int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM")])

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait(900)
    ended.set()
    watcher.join()
    return peak[0], code


def run() -> None:
    folder = Path(tempfile.mkdtemp(prefix="rt-bench-", dir="/var/tmp"))
    try:
        with running_source() as source:
            source.make_database("big", SQL)
            dumps = [shutil.move(source.dump("big", kind, "-Z0"), folder / f"big.{kind}") for kind in ("custom", "plain")]
        subprocess.run(["zstd", "-q", "-1", "--rm", str(folder / "big.plain")], check=True, timeout=300)
        for path, size in ((Path(dumps[0]), Path(dumps[0]).stat().st_size), (folder / "big.plain.zst", ROWS * 970)):
            peak, code = peak_bytes([PROGRAM, "verify", str(path)], folder)
            print(
                f"{path.name} ({size / 1e9:.1f} GB of content): peak {peak / 1e6:.0f} MB of our process, exit {code} (aim ≤ 150 MB)",
                flush=True,
            )
    finally:
        shutil.rmtree(folder)
