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
from typing import IO

from restore_tester.contracts import Command, RestoreJob, Sandbox, Watch
from restore_tester.errors import BackupUnusable, CannotTell
from restore_tester.restorers.decoding import DecodeLimit, open_decoded
from restore_tester.restorers.postgresql.archive import MAGIC, Contents, read_contents
from restore_tester.restorers.postgresql.cluster import Cluster
from restore_tester.restorers.postgresql.feeding import Counted, EndOfScript, Followed, Replacing, WithoutGrantors, ownership_lines
from restore_tester.restorers.postgresql.largeobjects import ALL_EMPTY
from restore_tester.restorers.postgresql.messages import Ground, Judge, escape
from restore_tester.restorers.postgresql.names import Declared, ScriptNotes
from restore_tester.restorers.postgresql.plain import ScriptFacts, scan
from restore_tester.restorers.postgresql.wholeness import DataFile, check_tar, files_of_directory, looking_at, read_tree_out_of_tar

DIRECTORY, TAR, CUSTOM = "pg_dump-directory", "pg_dump-tar", "pg_dump-custom"
SMALL_ARCHIVE_BYTES = 4 << 20
_COPY_BLOCK = 1 << 20
_HEAD_BYTES = 4 << 20
GRANTORS_NEED_ADMIN = 16  # the first major that lets only the superuser of initdb be a grantor without ADMIN OPTION
_CREATES = re.compile(rb"^(?:CREATE |COPY |INSERT |\\connect )", re.MULTILINE)
_FINISHED = re.compile(r"pg_restore: finished item \d+ TABLE DATA ")
_STARTED = re.compile(r"processing data for table ")  # anywhere: the lines of parallel workers run into each other


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
        _warn_of_empty(check_tar(path, contents), job.watch)
    size = sum(file.path.stat().st_size for file in files) if files else path.stat().st_size
    return Archive(path, contents, files, size)


def restore_archive(archive: Archive, job: RestoreJob, target: Target) -> None:
    """Run pg_restore inside the sandbox while its data files are looked at. Raise what the messages come to."""
    sandbox, cluster = target.sandbox, target.cluster
    judge = Judge(target.ground)
    total = sum(entry.kind == "TABLE DATA" for entry in archive.contents.entries)
    jobs = _jobs(archive, job, sandbox)
    noting = _Noting(judge, job.watch, total, _FINISHED if jobs > 1 else _STARTED)
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
        done = sandbox.run(Command(tuple(argv), cluster.environment(), keep_bytes=0, on_error_line=noting.note))
        judge.finish()
        check.finish()
        _warn_of_empty(check.sizes_of_large_objects(), job.watch)
    cluster.raise_if_faulty()
    judge.warn(job.watch)
    if judge.read_to_the_end(done.code):
        job.watch.structure_proved()
    judge.conclude(done.code)
    if noting.begun < total:
        raise CannotTell(
            "restore_unexplained",
            f"pg_restore restored the rows of {noting.begun} of {total} tables and did not say why",
            "restore it by hand with `pg_restore --verbose`, and compare with what `pg_restore --list` shows",
        )


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
        counted = Counted(stream, _progress(job.watch, "decode", None))
        facts = scan(io.BufferedReader(counted, _COPY_BLOCK), notes)
    _refuse_spoiled(facts)
    job.watch.structure_proved()
    with open_script(job, sandbox) as stream:
        head = stream.read(_HEAD_BYTES)
    begins = _CREATES.search(head)
    drops_until = head.count(b"\n", 0, begins.start()) if begins and facts.drops_first else 0
    return Script(facts, notes.declared(facts.roles), counted.count, drops_until)


