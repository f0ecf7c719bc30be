"""What a plain script says of itself: real ones, spoiled ones, and the same wherever the blocks are cut."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore_tester.restorers.postgresql.plain import DATABASE_TRAILER, ScriptFacts, connect_target, scan
from tests.producers import SourceServer

HEADER = b"--\n-- PostgreSQL database dump\n--\n\n"
TRAILER = b"\n--\n-- PostgreSQL database dump complete\n--\n\n"


class Dealt(io.RawIOBase):
    """A stream that deals its bytes in pieces of the given sizes, over and over."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self._data, self._sizes, self._position, self._turn = data, sizes, 0, 0

    def read(self, size: int = -1, /) -> bytes:
        size = self._sizes[self._turn % len(self._sizes)]
        piece = self._data[self._position : self._position + size]
        self._turn, self._position = self._turn + 1, self._position + len(piece)
        return piece


def facts_of(script: bytes) -> ScriptFacts:
    return scan(io.BytesIO(script))


@pytest.mark.parametrize(
    "options", [(), ("--inserts",), ("-C",), ("--clean", "-v"), ("--inserts", "--rows-per-insert=100"), ("--schema-only",)]
)
def test_a_real_dump_is_complete(options: tuple[str, ...], app_dump: Callable[..., Path], source: SourceServer) -> None:
    facts = facts_of(app_dump("plain", *options).read_bytes())
    assert (facts.format, facts.complete, facts.unfinished, facts.tables) == ("pg_dump-plain", True, None, 7)
    assert facts.has_inserts == ("--inserts" in options)
    assert facts.has_copy == (not {"--inserts", "--schema-only"} & set(options))
    assert (facts.creates_databases, facts.drops_first) == ("-C" in options, "--clean" in options)
    assert facts.server_version is not None and facts.server_version.split()[0] == source.version


def test_a_real_cluster_dump_names_databases_and_roles(cluster: SourceServer) -> None:
    facts = facts_of(cluster.dumpall().read_bytes())
    assert (facts.format, facts.complete, facts.creates_databases) == ("pg_dumpall", True, True)
    assert {"app", "postgres"} <= set(facts.databases)
    assert {"app_owner", "app_reader"} <= set(facts.roles)


def test_roles_alone_are_a_complete_cluster_dump(cluster: SourceServer) -> None:
    facts = facts_of(cluster.dumpall("--globals-only").read_bytes())
    assert (facts.format, facts.complete, facts.databases) == ("pg_dumpall", True, ())


def test_a_cluster_dump_without_its_own_trailer_is_not_complete(cluster: SourceServer) -> None:
    script = cluster.dumpall().read_bytes()
    assert not facts_of(script[: script.rindex(b"-- PostgreSQL database cluster dump complete")]).complete


