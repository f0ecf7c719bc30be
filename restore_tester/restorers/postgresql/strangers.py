"""Content that is no dump we restore → one sentence on what it seems to be, and whose fault that is.

A backup of another kind may well be sound, so not reading it is ours; what is no backup at all is theirs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from restore_tester.model import Blame, Reason

SAMPLE_BYTES = 1 << 16
_SMALLEST_SAMPLE = 64
_RANDOM_BELOW = 2.0
_PRINTABLE = 0.95
_TEXT_BYTES = bytes(range(32, 127)) + b"\t\n\r\f\x1b" + bytes(range(128, 256))


@dataclass(frozen=True, slots=True)
class Stranger:
    reason: Reason
    blame: Blame


def describe(data: bytes) -> Stranger:
    """Given the beginning of a file, out of all compression. Return what it seems to be."""
    text = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return _theirs("html_page", "this is an HTML page, such as a login or an error page of a web server", _LOOK_AT_THE_DOWNLOAD)
    if text.startswith(b"<?xml") and b"<error>" in text:
        return _theirs("html_page", "this is an error message of an object store, in XML", _LOOK_AT_THE_DOWNLOAD)
    for mark, what in _ENCRYPTED:
        if data.startswith(mark):
            return _theirs("encrypted_or_random", f"this is encrypted ({what})", "decrypt it first, with the key that a recovery would use")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _describe_wide(data)
    for pattern, what in _OTHER_BACKUPS:
        if pattern.match(data):
            return _ours("format_not_supported", f"this seems to be {what}, which is not supported yet", _ONLY_POSTGRESQL)
    return _describe_unknown(data, text)


def describe_names(names: Sequence[str], packed: bool) -> Stranger:
    """Given the names of a folder's files, or of a tar's members. Return what they seem to be together."""
    bases = {name.rpartition("/")[2] for name in names}
    stems = {base.partition(".")[0] for base in bases}
    if bases & {"PG_VERSION", "backup_label", "pg_control"} or ("backup_manifest" in bases and "base" in stems):
        return _ours("format_not_supported", "this is a physical backup of PostgreSQL, which is not supported yet", _ONLY_LOGICAL)
    if packed:
        first = f", the first one {names[0][:80]!r}" if names else ""
        return _ours("format_not_supported", f"this is a tar of {len(names)} or more files that are no dump by pg_dump{first}", _UNPACK)
    return _ours(
        "not_one_backup", f"this folder of {len(names)} files is not one backup", "name one dump: a file, or the folder that holds toc.dat"
    )


_LOOK_AT_THE_DOWNLOAD = "look at what downloads or uploads this file: it must stop where the server answers with an error"
_ONLY_POSTGRESQL = "name a dump made by pg_dump or pg_dumpall"
_ONLY_LOGICAL = "name a dump made by pg_dump or pg_dumpall; base backups come later"
_UNPACK = "unpack it, and verify the dump within"

_ENCRYPTED = (
    (b"-----BEGIN PGP MESSAGE-----", "OpenPGP, armored"),
    (b"\x8c\x0d\x04", "OpenPGP, with a passphrase"),
    (b"\x85\x01\x0c\x03", "OpenPGP, for a key"),
    (b"\x85\x02\x0c\x03", "OpenPGP, for a key"),
    (b"\x84\x5e\x03", "OpenPGP, for a key"),
    (b"age-encryption.org/v1", "age"),
    (b"-----BEGIN AGE ENCRYPTED FILE-----", "age, armored"),
    (b"Salted__", "openssl enc"),
    (b"$ANSIBLE_VAULT;", "Ansible Vault"),
)

_OTHER_BACKUPS = (
    (re.compile(rb"SQLite format 3\x00"), "a SQLite database"),
    (re.compile(rb"REDIS\d{4}"), "a Redis snapshot"),
    (re.compile(rb"(?:/\*M?!.{0,200}\n)?-- (?:MySQL|MariaDB) dump ", re.DOTALL), "a dump of MySQL or MariaDB"),
    (re.compile(rb"\x6d\xe2\x99\x81"), "a dump of MongoDB"),
    (re.compile(rb"PK\x03\x04"), "a zip archive"),
    (re.compile(rb"7z\xbc\xaf\x27\x1c"), "a 7z archive"),
    (re.compile(rb"Rar!\x1a\x07"), "a RAR archive"),
    (re.compile(rb"\x1f\x9d"), "a file packed by `compress`"),
    (re.compile(rb"LZIP"), "a file packed by lzip"),
    (re.compile(rb"\x89LZO\x00"), "a file packed by lzop"),
    (re.compile(rb"\x02\x21\x4c\x18"), "an lz4 file of the legacy format"),
    (re.compile(rb"\x5d\x00\x00.{2}\xff{8}", re.DOTALL), "a file packed by lzma"),
    (re.compile(rb"XBSTCK01"), "a backup by xtrabackup"),
    (re.compile(rb"TAPE"), "a backup of SQL Server"),
)

_SEEMINGLY = (
    (re.compile(rb"\{|\["), "JSON"),
    (re.compile(rb"<\?xml"), "XML"),
    (re.compile(rb"(?:pg_dump|pg_dumpall|psql|pg_restore): "), "the error messages of a PostgreSQL program"),
    (re.compile(rb"version https://git-lfs"), "a pointer of Git LFS, not the file itself"),
    (re.compile(rb"(?:bash|sh|/bin/\w+): "), "the error messages of a shell"),
    (
        re.compile(rb"(?:--[^\n]*\n|\s)*(?:create|insert|set|begin|select|copy|drop|alter)\b"),
        "a SQL script that neither pg_dump nor pg_dumpall wrote",
    ),
)


def _describe_wide(data: bytes) -> Stranger:
    text = data.decode("utf-16", "replace")
    if "PostgreSQL database" in text[:4096]:
        return _theirs(
            "script_mangled",
            "this is a plain dump that was rewritten as UTF-16, as `>` in PowerShell does: psql cannot read it",
            "dump with `pg_dump -f FILE`; `iconv -f UTF-16 -t UTF-8` may rescue what is here",
        )
    return _theirs("unrecognised", "this is no backup that is known here; it seems to be text in UTF-16", _LOOK_AT_THE_JOB)


_LOOK_AT_THE_JOB = "look at what the job really wrote, and whether this is the right file"


def _describe_unknown(data: bytes, text: bytes) -> Stranger:
    if data.count(0) == len(data):
        return _theirs("unrecognised", "this is no backup: it begins with nothing but zero bytes", _LOOK_AT_THE_JOB)
    sample = data[:SAMPLE_BYTES]
    if _is_random(sample):
        return _theirs(
            "encrypted_or_random",
            "this looks encrypted, or is random: no format is known that begins so, and its bytes have no pattern",
            "if it is encrypted, decrypt it first, with the key that a recovery would use",
        )
    is_text = len(sample.translate(None, _TEXT_BYTES)) <= (1 - _PRINTABLE) * len(sample)
    seemingly = next((what for pattern, what in _SEEMINGLY if pattern.match(text)), "text") if is_text else "binary data of an unknown kind"
    return _theirs("unrecognised", f"this is no backup that is known here; it seems to be {seemingly}", _LOOK_AT_THE_JOB)


def _is_random(sample: bytes) -> bool:
    """Two random bytes are equal once in 256 pairs; in text that is 10 to 20 times as often, in programs more than 3 times."""
    if len(sample) < _SMALLEST_SAMPLE:
        return False
    equal_pairs = sum(count * (count - 1) for count in Counter(sample).values())
    return equal_pairs / (len(sample) * (len(sample) - 1)) < _RANDOM_BELOW / 256


def _theirs(code: str, message: str, hint: str) -> Stranger:
    return Stranger(Reason(code, message, hint), Blame.BACKUP)


def _ours(code: str, message: str, hint: str) -> Stranger:
    return Stranger(Reason(code, message, hint), Blame.OURS)
