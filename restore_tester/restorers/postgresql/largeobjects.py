"""The lists of large objects in a directory or tar archive → their files, held against what the table of contents creates.

pg_restore creates each large object from the table of contents, then fills those that a list (`blobs.toc`, since PostgreSQL 17
one `blobs_<entry>.toc` for each group) names with what their files hold: a shorter list leaves them empty without a word.
Written from `pg_backup_directory.c` and `pg_backup_tar.c`: a line is `<oid> <file>`; PostgreSQL 17 writes one `BLOB METADATA`
entry for a group, whose definition is its oids.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from restore_tester.errors import BackupUnusable
from restore_tester.model import Reason
from restore_tester.restorers.postgresql.archive import Contents
from restore_tester.restorers.postgresql.messages import escape

LIST_NAME = re.compile(r"blobs(?:_\d+)?\.toc\Z")
ALL_EMPTY = Reason(
    "large_objects_empty",
    "every large object of the dump is empty",
    "compare with the source: pg_dump writes an empty file for an empty large object, and so does whatever empties files",
)
_LINE = re.compile(rb"(\d{1,10}) ([^\s/]{1,200})\n?\Z")
_TAKE_OLDER = "take an older copy, and check that whatever writes, copies or cleans this backup finishes"


def lists_of_directory(contents: Contents) -> tuple[str, ...]:
    """Return the names of the lists that a directory archive has."""
    return tuple(dict.fromkeys(entry.data_file for entry in contents.entries if entry.kind == "BLOBS" and entry.data_file))


def read_list(name: str, lines: Iterable[bytes]) -> Iterator[tuple[int, str]]:
    """Yield the oid of each large object of a list, and the name of its file. Raise BackupUnusable (`archive_damaged`)."""
    for line in lines:
        found = _LINE.match(line)
        if found is None:
            raise BackupUnusable(
                "archive_damaged", f"the list of large objects {escape(name)[:100]} holds a line that is none", _TAKE_OLDER
            )
        yield int(found[1]), found[2].decode("utf-8", "backslashreplace")


def refuse_missing(contents: Contents, listed: Mapping[int, str]) -> None:
    """Raise BackupUnusable (`large_objects_missing`) where the table of contents creates one with data that no list names."""
    if not any(entry.kind == "BLOBS" for entry in contents.entries):
        return
    missing = sorted(created_in(contents) - listed.keys())
    if missing:
        raise _missing(len(missing), f"no list names them, the first one {missing[0]}")


def refuse_without_file(listed: Mapping[int, str], present: Iterable[str]) -> None:
    """Raise BackupUnusable (`large_objects_missing`) where a list names a file that is not among those present."""
    there = frozenset(present)
    missing = [name for name in listed.values() if name not in there]
    if missing:
        raise _missing(len(missing), f"their files are not there, the first one {escape(missing[0])}")


def created_in(contents: Contents) -> frozenset[int]:
    """Return the oids of the large objects that the table of contents creates."""
    created: set[int] = set()
    for entry in contents.entries:
        if entry.kind == "BLOB" and entry.tag.isdecimal():
            created.add(int(entry.tag))
        elif entry.kind == "BLOB METADATA":
            created.update(int(word) for word in entry.definition.split() if word.isdecimal())
    return frozenset(created)


def _missing(count: int, how: str) -> BackupUnusable:
    return BackupUnusable("large_objects_missing", f"{count} large objects of the dump have lost what they held: {how}", _TAKE_OLDER)
