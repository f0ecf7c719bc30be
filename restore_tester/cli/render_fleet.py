"""Many drills, plans and workloads → one line each, and the reasons of those that did not pass."""

from __future__ import annotations

from collections.abc import Sequence

from restore_tester.cli.amounts import seconds
from restore_tester.cli.page import Page, Span, Tone, inert, padded
from restore_tester.cli.render_drill import TONES
from restore_tester.model import Drill, Profile, Verdict

VERDICT_COLUMNS = 13


def drill_line(drill: Drill) -> str:
    """Return one drill in one line."""
    backup = drill.backup.id or "no backup"
    said = drill.reasons[0].message if drill.reasons else figures(drill)
    return inert(f"{padded(drill.verdict.value.upper(), VERDICT_COLUMNS)}{drill.workload} / {drill.location}  {backup}  {said}")


def figures(drill: Drill) -> str:
    """Return how long recovery took and what a loss would have cost, each beside its objective."""
    words = []
    if drill.recovery_time_seconds is not None:
        fast = " (fast: not comparable)" if drill.profile is Profile.FAST else ""
        words.append(f"back in {seconds(drill.recovery_time_seconds)}{fast}{_of('RTO', drill.recovery_time_objective_seconds)}")
    if drill.data_loss_seconds is not None:
        words.append(f"data loss {seconds(drill.data_loss_seconds)}{_of('RPO', drill.recovery_point_objective_seconds)}")
    return ", ".join(words) or "nothing was measured"


def _of(name: str, objective: float | None) -> str:
    return f" of {name} {seconds(objective)}" if objective is not None else ""


def render_reasons(drills: Sequence[Drill], page: Page) -> None:
    """Add why each drill that did not pass did not, and how many passed."""
    for drill in drills:
        if drill.verdict is Verdict.PASSED:
            continue
        page.blank()
        page.row(Span(f"{drill.workload} / {drill.location}", Tone.STRONG), Span(f"  {drill.drill}", Tone.DIM))
        for reason in drill.reasons:
            page.text(f"{reason.message} ({reason.code})", TONES[drill.verdict], indent=2)
            page.text(reason.hint, indent=4, lead=Span(f"{page.glyphs.hint} ", Tone.DIM))
    page.blank()
    passed = sum(drill.verdict is Verdict.PASSED for drill in drills)
    tone = Tone.GOOD if drills and passed == len(drills) else Tone.BAD
    page.row(Span(f"{passed} of {len(drills)} drills passed.", tone), Span("  In full: restore-tester show DRILL", Tone.DIM))
