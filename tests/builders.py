"""Small sound values for tests: an order, its evidence, checks and what came of them. Spoil them with `dataclasses.replace`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from restore_tester.model import (
    AskedCheck,
    Backup,
    BackupFacts,
    Blame,
    Bound,
    Check,
    CheckResult,
    DrillOrder,
    DumpStart,
    Environment,
    Evidence,
    Expect,
    Fault,
    Fetched,
    Fingerprint,
    Heartbeat,
    Location,
    Objectives,
    Outcome,
    Part,
    Profile,
    Reason,
    RecoveryPointClaim,
    SandboxNeeds,
    Selection,
    Severity,
    Stage,
    TableContent,
)

BEGAN = datetime(2026, 11, 5, 3, 0, tzinfo=UTC)
DUMPED = BEGAN - timedelta(minutes=30)
STORED = BEGAN - timedelta(minutes=20)
SHA256 = "ab" * 32
ISOLATION = ("no-network", "own-uid", "sealed-probe")


def a_backup() -> Backup:
    return Backup("app.dump", "file:///backups/app.dump", STORED, 1000, (Part("app.dump", 1000, "pin"),), is_tree=False)


def some_facts() -> BackupFacts:
    return BackupFacts(
        format="pg_dump-custom",
        engine="postgresql",
        engine_version="15.18",
        compression="gzip",
        databases=("app",),
        tables=2,
        dump_start=DumpStart(DUMPED, 0.0),
    )


def a_check(name: str = "foreign_keys", severity: Severity = Severity.GATING, origin: str = "shipped", proves: str | None = None) -> Check:
    return Check(
        name=name,
        engine="postgresql",
        about=f"what {name} asks",
        severity=severity,
        expect=Expect.NO_ROWS,
        timeout_seconds=60.0,
        text="select",
        language="sql",
        sha256="cd" * 32,
        origin=origin,
        proves=proves,
    )


def asked(check: Check, outcome: Outcome = Outcome.PASSED, *, after_sandbox_fault: bool = False) -> AskedCheck:
    """What came of a check: two problems where it failed, and its reason where it could not be asked."""
    problems = 2 if outcome is Outcome.FAILED else 0
    detail = {Outcome.FAILED: "public.payments", Outcome.ERRORED: "timed out", Outcome.SKIPPED: "needs amcheck"}.get(outcome, "")
    result = CheckResult(check.name, check.severity, outcome, problems, detail, 0.1, check.sha256)
    return AskedCheck(check, result, after_sandbox_fault)


def an_order(*checks: Check, objectives: Objectives = Objectives(), heartbeat: Heartbeat | None = None) -> DrillOrder:
    return DrillOrder(
        drill="20261105T030000Z-00000001",
        workload=None,
        location=Location(None, "given", "/backups/app.dump"),
        trigger="manual",
        backup=a_backup(),
        facts=some_facts(),
        needs=SandboxNeeds("postgresql", 15),
        selection=Selection("given", "named on the command line", 1),
        profile=Profile.FAST,
        objectives=objectives,
        heartbeat=heartbeat,
        checks=checks or (a_check(),),
    )


def sound_evidence(*results: AskedCheck) -> Evidence:
    """All that a drill sees that restores a sound backup, with one gating check passed unless told otherwise."""
    return Evidence(
        began_at=BEGAN,
        ended_at=BEGAN + timedelta(seconds=5),
        stages=(Stage("fetch", BEGAN, 1.0, 1000), Stage("restore", BEGAN, 2.0), Stage("check", BEGAN, 0.5)),
        facts=some_facts(),
        fetched=Fetched("backup/dump", 1000, SHA256),
        structure_proved=True,
        restored=True,
        ready_seconds=3.0,
        elapsed_seconds=3.0,
        faults=(),
        warnings=(),
        asked=results or (asked(a_check()),),
        claims=(),
        fingerprint=a_fingerprint("restored", orders=10, customers=5),
        differences=(),
        environment=Environment("process", "root", "15.18", 2, 1 << 30, ISOLATION),
        sandbox_destroyed=True,
    )


def a_fault(blame: Blame, code: str = "some_fault", stage: str = "restore", *, sandbox: bool = False) -> Fault:
    return Fault(blame, Reason(code, f"{code} happened", "cure it"), stage, sandbox)


def a_fingerprint(origin: str, *, orders: int | None, customers: int | None, hash: str | None = None) -> Fingerprint:
    return Fingerprint(
        origin,
        (TableContent("app", "public", "customers", customers, hash), TableContent("app", "public", "orders", orders, hash)),
    )


def a_claim(bound: Bound, minutes_before: float, basis: str = "commit_time", precision_seconds: float = 1.0) -> RecoveryPointClaim:
    return RecoveryPointClaim(BEGAN - timedelta(minutes=minutes_before), basis, bound, precision_seconds)