def restore_script(script: Script, job: RestoreJob, target: Target) -> None:
    """Feed a script to psql inside the sandbox. Raise what the messages come to; BackupUnusable (`script_mangled`) where psql
    stopped reading before the script's end."""
    sandbox, cluster = target.sandbox, target.cluster
    judge = Judge(target.ground)
    end = EndOfScript(judge.note)
    argv = (
        *(cluster.server.program("psql"), "--no-psqlrc", "--quiet", "--no-password", "--output=/dev/null", "--set=ON_ERROR_STOP=0"),
        *("--set=VERBOSITY=terse", "--set=SHOW_CONTEXT=never", f"--dbname={connection_string(target.database)}", "--file=-"),
    )
    with open_script(job, sandbox) as stream:
        source: IO[bytes] = io.BufferedReader(Replacing(stream, dict(target.replaced)), _COPY_BLOCK) if target.replaced else stream
        if cluster.server.major >= GRANTORS_NEED_ADMIN and script.declared.memberships:
            source = io.BufferedReader(WithoutGrantors(source, script.declared.memberships), _COPY_BLOCK)
        fed = io.BufferedReader(Followed(source, end.statement), _COPY_BLOCK)
        progress = _progress(job.watch, "restore", script.size_bytes + len(end.statement))
        done = sandbox.run(Command(argv, cluster.environment(), stdin=fed, keep_bytes=0, on_error_line=end.note, on_input=progress))
    judge.finish()
    if lines := judge.lines_to_look_at():
        with open_script(job, sandbox) as stream:
            judge.settle(ownership_lines(stream, lines))
    cluster.raise_if_faulty()
    judge.warn(job.watch)
    judge.conclude(0 if end.reached else done.code)
    if not end.reached:
        raise _mangled("psql stopped reading before its end: what comes after was never restored")


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


def _warn_of_empty(sizes_of_large_objects: tuple[int, ...], watch: Watch) -> None:
    if sizes_of_large_objects and not any(sizes_of_large_objects):
        watch.warn(ALL_EMPTY)


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


def _refuse_spoiled(facts: ScriptFacts) -> None:
    """Raise BackupUnusable (`script_damaged`, `trailer_missing`, `script_mangled`), CannotTell (`globals_only`)."""
    if facts.zero_bytes:
        raise BackupUnusable(
            "script_damaged",
            "the script holds zero bytes, which no text has: psql leaves out the rest of such a line without a word",
            "take an older copy, and look for the disk, the crash or the transfer that left a hole in the file",
        )
    if not facts.complete:
        raise _not_complete(facts)
    if facts.stray_command is not None:
        raise _mangled(f"it tells psql to do what no dump does ({escape(facts.stray_command)})")
    if facts.format == "pg_dumpall" and facts.dumps == 0:
        raise CannotTell(
            "globals_only",
            "the script holds roles and tablespaces and no database: nothing of any data can be proven from it",
            "name the dump of a database; `cat globals.sql database.sql` may be verified as one",
        )


def _mangled(what: str) -> BackupUnusable:
    return BackupUnusable(
        "script_mangled", f"the script is not as pg_dump wrote it: {what}", "take an older copy; look at what passes the script on"
    )


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


class _Noting:
    """Takes the lines of pg_restore. `begun` counts the tables whose rows it set about to restore."""

    def __init__(self, judge: Judge, watch: Watch, total: int, counts: re.Pattern[str]) -> None:
        self._judge, self._watch, self._total, self._counts = judge, watch, total, counts
        self._done = 0
        self.begun = 0

    def note(self, line: str) -> None:
        self.begun += len(_STARTED.findall(line))
        if self._counts.search(line):
            self._done += 1
            self._watch.progress("restore", min(self._done, self._total), self._total, "tables")
        self._judge.note(line)


def _progress(watch: Watch, stage: str, total: int | None) -> Callable[[int], None]:
    done = 0

    def count(size: int) -> None:
        nonlocal done
        done += size
        watch.progress(stage, done, total, "bytes")

    return count


def _inside(path: Path, sandbox: Sandbox) -> str:
    return str(sandbox.workspace.inside / path.relative_to(sandbox.workspace.here))
