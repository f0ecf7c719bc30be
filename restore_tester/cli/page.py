"""Words with tones → lines that fit a terminal: wrapped, aligned, and inert whatever they quote.

There is no markup language in between, so nothing that comes out of a backup can be taken for one; what a terminal
would obey (escape sequences, newlines, changes of direction) is spelled out.
"""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TextIO

from restore_tester.judgement.wording import inert

NARROWEST, WIDEST = 60, 110
_SGR = {"strong": "1", "good": "1;32", "bad": "1;31", "unsure": "1;33", "dim": "2"}


class Tone(StrEnum):
    PLAIN = "plain"
    STRONG = "strong"
    GOOD = "good"
    BAD = "bad"
    UNSURE = "unsure"
    DIM = "dim"


@dataclass(frozen=True, slots=True)
class Span:
    text: str
    tone: Tone = Tone.PLAIN


Line = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The signs that a stream can show."""

    good: str = "✓"
    bad: str = "✗"
    unsure: str = "?"
    idle: str = "·"
    hint: str = "→"
    bar: str = "█"
    rest: str = "─"


ASCII_GLYPHS = Glyphs(good="+", bad="x", unsure="?", idle="-", hint="->", bar="#", rest="-")


class Page:
    """Lines in the making, for `width` columns."""

    def __init__(self, width: int, glyphs: Glyphs = ASCII_GLYPHS) -> None:
        self.width = width
        self.glyphs = glyphs
        self._lines: list[Line] = []

    @property
    def lines(self) -> tuple[Line, ...]:
        return tuple(self._lines)

    def blank(self) -> None:
        self._lines.append(())

    def row(self, *spans: Span) -> None:
        """Add one line as it is: the caller knows that it fits."""
        self._lines.append(tuple(Span(inert(span.text), span.tone) for span in spans))

    def text(self, text: str, tone: Tone = Tone.PLAIN, *, indent: int = 0, lead: Span | None = None) -> None:
        """Add words, wrapped. `lead` stands before the first line, and what follows is aligned behind it."""
        start = Span(inert(lead.text), lead.tone) if lead else None
        room = max(self.width - indent - (cells(start.text) if start else 0), 10)
        for index, piece in enumerate(_wrap(inert(text), room)):
            margin = Span(" " * indent)
            before = (margin, start) if start and index == 0 else (Span(" " * (indent + (cells(start.text) if start else 0))),)
            self._lines.append((*before, Span(piece, tone)))


def cells(text: str) -> int:
    """Return the columns a terminal gives to `text`."""
    # A page of a fleet is mostly ASCII, where every letter takes one column.
    return len(text) if text.isascii() else sum(_cells(letter) for letter in text)


def _cells(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def cut(text: str, width: int) -> str:
    """Return `text`, inert, in at most `width` columns, with an ellipsis where some of it is missing."""
    shown = inert(text)
    if cells(shown) <= width:
        return shown
    taken, room = "", width - 1
    for letter in shown:
        room -= _cells(letter)
        if room < 0:
            break
        taken += letter
    return f"{taken}…"


def padded(text: str, width: int) -> str:
    """Return `text`, inert and cut, in exactly `width` columns."""
    shown = cut(text, width)
    return shown + " " * (width - cells(shown))


def _wrap(text: str, width: int) -> Iterator[str]:
    line = ""
    for word in text.split():
        for piece in _pieces(word, width):
            if line and cells(line) + 1 + cells(piece) > width:
                yield line
                line = piece
            else:
                line = f"{line} {piece}" if line else piece
    yield line


def _pieces(word: str, width: int) -> Iterator[str]:
    """Break a word that no line could hold."""
    if cells(word) <= width:
        yield word
        return
    piece, room = "", width
    for letter in word:
        if _cells(letter) > room:
            yield piece
            piece, room = "", width
        piece, room = piece + letter, room - _cells(letter)
    yield piece


# --- onto a stream ----------------------------------------------------------------------------------------------------


def new_page(stream: TextIO) -> Page:
    """Return an empty page as wide as `stream`, with the signs that it can show."""
    columns = shutil.get_terminal_size((WIDEST, 24)).columns
    if is_terminal(stream):
        columns = os.get_terminal_size(stream.fileno()).columns or columns
    return Page(max(NARROWEST, min(columns, WIDEST)), glyphs_of(stream))


def glyphs_of(stream: TextIO) -> Glyphs:
    return Glyphs() if (stream.encoding or "").lower().replace("-", "") == "utf8" else ASCII_GLYPHS


def is_terminal(stream: TextIO) -> bool:
    """Say whether somebody looks at `stream` through something that obeys cursor movements."""
    return stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


def in_colour(stream: TextIO) -> bool:
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def as_text(page: Page, *, colour: bool) -> str:
    """Return the page's lines, each ended."""
    return "".join("".join(_shown(span, colour) for span in line).rstrip() + "\n" for line in page.lines)


def _shown(span: Span, colour: bool) -> str:
    code = _SGR.get(span.tone) if colour and span.text.strip() else None
    return f"\x1b[{code}m{span.text}\x1b[0m" if code else span.text


def show(page: Page, stream: TextIO | None = None) -> None:
    """Write the page, in colour where somebody sees it."""
    from restore_tester.cli.output import say

    target = stream or sys.stdout
    say(as_text(page, colour=in_colour(target)), target)
