"""Verdicts and errors → exit codes, by the table of DESIGN, sections 3 and 6.1."""

from __future__ import annotations

from collections.abc import Iterable

from restore_tester.errors import BackupUnusable, Interrupted, Misuse
from restore_tester.model import Reason, Verdict

PASSED = 0
FAILED = 1
USAGE = 2
INCONCLUSIVE = 3
STALE = 4
INTERRUPTED = 130


def exit_code(verdict: Verdict, reasons: Iterable[Reason] = ()) -> int:
    """Given a verdict (of several drills: the worst) and its reasons, return the exit code."""
    if verdict is Verdict.PASSED:
        return PASSED
    if verdict is Verdict.FAILED:
        return FAILED
    return INTERRUPTED if any(reason.code == "interrupted" for reason in reasons) else INCONCLUSIVE


def exit_code_of(error: BaseException) -> int:
    """Given what stopped a command before any drill could be judged, return the exit code; the unforeseen is ours."""
    if isinstance(error, Misuse):
        return USAGE
    if isinstance(error, BackupUnusable):
        return FAILED
    return INTERRUPTED if isinstance(error, Interrupted | KeyboardInterrupt) else INCONCLUSIVE
