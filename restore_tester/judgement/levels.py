"""Evidence and findings → how far the proof went: the state of each rung, the level reached, and what the next one needs.

A rung is proved by something that was seen, never by the absence of trouble; it is failed where something contradicts it;
and it stays unproved where a question about it was skipped or got no answer.
"""

from __future__ import annotations

from restore_tester.judgement.comparison import TABLE_EXTRA, compared_fully, hashed_fully
from restore_tester.judgement.ladder import Finding, Rung
from restore_tester.judgement.objectives import Freshness
from restore_tester.judgement.questions import SHIPPED, is_source_defect, never_asked, rung_of
from restore_tester.judgement.wording import names
from restore_tester.model import AskedCheck, Blame, DrillOrder, Evidence, Levels, LevelState, Outcome


def judge_levels(order: DrillOrder, evidence: Evidence, against: tuple[Finding, ...], fresh: Freshness) -> Levels:
    """Given all findings that decide the verdict, return the state of each rung, each on its own."""
    contradicted = {finding.rung for finding in against if finding.blame is Blame.BACKUP}
    contradicted |= {rung_of(asked.check) for asked in evidence.asked if _contradicts(asked)}
    unproven = {finding.rung for finding in against if finding.blame is Blame.OURS}
    unproven |= {rung_of(asked.check) for asked in evidence.asked if _says_nothing(asked)}
    unproven |= {rung_of(check) for check in never_asked(order, evidence)}
    shown = _shown(order, evidence, fresh)

    def state(rung: Rung) -> LevelState:
        if rung in contradicted:
            return LevelState.FAILED
        return LevelState.PROVED if rung in shown and rung not in unproven else LevelState.NOT_ASKED

    return Levels(
        inventory=state(Rung.INVENTORY),
        bytes=state(Rung.BYTES),
        structure=state(Rung.STRUCTURE),
        restored=state(Rung.RESTORED),
        complete=state(Rung.COMPLETE),
        intact=state(Rung.INTACT),
        fresh=state(Rung.FRESH),
        usable=state(Rung.USABLE),
    )


def proof_level(levels: Levels) -> int:
    """Return the highest rung below which every rung is proved, itself included; 0 also where not even that one is."""
    reached = 0
    for rung in Rung:
        if state_of(levels, rung) is not LevelState.PROVED:
            break
        reached = rung.value
    return reached


def state_of(levels: Levels, rung: Rung) -> LevelState:
    return (
        levels.inventory,
        levels.bytes,
        levels.structure,
        levels.restored,
        levels.complete,
        levels.intact,
        levels.fresh,
        levels.usable,
    )[rung]


def next_level_needs(order: DrillOrder, evidence: Evidence, levels: Levels, fresh: Freshness) -> str | None:
    """Return what would prove the first rung that is not, and what would prove an objective for the recovery point; None at the top."""
    needs = []
    first = next((rung for rung in Rung if state_of(levels, rung) is not LevelState.PROVED), None)
    if first is not None:
        failed = state_of(levels, first) is LevelState.FAILED
        needs.append(_FAILED if failed else _silent(order, evidence, first) or _needs(order, first))
    if fresh is Freshness.UNPROVEN and first is not Rung.FRESH:
        needs.append(_needs(order, Rung.FRESH))
    return "; ".join(needs) or None


_FAILED = "a backup that does not fail here: see the reasons"
_NEEDS = {
    Rung.INVENTORY: "a listing of the location with a complete backup in it: see the reasons",
    Rung.BYTES: "bytes_unproven: the backup read in full",
    Rung.STRUCTURE: "structure_unproven: the backup decoded to its end",
    Rung.RESTORED: "restore_unproven: a restore that comes to its end without an unexplained error",
    Rung.COMPLETE: "completeness_unproven: something to compare the content with, such as a check of yours ({checks}) whose header says "
    "`proves: complete`",
    Rung.INTACT: "intactness_unproven: a check of yours ({checks}) whose header says `proves: intact`",
    Rung.FRESH: "freshness_unproven: an objective ({rpo}), and a heartbeat in the data ({recovery_point}) that is young enough for it",
    Rung.USABLE: "usability_unproven: a check of yours ({checks}) that asks what the application relies on and says `proves: usable`",
}


def _needs(order: DrillOrder, rung: Rung) -> str:
    """Name what gives it: options of `verify`, keys of a configuration."""
    if order.workload is None:
        return _NEEDS[rung].format(checks="--checks", rpo="--rpo", recovery_point="--recovery-point")
    return _NEEDS[rung].format(checks="`checks`", rpo="`rpo`", recovery_point="`recovery_point`")


def _shown(order: DrillOrder, evidence: Evidence, fresh: Freshness) -> set[Rung]:
    """The rungs for which something was seen that proves them."""
    counted = compared_fully(order.expected, evidence.fingerprint) and all(d.kind == TABLE_EXTRA for d in evidence.differences)
    seen = {
        Rung.INVENTORY: bool(order.backup.id),
        Rung.BYTES: evidence.fetched is not None,
        Rung.STRUCTURE: evidence.structure_proved,
        Rung.RESTORED: evidence.restored,
        Rung.COMPLETE: evidence.restored and counted,
        Rung.INTACT: evidence.restored and hashed_fully(order.expected, evidence.fingerprint),
        Rung.FRESH: evidence.restored and fresh is Freshness.MET,
        Rung.USABLE: False,
    }
    by_checks = {rung_of(asked.check) for asked in evidence.asked if _proves(asked)}
    return {rung for rung in Rung if seen[rung] or rung in by_checks}


def _proves(asked: AskedCheck) -> bool:
    """A shipped check never proves a rung by itself: it does not know what this data should be."""
    return asked.check.origin != SHIPPED and asked.result.outcome is Outcome.PASSED


def _contradicts(asked: AskedCheck) -> bool:
    return asked.result.outcome is Outcome.FAILED and not asked.after_sandbox_fault and not is_source_defect(asked.check)


def _says_nothing(asked: AskedCheck) -> bool:
    return asked.result.outcome in (Outcome.SKIPPED, Outcome.ERRORED) or asked.after_sandbox_fault


def _silent(order: DrillOrder, evidence: Evidence, rung: Rung) -> str | None:
    """The checks that would speak for a rung and gave no answer; only worth naming where something else already proves it."""
    silent = [asked.check.name for asked in evidence.asked if _says_nothing(asked) and rung_of(asked.check) is rung]
    silent += [check.name for check in never_asked(order, evidence) if rung_of(check) is rung]
    return f"an answer from {names(silent)}: see what they need (restore-tester checks)" if silent else None
