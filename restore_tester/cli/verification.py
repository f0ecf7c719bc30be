"""A request → a drill in front of whoever asked: progress while it runs, then the verdict, then the exit code."""

from __future__ import annotations

import sys

from restore_tester.cli.output import OutputFormat, say_json
from restore_tester.cli.page import is_terminal, new_page, show
from restore_tester.cli.request import Wanted, drill_request
from restore_tester.contracts import ProgressSink
from restore_tester.drill import MOST_PLANS, plan_drill, run_drill, wants_another_plan
from restore_tester.errors import Misuse
from restore_tester.judgement.exits import exit_code
from restore_tester.model import Drill, to_json
from restore_tester.planning import DrillRequest
from restore_tester.service.equipment import equipment_for
from restore_tester.service.signals import interruptible


def verify(wanted: Wanted, output: OutputFormat) -> int:
    """Drill, show the record, return the exit code. Raise Misuse, CannotTell where no drill could be planned."""
    with interruptible():
        drill = _watched(drill_request(wanted), output, wanted.sandbox)
        if output == "json":
            say_json(to_json(drill))
        else:
            _show(drill)
        return exit_code(drill.verdict, drill.reasons)


def watched_drill(request: DrillRequest, output: OutputFormat) -> Drill:
    """Given a request, plan and run its drill, with live progress where somebody watches. Raise Misuse, CannotTell."""
    return _watched(request, output)


def _watched(request: DrillRequest, output: OutputFormat, sandbox: str = "auto") -> Drill:
    if not _somebody_watches(output):
        return _drill(request, lambda event: None, sandbox)
    from restore_tester.cli.progress import LiveProgress

    with LiveProgress(sys.stderr) as progress:
        return _drill(request, progress, sandbox)


def _drill(request: DrillRequest, progress: ProgressSink, sandbox: str) -> Drill:
    equipment = equipment_for(progress, sandbox)
    drill = run_drill(plan_drill(request, equipment), equipment)
    for _ in range(MOST_PLANS - 1):
        if not wants_another_plan(drill):
            break
        try:
            order = plan_drill(request, equipment)
        except Misuse:
            # Nothing lies there any more: what was seen of it stands.
            break
        drill = run_drill(order, equipment)
    return drill


def _somebody_watches(output: OutputFormat) -> bool:
    """Progress goes to a terminal, and never onto the one where the JSON object is to stand alone."""
    watched = sys.stderr is not None and is_terminal(sys.stderr)
    return watched and not (output == "json" and sys.stdout is not None and sys.stdout.isatty())


def _show(drill: Drill) -> None:
    from restore_tester.cli.render_drill import render_drill

    if sys.stdout is None:
        return
    page = new_page(sys.stdout)
    render_drill(drill, page)
    show(page)
