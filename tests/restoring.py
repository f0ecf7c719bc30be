"""A dump → restored for real by the PostgreSQL restorer in a process sandbox, and what it said meanwhile."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from restore_tester.contracts import RestoredData, RestoreJob, Sandbox, SandboxProvider
from restore_tester.model import BackupFacts, Ends, Fetched, Part, Profile, Reason
from restore_tester.restorers.postgresql.restorer import PostgresRestorer
from restore_tester.restorers.postgresql.servers import Server, find_servers
from restore_tester.sandboxes.docker.provider import DockerSandboxes
from restore_tester.sandboxes.process.provider import ProcessSandboxes


@dataclass
class Watched:
    """What a restorer told. Implements `contracts.Watch`."""

    stages: list[str] = field(default_factory=list)
    warnings: list[Reason] = field(default_factory=list)
    progress_of: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    structure: bool = False

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.stages.append(name)
        yield

    def progress(self, stage: str, done: int, total: int | None, unit: str) -> None:
        self.progress_of[f"{stage} {unit}"] = (done, total)

    def warn(self, reason: Reason) -> None:
        if reason not in self.warnings:
            self.warnings.append(reason)

    def structure_proved(self) -> None:
        self.structure = True

    @property
    def warned(self) -> list[str]:
        return [warning.code for warning in self.warnings]


@dataclass(frozen=True)
class How:
    """How to restore, where it is not as usual."""

    profile: Profile = Profile.FAST
    settings: tuple[tuple[str, str], ...] = ()
    database: str | None = None
    keep: bool = False
    servers: tuple[Server, ...] | None = None
    docker: bool = False
    image: str | None = None
    memory_bytes: int | None = None


class Restoring:
    """Opens sandboxes below /tmp, whose paths are short enough for a unix socket."""

    def __init__(self) -> None:
        self.watched = Watched()
        self.sandbox: Sandbox | None = None

    @contextlib.contextmanager
    def restored(self, backup: Path, how: How | None = None) -> Iterator[RestoredData]:
        """Restore a backup; `watched` tells what was said."""
        how = how or How()
        restorer = PostgresRestorer(find_servers() if how.servers is None else how.servers)
        facts = restorer.inspect(peek(backup))
        self.watched = Watched()
        needs = replace(restorer.needs(facts), image=how.image, memory_bytes=how.memory_bytes)
        with short_folder() as base, _sandboxes(how, restorer, base).open(needs) as sandbox:
            self.sandbox = sandbox
            job = self._job(backup, facts, sandbox, how)
            sandbox.seal()
            with restorer.restore(job, sandbox) as data:
                yield data

    def _job(self, backup: Path, facts: BackupFacts, sandbox: Sandbox, how: How) -> RestoreJob:
        folder = sandbox.workspace.here / "backup"
        folder.mkdir(mode=0o755)
        (shutil.copytree if backup.is_dir() else shutil.copyfile)(backup, folder / "it")
        fetched = Fetched("backup/it", peek(backup).size_bytes, "0" * 64)
        return RestoreJob(facts, fetched, how.profile, how.settings, how.database, how.keep, self.watched)


def _sandboxes(how: How, restorer: PostgresRestorer, base: Path) -> SandboxProvider:
    return DockerSandboxes(base) if how.docker else ProcessSandboxes(restorer.program_folders(), base)


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="rt-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def peek(backup: Path) -> Ends:
    """Return both ends, as a source would."""
    if backup.is_dir():
        parts = tuple(Part(file.name, file.stat().st_size, "") for file in sorted(backup.iterdir()))
        toc = next((file for file in backup.iterdir() if file.name.startswith("toc.dat")), None)
        data = toc.read_bytes() if toc else b""
        return Ends(data[: 1 << 20], data[-(1 << 16) :], sum(part.size_bytes for part in parts), parts, True)
    data = backup.read_bytes()
    return Ends(data[: 1 << 20], data[-(1 << 16) :], len(data), (Part(backup.name, len(data), ""),), False)


def rows(restored: RestoredData) -> dict[str, int | None]:
    """Return the rows of every table by its name."""
    return {table.name: table.rows for table in restored.fingerprint().content}
