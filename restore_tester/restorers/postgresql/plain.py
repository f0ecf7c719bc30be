"""A plain SQL script → what it says of itself: whose dump it is, and whether it was written to its end.

The trailer counts only as a comment outside of data, strings, quoted names and function bodies, with nothing but comments
after it: a row that contains its text proves nothing. `lexing.py` tells these apart; here statements are understood.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import IO

from restore_tester.model import DumpStart
from restore_tester.restorers.postgresql.archive import UNKNOWN_ZONE_SECONDS
from restore_tester.restorers.postgresql.lexing import Lexer, Listener

READ_BYTES = 1 << 20
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
DATABASE_HEADER = b"-- PostgreSQL database dump"
CLUSTER_HEADER = b"-- PostgreSQL database cluster dump"
DATABASE_TRAILER = b"-- PostgreSQL database dump complete"
CLUSTER_TRAILER = b"-- PostgreSQL database cluster dump complete"

# What pg_dump and pg_dumpall write, and what is written before a dump by hand and changes no row.
_HARMLESS = re.compile(
    rb"\\(?:connect|restrict|unrestrict)(?:\s|\Z)|\\\.\s*\Z|\\encoding\s+\w+\s*\Z|\\set\s+ON_ERROR_STOP\b[^\\`]*\Z|\\(?:echo|timing)\b[^\\`]*\Z"
)
_TABLE = re.compile(rb"CREATE (?:UNLOGGED )?TABLE\b")
_COMMAND_NAME = re.compile(rb"\\\w{0,20}")
_ROLE = re.compile(rb"CREATE ROLE ([^;]+);?\Z")
_CONNECT = re.compile(rb"\\connect(?:\s+-reuse-previous=\w+)?\s+(.+?)\s*\Z", re.DOTALL)
_STAMP = re.compile(rb"-- (Started|Completed) on (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?: (.+?))?\s*\Z", re.DOTALL)
_NUMERIC_ZONE = re.compile(r"([+-])(\d\d)(?::?(\d\d))?\Z")
_UNIVERSAL_TIME = ("UTC", "GMT", "UCT", "Z", "Zulu", "Universal")


@dataclass(frozen=True, slots=True)
class ScriptFacts:
    """What a script says of itself.

    `format` is `pg_dump-plain`, `pg_dumpall`, or None for a script that neither wrote. `complete`: the trailer is there, as the
    last thing, and each dump within has one. `unfinished` names what the script breaks off in: `copy`, `string`, `name`,
    `function body`, `comment`, `statement` or `command`. `tables` counts CREATE TABLE, `databases` are those of `\\connect`, in
    order; `dumps` counts the dumps of single databases in it. `stray_command` is the first command to psql that no dump holds, by
    its name; `zero_bytes`: it holds bytes that no text has. `has_copy` and `has_inserts`: how rows are written. `creates_databases`:
    `-C` or a cluster; `drops_first`: `--clean`."""

    format: str | None
    complete: bool
    unfinished: str | None
    tables: int
    databases: tuple[str, ...]
    roles: tuple[str, ...]
    server_version: str | None
    dump_version: str | None
    dump_start: DumpStart | None
    dump_end: DumpStart | None
    has_copy: bool
    has_inserts: bool
    creates_databases: bool
    drops_first: bool
    windows_line_ends: bool
    byte_order_mark: bool
    dumps: int
    stray_command: str | None
    zero_bytes: bool


def scan(stream: IO[bytes], also: Listener | None = None) -> ScriptFacts:
    """Read a decoded script to its end, in bounded memory, and return what it says; `also` is told everything too.

    Raises only what the stream does."""
    reading = _Reading()
    lexer = Lexer(_Both(reading, also) if also else reading)
    first = stream.read(READ_BYTES)
    reading.byte_order_mark = first.startswith(BYTE_ORDER_MARK)
    reading.zero_bytes = b"\0" in first
    lexer.feed(first.removeprefix(BYTE_ORDER_MARK))
    while block := stream.read(READ_BYTES):
        reading.zero_bytes = reading.zero_bytes or b"\0" in block
        lexer.feed(block)
    return reading.facts(lexer.finish())


def scan_head(head: bytes) -> ScriptFacts:
    """Return what the beginning of a script says; `complete` and `unfinished` are about this piece."""
    reading = _Reading(byte_order_mark=head.startswith(BYTE_ORDER_MARK))
    lexer = Lexer(reading)
    lexer.feed(head.removeprefix(BYTE_ORDER_MARK))
    return reading.facts(lexer.finish())


@dataclass(frozen=True, slots=True)
class _Both:
    """Two listeners as one. Implements `lexing.Listener`."""

    first: Listener
    second: Listener

    def on_comment(self, line: bytes) -> None:
        self.first.on_comment(line)
        self.second.on_comment(line)

    def on_command(self, line: bytes) -> None:
        self.first.on_command(line)
        self.second.on_command(line)

    def on_statement(self, beginning: bytes) -> None:
        self.first.on_statement(beginning)
        self.second.on_statement(beginning)

    def on_copy(self) -> None:
        self.first.on_copy()
        self.second.on_copy()


@dataclass(slots=True)
class _Reading:
    """What has been understood so far. Implements `lexing.Listener`."""

    byte_order_mark: bool = False
    format: str | None = None
    dumps_begun: int = 0
    dumps_ended: int = 0
    clusters_begun: int = 0
    clusters_ended: int = 0
    stray_command: str | None = None
    zero_bytes: bool = False
    ended: bytes = b""
    tables: int = 0
    databases: dict[str, None] = field(default_factory=dict)
    roles: dict[str, None] = field(default_factory=dict)
    server_version: str | None = None
    dump_version: str | None = None
    dump_start: DumpStart | None = None
    dump_end: DumpStart | None = None
    has_copy: bool = False
    has_inserts: bool = False
    creates_databases: bool = False
    drops_first: bool = False
    windows_line_ends: bool = False

    def on_comment(self, line: bytes) -> None:
        text = line.rstrip(b"\r")
        if text in (DATABASE_HEADER, CLUSTER_HEADER):
            self._begin(text, line)
        elif text in (DATABASE_TRAILER, CLUSTER_TRAILER):
            self.ended = text
            self.dumps_ended += text == DATABASE_TRAILER
            self.clusters_ended += text == CLUSTER_TRAILER
        elif text.startswith((b"-- Started on ", b"-- Completed on ")):
            self._stamp(text)
        elif text.startswith(b"-- Dumped from database version "):
            self.server_version = self.server_version or _text(text[32:]).strip()
        elif text.startswith(b"-- Dumped by pg_dump version "):
            self.dump_version = self.dump_version or _text(text[29:]).strip()

    def on_command(self, line: bytes) -> None:
        if not line.startswith((b"\\unrestrict", b"\\restrict")):
            self.ended = b""
        if self.stray_command is None and not _HARMLESS.match(line):
            self.stray_command = _text(b"".join(_COMMAND_NAME.findall(line)[:1]))
        if connect := _CONNECT.match(line):
            self.databases.setdefault(connect_target(connect.group(1)))

    def on_statement(self, beginning: bytes) -> None:
        self.ended = b""
        if beginning.startswith(b"INSERT INTO "):
            self.has_inserts = True
        elif _TABLE.match(beginning):
            self.tables += 1
        elif role := _ROLE.match(beginning):
            self.roles.setdefault(identifier(role.group(1)))
        elif beginning.startswith(b"CREATE DATABASE "):
            self.creates_databases = True
        elif beginning.startswith(b"DROP "):
            self.drops_first = True

    def on_copy(self) -> None:
        self.has_copy = True

    def _begin(self, text: bytes, line: bytes) -> None:
        self.ended = b""
        self.windows_line_ends = self.windows_line_ends or line.endswith(b"\r")
        self.dumps_begun += text == DATABASE_HEADER
        self.clusters_begun += text == CLUSTER_HEADER
        if self.format is None:
            self.format = "pg_dumpall" if text == CLUSTER_HEADER else "pg_dump-plain"

    def _stamp(self, text: bytes) -> None:
        if not (found := _STAMP.match(text)):
            return
        stamp = _read_stamp(found.group(2).decode(), _text(found.group(3) or b""))
        if found.group(1) == b"Started":
            self.dump_start = self.dump_start or stamp
        else:
            self.dump_end = stamp or self.dump_end

    def facts(self, unfinished: str | None) -> ScriptFacts:
        # Globals with a dump after them are one file in many a job, so that either trailer may be the last.
        closed = bool(self.ended) and (self.dumps_begun, self.clusters_begun) == (self.dumps_ended, self.clusters_ended)
        return ScriptFacts(
            format=self.format,
            complete=self.format is not None and closed and unfinished is None,
            unfinished=unfinished,
            tables=self.tables,
            databases=tuple(self.databases),
            roles=tuple(self.roles),
            server_version=self.server_version,
            dump_version=self.dump_version,
            dump_start=self.dump_start,
            dump_end=self.dump_end,
            has_copy=self.has_copy,
            has_inserts=self.has_inserts,
            creates_databases=self.creates_databases,
            drops_first=self.drops_first,
            windows_line_ends=self.windows_line_ends,
            byte_order_mark=self.byte_order_mark,
            dumps=self.dumps_begun,
            stray_command=self.stray_command,
            zero_bytes=self.zero_bytes,
        )


def identifier(text: bytes) -> str:
    """Return the name that a SQL identifier, quoted or not, stands for."""
    name = _text(text).strip()
    return name[1:-1].replace('""', '"') if len(name) > 1 and name[0] == name[-1] == '"' else name


def connect_target(text: bytes) -> str:
    """Return the database that the argument of `\\connect` names: `name`, `"na me"` or `"dbname='na me'"`."""
    name = identifier(text)
    if name.startswith("dbname="):
        quoted = name.removeprefix("dbname=")
        bare = quoted[1:-1] if quoted.startswith("'") and quoted.endswith("'") else quoted
        return re.sub(r"\\(.)", r"\1", bare, flags=re.DOTALL)
    return name


def _read_stamp(wall_time: str, zone: str) -> DumpStart | None:
    try:
        stamp = datetime.strptime(wall_time, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    if zone in _UNIVERSAL_TIME:
        return DumpStart(stamp, 1.0)
    if numeric := _NUMERIC_ZONE.match(zone):
        sign, hours, minutes = numeric.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
        return DumpStart(stamp - offset if sign == "+" else stamp + offset, 1.0)
    return DumpStart(stamp, UNKNOWN_ZONE_SECONDS)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")
