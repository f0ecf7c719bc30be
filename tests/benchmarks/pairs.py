"""Two commands in turn, A B A B …, → the median of the paired ratios and its interval."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Pairs:
    """Seconds of each run, pairwise; the ratio is ours / theirs."""

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        return tuple(sorted(a / b for a, b in zip(self.ours, self.theirs, strict=True)))

    def interval(self) -> tuple[float, float]:
        """Return the order-statistic interval of the median that covers it with at least 95 % (n = 9: second to eighth)."""
        ratios = self.ratios
        n, k, tail = len(ratios), 0, 0.0
        coefficient = 1.0
        for i in range(n // 2):
            tail += coefficient / 2**n
            if 2 * tail > 0.05:
                break
            k = i + 1
            coefficient = coefficient * (n - i) / (i + 1)
        return ratios[max(k - 1, 0)], ratios[n - max(k, 1)]

    def __str__(self) -> str:
        low, high = self.interval()
        return (
            f"ratio {statistics.median(self.ratios):.2f} [{low:.2f}, {high:.2f}] "
            f"({statistics.median(self.ours):.3f} s against {statistics.median(self.theirs):.3f} s, n = {len(self.ours)})"
        )


def interleaved(ours: Callable[[], float], theirs: Callable[[], float], count: int) -> Pairs:
    """Given two functions that run once and return seconds, run each once uncounted, then `count` times in turn."""
    ours(), theirs()
    pairs = [(ours(), theirs()) for _ in range(count)]
    return Pairs(tuple(a for a, _ in pairs), tuple(b for _, b in pairs))
