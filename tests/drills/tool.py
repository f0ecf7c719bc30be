"""The tool as a user runs it, in a process of its own and a temporary folder of its own → what it said, and what it left behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Said:
    """One run. `record` is the JSON object on stdout; `left` is every path that it left in its temporary folder."""

    code: int
    record: dict[str, Any]
    errors: str
    left: tuple[str, ...]

    @property
    def verdict(self) -> str:
        return str(self.record["verdict"])

    @property
    def reasons(self) -> list[str]:
        """The codes of the reasons, or of the error where no drill was planned."""
        return [self.record["error"]["code"]] if "error" in self.record else [reason["code"] for reason in self.record["reasons"]]

    @property
    def warnings(self) -> list[str]:
        return [warning["code"] for warning in self.record["warnings"]]

    def checked(self, name: str) -> dict[str, Any]:
        return next(check for check in self.record["checks"] if check["name"] == name)


@contextmanager
def short_folder() -> Iterator[Path]:
    """A temporary folder whose path is short enough for a unix socket."""
    folder = Path(tempfile.mkdtemp(prefix="rt-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


class Tool:
    """`restore-tester`, with its cache shared by one test process, so that initdb runs once."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache

    def environment(self, folder: Path) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "LC_ALL": "C.UTF-8",
            "RESTORE_TESTER_CACHE": str(self.cache),
            "PYTHONWARNINGS": "error",
        }

    def argv(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-m", "restore_tester", *(str(argument) for argument in arguments)]

    def verify(self, backup: str | Path, *options: str | Path, environment: dict[str, str] | None = None) -> Said:
        with short_folder() as folder:
            done = subprocess.run(
                self.argv("verify", backup, *options, "-o", "json"),
                env=self.environment(folder) | (environment or {}),
                cwd=REPOSITORY,
                capture_output=True,
                timeout=120,
                check=False,
            )
            left = tuple(str(path.relative_to(folder)) for path in folder.rglob("*"))
        assert done.stdout, done.stderr.decode()
        return Said(done.returncode, json.loads(done.stdout), done.stderr.decode(), left)
