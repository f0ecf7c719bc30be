"""What was measured over time, and its objective → where each point, line and band lies in a drawing, and the same in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from restore_tester.judgement.amounts import instant
from restore_tester.judgement.forecast import Point
from restore_tester.judgement.ledger import Trend
from restore_tester.judgement.wording import counted, duration

WIDTH, HEIGHT = 480, 190
LEFT, RIGHT, TOP, BOTTOM = 74, 468, 14, 160
# An objective so far above what is measured would press all else flat: then it is said, not drawn.
_FAR = 6.0
_ROOM = 1.05
_DAY = 86_400.0
# What a scale may be divided by: amounts that a person reads at once.
_STEPS = (1.0, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 14_400, 21_600, 43_200, _DAY, 2 * _DAY, 4 * _DAY, 7 * _DAY)
_WEEK = 7 * _DAY


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    over: bool
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """One drawing. Heights are None where there is no such line; `words` say all that the drawing shows."""

    title: str
    dots: tuple[Dot, ...]
    objective: float | None
    objective_told: str
    usual: float | None
    upper: float | None
    marks: tuple[tuple[float, str], ...]
    first: str
    last: str
    words: str

    @property
    def drawn(self) -> str:
        """The line through the dots, as SVG wants it."""
        return " ".join(f"{dot.x},{dot.y}" for dot in self.dots)


def plot(title: str, points: Sequence[Point], objective: float | None, trend: Trend | None, noun: str) -> Plot | None:
    """Given points in any order, their values in seconds, return the drawing of them; None where there is none to draw."""
    if not points:
        return None
    ordered = sorted(points, key=lambda point: point.at)
    usual, upper = (trend.baseline, trend.upper) if trend is not None else (None, None)
    most = max([point.value for point in ordered] + [value for value in (upper, usual) if value is not None] + [1.0])
    is_drawn = objective is not None and objective <= most * _FAR
    step = _step(max(most, objective if is_drawn and objective is not None else 0.0) * _ROOM / 2)
    top = 2 * step
    return Plot(
        title=title,
        dots=tuple(_dot(point, ordered[0].at, ordered[-1].at, top, objective) for point in ordered),
        objective=_height(objective, top) if is_drawn else None,
        objective_told="" if objective is None else f"objective {duration(objective)}",
        usual=_height(usual, top),
        upper=_height(upper, top),
        marks=((_level(0.0, top), "0"), (_level(step, top), duration(step)), (_level(top, top), duration(top))),
        first=f"{ordered[0].at:%Y-%m-%d}",
        last=f"{ordered[-1].at:%Y-%m-%d}",
        words=_words(ordered, objective, trend, noun),
    )


def _step(least: float) -> float:
    """The smallest amount to divide a scale by that is no less."""
    return next((float(step) for step in _STEPS if step >= least), ceil(least / _WEEK) * _WEEK)


def _dot(point: Point, first: datetime, last: datetime, top: float, objective: float | None) -> Dot:
    whole = (last - first).total_seconds()
    share = (point.at - first).total_seconds() / whole if whole > 0 else 1.0
    over = objective is not None and point.value > objective
    return Dot(round(LEFT + share * (RIGHT - LEFT), 1), _level(point.value, top), over, f"{instant(point.at)}: {duration(point.value)}")


def _height(value: float | None, top: float) -> float | None:
    return None if value is None else _level(value, top)


def _level(value: float, top: float) -> float:
    return round(BOTTOM - value / top * (BOTTOM - TOP), 1)


def _words(points: list[Point], objective: float | None, trend: Trend | None, noun: str) -> str:
    values = [point.value for point in points]
    said = [
        f"{counted(len(points), noun)} from {points[0].at:%Y-%m-%d} to {points[-1].at:%Y-%m-%d}",
        f"the last {duration(values[-1])}, the least {duration(min(values))}, the most {duration(max(values))}",
    ]
    if trend is not None and trend.baseline is not None and trend.upper is not None:
        said.append(f"{duration(trend.baseline)} is usual, above {duration(trend.upper)} it drifts")
    elif trend is not None:
        said.append("too few yet to say what is usual")
    if objective is not None:
        over = sum(value > objective for value in values)
        said.append(f"{over or 'none'} beyond the objective of {duration(objective)}")
    return "; ".join(said)
