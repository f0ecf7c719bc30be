"""Values of one quantity, oldest first → whether it moved away from what was usual: by a step, or slowly.

Only growth is judged: what is measured here (time, age, loss) is never too small. Each parameter stands in docs/drift.md with its
reason, and with the rate of false alarms that was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from statistics import median

from restore_tester.judgement.ledger import Trend, TrendState

# Fewer have no spread worth the name.
LEARNED = 8
BASELINE_OVER = 20
# The median absolute deviation of a normal distribution is its standard deviation over this.
MAD_TO_DEVIATION = 1.4826
LEAST_SPREAD = 0.1
SPREADS = 4.0
LAST, FAR_OFF = 3, 2
# Page's cumulative sum, in spreads: what each value may be above the reference for nothing, and the sum that is too much.
ALLOWANCE, LIMIT = 0.5, 5.0
# One outlier alone adds less than the limit.
MOST_OF_ONE = 4.0
CREPT_OVER, CREPT_SPREADS = 5, 2.5


@dataclass(frozen=True, slots=True)
class Rule:
    """What is too little to speak of: a spread below `floor` (in the quantity's own unit) counts as that; a growth by less than
    `least_share` of the usual, or by less than `least`, is none."""

    floor: float
    least: float
    least_share: float = 0.25


@dataclass(frozen=True, slots=True)
class Usual:
    """The middle of values, and how far they stray."""

    middle: float
    spread: float


def usual(values: Sequence[float], rule: Rule) -> Usual:
    """Given at least one value, return their median, and their spread with its floors."""
    middle = median(values)
    deviation = MAD_TO_DEVIATION * median([abs(value - middle) for value in values])
    return Usual(middle, max(deviation, LEAST_SPREAD * abs(middle), rule.floor))


def trend(quantity: str, values: Sequence[float], rule: Rule) -> Trend:
    """Given at least one value of comparable drills or cycles, oldest first, return how the quantity developed."""
    count, latest = len(values), values[-1]
    if count < LEARNED:
        return Trend(quantity=quantity, state=TrendState.LEARNING, compared=count, latest=latest)
    before = usual(values[-BASELINE_OVER - 1 : -1], rule)
    upper = before.middle + max(SPREADS * before.spread, _least(before, rule))
    far_off = sum(value > upper for value in values[-LAST:]) >= FAR_OFF
    grown_from = _crept_from(values, rule)
    slow = TrendState.STEADY if grown_from is None else TrendState.CREEPING
    return Trend(
        quantity=quantity,
        state=TrendState.DRIFTING if far_off else slow,
        compared=count,
        latest=latest,
        baseline=before.middle,
        upper=upper,
        grown_from=grown_from,
    )


def _least(from_where: Usual, rule: Rule) -> float:
    return max(rule.least_share * abs(from_where.middle), rule.least)


def _crept_from(values: Sequence[float], rule: Rule) -> float | None:
    """The reference is the oldest that are known, never the last twenty: a baseline that creeps along sees no creeping. The sum says
    that the growth is no chance, the middle of the last five that it is still there and matters."""
    oldest = max(LEARNED, min(BASELINE_OVER, len(values) // 2))
    before, rest = usual(values[:oldest], rule), values[oldest:]
    if len(rest) < CREPT_OVER:
        return None
    spread = max(before.spread, _from_one_to_the_next(values))
    grown = median(values[-CREPT_OVER:]) - before.middle
    if grown <= max(_least(before, rule), CREPT_SPREADS * spread):
        return None
    total = 0.0
    for value in rest:
        total = max(0.0, total + min((value - before.middle) / spread, MOST_OF_ONE) - ALLOWANCE)
    return before.middle if total > LIMIT else None


def _from_one_to_the_next(values: Sequence[float]) -> float:
    """The spread that neighbours show: of all values, and blind to slow growth. A difference of two strays more than one."""
    differences = [abs(later - earlier) for earlier, later in pairwise(values)]
    return MAD_TO_DEVIATION * median(differences) / sqrt(2)
