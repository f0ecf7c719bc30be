"""What came of the checks → findings and warnings. `skipped` changes no verdict; a question that gates and got no answer does."""

from __future__ import annotations

from restore_tester.judgement.ladder import Finding, Rung
from restore_tester.judgement.wording import DETAIL_CHARACTERS, counted, names, printable
from restore_tester.model import AskedCheck, Blame, Check, DrillOrder, Evidence, Expect, Outcome, Reason, Severity

SOURCE_DEFECTS = frozenset({"not_valid_constraints", "sequences_behind", "unpopulated_views"})
SHIPPED = "shipped"


def answers(evidence: Evidence) -> list[Finding]:
    """Return what the gating checks found, and which of them could not be asked."""
    findings = []
    for asked in evidence.asked:
        if asked.check.severity is not Severity.GATING:
            continue
        if asked.result.outcome is Outcome.ERRORED:
            findings.append(Finding(Blame.OURS, _errored(asked)))
        elif asked.result.outcome is Outcome.FAILED and not is_source_defect(asked.check):
            blame = Blame.OURS if asked.after_sandbox_fault else Blame.BACKUP
            findings.append(Finding(blame, _failed(asked), rung_of(asked.check) or Rung.USABLE))
    return findings


def unasked(order: DrillOrder, evidence: Evidence) -> list[Finding]:
    """Return the gating questions that were ordered and of which nothing came back; where no data answers, nothing is missed."""
    missing = [check for check in never_asked(order, evidence) if check.severity is Severity.GATING]
    if not evidence.restored or not missing:
        return []
    message = f"{counted(len(missing), 'gating check')} got no answer: {names(check.name for check in missing)}"
    return [Finding(Blame.OURS, Reason("check_not_asked", message, "see the other reasons: the drill ended before its turn"))]


def nothing_asked(evidence: Evidence) -> list[Finding]:
    """Return a finding unless at least one gating question about the data was asked, and passed."""
    if any(_vouches(asked) for asked in evidence.asked):
        return []
    message = "the data was restored, but not one gating question was asked of it"
    return [Finding(Blame.OURS, Reason("nothing_was_asked", message, "see what can be asked, and what it needs: restore-tester checks"))]


def remarks(evidence: Evidence) -> list[Reason]:
    """Return what the checks found that decides nothing."""
    warnings = []
    for asked in evidence.asked:
        outcome, severity = asked.result.outcome, asked.check.severity
        if outcome is Outcome.ERRORED and severity is not Severity.GATING:
            warnings.append(_errored(asked))
        elif outcome is not Outcome.FAILED or severity is Severity.INFO:
            continue
        elif is_source_defect(asked.check):
            hint = "the backup is not to blame: the source had this when it was dumped; repair it there"
            warnings.append(Reason("source_defect", _problems(asked), hint))
        elif severity is Severity.WARNING:
            warnings.append(Reason("check_warning", _problems(asked), "look at it; this check does not decide the verdict"))
    return warnings


def is_source_defect(check: Check) -> bool:
    """Return whether what this check finds was wrong in the source already."""
    return check.origin == SHIPPED and check.name in SOURCE_DEFECTS


def rung_of(check: Check) -> Rung | None:
    """Return the rung that a check says it proves."""
    return Rung[check.proves.upper()] if check.proves else None


def never_asked(order: DrillOrder, evidence: Evidence) -> tuple[Check, ...]:
    """Return the ordered checks of this engine of which nothing came back, not even `skipped`."""
    came_back = {(asked.check.engine, asked.check.name) for asked in evidence.asked}
    return tuple(check for check in order.checks if _concerns(check, evidence) and (check.engine, check.name) not in came_back)


def _concerns(check: Check, evidence: Evidence) -> bool:
    return check.expect is not Expect.RECOVERY_POINT and check.engine in ("any", evidence.facts.engine)


def _vouches(asked: AskedCheck) -> bool:
    gating = asked.check.severity is Severity.GATING and asked.check.expect is not Expect.RECOVERY_POINT
    return gating and asked.result.outcome is Outcome.PASSED and not asked.after_sandbox_fault


def _failed(asked: AskedCheck) -> Reason:
    if asked.after_sandbox_fault:
        message = f"{_problems(asked)}; the sandbox had failed before, so this is not proven"
        return Reason("check_failed", message, "cure the sandbox's fault, then verify again")
    hint = "ask the source the same question: if it passes there, this backup lost or changed data, and an older one has to serve"
    return Reason("check_failed", _problems(asked), hint)


def _problems(asked: AskedCheck) -> str:
    detail = f": {printable(asked.result.detail, DETAIL_CHARACTERS)}" if asked.result.detail else ""
    return f"{asked.check.name} found {counted(asked.result.problems, 'problem')}{detail} (asked: {asked.check.about.removesuffix('.')})"


def _errored(asked: AskedCheck) -> Reason:
    detail = printable(asked.result.detail, DETAIL_CHARACTERS) or "no answer came"
    return Reason(
        "check_errored",
        f"{asked.check.name} could not be asked: {detail}",
        "correct its SQL where the server refused it, give it more time in its header where that ran out (--keep: a copy to ask by hand)",
    )
