"""Drills, what each was expected to say, and how that came about → one HTML page that needs nothing beside itself.

No script and no request to anywhere (the page forbids itself both); light and dark as the reader's system is. Whatever comes out
of a backup is escaped, and what a browser would obey in the middle of a word (changes of direction, control characters) is spelled out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from restore_tester.cli.amounts import instant, seconds, size
from restore_tester.cli.outcome import back_in, loss, outcome
from restore_tester.cli.page import inert
from restore_tester.cli.render_drill import LEVELS, OUTSIDE_RECOVERY, sentence
from restore_tester.judgement.wording import counted
from restore_tester.model import CheckResult, Drill, LevelState, Outcome, Stage, Verdict

TEMPLATE = "results_page.html"
CHART_UNITS = 1000
LEAST_BAR_UNITS = 4
SIGNS = {Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.INCONCLUSIVE: "?"}


@dataclass(frozen=True, slots=True)
class Result:
    """A drill, how its backup came about, and the verdict that it was expected to get."""

    drill: Drill
    story: str
    expected: Verdict
    as_expected: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """A stage as it is drawn: from `x`, `width` wide, of `CHART_UNITS` that stand for the whole drill."""

    stage: Stage
    x: int
    width: int
    after_recovery: bool
    began_seconds: float


@dataclass(frozen=True, slots=True)
class Rung:
    level: int
    name: str
    meaning: str
    state: LevelState


def results_page(title: str, results: Sequence[Result]) -> str:
    """Return the page, as text that is to be stored in UTF-8."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, finalize=_harmless,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(
        instant=instant, seconds=seconds, size=size, counted=counted, bars=bars, rungs=_rungs, sentence=sentence, outcome=outcome,
        back_in=back_in, loss=loss, troubled=_troubled, passed=_passed, sign=SIGNS.__getitem__, machine=_machine,
    )  # fmt: skip
    verdicts = [(verdict, sum(each.drill.verdict is verdict for each in results)) for verdict in Verdict]
    page = environment.get_template(TEMPLATE)
    return page.render(title=title, results=results, verdicts=verdicts, right=sum(each.as_expected for each in results), units=CHART_UNITS)


def bars(drill: Drill) -> tuple[Bar, ...]:
    """Return when each stage ran: stages overlap, so their lengths are never added up."""
    whole = max((drill.ended_at - drill.began_at).total_seconds(), 1e-9)
    return tuple(_bar(stage, drill.began_at, whole) for stage in drill.stages)


def _bar(stage: Stage, origin: datetime, whole: float) -> Bar:
    began = max((stage.began_at - origin) / timedelta(seconds=1), 0.0)
    x = min(int(began / whole * CHART_UNITS), CHART_UNITS - LEAST_BAR_UNITS)
    width = min(max(round(stage.seconds / whole * CHART_UNITS), LEAST_BAR_UNITS), CHART_UNITS - x)
    return Bar(stage, x, width, stage.name in OUTSIDE_RECOVERY, began)


def _harmless(value: object) -> object:
    """Spell out what is not printable; what the template itself made is left as it is."""
    return inert(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _machine(at: datetime) -> str:
    """An instant as `<time datetime>` wants it."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _rungs(drill: Drill) -> tuple[Rung, ...]:
    return tuple(Rung(level, name, meaning, getattr(drill.levels, name)) for level, (name, meaning) in enumerate(LEVELS))


def _troubled(drill: Drill) -> tuple[CheckResult, ...]:
    return tuple(check for check in drill.checks if check.outcome is not Outcome.PASSED)


def _passed(drill: Drill) -> tuple[str, ...]:
    return tuple(check.name for check in drill.checks if check.outcome is Outcome.PASSED)
