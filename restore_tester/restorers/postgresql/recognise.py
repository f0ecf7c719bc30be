"""The ends of a backup → what it is, by its content: format, compression, source version, databases; or the trouble with it.

Names say nothing here, with one exception: within a folder or a tar, `toc.dat` is what pg_dump itself calls its table of contents.
What is no dump that we know is described by `strangers.py`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from restore_tester.errors import BackupUnusable, CannotTell
from restore_tester.model import BackupFacts, Blame, Ends, Part, Reason
from restore_tester.restorers.decoding import DecodeLimit, Head, limit_reached, read_head, sniff
from restore_tester.restorers.postgresql.archive import (
    MAGIC,
    PACKED_SUFFIXES,
    ArchiveCut,
    Contents,
    missing_members,
    read_contents,
    read_header,
)
from restore_tester.restorers.postgresql.plain import BYTE_ORDER_MARK, CLUSTER_HEADER, DATABASE_HEADER, ScriptFacts, scan_head
from restore_tester.restorers.postgresql.strangers import Stranger, describe, describe_names
from restore_tester.restorers.postgresql.tarred import PG_DUMP_OWNER, is_tar, list_members

ENGINE = "postgresql"
DEEPEST = 3
SCRIPT_HEADER_WITHIN = 1 << 16  # bytes: banners of shells and pagers come before it, never more
TABLE_OF_CONTENTS = frozenset("toc.dat" + suffix for suffix in ("", *PACKED_SUFFIXES))

_SCRIPT_HEADER = re.compile(rb"^(?:%s|%s)\r?$" % (re.escape(DATABASE_HEADER), re.escape(CLUSTER_HEADER)), re.MULTILINE)
_DATA_MEMBER = re.compile(r"(?:\d+\.dat|blob_\d+\.dat|blobs(?:_\d+)?\.toc)(?:\.gz|\.lz4|\.zst)?\Z")
_VERSION = re.compile(r"\d+(?:\.\d+)*(?:(?:devel|alpha|beta|rc)\d*)?")


@dataclass(frozen=True, slots=True)
class _Content:
    """The beginning of what is within all compression; `whole`: it is all there is."""

    data: bytes
    whole: bool
    layers: tuple[str, ...] = ()
    consumed: int = 0

    @property
    def compression(self) -> str | None:
        return "+".join(self.layers) or None


def recognise(ends: Ends) -> BackupFacts:
    """Say what a backup is. Never raises for content: `trouble` says what is wrong with it, `trouble_blame` whose it is."""
    try:
        return _recognise_tree(ends) if ends.is_tree else _recognise_file(ends)
    except BackupUnusable as error:
        return _trouble(error.reason)
    except CannotTell as error:
        return _trouble(error.reason, Blame.OURS)


def release(version_text: str) -> str | None:
    """Return the release in what a producer wrote: `15.18` of `15.18 (Debian 15.18-0+deb12u1)`."""
    found = _VERSION.match(version_text.strip())
    return found.group() if found else None


def _trouble(reason: Reason, blame: Blame = Blame.BACKUP) -> BackupFacts:
    return BackupFacts(format=None, engine=None, trouble=reason, trouble_blame=blame)


def _recognise_file(ends: Ends) -> BackupFacts:
    if ends.size_bytes == 0 or not ends.first:
        return _empty("the file has zero bytes")
    content = _unwrap(_Content(ends.first, whole=len(ends.first) >= ends.size_bytes), ends.size_bytes)
    if not content.data:
        return _empty("there are zero bytes within the compression")
    facts = _recognise_content(content)
    facts = replace(facts, compression=content.compression)
    if len(content.layers) > 1 and facts.trouble is None:
        facts = replace(facts, warnings=(*facts.warnings, _compressed_twice(content)))
    return facts


def _unwrap(content: _Content, size: int) -> _Content:
    layers: tuple[str, ...] = ()
    first = content.data
    while algorithm := sniff(content.data):
        layers = (*layers, algorithm)
        if len(layers) > DEEPEST:
            raise CannotTell(
                "compressed_too_deeply",
                f"the file is compressed more than {DEEPEST} times over",
                "decompress it by hand until a dump comes out, and verify that; and look at the job that writes it",
            )
        head: Head = read_head(first, "+".join(layers), size)
        content = _Content(head.data, head.ended, layers, head.consumed)
    return content


def _recognise_content(content: _Content) -> BackupFacts:
    data = content.data
    if data.startswith(MAGIC):
        return _recognise_archive(content)
    if is_tar(data):
        return _recognise_tar(content)
    script = data.removeprefix(BYTE_ORDER_MARK)[:SCRIPT_HEADER_WITHIN]
    if _SCRIPT_HEADER.search(script):
        return _script_facts(scan_head(data), content.whole)
    if content.layers and len(data) > DecodeLimit(content.consumed).ratio * content.consumed:
        raise limit_reached(f"the first {content.consumed} compressed bytes unfold to more than {len(data)} bytes, and those are no dump")
    return _stranger(describe(data))


def _recognise_archive(content: _Content) -> BackupFacts:
    facts = _archive_facts("pg_dump-custom", content)
    if content.whole and facts.tables is None:
        raise ArchiveCut
    return facts


def _archive_facts(format: str, content: _Content) -> BackupFacts:
    contents = read_header(io.BytesIO(content.data))
    whole = _read_all(content)
    return BackupFacts(
        format=format,
        engine=ENGINE,
        engine_version=release(contents.server_version),
        databases=(contents.database,) if contents.database else (),
        tables=whole.tables if whole else None,
        dump_start=contents.created,
    )


def _read_all(content: _Content) -> Contents | None:
    """Return the table of contents where the peek holds all of it."""
    try:
        return read_contents(io.BytesIO(content.data))
    except ArchiveCut:
        if content.whole:
            raise
        return None


def _script_facts(script: ScriptFacts, whole: bool) -> BackupFacts:
    if script.format is None:
        return _trouble(
            Reason(
                "script_mangled",
                "other text stands before the dump, and psql would read it as part of the first statement",
                "remove what comes before `-- PostgreSQL database dump`, and keep the job's shell from printing into the dump",
            )
        )
    warnings = [
        Reason(code, message, "dump with `pg_dump -f FILE`, and move dumps as binary files")
        for code, message, applies in (
            ("windows_line_ends", "the script has Windows line ends: something rewrote it after pg_dump", script.windows_line_ends),
            ("byte_order_mark", "the script begins with a byte order mark: something rewrote it after pg_dump", script.byte_order_mark),
        )
        if applies
    ]
    return BackupFacts(
        format=script.format,
        engine=ENGINE,
        engine_version=release(script.server_version or ""),
        databases=script.databases if whole or script.format == "pg_dump-plain" else (),
        tables=script.tables if whole else None,
        dump_start=script.dump_start,
        warnings=tuple(warnings),
    )


def _recognise_tar(content: _Content) -> BackupFacts:
    members = list_members(content.data)
    table = next((member for member in members if member.base_name in TABLE_OF_CONTENTS), None)
    if table is None:
        if any(_DATA_MEMBER.match(member.base_name) for member in members):
            return _no_table_of_contents() if content.whole else BackupFacts(format="pg_dump-directory", engine=ENGINE)
        return _stranger(describe_names([member.name for member in members], packed=True))
    is_pg_dump_tar = members[0] == table and table.name == "toc.dat" and table.owner == PG_DUMP_OWNER
    head = content.data[table.begins : table.begins + table.size_bytes]
    facts = _archive_facts("pg_dump-tar" if is_pg_dump_tar else "pg_dump-directory", _table_of_contents(head, table.size_bytes))
    if content.whole and not is_pg_dump_tar and facts.trouble is None:
        return _without_missing(facts, head, table.size_bytes, [(member.base_name, member.size_bytes) for member in members])
    return facts


def _table_of_contents(head: bytes, size: int) -> _Content:
    """Return it out of its compression, which is none of the backup's: pg_restore itself reads `toc.dat.gz`."""
    content = _unwrap(_Content(head, whole=len(head) >= size), size)
    return replace(content, layers=())


