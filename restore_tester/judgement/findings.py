"""Order and evidence → what speaks against the backup, what we could not find out, and what is only worth telling.

Objectives are judged apart, in `objectives`.
"""

from __future__ import annotations

from dataclasses import dataclass

from restore_tester.judgement import faults, questions
from restore_tester.judgement.comparison import BASELINE, HASH, ROWS, ROWS_FEWER, TABLE_EXTRA, TABLE_MISSING
from restore_tester.judgement.ladder import Finding, Rung
from restore_tester.judgement.wording import counted, names
from restore_tester.model import Blame, Difference, DrillOrder, Evidence, Reason

SEALED = "sealed-probe"
TOLD = frozenset({TABLE_EXTRA, ROWS_FEWER})


@dataclass(frozen=True, slots=True)
class Findings:
    against: tuple[Finding, ...]
    warnings: tuple[Reason, ...]


def find(order: DrillOrder, evidence: Evidence) -> Findings:
    """Given what was ordered and seen, return what speaks against the data, and what is worth telling. Nothing against it
    means that every step was proven and a gating question was asked and passed: silence is never taken for proof."""
    against = _unrepeated(
        [
            *faults.faults(order, evidence),
            *faults.wrong_bytes(order, evidence),
            *questions.answers(evidence),
            *questions.unasked(order, evidence),
            *_differences(order, evidence),
        ]
    )
    against = against or faults.unproven_steps(evidence) or questions.nothing_asked(evidence)
    return Findings(tuple(against), tuple(dict.fromkeys(_warnings(order, evidence))))


def _unrepeated(findings: list[Finding]) -> list[Finding]:
    """Each reason once; where both we and the backup are blamed for it, the backup."""
    kept: dict[Reason, Finding] = {}
    for finding in findings:
        if finding.blame is Blame.BACKUP or finding.reason not in kept:
            kept[finding.reason] = finding
    return list(kept.values())


def _differences(order: DrillOrder, evidence: Evidence) -> list[Finding]:
    if order.expected is not None and evidence.restored and evidence.fingerprint is None:
        message = "the restored content was not counted, so it could not be compared with what was expected"
        return [Finding(Blame.OURS, Reason("not_compared", message, "see the other reasons, cure them, verify again"), Rung.COMPLETE)]
    blame = Blame.OURS if faults.sandbox_failed(evidence) else Blame.BACKUP
    lost = [difference for difference in evidence.differences if _is_loss(difference)]
    changed = [difference for difference in evidence.differences if difference.kind not in TOLD and not _is_loss(difference)]
    findings = []
    if lost:
        before = order.expected is not None and order.expected.origin == BASELINE
        than = "fewer rows than expected" if not before else "lost since the drill that passed before"
        message = f"{than}: {_losses(lost)}"
        hint = "do not rely on this backup; look in its job for an excluded table, a filter, or a dump that ended early"
        if before:
            hint += "; where it was meant, except the tables for a while under `check_overrides: baseline`"
        findings.append(Finding(blame, Reason("rows_missing", message, hint), Rung.COMPLETE))
    if changed:
        rung = Rung.INTACT if all(difference.kind == HASH for difference in changed) else Rung.COMPLETE
        message = f"other content than expected in {_tables(changed)}"
        hint = "compare these tables with the source as it was when the backup was taken"
        findings.append(Finding(blame, Reason("content_differs", message, hint), rung))
    return findings


def _is_loss(difference: Difference) -> bool:
    expected, found = difference.expected, difference.found
    fewer = isinstance(expected, int) and isinstance(found, int) and found < expected
    return difference.kind == TABLE_MISSING or (difference.kind == ROWS and fewer)


def _losses(lost: list[Difference]) -> str:
    """The worst first: how many rows of how many, and of which table."""
    return names(_loss(each) for each in sorted(lost, key=_rows_lost, reverse=True))


def _rows_lost(lost: Difference) -> int:
    found = lost.found if isinstance(lost.found, int) else 0
    return lost.expected - found if isinstance(lost.expected, int) else 0


def _loss(lost: Difference) -> str:
    if lost.kind == TABLE_MISSING:
        return f"the table {lost.object}" + (f" with {counted(lost.expected, 'row')}" if isinstance(lost.expected, int) else "")
    return f"{_rows_lost(lost)} of {lost.expected} rows of {lost.object}"


def _tables(differences: list[Difference]) -> str:
    return f"{counted(len(differences), 'table')}: {names(difference.object for difference in differences)}"


def _warnings(order: DrillOrder, evidence: Evidence) -> list[Reason]:
    warnings = [*evidence.facts.warnings, *evidence.warnings, *questions.remarks(evidence)]
    extra = [difference for difference in evidence.differences if difference.kind == TABLE_EXTRA]
    if extra:
        message = f"nothing expected {_tables(extra)}"
        warnings.append(Reason("tables_extra", message, "see that the manifest belongs to this backup"))
    fewer = [difference for difference in evidence.differences if difference.kind == ROWS_FEWER]
    if fewer:
        message = f"fewer rows than in the drill that passed before: {_losses(fewer)}"
        warnings.append(Reason("rows_fewer", message, "see that they were deleted on purpose; half of a table's rows would fail the drill"))
    return warnings + _sandbox_warnings(order, evidence, frozenset(warning.code for warning in warnings))


def _sandbox_warnings(order: DrillOrder, evidence: Evidence, told: frozenset[str]) -> list[Reason]:
    warnings = []
    if not evidence.sandbox_destroyed and not order.keep:
        message = "the sandbox could not be removed and may still hold restored data"
        warnings.append(Reason("sandbox_left", message, "start restore-tester again: it removes what dead drills left behind"))
    used = evidence.structure_proved or evidence.restored or bool(evidence.asked)
    if used and SEALED not in evidence.environment.isolation and "sandbox_unsealed" not in told:
        message = "the backup was restored where nothing had proven that there is no way out"
        warnings.append(Reason("sandbox_unsealed", message, "drill only backups you trust here, or run where namespaces are allowed"))
    return warnings
