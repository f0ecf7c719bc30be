"""`config check` of 1 000 and 10 000 workloads: at most 1 s and 10 s, names and schedules all different, without and with mistakes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAM = str(Path(sys.executable).parent / "restore-tester")
WORKLOAD = """\
  workload-{n:05}:
    owner: team-{team}
    criticality: mission-critical
    engine: postgresql
    database: orders
    locations:
      primary: {{type: folder, path: backups/orders-{n}, name: "orders-{n}-{{taken_at:%Y-%m-%dT%H%M%SZ}}.dump"}}
      offsite:
        type: s3
        bucket: acme-dr
        prefix: orders-{n}/
        endpoint_url: "http://minio:9000"
        name: "orders-{n}-{{taken_at:%Y%m%d-%H%M}}.dump"
        timezone: Europe/Berlin
    rto: 45m
    schedule: "{minute} {hour} * * {day}"
    recovery_point: select max(beat_at) from heartbeat
    settings: {{shared_buffers: 4GB, work_mem: 64MB}}
    recovery_environment: {{cpus: 4, memory: 8GiB}}
    check_overrides: {{sequences: {{severity: warning, except: [public.legacy], reason: "legacy ids", until: 2099-01-31}}}}
    depends_on: [{after}]
"""


def fleet(workloads: int) -> str:
    """Return a configuration with that many workloads, each depending on the one before."""
    bodies = [
        WORKLOAD.format(n=n, team=n % 50, minute=n % 60, hour=n % 24, day=n % 7, after=f"workload-{n - 1:05}" if n else "")
        for n in range(workloads)
    ]
    return "workloads:\n" + "".join(bodies)


def run() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for workloads, aim in ((1_000, 1), (10_000, 10)):
            file = Path(folder) / f"{workloads}.yaml"
            file.write_text(fleet(workloads), encoding="utf-8")
            seconds = sorted(_timed(file) for _ in range(3))[1]
            print(f"config check of {workloads} workloads: {seconds:.2f} s (aim ≤ {aim} s)")
            file.write_text(fleet(workloads).replace("owner: team-7", "ownr: team-7"), encoding="utf-8")
            print(f"  the same with {workloads // 25} mistakes: {sorted(_timed(file, 2) for _ in range(3))[1]:.2f} s")


def _timed(file: Path, exit_code: int = 0) -> float:
    began = time.perf_counter()
    done = subprocess.run([PROGRAM, "config", "check", "-c", str(file)], check=False, stdout=subprocess.DEVNULL, timeout=300)
    assert done.returncode == exit_code
    return time.perf_counter() - began
