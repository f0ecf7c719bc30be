"""A fleet in a folder: a configuration, folders of real dumps as old as a test says, and the command line that drills it."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.terminal import run

NAME = "app-{taken_at:%Y-%m-%dT%H%M%SZ}.dump"


@dataclass(frozen=True)
class Said:
    """One run of a command. `record` is the JSON object on stdout."""

    code: int
    record: dict[str, Any]
    errors: str

    @property
    def drills(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.record["drills"]
        return found

    @property
    def verdicts(self) -> dict[str, str]:
        return {drill["workload"]: drill["verdict"] for drill in self.drills}

    @property
    def reasons(self) -> list[str]:
        return [reason["code"] for drill in self.drills for reason in drill["reasons"]]


@dataclass(frozen=True)
class Fleet:
    """`folder` holds restore-tester.yaml, the history and the backups."""

    folder: Path
    cache: Path

    def write(self, *workloads: str, locations: tuple[str, ...] = ("primary",), more: str = "", top: str = "") -> None:
        """Write a configuration: each workload has its backups in WORKLOAD/LOCATION; `more` stands in every one, `top` above all."""
        lines = [top, "workloads:"]
        for name in workloads:
            lines += [f"  {name}:", "    owner: ops", "    select: newest", "    profile: fast", "    locations:"]
            for place in locations:
                (self.folder / name / place).mkdir(parents=True, exist_ok=True)
                lines += [f"      {place}: {{type: folder, path: {name}/{place}, name: '{NAME}'}}"]
            lines += [f"    {line}" for line in more.splitlines()]
        (self.folder / "restore-tester.yaml").write_text("\n".join(lines) + "\n")

    def put(self, dump: Path, workload: str, hours_ago: float, place: str = "primary", suffix: str = "") -> str:
        """Put a copy of a dump where a backup of that age would lie; return its name."""
        at = time.time() - hours_ago * 3600
        path = self.folder / workload / place / (time.strftime("app-%Y-%m-%dT%H%M%SZ.dump", time.gmtime(at)) + suffix)
        shutil.copyfile(dump, path)
        os.utime(path, (at, at))
        return path.name

    def text(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        """Run a command; return its exit code and what it said."""
        done = run(*arguments, cwd=self.folder, RESTORE_TESTER_CACHE=str(self.cache), **environment)
        return done.returncode, done.stdout, done.stderr

    def json(self, *arguments: str, **environment: str) -> Said:
        code, output, errors = self.text(*arguments, "-o", "json", **environment)
        assert output.count("\n") == 1, (output, errors)
        return Said(code, json.loads(output), errors)
