"""What went wrong on the way → findings: faults with their blame, bytes that are not what was promised, steps nobody proved.

What is found after a fault of the sandbox is not proven, so it is ours.
"""

from __future__ import annotations

from restore_tester.errors import BackupArchived, BackupUnusable, RestoreTesterError
from restore_tester.judgement.ladder import Finding, Rung
from restore_tester.judgement.wording import printable
from restore_tester.model import Blame, DrillOrder, Evidence, Fault, Objectives, Reason

CLEANUP = "cleanup"
_INVENTORY_CODES = frozenset(
    {"no_backup", "backup_gone", "incomplete", "deleted", "nothing_recognised", "name_unsafe", "link_leaves_location"}
)
_LACKING = frozenset({"extension_missing", "server_too_old"})
_PULLED = ("docker", "kubernetes")
_BYTES_CODES = frozenset({"checksum_mismatch", "size_mismatch"})
_STRUCTURAL = ("archive_", "compression_", "directory_", "script_", "trailer_")
_RESTORING = frozenset({"restore", "replay", "ready", "analyze"})


def blame_of(error: RestoreTesterError, objectives: Objectives) -> Blame:
    """Return whose fault an error is: its type says it; a backup that thaws for longer than the recovery time objective is to blame."""
    if isinstance(error, BackupArchived):
        objective = objectives.recovery_time_seconds
        return Blame.BACKUP if objective is not None and error.thawing_seconds > objective else Blame.OURS
    return Blame.BACKUP if isinstance(error, BackupUnusable) else Blame.OURS


def faults(order: DrillOrder, evidence: Evidence) -> list[Finding]:
    """Return every fault in the order it was met, and what the peek already said where nobody noted it as one."""
    findings, sandbox_failed = [], False
    for fault in evidence.faults:
        sandbox_failed = sandbox_failed or fault.sandbox
        blame = Blame.OURS if sandbox_failed else fault.blame
        if fault.reason.code in _LACKING and _in_production_image(order, evidence) and not sandbox_failed:
            blame = Blame.BACKUP
        findings.append(Finding(blame, fault.reason, _rung(fault, order, evidence)))
    trouble = evidence.facts.trouble
    if trouble is not None and all(fault.reason.code != trouble.code for fault in evidence.faults):
        findings.append(Finding(evidence.facts.trouble_blame, trouble, Rung.STRUCTURE if order.backup.id else Rung.INVENTORY))
    return findings


def _in_production_image(order: DrillOrder, evidence: Evidence) -> bool:
    """What the very image lacks that recovery would use, recovery would lack."""
    return order.image_is_production and order.needs.image is not None and evidence.environment.sandbox in _PULLED


def sandbox_failed(evidence: Evidence) -> bool:
    """Return whether the sandbox failed while the data was still being looked at."""
    return any(fault.sandbox and fault.stage != CLEANUP for fault in evidence.faults)


def wrong_bytes(order: DrillOrder, evidence: Evidence) -> list[Finding]:
    """Return where the bytes that were read are not those that the producer or the listing promised."""
    fetched = evidence.fetched
    if fetched is None:
        return []
    found = []
    if fetched.sidecar_sha256 is not None and fetched.sidecar_sha256.lower() != fetched.sha256.lower():
        message = f"the backup's SHA-256 is {fetched.sha256}, its producer wrote {printable(fetched.sidecar_sha256, 64)} beside it"
        hint = "the bytes changed after they were written: take another copy, then look at how this one was moved"
        found.append(Finding(Blame.BACKUP, Reason("checksum_mismatch", message, hint), Rung.BYTES))
    if fetched.size_bytes != order.backup.size_bytes:
        message = f"{fetched.size_bytes} bytes were read of a backup that was listed with {order.backup.size_bytes}"
        found.append(Finding(Blame.OURS, Reason("size_differs", message, "verify it again once nothing writes to it"), Rung.BYTES))
    return found


def unproven_steps(evidence: Evidence) -> list[Finding]:
    """Given evidence that speaks against nothing, return the first step that nobody proved: silence is no proof."""
    hint = "report it with this record: a drill must say why it stopped"
    if evidence.fetched is None:
        return [Finding(Blame.OURS, Reason("not_fetched", "the backup was never read in full", hint), Rung.BYTES)]
    if not evidence.structure_proved:
        return [Finding(Blame.OURS, Reason("structure_unproven", "the backup was not decoded to its end", hint), Rung.STRUCTURE)]
    if not evidence.restored:
        return [Finding(Blame.OURS, Reason("not_restored", "the data was never restored", hint), Rung.RESTORED)]
    return []


def _rung(fault: Fault, order: DrillOrder, evidence: Evidence) -> Rung | None:
    """The rung that a fault concerns: by its code, by its stage, else the first one that was not reached. Where no backup is named,
    nobody has seen one."""
    code, trouble = fault.reason.code, evidence.facts.trouble
    if code in _INVENTORY_CODES or not order.backup.id:
        return Rung.INVENTORY
    if trouble is not None and trouble.code == code:
        return Rung.STRUCTURE
    if code in _BYTES_CODES or evidence.fetched is None:
        return Rung.BYTES
    if fault.stage in _RESTORING and not code.startswith(_STRUCTURAL):
        return Rung.RESTORED
    if not evidence.structure_proved:
        return Rung.STRUCTURE
    if fault.stage in _RESTORING or not evidence.restored:
        return Rung.RESTORED
    return Rung.INTACT if fault.blame is Blame.BACKUP else None
