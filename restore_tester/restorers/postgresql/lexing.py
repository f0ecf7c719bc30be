"""Blocks of a SQL script, cut anywhere → its comments, psql commands, statements and data, told to a listener.

As psql reads a script: quotes, dollar quotes and nested comments hide what they hold, and after `COPY … FROM stdin` come rows until
`\\.`. Rows are skipped by one search for their end, at the speed of memory; memory stays bounded whatever the length of a line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

BEGINNING_BYTES = 1024  # how much of a statement, comment or command is ever looked at
_TAIL_BYTES = 128  # enough for the end of `COPY … FROM stdin` with its options

_SPECIAL = re.compile(rb"""['"$;\\]|--|/\*""")
_SPACE = re.compile(rb"\s*")
_COPY = re.compile(rb"COPY\b", re.IGNORECASE)
_FROM_STDIN = re.compile(rb"\bFROM\s+STDIN\b[^;]*\Z", re.IGNORECASE)
_DOLLAR = re.compile(rb"\$(?:[A-Za-z_\x80-\xff][A-Za-z_0-9\x80-\xff]{0,62})?\$")
_LONGEST_DOLLAR = 65
_WORD_END = re.compile(rb"[A-Za-z_0-9$\x80-\xff]\Z")
_ESCAPE_PREFIX = re.compile(rb"(?:\A|[^A-Za-z_0-9$\x80-\xff])[eE]\Z")
_ESCAPED_END = re.compile(rb"\\.|''|'", re.DOTALL)
_COMMENT_EDGE = re.compile(rb"/\*|\*/")
_END_OF_ROWS = b"\n\\."
# Many INSERTs at once. It holds no comment, no dollar quote and no E'' string, so that cutting it at `;` and quote cannot err.
# Groups are bounded, not possessive: CPython before 3.11.5 misreads a possessive group (gh-106052).
_INSERTS = re.compile(rb"(?:INSERT INTO (?:[^'\";$\\/-]++|-(?!-)|(?<![eE])'[^']*+'|\"[^\"]*+\"){0,1000};\s*+){1,100}")

# The same within one long statement, as far as it is certain: what may go on beyond the held bytes is left.
_SIMPLE_CODE = re.compile(rb"(?:[^'\";$\\/-]++|-(?=[^-])|(?<![eE])'[^']*+'|\"[^\"]*+\"){1,1000}")

_Step = Callable[[bytes, int], int | None]


class Listener(Protocol):
    """Who is told. A run of INSERTs may be told once. Each text is cut at BEGINNING_BYTES; lines come without their newline.
    Of a psql command within a statement, only the backslash is told."""

    def on_comment(self, line: bytes) -> None: ...

    def on_command(self, line: bytes) -> None: ...

    def on_statement(self, beginning: bytes) -> None: ...

    def on_copy(self) -> None: ...


class Lexer:
    """Given a listener. `feed` blocks, then `finish`: what there is to tell is the same wherever the blocks were cut.

    Each step takes the held bytes and a position in them, and returns how far it got; None: it wants more bytes first, which it
    never does at the end."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._held = b""
        self._at_end = False
        self._step: _Step = self._between
        self._inside: str | None = None
        self._return_to: _Step = self._between
        self._code_tail = b""
        self._may_be_copy = False
        self._quote = b""
        self._depth = 0

    def feed(self, block: bytes) -> None:
        """Take the next block of the script."""
        held = self._held + block if self._held else block
        position = 0
        while position < len(held):
            reached = self._step(held, position)
            if reached is None:
                break
            position = reached
        self._held = held[position:]

    def finish(self) -> str | None:
        """The script has ended. Return what it broke off in, None where it ended between statements."""
        self._at_end = True
        self.feed(b"")
        return self._inside

    def _enter(self, step: _Step, inside: str | None) -> None:
        self._step = step
        self._inside = inside

    def _leave_all_but(self, held: bytes, position: int, kept: int) -> int | None:
        """Pass over the rest of what is held but its last bytes, which may be the first ones of what is searched for."""
        end = len(held) if self._at_end else max(position, len(held) - kept)
        return end if end > position else None

    def _between(self, held: bytes, position: int) -> int | None:
        space = _SPACE.match(held, position)
        if space and space.end() > position:
            return space.end()
        beginning = held[position : position + BEGINNING_BYTES]
        is_line = beginning.startswith((b"--", b"\\"))
        if len(beginning) < BEGINNING_BYTES and not self._at_end and not (is_line and b"\n" in beginning):
            return None
        if is_line:
            return self._line(position, beginning)
        if beginning.startswith(b"/*"):
            return self._open_comment(position + 2, self._between)
        if inserts := _INSERTS.match(held, position):
            self._listener.on_statement(b"INSERT INTO ")
            return inserts.end()
        self._may_be_copy = _COPY.match(beginning) is not None
        self._listener.on_statement(beginning.partition(b";")[0])
        self._code_tail = b""
        self._enter(self._code, "statement")
        return position

    def _line(self, position: int, beginning: bytes) -> int:
        line, newline, _ = beginning.partition(b"\n")
        tell = self._listener.on_comment if line.startswith(b"--") else self._listener.on_command
        tell(line)
        if not newline:
            self._return_to = self._between
            self._enter(self._rest_of_line, None)
        return position + len(line) + len(newline)

    def _rest_of_line(self, held: bytes, position: int) -> int:
        newline = held.find(b"\n", position)
        if newline < 0:
            return len(held)
        self._resume()
        return newline + 1

    def _resume(self) -> None:
        self._enter(self._return_to, None if self._return_to == self._between else "statement")

    def _code(self, held: bytes, position: int) -> int | None:
        if not self._may_be_copy and not held.startswith(b"'", position) and (simple := _SIMPLE_CODE.match(held, position)):
            self._remember(held[max(position, simple.end() - _TAIL_BYTES) : simple.end()])
            return simple.end()
        found = _SPECIAL.search(held, position)
        if not found:
            end = self._leave_all_but(held, position, kept=1 if held.endswith((b"-", b"/")) else 0)
            self._remember(held[position:end] if end is not None else b"")
            return end
        start, mark = found.start(), found.group()
        self._remember(held[position:start])
        if mark == b"$":
            return self._dollar(held, position, start)
        if mark == b";":
            self._end_statement()
        elif mark == b"--":
            self._return_to = self._code
            self._enter(self._rest_of_line, "statement")
        elif mark == b"/*":
            return self._open_comment(found.end(), self._code)
        elif mark == b"\\":
            self._listener.on_command(mark)
        elif mark == b"'" and _ESCAPE_PREFIX.search(self._code_tail):
            self._enter(self._escaped_string, "string")
        else:
            self._open_quote(mark, "string" if mark == b"'" else "name")
        self._remember(mark)
        return found.end()

    def _remember(self, code: bytes) -> None:
        self._code_tail = (self._code_tail + code[-_TAIL_BYTES:])[-_TAIL_BYTES:]

    def _open_quote(self, quote: bytes, inside: str) -> None:
        self._quote = quote
        self._enter(self._quoted, inside)

    def _quoted(self, held: bytes, position: int) -> int | None:
        """A doubled quote ends the string and begins the next: the same bytes are hidden."""
        end = held.find(self._quote, position)
        if end < 0:
            return self._leave_all_but(held, position, kept=len(self._quote) - 1)
        self._enter(self._code, "statement")
        return end + len(self._quote)

    def _escaped_string(self, held: bytes, position: int) -> int | None:
        found = _ESCAPED_END.search(held, position)
        if not found:
            return self._leave_all_but(held, position, kept=1 if held.endswith(b"\\") else 0)
        if found.group() == b"'":
            if found.end() == len(held) and not self._at_end:
                return found.start() if found.start() > position else None
            self._enter(self._code, "statement")
        return found.end()

    def _dollar(self, held: bytes, position: int, start: int) -> int | None:
        if not _WORD_END.search(self._code_tail):
            if quote := _DOLLAR.match(held, start):
                self._open_quote(quote.group(), "function body")
                self._remember(b"$")
                return quote.end()
            if not self._at_end and len(held) - start < _LONGEST_DOLLAR:
                return start if start > position else None
        self._remember(b"$")
        return start + 1

    def _open_comment(self, position: int, return_to: _Step) -> int:
        self._return_to = return_to
        self._depth = 1
        self._enter(self._comment, "comment")
        return position

    def _comment(self, held: bytes, position: int) -> int | None:
        edge = _COMMENT_EDGE.search(held, position)
        if not edge:
            return self._leave_all_but(held, position, kept=1)
        self._depth += 1 if edge.group() == b"/*" else -1
        if self._depth == 0:
            self._resume()
        return edge.end()

    def _end_statement(self) -> None:
        if self._may_be_copy and _FROM_STDIN.search(self._code_tail):
            self._listener.on_copy()
            self._enter(self._before_rows, "copy")
        else:
            self._enter(self._between, None)

    def _before_rows(self, held: bytes, position: int) -> int:
        newline = held.find(b"\n", position)
        if newline < 0:
            return len(held)
        self._enter(self._rows, "copy")
        return newline

    def _rows(self, held: bytes, position: int) -> int | None:
        mark = held.find(_END_OF_ROWS, position)
        if mark < 0:
            return self._leave_all_but(held, position, kept=len(_END_OF_ROWS) - 1)
        following = held[mark + 3 : mark + 5]
        if not self._at_end and following in (b"", b"\r"):
            return mark if mark > position else None
        if following in (b"", b"\r") or following.startswith((b"\n", b"\r\n")):
            self._enter(self._between, None)
            return mark + 3
        return mark + 1
