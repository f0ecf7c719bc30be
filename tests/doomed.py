"""A program that opens a sandbox, gets as far as it is told, and then waits for the worst: `python -m tests.doomed BASE STAGE [docker]`.

It says the stage when it has reached it. The handlers are those of the command line: a request to stop is `Interrupted`.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from restore_tester.contracts import Command, Sandbox, SandboxProvider
from restore_tester.errors import Interrupted
from restore_tester.model import SandboxNeeds
from restore_tester.sandboxes.docker.provider import DockerSandboxes
from restore_tester.sandboxes.process.provider import ProcessSandboxes
from tests.inventory import mark, shell

STAGES = ("opened", "sealed", "started", "running", "feeding", "ended")


class Endless:
    """An input that never ends."""

    def read(self, size: int) -> bytes:
        return bytes(size)


def live(base: Path, stage: str, provider: SandboxProvider) -> None:
    with provider.open(SandboxNeeds("postgresql")) as sandbox:
        if stage != "opened":
            sandbox.seal()
        if stage not in ("opened", "sealed"):
            sandbox.start(shell(base, "mkdir -p a/b; touch a/b/c; setsid sleep 1000 & exec sleep 1000"))
        if stage != "ended":
            wait(base, stage, sandbox)


def wait(base: Path, stage: str, sandbox: Sandbox) -> None:
    tell = (lambda line: print(stage, flush=True)) if stage in ("running", "feeding") else print(stage, flush=True)
    if tell:
        stdin = Endless() if stage == "feeding" else None
        sandbox.run(shell(base, "echo up >&2; cat > /dev/null; exec sleep 1000", stdin=stdin, on_error_line=tell))
    sandbox.run(Command(("/usr/bin/sleep", "1000"), mark(base))) if stage == "started" else signal.pause()


def interrupt(number: int, frame: object) -> None:
    raise Interrupted


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGINT, interrupt)
    try:
        place = Path(sys.argv[1])
        live(place, sys.argv[2], DockerSandboxes(base=place) if sys.argv[3:] == ["docker"] else ProcessSandboxes(base=place))
    except Interrupted:
        sys.exit(130)
