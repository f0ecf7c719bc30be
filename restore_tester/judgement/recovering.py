"""A backup → the commands that bring it back, to be read and typed by a person who is in a hurry. Pure.

Names are quoted for a POSIX shell. `TARGET` stands for the server to restore into, as `user@host:port`, and `NEW_DATABASE` for a name
that the dump does not say: nobody but their owner knows them.
"""

from __future__ import annotations

import shlex
from urllib.parse import unquote, urlsplit

from restore_tester.model import BackupRecord

TARGET = "postgresql://TARGET/postgres"
NEW_DATABASE = "postgresql://TARGET/NEW_DATABASE"
# What the restorer calls the database of a plain dump that names none.
NAMELESS = ("restored",)
UNPACKED = "./unpacked"
_ARCHIVES = frozenset({"pg_dump-custom", "pg_dump-tar"})
_DECODERS = {"gzip": "gzip -dc", "zstd": "zstd -dc", "xz": "xz -dc", "bzip2": "bzip2 -dc", "lz4": "lz4 -dc"}
_JOBS = 4


def recovery_commands(backup: BackupRecord) -> tuple[str, ...]:
    """Return the commands, in order; none where they are not known."""
    copied, path = _copied(backup)
    layers = backup.compression.split("+") if backup.compression else []
    if any(layer not in _DECODERS for layer in layers):
        return ()
    decoded = f"{_DECODERS[layers[0]]} {shlex.quote(path)}" if layers else None
    if decoded is not None:
        decoded = " | ".join([decoded, *(_DECODERS[layer] for layer in layers[1:])])
    restored = _restored(backup, path, decoded)
    return (*copied, *restored) if restored else ()


def _copied(backup: BackupRecord) -> tuple[tuple[str, ...], str]:
    split = urlsplit(backup.uri, allow_fragments=False)
    if split.scheme != "s3":
        return (), unquote(split.path) if split.scheme == "file" else backup.uri
    name = backup.uri.rstrip("/").rpartition("/")[2]
    recursive = " --recursive" if backup.uri.endswith("/") else ""
    return (f"aws s3 cp{recursive} {shlex.quote(backup.uri)} {shlex.quote(f'./{name}')}",), f"./{name}"


def _restored(backup: BackupRecord, path: str, decoded: str | None) -> tuple[str, ...]:
    create = f"pg_restore --create --dbname={TARGET}"
    if backup.format == "pg_dump-directory":
        if decoded is None and not path.endswith(".tar"):
            return (f"{create} --jobs={_JOBS} {shlex.quote(path)}",)
        unpack = f"mkdir {UNPACKED} && tar -xf {shlex.quote(path)} -C {UNPACKED}"
        return unpack, f'{create} --jobs={_JOBS} "$(dirname "$(find {UNPACKED} -name "toc.dat*")")"'
    if backup.format in _ARCHIVES:
        if decoded is not None:
            return (f"{decoded} | {create}",)
        jobs = f" --jobs={_JOBS}" if backup.format == "pg_dump-custom" else ""
        return (f"{create}{jobs} {shlex.quote(path)}",)
    if backup.format == "pg_dumpall":
        # It makes the role that restores it once more, and stops at nothing else than that.
        return (_fed(path, decoded, f"psql --dbname={TARGET}"),)
    if backup.format == "pg_dump-plain":
        psql = "psql --set=ON_ERROR_STOP=1 --dbname="
        if backup.databases not in ((), NAMELESS):
            return (_fed(path, decoded, f"{psql}{TARGET}"),)
        return f"createdb --maintenance-db={TARGET} NEW_DATABASE", _fed(path, decoded, f"{psql}{NEW_DATABASE}")
    return ()


def _fed(path: str, decoded: str | None, psql: str) -> str:
    return f"{decoded} | {psql}" if decoded is not None else f"{psql} --file={shlex.quote(path)}"
