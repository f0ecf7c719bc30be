"""A request → a drill in front of whoever asked: progress while it runs, then the verdict, then the exit code."""

from __future__ import annotations

import sys

from restore_tester.cli.equipment import equipment_for
from restore_tester.cli.output import OutputFormat, say_json
from restore_tester.cli.page import is_terminal, new_page, show
from restore_tester.cli.request import Wanted, drill_request
from restore_tester.cli.signals import interruptible
from restore_tester.contracts import ProgressSink
from restore_tester.drill import DrillRequest, plan_drill, run_drill
from restore_tester.judgement.exits import exit_code
from restore_tester.model import Drill, to_json


def verify(wanted: Wanted, output: OutputFormat) -> int:
    """Drill, show the record, return the exit code. Raise Misuse, CannotTell where no drill could be planned."""
    with interruptible():
        drill = watched_drill(drill_request(wanted), output)
        if output == "json":
            say_json(to_json(drill))
        else:
            _show(drill)
        return exit_code(drill.verdict, drill.reasons)


def watched_drill(request: DrillRequest, output: OutputFormat) -> Drill:
    """Given a request, plan and run its drill, with live progress where somebody watches. Raise Misuse, CannotTell."""
    if not _somebody_watches(output):
        return _drill(request, lambda event: None)
    from restore_tester.cli.progress import LiveProgress

    with LiveProgress(sys.stderr) as progress:
        return _drill(request, progress)


def _drill(request: DrillRequest, progress: ProgressSink) -> Drill:
    equipment = equipment_for(progress)
    return run_drill(plan_drill(request, equipment), equipment)


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
