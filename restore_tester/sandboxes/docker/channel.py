"""A request to the Docker engine → a connection that carries streams both ways, and what comes back taken apart.

The SDK reads such an answer through a buffer and hands out the socket below it, so that a program's first words can stay in
the buffer; here nothing is read beyond the answer's head.
"""

from __future__ import annotations

import json
import os
import select
import socket
from pathlib import Path

from restore_tester.errors import SandboxFault

_HEAD_SECONDS = 60.0
_HEAD_BYTES = 64 << 10
_BLOCK_BYTES = 1 << 18
_FRAME_BYTES = 8
OUTPUT, ERRORS = 1, 2


def open_channel(address: Path, path: str, body: dict[str, object] | None = None) -> socket.socket:
    """Given the engine's socket and a request that it answers with a stream: return the connection. Raise SandboxFault, OSError."""
    text = json.dumps(body).encode() if body is not None else b""
    head = f"POST {path} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
    channel = socket.socket(socket.AF_UNIX)
    try:
        channel.settimeout(_HEAD_SECONDS)
        channel.connect(str(address))
        channel.sendall(f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text)
        answer = _head(channel)
        status = answer.split(b" ", 2)[1:2]
        if status not in ([b"101"], [b"200"]):
            said = channel.recv(_HEAD_BYTES).decode(errors="replace").strip()
            raise SandboxFault("docker_refused", f"the Docker engine refused: {said[:500]}", "look at the engine's log")
        channel.settimeout(None)
    except BaseException:
        channel.close()
        raise
    return channel


def _head(channel: socket.socket) -> bytes:
    """Read up to the blank line and not a byte further."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        ahead = channel.recv(_HEAD_BYTES, socket.MSG_PEEK)
        end = (head + ahead).find(b"\r\n\r\n")
        wanted = len(ahead) if end < 0 else end + 4 - len(head)
        block = channel.recv(wanted) if ahead else b""
        head += block
        if not block or len(head) > _HEAD_BYTES:
            raise SandboxFault("docker_refused", "the Docker engine's answer ended within its head", "look at the engine's log")
    return head


class Streams:
    """What a program says, as it comes: (which, block) pairs out of the engine's frames, whose heads are 8 bytes: kind, 0, 0, 0, length."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._head = b""
        self._kind = 0
        self._left = 0

    def wait(self, seconds: float) -> bool:
        """Return whether `read` has something to say by then: a block, or the end."""
        poller = select.poll()
        poller.register(self._channel, select.POLLIN)
        return bool(poller.poll(seconds * 1000))

    def read(self) -> list[tuple[int, memoryview]] | None:
        """Return what has come, None at the end."""
        try:
            rest = memoryview(self._channel.recv(_BLOCK_BYTES))
        except OSError:  # closed by us, or reset by an engine that goes
            return None
        if not rest:
            return None
        found = []
        while rest:
            if not self._left:
                wanted = _FRAME_BYTES - len(self._head)
                self._head, rest = self._head + bytes(rest[:wanted]), rest[wanted:]
                if len(self._head) < _FRAME_BYTES:
                    break
                self._kind, self._left, self._head = self._head[0], int.from_bytes(self._head[4:], "big"), b""
            block, rest = rest[: self._left], rest[self._left :]
            self._left -= len(block)
            if block:
                found.append((self._kind, block))
        return found


def write_all(descriptor: int, block: memoryview | bytes) -> bool:
    """Return whether somebody still reads at the other end of a pipe."""
    left = memoryview(block)
    try:
        while left:
            left = left[os.write(descriptor, left) :]
    except BrokenPipeError:
        return False
    return True