def _recognise_tree(ends: Ends) -> BackupFacts:
    if not ends.parts:
        return _empty("the folder holds no file")
    tables = [part for part in ends.parts if part.name in TABLE_OF_CONTENTS]
    if not tables:
        return _recognise_folder(ends.parts)
    if tables[0].size_bytes == 0 or not ends.first:
        raise ArchiveCut
    facts = _archive_facts("pg_dump-directory", _table_of_contents(ends.first, tables[0].size_bytes))
    return _without_missing(facts, ends.first, tables[0].size_bytes, [(part.name, part.size_bytes) for part in ends.parts])


def _without_missing(facts: BackupFacts, head: bytes, size: int, members: Iterable[tuple[str, int]]) -> BackupFacts:
    """Return the facts, or the trouble that a member which the table of contents names is not there, or is there without a byte."""
    contents = _read_all(_table_of_contents(head, size))
    if contents is None:
        return facts
    sizes = dict(members)
    missing = missing_members(contents, (name for name, member_bytes in sizes.items() if member_bytes > 0))
    if not missing:
        return facts
    shown = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
    return _trouble(
        Reason(
            "directory_incomplete",
            f"the table of contents names {len(missing)} data files that are missing or empty: {shown}",
            "copy the whole folder, and check that the job that copies it finishes",
        )
    )


def _recognise_folder(parts: tuple[Part, ...]) -> BackupFacts:
    if any(_DATA_MEMBER.match(part.name) for part in parts):
        return _no_table_of_contents()
    return _stranger(describe_names([part.name for part in parts], packed=False))


def _no_table_of_contents() -> BackupFacts:
    return _trouble(
        Reason(
            "directory_incomplete",
            "data files of a directory dump are here, and its table of contents (toc.dat) is missing",
            "pg_dump writes toc.dat last: check that it finished, and that the whole folder was copied",
        )
    )


def _empty(message: str) -> BackupFacts:
    return _trouble(Reason("empty", message, "look at the exit code and the messages of the job that writes this backup"))


def _stranger(stranger: Stranger) -> BackupFacts:
    return _trouble(stranger.reason, stranger.blame)


def _compressed_twice(content: _Content) -> Reason:
    return Reason(
        "compressed_twice",
        f"the file is compressed {len(content.layers)} times over ({content.compression})",
        "drop one compressor from the pipeline: the second one costs time at every restore",
    )
