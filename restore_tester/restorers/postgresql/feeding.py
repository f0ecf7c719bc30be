"""A script on its way to psql → the same script, with the lines changed that must read differently here, and an end that is noticed.

Also, which lines of a script only say who owns or may what.
"""

from __future__ import annotations

import io
import re
import secrets
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING

from restore_tester.restorers.postgresql.names import MEMBERSHIP

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK_BYTES = 1 << 20
_LONGEST_LINE = 1 << 16
_OF_OWNERSHIP = re.compile(
    rb"(?:GRANT |REVOKE |SET SESSION AUTHORIZATION |ALTER DEFAULT PRIVILEGES |ALTER ROLE )|ALTER (?!TABLE [^\n]* ADD ).*\bOWNER TO "
)


def ownership_lines(stream: IO[bytes], numbers: frozenset[int]) -> frozenset[int]:
    """Return which of these lines of a script (the first is 1) only say who owns or may what."""
    found = set()
    for number, line in enumerate(_lines(stream), 1):
        if number in numbers and _OF_OWNERSHIP.match(line):
            found.add(number)
    return frozenset(found)


class EndOfScript:
    """A statement after a script's last one, which nobody could foresee: only if psql gets there, and runs it outside of any
    transaction, does the server say that there is no such database. Given who takes all other lines."""

    def __init__(self, note: Callable[[str], None]) -> None:
        name = f"end_{secrets.token_hex(16)}"
        self.statement = f'\nDROP DATABASE "{name}";\n'.encode()
        self.reached = False
        self._said = re.compile(rf'psql:<stdin>:\d+: ERROR:  database "{name}" does not exist')
        self._note = note

    def note(self, line: str) -> None:
        if self._said.fullmatch(line):
            self.reached = True
        else:
            self._note(line)


class Counted(io.RawIOBase):
    """A stream that counts what is read of it."""

    def __init__(self, stream: IO[bytes], counted: Callable[[int], None]) -> None:
        self._stream = stream
        self._counted = counted
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        target = memoryview(buffer).cast("B")
        block = self._stream.read(len(target))
        target[: len(block)] = block
        self.count += len(block)
        self._counted(len(block))
        return len(block)


class WithoutGrantors(io.RawIOBase):
    """A script whose roles become members without a named grantor: since PostgreSQL 16 that must be the superuser whom initdb made,
    who has another name here. Given how many such lines there are; after the last of them nothing is looked at."""

    def __init__(self, stream: IO[bytes], count: int) -> None:
        self._stream = stream
        self._count = count
        self._out = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        target = memoryview(buffer).cast("B")
        if not self._out:
            self._out = self._next_line() if self._count else self._stream.read(len(target))
        taken = self._out[: len(target)]
        self._out = self._out[len(taken) :]
        target[: len(taken)] = taken
        return len(taken)

    def _next_line(self) -> bytes:
        line = self._stream.readline(_LONGEST_LINE)
        if not (found := MEMBERSHIP.match(line)):
            return line
        self._count -= 1
        return found[1] + b";\n"


class Followed(io.RawIOBase):
    """A stream, and these bytes after it."""

    def __init__(self, stream: IO[bytes], last: bytes) -> None:
        self._stream = stream
        self._last = last

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        target = memoryview(buffer).cast("B")
        block = self._stream.read(len(target))
        if not block:
            block, self._last = self._last[: len(target)], self._last[len(target) :]
        target[: len(block)] = block
        return len(block)


class Replacing(io.RawIOBase):
    """A stream in which some whole lines read differently. Given {line: line}, each beginning and ending with a newline."""

    def __init__(self, stream: IO[bytes], replaced: dict[bytes, bytes]) -> None:
        self._stream = stream
        self._replaced = replaced
        self._keep = max(len(old) for old in replaced) - 1
        self._held = b""
        self._out = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        target = memoryview(buffer).cast("B")
        while not self._out and not self._ended:
            self._read_more()
        taken = self._out[: len(target)]
        self._out = self._out[len(taken) :]
        target[: len(taken)] = taken
        return len(taken)

    def _read_more(self) -> None:
        block = self._stream.read(BLOCK_BYTES)
        self._ended = not block
        held = self._held + block
        for old, new in self._replaced.items():
            held = held.replace(old, new)
        cut = len(held) if self._ended else max(0, len(held) - self._keep)
        self._out, self._held = held[:cut], held[cut:]


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield the beginning of each line, however long it is."""
    begins = True
    while part := stream.readline(_LONGEST_LINE):
        if begins:
            yield part
        begins = part.endswith(b"\n")
