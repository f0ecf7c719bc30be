"""What flows through a command's pipes: a stream fed in, bytes kept up to a bound, lines of bounded length."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import threading
from collections.abc import Callable
from typing import IO

from restore_tester.contracts import CountBytes

_PIPE_BYTES = 1 << 20
_BLOCK_BYTES = 1 << 18
_LONGEST_LINE_BYTES = 64 << 10
_LOOK_MILLISECONDS = 200
_JOIN_SECONDS = 2.0


def open_pipe(reader: contextlib.ExitStack, writer: contextlib.ExitStack | None) -> tuple[int, int]:
    """Given who closes each end (None: somebody else does): return both ends, with room for a good gulp where the kernel grants it."""
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    reader.callback(os.close, read_end)
    if writer is not None:
        writer.callback(os.close, write_end)
    with contextlib.suppress(OSError):
        fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return read_end, write_end


class Kept:
    """The first bytes of a stream; the rest is dropped."""

    def __init__(self, limit: int) -> None:
        self._room = limit
        self._blocks: list[bytes] = []

    def take(self, block: bytes) -> None:
        if self._room and block:
            self._blocks.append(block[: self._room])
            self._room -= len(self._blocks[-1])

    def bytes(self) -> bytes:
        return b"".join(self._blocks)


class Lines:
    """A stream as lines without their newline, each cut at 64 KiB, told as they end."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._begun = bytearray()

    def take(self, block: bytes) -> None:
        *ended, rest = block.split(b"\n")
        for part in ended:
            self._add(part)
            self._tell_begun()
        self._add(rest)

    def end(self) -> None:
        """The stream is over: tell what was begun without its newline."""
        if self._begun:
            self._tell_begun()

    def _add(self, part: bytes) -> None:
        self._begun += part[: _LONGEST_LINE_BYTES - len(self._begun)]

    def _tell_begun(self) -> None:
        line = self._begun.decode("utf-8", errors="replace")
        self._begun.clear()
        self._tell(line)


class Feeder:
    """A thread that copies a stream to a pipe. `trouble` is what the stream raised; the program is killed *before* its stdin ends,
    lest it take half a stream for a whole one."""

    def __init__(self, pipe: int, stream: IO[bytes], count: CountBytes | None, kill: Callable[[], None]) -> None:
        self.trouble: BaseException | None = None
        self._pipe = pipe
        self._stream = stream
        self._count = count
        self._kill = kill
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        os.set_blocking(pipe, False)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._feed, name="feeder", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Given that nobody reads any more. A stream that hangs in its own read is left to itself: only it holds its end of the pipe."""
        self._stopped.set()
        if self._thread is None:
            os.close(self._pipe)
        else:
            self._thread.join(_JOIN_SECONDS)

    def _feed(self) -> None:
        try:
            while not self._stopped.is_set():
                block = self._stream.read(_BLOCK_BYTES)
                if not block:
                    break
                self._write(memoryview(block))
                if self._count:
                    self._count(len(block))
        except BrokenPipeError:  # the program ended early, which its exit code explains
            pass
        except BaseException as trouble:  # noqa: BLE001 - carried to the thread that converses, whatever it is
            self.trouble = trouble
            self._kill()
            self._stopped.wait()
        finally:
            os.close(self._pipe)

    def _write(self, block: memoryview) -> None:
        poller = select.poll()
        poller.register(self._pipe, select.POLLOUT)
        while block and not self._stopped.is_set():
            try:
                block = block[os.write(self._pipe, block) :]
            except BlockingIOError:
                poller.poll(_LOOK_MILLISECONDS)
