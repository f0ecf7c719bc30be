"""A program that has all modules loaded and starts services by forking, so that a start costs no more than a service's own work:

    python -m tests.service.nursery        in: `start FOLDER LOG`, `wait PID`        out: the process id; how it ended

A service started so is a process like any other: it dies of the same signals, and leaves the same behind.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

from restore_tester.service import serving

# What `serve` imports when it needs it.
for name in ("restore_tester.history.records", "restore_tester.service.executors.worker", "alembic.command", "uvicorn"):
    importlib.import_module(name)


def start(folder: str, log: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        os.setsid()
        os.chdir(folder)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        null = os.open(os.devnull, os.O_RDONLY)
        for ours, theirs in ((null, 0), (output, 1), (output, 2)):
            os.dup2(ours, theirs)
        serving.serve(Path("restore-tester.yaml"), "127.0.0.1:0")
        code = 0
    finally:
        sys.stdout.flush()
        os._exit(code)


def main() -> None:
    for line in sys.stdin:
        word, *arguments = line.split()
        answer = start(*arguments) if word == "start" else os.waitstatus_to_exitcode(os.waitpid(int(arguments[0]), 0)[1])
        print(answer, flush=True)


if __name__ == "__main__":
    main()