@pytest.mark.parametrize("options", [(), ("--inserts",)])
def test_cut_at_any_line_it_is_not_complete(options: tuple[str, ...], app_dump: Callable[..., Path]) -> None:
    script = app_dump("plain", *options).read_bytes()
    end = script.rindex(DATABASE_TRAILER)
    lines = [place + 1 for place in range(len(script)) if script[place : place + 1] == b"\n" and place < end]
    for cut in lines[:: max(1, len(lines) // 60)]:
        assert not facts_of(script[:cut]).complete


def test_cut_within_rows_it_says_so(app_dump: Callable[..., Path]) -> None:
    script = app_dump("plain").read_bytes()
    facts = facts_of(script[: script.index(b"\n", script.index(b"COPY public.orders ") + 5000)])
    assert (facts.complete, facts.unfinished) == (False, "copy")


FALSE_TRAILERS = {
    "a row": b"COPY public.t (a) FROM stdin;\n-- PostgreSQL database dump complete\n",
    "a finished row": b"COPY public.t (a) FROM stdin;\n1\n\\.\nSELECT 1;\nCOPY t FROM stdin;\n-- PostgreSQL database dump complete",
    "a string": b"INSERT INTO t VALUES (1, '\n-- PostgreSQL database dump complete\n",
    "an escaped string": b"SELECT E'\\'\n-- PostgreSQL database dump complete\n--\n",
    "a function body": b"CREATE FUNCTION f() AS $_$\n-- PostgreSQL database dump complete\n",
    "a quoted name": b'CREATE TABLE "\n-- PostgreSQL database dump complete\n',
    "a comment that goes on": b"/* /* */\n-- PostgreSQL database dump complete\n",
    "a longer line": b"-- PostgreSQL database dump complete, almost\n",
    "a statement after it": b"-- PostgreSQL database dump complete\nSELECT 1;\n",
    "rows after it": b"-- PostgreSQL database dump complete\nCOPY t FROM stdin;\n1\n\\.\n",
    "a second dump that breaks off": b"-- PostgreSQL database dump complete\n" + HEADER,
}


@pytest.mark.parametrize("case", FALSE_TRAILERS)
def test_the_words_of_the_trailer_elsewhere_prove_nothing(case: str) -> None:
    assert not facts_of(HEADER + FALSE_TRAILERS[case]).complete


@pytest.mark.parametrize("end", [b"", b"\n", b"\n--\n\n\\unrestrict abc\n\n", b"\n\n\n-- a note of the job\n", b"\r\n--\r\n"])
def test_nothing_but_comments_may_follow_the_trailer(end: bytes) -> None:
    assert facts_of(HEADER + b"SELECT 1;\n" + DATABASE_TRAILER + end).complete


def test_two_whole_dumps_in_one_file_are_complete() -> None:
    assert facts_of((HEADER + b"SELECT 1;" + TRAILER) * 2).complete


def test_a_dump_without_a_middle_is_not_complete() -> None:
    assert not facts_of(HEADER + b"SELECT 1;\n" + HEADER + TRAILER).complete


def test_a_script_of_someone_else_is_none_of_ours() -> None:
    facts = facts_of(b"CREATE TABLE a (b int);\n")
    assert (facts.format, facts.complete, facts.tables) == (None, False, 1)


def test_windows_line_ends_and_a_byte_order_mark_are_seen_through(app_dump: Callable[..., Path]) -> None:
    script = app_dump("plain").read_bytes()
    facts = facts_of(b"\xef\xbb\xbf" + script.replace(b"\n", b"\r\n"))
    assert (facts.complete, facts.windows_line_ends, facts.byte_order_mark, facts.tables) == (True, True, True, 7)


STAMPS = {
    b"2026-11-21 03:00:00 UTC": (3, 1.0),
    b"2026-11-21 03:00:00 GMT": (3, 1.0),
    b"2026-11-21 03:00:00 +03": (0, 1.0),
    b"2026-11-21 03:00:00 CET": (3, 50_400.0),
    b"2026-11-21 03:00:00": (3, 50_400.0),
}


@pytest.mark.parametrize("stamp", STAMPS)
def test_the_start_is_as_certain_as_its_zone(stamp: bytes) -> None:
    start = facts_of(HEADER + b"-- Started on " + stamp + b"\n").dump_start
    assert start is not None
    assert (start.at, start.uncertainty_seconds) == (datetime(2026, 11, 21, STAMPS[stamp][0], tzinfo=UTC), STAMPS[stamp][1])


def test_a_date_that_does_not_exist_is_no_start() -> None:
    assert facts_of(HEADER + b"-- Started on 2026-13-45 03:00:00 UTC\n").dump_start is None


@pytest.mark.parametrize(
    ("argument", "name"), [(b"app", "app"), (b'"my ""db"""', 'my "db"'), (b"\"dbname='it\\'s \\\\ here'\"", "it's \\ here")]
)
def test_the_database_of_a_connect_is_read_as_psql_reads_it(argument: bytes, name: str) -> None:
    assert connect_target(argument) == name


def test_an_awkwardly_named_database_is_read_from_a_real_dump(source: SourceServer) -> None:
    name = source.make_database('it\'s a "db" \\ $x')
    assert facts_of(source.dump(name, "plain", "-C").read_bytes()).databases == (name,)


PIECES = (
    *(
        b"CREATE TABLE a (x int);",
        b"\n",
        b"'",
        b"''",
        b"E'",
        b"\\'",
        b"\\",
        b"$$",
        b"$_$",
        b"$1",
        b"a$b$",
        b'"',
        b"--",
        b"-",
        b"/*",
        b"*/",
        b"/",
    ),
    *(
        b";",
        b";\n",
        b"COPY t (a) FROM stdin;\n",
        b"\\.\n",
        b"\\.",
        b"\\.\r\n",
        b"\r\n",
        b"INSERT INTO t VALUES (1, 'a;b', -1);\n",
        b"e",
        b" ",
    ),
    *(b"INSERT INTO t VALUES (e'a\\'', ", HEADER, TRAILER, DATABASE_TRAILER, b"\\connect foo\n", b"x" * 1500, b"CREATE ROLE bob;"),
)


@given(st.lists(st.sampled_from(PIECES), max_size=30), st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_what_a_script_says_is_the_same_wherever_its_blocks_are_cut(pieces: list[bytes], sizes: list[int]) -> None:
    script = b"".join(pieces)
    assert scan(Dealt(script, sizes)) == facts_of(script)


def test_a_real_script_cut_into_small_blocks_says_the_same(app_dump: Callable[..., Path]) -> None:
    script = app_dump("plain", "--inserts").read_bytes()
    assert scan(Dealt(script, [97, 1, 4096])) == facts_of(script)


def test_memory_stays_bounded_with_one_line_of_half_a_gibibyte() -> None:
    program = """
import io
from restore_tester.restorers.postgresql.plain import scan
class Long(io.RawIOBase):
    left = 512
    def read(self, size=-1):
        self.left -= 1
        return b"COPY t FROM stdin;\\n" if self.left == 511 else b"x" * (1 << 20) if self.left > 0 else b""
facts = scan(Long())
print(facts.unfinished, next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)
    unfinished, peak_kilobytes = done.stdout.split()
    assert unfinished == b"copy" and int(peak_kilobytes) < 80 << 10
