"""The command line under a pseudo terminal, as a person sees it: every byte goes through a terminal emulator."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyte

ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 120.0


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "RESTORE_TESTER_CACHE", "XDG_CACHE_HOME") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "TERM": "xterm-256color", **(more or {})}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "restore_tester", *arguments]


def run(*arguments: str, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    """Run without a terminal; `more` is added to the environment."""
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False, cwd=cwd or ROOT, env=environment(more)
    )


@dataclass
class Seen:
    """What stood on the screen at the end, everything that was ever sent to it, and the exit code."""

    screen: list[str]
    sent: bytes
    code: int

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.screen).split())


class Terminal:
    """A process on a pseudo terminal of its own. Its stdout may go elsewhere (`stdout`)."""

    def __init__(
        self, *arguments: str, columns: int = 100, rows: int = 60, stdout: int | None = None, cwd: Path | None = None, **more: str
    ) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._sent = b""
        self._ours, theirs = pty.openpty()
        sizes = {"COLUMNS": str(columns), "LINES": str(rows)}
        os.set_blocking(self._ours, False)
        _resize(theirs, columns, rows)
        self.process = subprocess.Popen(
            command(*arguments), stdin=theirs, stdout=theirs if stdout is None else stdout, stderr=theirs, cwd=cwd or ROOT,
            env=environment({**sizes, **more}), start_new_session=True,
        )  # fmt: skip
        os.close(theirs)

    def wait_for(self, *words: str) -> None:
        """Return as soon as all the words have been on the screen at once."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not all(word in "\n".join(self._screen.display) for word in words):
            assert time.monotonic() < deadline, f"{words} never came; the screen says: {self._screen.display}"
            assert self._read(), f"it ended without {words}; the screen says: {self._screen.display}"

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self) -> Seen:
        """Wait for its end."""
        while self._read():
            pass
        code = self.process.wait(PATIENCE_SECONDS)
        os.close(self._ours)
        return Seen([line.rstrip() for line in self._screen.display], self._sent, code)

    def _read(self) -> bool:
        """Take in what was sent; return whether more may come."""
        ready, _, _ = select.select([self._ours], [], [], PATIENCE_SECONDS)
        assert ready, f"nothing more came; the screen says: {self._screen.display}"
        try:
            data = os.read(self._ours, 1 << 16)
        except OSError:
            return False
        self._sent += data
        self._stream.feed(data)
        return bool(data)


def _resize(terminal: int, columns: int, rows: int) -> None:
    import fcntl
    import struct
    import termios

    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
