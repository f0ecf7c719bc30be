"""What happened, as frozen nouns: every value that travels between rooms, and the record that leaves the house.

Instants are aware UTC, durations are seconds, sizes are bytes. `DrillOrder` and `Drill` survive a round trip through
JSON (`to_json`, `from_json`); a `Drill` written as JSON *is* the drill record of the contract (`restore-tester/drill/v1`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

DRILL_SCHEMA = "restore-tester/drill/v1"

_Value = TypeVar("_Value")


class Verdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


class Profile(StrEnum):
    FAST = "fast"
    FAITHFUL = "faithful"


class Severity(StrEnum):
    GATING = "gating"
    WARNING = "warning"
    INFO = "info"


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    ERRORED = "errored"
    SKIPPED = "skipped"


class Expect(StrEnum):
    NO_ROWS = "no_rows"
    SOME_ROWS = "some_rows"
    RECOVERY_POINT = "recovery_point"


class LevelState(StrEnum):
    PROVED = "proved"
    FAILED = "failed"
    NOT_ASKED = "not_asked"


class Bound(StrEnum):
    LOWER = "lower"
    UPPER = "upper"
    EXACT = "exact"


class Blame(StrEnum):
    """Whose fault something is: the backup's or objective's (`failed`), or ours (`inconclusive`)."""

    BACKUP = "backup"
    OURS = "ours"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: a stable code, one plain sentence, and what to do next."""

    code: str
    message: str
    hint: str


