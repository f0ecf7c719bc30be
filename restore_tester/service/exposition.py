"""Families and samples → the bytes of Prometheus' text format 0.0.4 or of OpenMetrics 1.0, gzipped in pieces.

A body is put together from pieces that were compressed once, each byte-aligned and without reference to another: what changed
is compressed anew, the rest is copied. The result is one ordinary gzip member.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache

from isal import isal_zlib

PREFIX = "restore_tester_"
_GZIP_BEGINS = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
_DEFLATE_ENDS = b"\x03\x00"
# isal's 1 compresses as well as zlib's 1, at a fifth of its cost.
_LEVEL = 1


class Format(StrEnum):
    """The value is the content type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Kind(StrEnum):
    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Family:
    """A metric, its name without the prefix: a counter's ends in `_total`, an info's in `_info`."""

    name: str
    kind: Kind
    help: str

    @property
    def full_name(self) -> str:
        return PREFIX + self.name


@dataclass(frozen=True, slots=True)
class Exemplar:
    """The drill behind a sample: its value, and when it ended."""

    drill: str
    value: float
    at: datetime


def header(family: Family, format: Format) -> bytes:
    """Return the lines that stand before a family's samples."""
    name, kind = family.full_name, family.kind.value
    if format is Format.OPENMETRICS:
        name = name.removesuffix("_total").removesuffix("_info")
    elif family.kind is Kind.INFO:
        kind = "gauge"
    text = f"# HELP {name} {_escaped_help(family.help)}\n# TYPE {name} {kind}\n"
    unit = name.rpartition("_")[2]
    if format is Format.OPENMETRICS and unit in ("seconds", "bytes"):
        text += f"# UNIT {name} {unit}\n"
    return text.encode()


def _escaped_help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def label(name: str, value: str) -> str:
    """Return one label, its value escaped: `name="value"`. Join labels with commas."""
    return f'{name}="{value.translate(_ESCAPES)}"'


# A lone surrogate (a file name that is no UTF-8) would break the whole body; both formats are UTF-8.
_ESCAPES = {ord("\\"): "\\\\", ord('"'): '\\"', ord("\n"): "\\n"} | dict.fromkeys(range(0xD800, 0xE000), "\N{REPLACEMENT CHARACTER}")


def sample(family: str, labels: str, value: float | datetime) -> bytes:
    """Given a name without prefix, joined labels (maybe none) and a value (an instant becomes unix seconds), return its line. What is
    no number has no line: unknown is absent."""
    number = value.timestamp() if isinstance(value, datetime) else value
    if not math.isfinite(number):
        return b""
    braced = f"{{{labels}}}" if labels else ""
    return f"{PREFIX}{family}{braced} {_number(number)}\n".encode()


def with_exemplar(line: bytes, exemplar: Exemplar | None) -> bytes:
    """Return the line of a counter or of a bucket with its exemplar: for OpenMetrics only."""
    if exemplar is None or not line:
        return line
    told = f" # {{{label('drill', exemplar.drill)}}} {_number(exemplar.value)} {_number(exemplar.at.timestamp())}\n"
    return line[:-1] + told.encode()


# Quotes are escaped inside of labels, so nothing an operator writes looks like this.
_EXEMPLAR = re.compile(rb' # \{drill="[^\n]*')


def without_exemplars(text: bytes) -> bytes:
    """Return lines without the exemplars that they carry: for the text format."""
    return _EXEMPLAR.sub(b"", text)


def bound(value: float) -> str:
    """Return a bucket's bound as both formats write it."""
    return "+Inf" if math.isinf(value) else repr(float(value))


def _number(value: float) -> str:
    # Milliseconds are exact enough for everything here, and a fifth of the bytes.
    rounded = round(value, 3)
    return str(int(rounded)) if rounded == int(rounded) else repr(rounded)


# --- bodies -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Piece:
    """Some lines, compressed: what they are, the sum of the plain ones, and how many bytes those were."""

    packed: bytes
    crc: int
    length: int


NOTHING = Piece(b"", 0, 0)


def piece(text: bytes) -> Piece:
    """Given whole lines, return them as a piece."""
    if not text:
        return NOTHING
    compressor = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, -15)
    packed = compressor.compress(text) + compressor.flush(isal_zlib.Z_FULL_FLUSH)
    return Piece(packed, isal_zlib.crc32(text), len(text))


@cache
def header_piece(family: Family, format: Format) -> Piece:
    """Return a family's header as a piece."""
    return piece(header(family, format))


def joined(pieces: Iterable[Piece]) -> Piece:
    """Return many pieces as one."""
    parts, crc, length = [], 0, 0
    for one in pieces:
        if one.length:
            parts.append(one.packed)
            crc = isal_zlib.crc32_combine(crc, one.crc, one.length)
            length += one.length
    return Piece(b"".join(parts), crc, length)


def gzip_ends(most: Piece, last: Piece) -> bytes:
    """Given the pieces of a body, return what follows `most.packed` in its gzip member: the last piece and the trailer."""
    crc = isal_zlib.crc32_combine(most.crc, last.crc, last.length) if last.length else most.crc
    return last.packed + _DEFLATE_ENDS + struct.pack("<LL", crc, (most.length + last.length) & 0xFFFFFFFF)


def gzip_begins() -> bytes:
    """Return the first bytes of a gzip member, before its first piece."""
    return _GZIP_BEGINS
