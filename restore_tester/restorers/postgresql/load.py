"""A fetched dump → its rows in a running cluster, whatever the format; what it says of itself is read on the way.

prepare_archive, prepare_script    decode, read what the dump declares, see that it is whole   (stage `decode`)
restore_archive, restore_script    feed it in, judge every message                             (stage `restore`)
"""

from __future__ import annotations

import io
import os
import re
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from restore_tester.contracts import Command, RestoreJob, Sandbox, Watch
from restore_tester.errors import BackupUnusable
from restore_tester.restorers.decoding import DecodeLimit, open_decoded
from restore_tester.restorers.postgresql.archive import MAGIC, Contents, read_contents
from restore_tester.restorers.postgresql.cluster import Cluster
from restore_tester.restorers.postgresql.messages import Ground, Judge
from restore_tester.restorers.postgresql.names import Declared, ScriptNotes
from restore_tester.restorers.postgresql.plain import ScriptFacts, scan
from restore_tester.restorers.postgresql.wholeness import DataFile, check_tar, files_of_directory, looking_at, read_tree_out_of_tar

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

DIRECTORY, TAR, CUSTOM = "pg_dump-directory", "pg_dump-tar", "pg_dump-custom"
SMALL_ARCHIVE_BYTES = 4 << 20
_COPY_BLOCK = 1 << 20
_HEAD_BYTES = 4 << 20
_CREATES = re.compile(rb"^(?:CREATE |COPY |INSERT |\\connect )", re.MULTILINE)
_FINISHED = re.compile(r"pg_restore: finished item \d+ TABLE DATA ")
_STARTED = re.compile(r"pg_restore: processing data for table ")


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive ready for pg_restore: `path` as it lies here, its contents, and the data files to look at meanwhile."""

    path: Path
    contents: Contents
    files: tuple[DataFile, ...]
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Script:
    """A script ready for psql, already read once: what it says and declares, its size decoded (bytes), and where creating begins (line)."""

    facts: ScriptFacts
    declared: Declared
    size_bytes: int
    drops_until: int


@dataclass(frozen=True, slots=True)
class Target:
    """Where rows go, and what is expected there. `replaced` are lines of a script that must read differently here."""

    sandbox: Sandbox
    cluster: Cluster
    database: str
    ground: Ground
    replaced: tuple[tuple[bytes, bytes], ...] = ()


def prepare_archive(job: RestoreJob, sandbox: Sandbox) -> Archive:
    """Bring an archive into the form that pg_restore reads, and read its contents. Raise BackupUnusable, CannotTell."""
    path = sandbox.workspace.here / job.fetched.path
    compression = None if path.is_dir() else job.facts.compression
    if job.facts.format == DIRECTORY and not path.is_dir():
        path = _unpack_directory(job, sandbox, path)
    elif compression is not None:
        path = _decode_file(job, sandbox, path)
    contents = _contents_of(path, job.facts.format or "")
    files: tuple[DataFile, ...] = ()
    if path.is_dir():
        files = files_of_directory(path, contents)
    elif job.facts.format == TAR:
        check_tar(path, contents)
    size = sum(file.path.stat().st_size for file in files) if files else path.stat().st_size
    return Archive(path, contents, files, size)


def restore_archive(archive: Archive, job: RestoreJob, target: Target) -> None:
    """Run pg_restore inside the sandbox while its data files are looked at. Raise what the messages come to."""
    sandbox, cluster = target.sandbox, target.cluster
    judge = Judge(target.ground)
    total = sum(entry.kind == "TABLE DATA" for entry in archive.contents.entries)
    jobs = _jobs(archive, job, sandbox)
    note = _noting(judge, job.watch, total, _FINISHED if jobs > 1 else _STARTED)
    argv = [
        cluster.server.program("pg_restore"),
        "--verbose",
        "--no-password",
        "--no-tablespaces",
        f"--dbname={connection_string(target.database)}",
    ]
    if jobs > 1:
        argv.append(f"--jobs={jobs}")
    argv.append(_inside(archive.path, sandbox))
    with looking_at(archive.files, sandbox.cpus) as check:
        done = sandbox.run(Command(tuple(argv), cluster.environment(), keep_bytes=0, on_error_line=note))
        judge.finish()
        check.finish()
    cluster.raise_if_faulty()
    judge.warn(job.watch)
    if judge.read_to_the_end(done.code):
        job.watch.structure_proved()
    judge.conclude(done.code)


def prove_structure(archive: Archive, job: RestoreJob, sandbox: Sandbox, pg_restore: str) -> None:
    """Read an archive to its end without a database: what cannot be restored here may still be damaged. Raise as `restore_archive`."""
    judge = Judge(Ground(frozenset()))
    argv = (pg_restore, "--verbose", "--file=/dev/null", _inside(archive.path, sandbox))
    with looking_at(archive.files, sandbox.cpus) as check:
        done = sandbox.run(Command(argv, {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}, keep_bytes=0, on_error_line=judge.note))
        judge.finish()
        check.finish()
    judge.conclude(done.code)
    job.watch.structure_proved()


def prepare_script(job: RestoreJob, sandbox: Sandbox) -> Script:
    """Read a script to its end before anything of it is executed. Raise BackupUnusable (`trailer_missing`, …), CannotTell."""
    notes = ScriptNotes()
    with open_script(job, sandbox) as stream:
        counted = _Counted(stream, _progress(job.watch, "decode", None))
        facts = scan(io.BufferedReader(counted, _COPY_BLOCK), notes)
    if not facts.complete:
        raise _not_complete(facts)
    job.watch.structure_proved()
    with open_script(job, sandbox) as stream:
        head = stream.read(_HEAD_BYTES)
    begins = _CREATES.search(head)
    drops_until = head.count(b"\n", 0, begins.start()) if begins and facts.drops_first else 0
    return Script(facts, notes.declared(facts.roles), counted.count, drops_until)


def restore_script(script: Script, job: RestoreJob, target: Target) -> None:
    """Feed a script to psql inside the sandbox. Meta-commands act in there only. Raise what the messages come to."""
    sandbox, cluster = target.sandbox, target.cluster
    judge = Judge(target.ground)
    argv = (
        *(cluster.server.program("psql"), "--no-psqlrc", "--quiet", "--no-password", "--output=/dev/null", "--set=ON_ERROR_STOP=0"),
        *("--set=VERBOSITY=terse", "--set=SHOW_CONTEXT=never", f"--dbname={connection_string(target.database)}", "--file=-"),
    )
    with open_script(job, sandbox) as stream:
        fed = io.BufferedReader(_Replacing(stream, dict(target.replaced)), _COPY_BLOCK) if target.replaced else stream
        progress = _progress(job.watch, "restore", script.size_bytes)
        done = sandbox.run(Command(argv, cluster.environment(), stdin=fed, keep_bytes=0, on_error_line=judge.note, on_input=progress))
    judge.finish()
    cluster.raise_if_faulty()
    judge.warn(job.watch)
    judge.conclude(done.code)


def open_script(job: RestoreJob, sandbox: Sandbox) -> io.BufferedReader:
    path = sandbox.workspace.here / job.fetched.path
    return open_decoded(path, job.facts.compression, DecodeLimit(path.stat().st_size))


def connection_string(database: str) -> str:
    """Return a connection string that names a database, however it is spelt."""
    return "dbname='" + database.replace("\\", "\\\\").replace("'", "\\'") + "'"


def give(path: Path, sandbox: Sandbox) -> None:
    """Let the sandbox read what we wrote into its workspace."""
    owner = sandbox.workspace.here.stat()
    if os.geteuid() == 0:
        os.chown(path, owner.st_uid, owner.st_gid)


def _decode_file(job: RestoreJob, sandbox: Sandbox, path: Path) -> Path:
    decoded = _decoded_folder(sandbox) / "archive"
    progress = _progress(job.watch, "decode", None)
    with open_decoded(path, job.facts.compression, DecodeLimit(path.stat().st_size)) as source, decoded.open("xb") as target:
        while block := source.read1(_COPY_BLOCK):
            target.write(block)
            progress(len(block))
        warnings = source.warnings
    for warning in warnings:
        job.watch.warn(warning)
    give(decoded, sandbox)
    return decoded


def _unpack_directory(job: RestoreJob, sandbox: Sandbox, path: Path) -> Path:
    folder = _decoded_folder(sandbox)
    with (
        open_decoded(path, job.facts.compression, DecodeLimit(path.stat().st_size)) as source,
        _open_tar(source) as tar,
    ):
        read_tree_out_of_tar(tar, folder, _progress(job.watch, "decode", None))
        while source.read1(_COPY_BLOCK):
            pass
    for file in folder.iterdir():
        give(file, sandbox)
    return folder


def _open_tar(source: IO[bytes]) -> tarfile.TarFile:
    try:
        return tarfile.open(fileobj=source, mode="r|")
    except tarfile.TarError as error:
        raise BackupUnusable("archive_truncated", "the tar cannot be read", "take an older copy") from error


def _decoded_folder(sandbox: Sandbox) -> Path:
    folder = sandbox.workspace.here / "decoded"
    folder.mkdir(mode=0o755)
    give(folder, sandbox)
    return folder


def _contents_of(path: Path, format: str) -> Contents:
    if format == TAR:
        with path.open("rb") as file:
            return read_contents(_toc_of_tar(file))
    if not path.is_dir():
        with path.open("rb") as file:
            return read_contents(file)
    table = next((table for suffix in ("", ".gz", ".lz4", ".zst") if (table := path / f"toc.dat{suffix}").is_file()), None)
    if table is None:
        raise BackupUnusable("directory_incomplete", "the table of contents (toc.dat) is missing", "copy the whole folder")
    with table.open("rb") as file:
        compression = None if file.read(len(MAGIC)) == MAGIC else table.suffix[1:]
    names = {"gz": "gzip", "lz4": "lz4", "zst": "zstd"}
    with open_decoded(table, names.get(compression or ""), DecodeLimit(table.stat().st_size)) as stream:
        return read_contents(stream)


def _toc_of_tar(file: IO[bytes]) -> IO[bytes]:
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            member = next((member for member in tar if member.name == "toc.dat"), None)
            source = tar.extractfile(member) if member else None
            data = source.read() if source else b""
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise BackupUnusable("archive_truncated", "the tar is cut short before its table of contents ends", "take an older copy") from error
    return io.BytesIO(data)


def _not_complete(facts: ScriptFacts) -> BackupUnusable:
    where = f"; it breaks off within a {facts.unfinished}" if facts.unfinished else ""
    return BackupUnusable(
        "trailer_missing",
        f"the script does not end as pg_dump ends it: it is cut short, or pg_dump did not finish{where}",
        "take an older copy; in the job that makes it, use `set -o pipefail` and look at pg_dump's exit code",
    )


def _jobs(archive: Archive, job: RestoreJob, sandbox: Sandbox) -> int:
    """In both profiles, as many jobs as processors: that is how a runbook restores, and the record holds `cpus`. Not for a tar
    (pg_restore cannot), nor where starting workers costs more than they save."""
    if job.facts.format == TAR or archive.size_bytes < SMALL_ARCHIVE_BYTES:
        return 1
    return max(1, sandbox.cpus)


def _noting(judge: Judge, watch: Watch, total: int, counts: re.Pattern[str]) -> Callable[[str], None]:
    done = 0

    def note(line: str) -> None:
        nonlocal done
        if counts.match(line):
            done += 1
            watch.progress("restore", min(done, total), total, "tables")
        judge.note(line)

    return note


def _progress(watch: Watch, stage: str, total: int | None) -> Callable[[int], None]:
    done = 0

    def count(size: int) -> None:
        nonlocal done
        done += size
        watch.progress(stage, done, total, "bytes")

    return count


def _inside(path: Path, sandbox: Sandbox) -> str:
    return str(sandbox.workspace.inside / path.relative_to(sandbox.workspace.here))


class _Counted(io.RawIOBase):
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


class _Replacing(io.RawIOBase):
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
        block = self._stream.read(_COPY_BLOCK)
        self._ended = not block
        held = self._held + block
        for old, new in self._replaced.items():
            held = held.replace(old, new)
        cut = len(held) if self._ended else max(0, len(held) - self._keep)
        self._out, self._held = held[:cut], held[cut:]
