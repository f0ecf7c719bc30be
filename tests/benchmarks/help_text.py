"""`restore-tester --help` against `python -c pass`: at most 8 times as long."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.benchmarks.pairs import interleaved

PROGRAM = str(Path(sys.executable).parent / "restore-tester")


def timed(argv: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, timeout=60)
    return time.perf_counter() - began


def run() -> None:
    pairs = interleaved(lambda: timed([PROGRAM, "--help"]), lambda: timed([sys.executable, "-c", "pass"]), 21)
    print(f"--help against python -c pass: {pairs} (aim ≤ 8)")
