"""A drill in the docker sandbox against the same drill in the process sandbox: at most 2.5 s more, image present.

The same dump, the same major, both with a template data directory that was made before.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.pairs import interleaved
from tests.benchmarks.small import PROGRAM, SQL, timed
from tests.producers import running_source

PAIRS = 11


def run() -> None:
    folder = Path(tempfile.mkdtemp(prefix="rt-bench-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        with running_source() as source:
            source.make_database("bench", SQL)
            dump = shutil.copy(source.dump("bench"), folder / "bench.dump")
            image = f"postgres:{source.major}"
        if subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False, timeout=60).returncode:
            sys.exit(f"the image {image} is not here: docker pull {image}")
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(folder), "RESTORE_TESTER_CACHE": str(folder / "cache")}

        def drill(sandbox: str) -> float:
            return timed([PROGRAM, "verify", str(dump), "--sandbox", sandbox], environment)

        pairs = interleaved(lambda: drill("docker"), lambda: drill("process"), PAIRS)
        more = sorted(ours - theirs for ours, theirs in zip(pairs.ours, pairs.theirs, strict=True))
        print(
            f"docker drill against process drill: {statistics.median(more):.2f} s more [{more[1]:.2f}, {more[-2]:.2f}] (aim ≤ 2.5);",
            pairs,
            flush=True,
        )
    finally:
        shutil.rmtree(folder)
