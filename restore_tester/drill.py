"""One drill, start to end: what is wanted → `DrillOrder` → restored, asked, measured, judged → `Drill`.

Read `plan_drill` (its steps are in `planning.py`) and `_drill` as the list of their steps. Nothing here decides (that is
`judgement/`) and nothing here touches the world itself (that is the rooms below); anything unforeseen is caught once, in
`run_drill`, and becomes `inconclusive`, loudly.
"""

from __future__ import annotations

import os
import secrets
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from restore_tester import __version__
from restore_tester.checking.instants import ask_instant
from restore_tester.checking.runner import ask_checks
from restore_tester.contracts import Equipment, Intake, RestoredData, RestoreJob, Sandbox
from restore_tester.errors import CannotTell, CouldNotAsk, Interrupted, RestoreTesterError, SandboxFault
from restore_tester.judgement.comparison import compare
from restore_tester.judgement.record import assemble
from restore_tester.judgement.recovery_point import heartbeat_claims
from restore_tester.model import (
    Blame,
    CheckResult,
    Drill,
    DrillOrder,
    Fetched,
    Outcome,
    Question,
    Reason,
    Severity,
)
from restore_tester.observation import Observation
from restore_tester.planning import DrillRequest, needs_of, pick, refusal

FETCHED_FOLDER = "backup"
HEARTBEAT_SECONDS = 300.0
MOST_PLANS = 3
PASSED_AWAY = ("backup_gone", "changed_while_read")
STANDS_IN_THE_WAY = (Outcome.FAILED, Outcome.ERRORED)


def plan_drill(request: DrillRequest, equipment: Equipment) -> DrillOrder:
    """Choose a backup, look at its ends, and write down all that its drill needs. Nothing is restored.

    Where there is nothing to restore (no backup, one that is incomplete, a location that cannot be read), the order says so
    (`facts.trouble`), and its drill is only judged. What a baseline expects is the caller's to add: history is none of this room's.
    Raise Misuse where the request makes no sense (no such path, a folder that is no single backup), CannotTell (`nothing_new`).
    """
    picked = pick(request, equipment)
    return DrillOrder(
        drill=_drill_id(equipment),
        workload=request.workload,
        location=picked.location,
        trigger=request.trigger,
        backup=picked.backup,
        facts=picked.facts,
        needs=needs_of(request, picked.facts, equipment),
        selection=picked.selection,
        profile=request.profile,
        objectives=request.objectives,
        judge_recovery_point=picked.is_newest,
        heartbeat=request.heartbeat,
        database=request.database,
        settings=request.settings,
        checks=request.checks,
        keep=request.keep,
        recovery_environment=request.recovery_environment,
        image_is_production=request.image_is_production,
    )


def wants_another_plan(drill: Drill) -> bool:
    """Return whether the backup went away or changed under its drill: the caller plans once more, `MOST_PLANS` times in all."""
    return any(reason.code in PASSED_AWAY for reason in drill.reasons)


def run_drill(order: DrillOrder, equipment: Equipment) -> Drill:
    """Given an order, restore, ask, measure and judge. Never raises: whatever happens is in the drill that comes back."""
    seen = Observation(order, equipment)
    try:
        _drill(order, equipment, seen)
    except (Interrupted, KeyboardInterrupt):
        seen.fault(Blame.OURS, Reason("interrupted", "the drill was interrupted before its end", "start it again"))
    except RestoreTesterError as error:
        seen.note(error)
    except Exception as error:
        seen.fault(Blame.OURS, _unforeseen(error))
    return assemble(order, seen.evidence(), __version__)


def _drill(order: DrillOrder, equipment: Equipment, seen: Observation) -> None:
    if (refused := refusal(order.facts)) is not None:
        raise refused
    with _sandbox(order, equipment, seen) as sandbox:
        fetched = _fetch(order, equipment, sandbox, seen)
        _seal(order, sandbox, seen)
        with equipment.restorers[order.facts.engine or ""].restore(_job(order, fetched, seen), sandbox) as restored:
            seen.restored(restored)
            with seen.stage("gate"):
                served = _ask(order, restored, equipment, seen, gates=True)
            if served:
                seen.ready()
            seen.recovery_ended()
            with seen.stage("check"):
                _ask_heartbeat(order, restored, seen)
                _ask(order, restored, equipment, seen, gates=False)
                found = restored.fingerprint()
                seen.compared(found, compare(order.expected, found))
                seen.filled(sandbox.disk())


# --- the steps --------------------------------------------------------------------------------------------------------


