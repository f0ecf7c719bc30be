"""Order, evidence and figures → the verdict, why, and how far the proof went: the law of DESIGN, section 3.

Failed beats inconclusive beats passed, and all reasons are kept. `passed` is what remains when every step was proven, at
least one gating question was asked and passed, no objective was missed, and nothing else speaks against it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from restore_tester.judgement.findings import find
from restore_tester.judgement.ladder import Finding
from restore_tester.judgement.levels import judge_levels, next_level_needs, proof_level
from restore_tester.judgement.measurement import Measurement
from restore_tester.judgement.objectives import freshness, judge_objectives, objective_warnings
from restore_tester.model import Blame, DrillOrder, Evidence, Levels, Reason, Verdict

WORST_FIRST = (Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.PASSED)


@dataclass(frozen=True, slots=True)
class Judgement:
    verdict: Verdict
    reasons: tuple[Reason, ...]
    warnings: tuple[Reason, ...]
    proof_level: int
    levels: Levels
    next_level_needs: str | None


def judge(order: DrillOrder, evidence: Evidence, measurement: Measurement) -> Judgement:
    """Given what was ordered, seen and measured, return the judgement. Reasons: the backup's first, then ours, each as met."""
    found = find(order, evidence)
    fresh = freshness(order, evidence, measurement)
    against = found.against + tuple(judge_objectives(order, evidence, measurement, intact=not found.against))
    levels = judge_levels(order, evidence, against, fresh)
    return Judgement(
        verdict=_verdict(against),
        reasons=_reasons(against, Blame.BACKUP) + _reasons(against, Blame.OURS),
        warnings=found.warnings + tuple(objective_warnings(order, evidence, measurement)),
        proof_level=proof_level(levels),
        levels=levels,
        next_level_needs=next_level_needs(order, evidence, levels, fresh),
    )


def verdict_of_many(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of them; of none, inconclusive: nothing ran is not passed."""
    given = set(verdicts)
    return next((verdict for verdict in WORST_FIRST if verdict in given), Verdict.INCONCLUSIVE)


def _verdict(against: tuple[Finding, ...]) -> Verdict:
    blames = {finding.blame for finding in against}
    if Blame.BACKUP in blames:
        return Verdict.FAILED
    return Verdict.INCONCLUSIVE if blames else Verdict.PASSED


def _reasons(against: tuple[Finding, ...], blame: Blame) -> tuple[Reason, ...]:
    return tuple(finding.reason for finding in against if finding.blame is blame)