# --- what is to be restored -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a backup. `name` is relative to the backup's root; `pin` is what a read must still find
    (a version, an ETag, inode and mtime)."""

    name: str
    size_bytes: int
    pin: str


@dataclass(frozen=True, slots=True)
class Backup:
    """One recovery point in one location, as listed: a file (`is_tree` false, one part) or a folder of files.

    `taken_at` is what its `name` says, else when its last byte was stored (`object_time`); `taken_at_basis` says which. It
    holds up to `taken_at + taken_at_precision_seconds`."""

    id: str
    uri: str
    stored_at: datetime | None
    size_bytes: int
    parts: tuple[Part, ...]
    is_tree: bool
    taken_at: datetime | None = None
    taken_at_basis: str | None = None
    taken_at_precision_seconds: float = 1.0
    warnings: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Location:
    """One place where backups lie. `type` names the backup source that reads it, `options` are that source's own, as the
    operator wrote them; secrets appear only as references (`env:NAME`, `file:PATH`)."""

    name: str | None
    type: str
    uri: str
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Ends:
    """The bounded peek at a backup: the first and last bytes of its file, or of `toc.dat` and the list of parts for a folder."""

    first: bytes
    last: bytes
    size_bytes: int
    parts: tuple[Part, ...]
    is_tree: bool


@dataclass(frozen=True, slots=True)
class DumpStart:
    """When the producer says the dump began. `uncertainty_seconds` is how far the true instant may lie on either side
    (43 200 s and more where the header gives a local time without its zone)."""

    at: datetime
    uncertainty_seconds: float


@dataclass(frozen=True, slots=True)
class BackupFacts:
    """What a backup is, by its content. `trouble` is set, with `format` None, where the content is no backup that we know."""

    format: str | None
    engine: str | None
    engine_version: str | None = None
    compression: str | None = None
    databases: tuple[str, ...] = ()
    tables: int | None = None
    dump_start: DumpStart | None = None
    trouble: Reason | None = None
    trouble_blame: Blame = Blame.BACKUP
    warnings: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class SandboxNeeds:
    """What a restore asks of its sandbox. None: no limit of its own beside the place's defaults."""

    engine: str
    major: int | None = None
    image: str | None = None
    disk_bytes: int | None = None
    memory_bytes: int | None = None
    processes: int | None = None
    deadline_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One question of the catalogue, with its text, so that an order carries all it needs. `origin` is `shipped` or `own`.

    `excepted` are catalogue names that it passes over for this workload; `note` is why it is treated differently here."""

    name: str
    engine: str
    about: str
    severity: Severity
    expect: Expect
    timeout_seconds: float
    text: str
    language: str
    sha256: str
    origin: str
    gates_traffic: bool = False
    needs: tuple[str, ...] = ()
    proves: str | None = None
    settings: tuple[tuple[str, str], ...] = ()
    excepted: tuple[str, ...] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True)
class TableContent:
    database: str
    schema: str
    name: str
    rows: int | None
    hash: str | None = None


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What was (or should be) in the data. `origin` is `manifest`, `baseline` or `restored`."""

    origin: str
    content: tuple[TableContent, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    kind: str
    object: str
    expected: int | str | None
    found: int | str | None


@dataclass(frozen=True, slots=True)
class Objectives:
    """Recovery objectives in seconds; None where nobody set one."""

    recovery_time_seconds: float | None = None
    recovery_point_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class RecoveryEnvironment:
    """What recovery would have. None: not declared."""

    cpus: float | None
    memory_bytes: int | None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A query promised to return the newest beat of the source, and how far apart (seconds) beats may lie."""

    query: str
    tolerance_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Selection:
    strategy: str
    why: str
    candidates: int
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class DrillOrder:
    """All that one drill needs, wherever it runs: `run_drill` sees this and its equipment, nothing else.

    `facts.trouble` says why there is nothing to restore: then the drill is only judged. `image_is_production`: the image in
    `needs` is the one that recovery would use, so what it lacks is missing there too. `require_seal`: in a sandbox with a way
    out nothing of the backup is decoded."""

    drill: str
    workload: str | None
    location: Location
    trigger: str
    backup: Backup
    facts: BackupFacts
    needs: SandboxNeeds
    selection: Selection
    profile: Profile
    objectives: Objectives = Objectives()
    judge_recovery_point: bool = True
    heartbeat: Heartbeat | None = None
    database: str | None = None
    settings: tuple[tuple[str, str], ...] = ()
    checks: tuple[Check, ...] = ()
    expected: Fingerprint | None = None
    keep: bool = False
    recovery_environment: RecoveryEnvironment | None = None
    image_is_production: bool = False
    require_seal: bool = False


# --- what was seen ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fetched:
    """A backup as it lies in the workspace. `path` is relative to the workspace; `sidecar_sha256` is the sum that its
    producer left beside it, None where there is none. `warnings` say which sums were there and not compared."""

    path: str
    size_bytes: int
    sha256: str
    sidecar_sha256: str | None = None
    warnings: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """One SQL question to one database, with settings pinned for it."""

    text: str
    database: str | None = None
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """Column names and rows, in the order they came. Never leaves as it is: checks count rows and keep catalogue names."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]


@dataclass(frozen=True, slots=True)
class RecoveryPointClaim:
    """One statement about the recovery point. An upper claim holds up to `instant + precision_seconds`."""

    instant: datetime
    basis: str
    bound: Bound
    precision_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class RecoveryPoint:
    not_before: datetime | None
    not_after: datetime | None
    basis: str | None


@dataclass(frozen=True, slots=True)
class Stage:
    name: str
    began_at: datetime
    seconds: float
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What came of one check. `objects` are catalogue names only; values of rows never get this far."""

    name: str
    severity: Severity
    outcome: Outcome
    problems: int
    detail: str
    seconds: float
    sha256: str


@dataclass(frozen=True, slots=True)
class Environment:
    """Where the drill ran. `identity` is who read the store; `isolation` lists only what was in force; `image` is `name@digest`,
    None where this machine's own programs ran. `disk_bytes` is what the copy and the restored data took when all had been asked,
    of `disk_limit_bytes` that they might take; None where it did not come so far."""

    sandbox: str
    identity: str | None
    engine_version: str | None
    cpus: int
    memory_bytes: int
    isolation: tuple[str, ...]
    image: str | None = None
    disk_bytes: int | None = None
    disk_limit_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that went wrong, and whose it is. `sandbox` marks a fault of the sandbox (memory, disk, crash, deadline):
    problems found after one are not proven."""

    blame: Blame
    reason: Reason
    stage: str
    sandbox: bool = False


@dataclass(frozen=True, slots=True)
class AskedCheck:
    """A check, what came of it, and whether a fault of the sandbox came first."""

    check: Check
    result: CheckResult
    after_sandbox_fault: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that one drill saw, before anyone judged it."""

    began_at: datetime
    ended_at: datetime
    stages: tuple[Stage, ...]
    facts: BackupFacts
    fetched: Fetched | None
    structure_proved: bool
    restored: bool
    ready_seconds: float | None
    elapsed_seconds: float
    faults: tuple[Fault, ...]
    warnings: tuple[Reason, ...]
    asked: tuple[AskedCheck, ...]
    claims: tuple[RecoveryPointClaim, ...]
    fingerprint: Fingerprint | None
    differences: tuple[Difference, ...]
    environment: Environment
    sandbox_destroyed: bool


# --- the record -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BackupRecord:
    id: str
    uri: str
    format: str | None
    engine: str | None
    engine_version: str | None
    compression: str | None
    databases: tuple[str, ...]
    tables: int | None
    taken_at: datetime | None
    size_bytes: int
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Levels:
    inventory: LevelState = LevelState.NOT_ASKED
    bytes: LevelState = LevelState.NOT_ASKED
    structure: LevelState = LevelState.NOT_ASKED
    restored: LevelState = LevelState.NOT_ASKED
    complete: LevelState = LevelState.NOT_ASKED
    intact: LevelState = LevelState.NOT_ASKED
    fresh: LevelState = LevelState.NOT_ASKED
    usable: LevelState = LevelState.NOT_ASKED


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One restore test, start to end: the drill record of the contract, field by field."""

    schema: str = DRILL_SCHEMA
    drill: str
    workload: str | None
    location: str | None
    trigger: str
    backup: BackupRecord
    selection: Selection
    verdict: Verdict
    reasons: tuple[Reason, ...]
    warnings: tuple[Reason, ...]
    proof_level: int
    levels: Levels
    next_level_needs: str | None
    recovery_time_seconds: float | None
    verification_seconds: float | None
    recovery_time_objective_seconds: float | None
    profile: Profile
    recovery_point: RecoveryPoint
    data_loss_seconds: float | None
    recovery_point_lag_seconds: float | None
    recovery_point_objective_seconds: float | None
    stages: tuple[Stage, ...]
    checks: tuple[CheckResult, ...]
    content: tuple[TableContent, ...]
    differences: tuple[Difference, ...]
    environment: Environment
    began_at: datetime
    ended_at: datetime
    sandbox_destroyed: bool
    tool_version: str


# --- as JSON ----------------------------------------------------------------------------------------------------------


class NotOurJson(ValueError):
    """What was to be read is no JSON, not of the kind that was asked for, or of a schema that this version does not know."""


@dataclass(frozen=True, slots=True)
class _Envelope:
    schema: str | None = None


def to_json(value: object) -> bytes:
    """Given a value of this module, return it as one line of JSON; instants end in `Z`."""
    import msgspec

    return msgspec.json.encode(value)


def from_json(kind: type[_Value], data: bytes) -> _Value:
    """Given JSON that `to_json` wrote, return the value. Raise NotOurJson; a key unknown to this version is passed over."""
    import msgspec

    try:
        if issubclass(kind, Drill):
            _require_schema(msgspec.json.decode(data, type=_Envelope).schema)
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotOurJson(f"this is no {kind.__name__}: {error}\nHINT: give the JSON as restore-tester wrote it") from error


def _require_schema(schema: str | None) -> None:
    if schema != DRILL_SCHEMA:
        said = "names no schema" if schema is None else f"has the schema {schema!r}"
        raise NotOurJson(f"the record {said}, this version reads {DRILL_SCHEMA!r}\nHINT: read it with the version that wrote it")