@contextmanager
def _sandbox(order: DrillOrder, equipment: Equipment, seen: Observation) -> Iterator[Sandbox]:
    with ExitStack() as stack:
        with seen.stage("provision"):
            sandbox = stack.enter_context(equipment.sandboxes.open(order.needs))
        seen.sandbox_opened(sandbox)
        if order.keep:
            sandbox.keep()
        try:
            yield sandbox
        except BaseException:
            seen.broke()
            raise
        finally:
            with seen.stage("cleanup"):
                _undisturbed(stack.close)
            if not order.keep:
                seen.sandbox_gone()


def _undisturbed(action: Callable[[], None]) -> None:
    """Do it in a thread of its own, where no signal lands: being asked to stop while cleaning up must not leave half of it."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="cleanup") as pool:
        doing = pool.submit(action)
        try:
            doing.result()
        except (Interrupted, KeyboardInterrupt):
            doing.result()
            raise


def _fetch(order: DrillOrder, equipment: Equipment, sandbox: Sandbox, seen: Observation) -> Fetched:
    source = equipment.open_source(order.location)
    folder = sandbox.workspace.here / FETCHED_FOLDER
    folder.mkdir(mode=0o755)
    passed = 0

    def count(size: int) -> None:
        nonlocal passed
        passed += size
        seen.progress("fetch", passed, order.backup.size_bytes, "bytes")

    with seen.stage("fetch"):
        fetched = source.fetch(order.backup, Intake(folder, count))
        seen.fetched(fetched, source.identity)
    for warning in fetched.warnings:
        seen.warn(warning)
    return fetched


def _seal(order: DrillOrder, sandbox: Sandbox, seen: Observation) -> None:
    """Nothing of the backup is decoded or executed before this; what cannot be sealed ends the drill or warns, as its order says."""
    report = sandbox.seal()
    seen.sandbox_opened(sandbox)
    if not report.sealed and order.require_seal:
        hint = "run where namespaces are allowed, or say accept_unsealed_sandbox: true in the configuration"
        raise CannotTell("seal_refused", f"the sandbox has a way out, and nothing is decoded in such a one: {report.detail}", hint)
    if not report.sealed:
        seen.warn(
            Reason(
                "sandbox_unsealed",
                f"the sandbox has a way out: {report.detail}",
                "drill only backups you trust here, or run where namespaces are allowed",
            )
        )


def _job(order: DrillOrder, fetched: Fetched, seen: Observation) -> RestoreJob:
    return RestoreJob(
        facts=order.facts,
        fetched=fetched,
        profile=order.profile,
        settings=order.settings,
        database=order.database,
        keep=order.keep,
        watch=seen,
    )


def _ask(order: DrillOrder, restored: RestoredData, equipment: Equipment, seen: Observation, *, gates: bool) -> bool:
    """Ask the checks that gate traffic, or all the others; return whether none of them stands in the way.

    A fault of the sandbox ends the drill here: whatever would be found after it is not proven.
    """
    wanted = tuple(check for check in order.checks if check.gates_traffic is gates)
    stage, done = "gate" if gates else "check", 0

    def count(result: CheckResult) -> None:
        nonlocal done
        done += 1
        seen.progress(stage, done, len(wanted), "checks")

    answers = ask_checks(wanted, restored, equipment.clock, count, workers=max(2, os.cpu_count() or 1))
    seen.asked(answers.asked, answers.claims)
    for warning in answers.warnings:
        seen.warn(warning)
    for damage in (fault for fault in answers.faults if not isinstance(fault, SandboxFault)):
        seen.note(damage)
    for lost in (fault for fault in answers.faults if isinstance(fault, SandboxFault)):
        raise lost
    return not any(asked.check.severity is Severity.GATING and asked.result.outcome in STANDS_IN_THE_WAY for asked in answers.asked)


def _ask_heartbeat(order: DrillOrder, restored: RestoredData, seen: Observation) -> None:
    """Ask the query that was promised to beat. Why it gave no instant is a warning here; what that means is judged."""
    if order.heartbeat is None:
        return
    try:
        beat = ask_instant(Question(order.heartbeat.query, order.database), restored, HEARTBEAT_SECONDS)
    except CouldNotAsk as error:
        seen.warn(error.reason)
        return
    seen.asked((), heartbeat_claims(beat.at, order.heartbeat.tolerance_seconds))
    if remark := beat.remark("the recovery point query"):
        seen.warn(remark)


def _drill_id(equipment: Equipment) -> str:
    """Sortable by time, unique without coordination."""
    return f"{equipment.clock.now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def _unforeseen(error: Exception) -> Reason:
    """Where it happened is said; the error's own text is not, because it may quote a row."""
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if __package__ in Path(frame.filename).parts]
    where = f"{Path(ours[-1].filename).name}:{ours[-1].lineno} ({ours[-1].name})" if ours else "an unknown place"
    return Reason(
        "unforeseen",
        f"our own fault: {type(error).__name__} at {where}",
        "report it with this record: the backup is not to blame, and nothing was proven",
    )
