"""Many drills, plans and workloads → one line each, and the reasons of those that did not pass."""

from __future__ import annotations

from collections.abc import Sequence

from restore_tester.cli.page import Page, Span, Tone, padded
from restore_tester.cli.render_drill import TONES
from restore_tester.judgement.telling import outcome
from restore_tester.judgement.wording import counted, inert
from restore_tester.model import Drill, Verdict

VERDICT_COLUMNS = 13


def drill_line(drill: Drill) -> str:
    """Return one drill in one line."""
    backup = drill.backup.id or "no backup"
    said = f"{drill.workload} / {drill.location}  {backup}  {outcome(drill)}  ({drill.drill})"
    return inert(f"{padded(drill.verdict.value.upper(), VERDICT_COLUMNS)}{said}")


def render_reasons(drills: Sequence[Drill], asked: int, page: Page) -> None:
    """Add why each drill that did not pass did not, and how many passed of those that were asked for."""
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
    tone = Tone.GOOD if drills and passed == asked else Tone.BAD
    page.row(Span(f"{passed} of {counted(asked, 'drill')} passed.", tone), Span("  In full: restore-tester show DRILL", Tone.DIM))
