"""The Docker engine that tests use, and what of ours is on it, looked at with its own command line."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

IMAGES = ("postgres:15", "postgres:17")


def ask(*argv: str) -> str:
    """Return what a `docker` command prints."""
    return subprocess.run(["docker", *argv], check=True, capture_output=True, text=True, timeout=120).stdout


@cache
def _missing() -> str | None:
    if shutil.which("docker") is None:
        return "there is no docker command"
    said = subprocess.run(["docker", "image", "inspect", *IMAGES], check=False, capture_output=True, text=True, timeout=120)
    return said.stderr.strip() or None


def needs_docker() -> None:
    """Skip the test where there is no engine with the images; in CI nothing is skipped."""
    if missing := _missing():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"docker: {missing}")


def containers(base: Path) -> list[str]:
    """Return the containers, running or not, whose sandboxes are under a folder."""
    listed = ask("ps", "--all", "--filter", "label=restore-tester", "--format", '{{.ID}} {{.Label "restore-tester.folder"}}')
    return [line for line in listed.splitlines() if line.split()[-1].startswith(f"{base}/")]


class Between:
    """A socket at `path` that passes everything on to the engine, until it is cut."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open: list[socket.socket] = [listener := socket.socket(socket.AF_UNIX)]
        self._threads: list[threading.Thread] = []
        listener.bind(str(path))
        listener.listen(64)
        self._run(self._accept, listener)

    def cut(self) -> None:
        self.path.unlink(missing_ok=True)
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.cut()
        for thread in self._threads:
            thread.join()
        for end in self._open:
            end.close()

    def _run(self, work: object, *given: socket.socket) -> None:
        self._threads.append(thread := threading.Thread(target=work, args=given))  # type: ignore[arg-type]
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near = listener.accept()[0]
                far = socket.socket(socket.AF_UNIX)
                far.connect("/var/run/docker.sock")
                self._open += [near, far]
                self._run(self._pass, near, far)
                self._run(self._pass, far, near)

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while block := source.recv(1 << 16):
                target.sendall(block)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def between_us_and_the_engine(folder: Path) -> Iterator[Between]:
    between = Between(folder / "engine.sock")
    try:
        yield between
    finally:
        between.close()


def image_of_ours() -> str:
    """Return the image that `tools/build-image` made, `$RESTORE_TESTER_IMAGE`; in CI it must be there."""
    image = os.environ.get("RESTORE_TESTER_IMAGE")
    if not image:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("RESTORE_TESTER_IMAGE names no image: tools/build-image restore-tester")
    return str(image)
