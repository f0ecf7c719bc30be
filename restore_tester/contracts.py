"""Every seam of the house, in one file. One contract suite per seam runs on each implementation and on the fake."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Protocol

from restore_tester.errors import SandboxFault
from restore_tester.model import (
    Answer,
    Backup,
    BackupFacts,
    Ends,
    Fetched,
    Fingerprint,
    Location,
    Profile,
    Question,
    Reason,
    RecoveryPointClaim,
    SandboxNeeds,
)


class Clock(Protocol):
    def now(self) -> datetime:
        """Return the instant, aware UTC."""

    def elapsed(self) -> float:
        """Return monotonic seconds from an arbitrary start."""


@dataclass(frozen=True, slots=True)
class DrillEvent:
    """Progress, for a terminal or a log. `kind` is `began`, `progress` or `ended`; `unit` is `bytes`, `tables` or `checks`."""

    stage: str
    kind: str
    done: int | None = None
    total: int | None = None
    unit: str | None = None
    text: str | None = None


ProgressSink = Callable[[DrillEvent], None]
CountBytes = Callable[[int], None]


# --- where backups come from ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The oldest complete backups of a listing that was too long to be held: how many, their size, and when the first was taken."""

    backups: int
    size_bytes: int
    oldest_taken_at: datetime | None


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies in a location: complete backups, incomplete ones with the reason, and names that nothing recognised.

    A reason is `still_growing` (a job may be at work), `incomplete` (it has died), `deleted` (the store remembers it), or why
    it may not be read (`link_leaves_location`, `name_unsafe`). `unrecognised` holds the first thousand names; the count is of all.
    `left_out` is set only by the catalogue watch: for a drill every backup counts."""

    complete: tuple[Backup, ...]
    incomplete: tuple[tuple[Backup, Reason], ...] = ()
    unrecognised: tuple[str, ...] = ()
    unrecognised_count: int = 0
    left_out: LeftOut | None = None


@dataclass(frozen=True, slots=True)
class Intake:
    """Where a fetch may write (`folder`, inside the workspace) and whom it tells the bytes that passed, a few times a second at least."""

    folder: Path
    count: CountBytes


class BackupSource(Protocol):
    """One location. Stores are only ever read."""

    @property
    def identity(self) -> str:
        """Return who reads the store, as the store knows them."""

    def list_backups(self) -> Listing:
        """Return all that lies here. Raise SourceUnreachable rather than return a short list."""

    def peek(self, backup: Backup, first: int, last: int) -> Ends:
        """Return at most `first` and `last` bytes of either end. Raise BackupUnusable or SourceUnreachable."""

    def fetch(self, backup: Backup, into: Intake) -> Fetched:
        """Copy the whole backup, hashed and counted as it passes, each part still what was listed.
        Raise BackupUnusable (`backup_gone`), CannotTell (`changed_while_read`), SourceUnreachable, SandboxFault (`disk_full`)."""


# --- where backups are restored ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Workspace:
    """The same folder seen from outside (`here`) and from within the sandbox (`inside`)."""

    here: Path
    inside: Path


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run inside: argv (never a shell), its whole environment, what it reads, who gets each line of stderr.

    `stdin` is a stream that is copied to the program until its end. Stdout and stderr are drained to their end; the first
    `keep_bytes` of each are kept, the rest is counted and dropped. `on_error_line` gets every line of stderr without its
    newline, each cut at 64 KiB; `on_input` gets the size of every block that was fed."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    stdin: IO[bytes] | None = None
    deadline_seconds: float | None = None
    keep_bytes: int = 1 << 20
    on_error_line: Callable[[str], None] | None = None
    on_input: CountBytes | None = None


@dataclass(frozen=True, slots=True)
class Exit:
    """How a command ended: its code (negative: the signal), and the first bytes of what it said."""

    code: int
    output: bytes
    errors: bytes


class Running(Protocol):
    """A program that goes on while the sandbox is open."""

    def poll(self) -> int | None:
        """Return its exit code, or None while it runs."""

    def stop(self, signal: int, deadline_seconds: float) -> int:
        """Send the signal, wait, return the exit code. Raise SandboxFault where it has not ended by then."""

    def errors(self) -> bytes:
        """Return the first MiB of what it said on stderr."""


@dataclass(frozen=True, slots=True)
class SealReport:
    """What a probe from inside found: sealed, or the way out that it saw."""

    sealed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class DiskUse:
    """Bytes that lie in a sandbox now, and how many may."""

    used_bytes: int
    limit_bytes: int


class Sandbox(Protocol):
    """A throwaway environment. What it opened is gone when its block ends, also on error; a leaked one is reaped later."""

    @property
    def kind(self) -> str: ...

    @property
    def workspace(self) -> Workspace: ...

    @property
    def cpus(self) -> int: ...

    @property
    def memory_bytes(self) -> int: ...

    @property
    def image(self) -> str | None:
        """Return the image whose programs run inside, as `name@digest`; None: this machine's own programs do."""

    def run(self, command: Command) -> Exit:
        """Run to its end. Raise SandboxFault (`program_missing`, `deadline`, `disk_full`, `sandbox_lost`)."""

    def start(self, command: Command) -> Running: ...

    def seal(self) -> SealReport: ...

    def trouble(self) -> SandboxFault | None:
        """Return the limit that the sandbox is known to have met, such as a program in it killed for memory, while it may still
        answer; None where it has met none. Cheap: whoever is about to blame something else asks first."""

    def disk(self) -> DiskUse:
        """Return how much lies in the workspace. Costs a look at every file there."""

    def isolation(self) -> tuple[str, ...]:
        """Return what is in force, in the contract's words, in the contract's order."""

    def keep(self) -> None:
        """Spare the workspace when the block ends: processes go, files stay, the reaper leaves them."""


class SandboxProvider(Protocol):
    @property
    def kind(self) -> str: ...

    def open(self, needs: SandboxNeeds) -> AbstractContextManager[Sandbox]:
        """Reap what dead drills left behind, then open. Raise CannotTell."""


# --- how bytes become data --------------------------------------------------------------------------------------------


class Watch(Protocol):
    """What a restorer tells while it works, so that stages are measured where they happen."""

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Measure a stage (`decode`, `ready`, `restore`, `analyze`)."""

    def progress(self, stage: str, done: int, total: int | None, unit: str) -> None: ...

    def warn(self, reason: Reason) -> None: ...

    def structure_proved(self) -> None:
        """The archive decoded to its end and is closed."""


@dataclass(frozen=True, slots=True)
class RestoreJob:
    """One restore: the facts, where the bytes lie (relative to the workspace), the profile and the server's settings."""

    facts: BackupFacts
    fetched: Fetched
    profile: Profile
    settings: tuple[tuple[str, str], ...]
    database: str | None
    keep: bool
    watch: Watch


class RestoredData(Protocol):
    """Data that answers queries."""

    @property
    def engine_version(self) -> str: ...

    @property
    def facts(self) -> BackupFacts: ...

    @property
    def features(self) -> frozenset[str]: ...

    def databases(self) -> tuple[str, ...]:
        """Return the restored databases that are to be judged."""

    def ask(self, question: Question, timeout: float) -> Answer:
        """Read-only; safe from several threads. Raise DataDamaged, CouldNotAsk, SandboxFault."""

    def fingerprint(self) -> Fingerprint: ...

    def recovery_points(self) -> tuple[RecoveryPointClaim, ...]:
        """Return what the restored data itself says of its age."""


class Restorer(Protocol):
    @property
    def engine(self) -> str: ...

    def inspect(self, ends: Ends) -> BackupFacts:
        """Say what a backup is, by content, never by name. Never raises for content: `facts.trouble` says it."""

    def needs(self, facts: BackupFacts) -> SandboxNeeds: ...

    def restore(self, job: RestoreJob, sandbox: Sandbox) -> AbstractContextManager[RestoredData]:
        """Enter only when the data answers queries. Raise BackupUnusable, CannotTell."""


@dataclass(frozen=True, slots=True)
class Equipment:
    """What the place offers to a drill: sandboxes, sources, restorers, the clock, and a sink for progress."""

    sandboxes: SandboxProvider
    open_source: Callable[[Location], BackupSource]
    restorers: Mapping[str, Restorer]
    clock: Clock
    progress: ProgressSink
