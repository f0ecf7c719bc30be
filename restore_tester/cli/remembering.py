"""The history → one drill in full, or past drills, newest first; a record leaves as it was written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from restore_tester.cli.output import OutputFormat, say_json
from restore_tester.cli.page import Page, Span, Tone, new_page, padded
from restore_tester.cli.page import show as show_page
from restore_tester.cli.render_drill import TONES, render_drill
from restore_tester.cli.render_fleet import VERDICT_COLUMNS
from restore_tester.cli.running import as_json
from restore_tester.config.nouns import Configuration
from restore_tester.errors import CannotTell, Misuse
from restore_tester.history.nouns import Remembered, Search
from restore_tester.judgement import exits
from restore_tester.judgement.amounts import instant
from restore_tester.service.configured import load
from restore_tester.service.fleet import history_if_any, refuse_unknown

if TYPE_CHECKING:
    from restore_tester.history.records import History

DRILL_COLUMNS = 27


def show(file: Path, drill: str, output: OutputFormat) -> int:
    """Show one drill. Return 0 whatever its verdict. Raise Misuse (`drill_unknown`), CannotTell (`drill_running`, and for a record
    that is not one of ours)."""
    with history_if_any(load(file)) as history:
        record = history.record(drill) if history is not None else None
        known = history.drill(drill) if history is not None else None
    if known is None:
        raise Misuse("drill_unknown", f"no drill {drill!r} is remembered", "list them: restore-tester history")
    if record is None:
        raise CannotTell("drill_running", f"the drill {drill} still runs", "wait until it has ended; see restore-tester history")
    if output == "json":
        say_json(record.json)
    elif sys.stdout is not None:
        page = new_page(sys.stdout)
        render_drill(record.read(), page)
        show_page(page)
    return exits.PASSED


def history(file: Path, search: Search, output: OutputFormat) -> int:
    """List past drills, the newest first. Return 0 whatever their verdicts; as JSON, those that have ended. Raise Misuse for
    a limit that makes no sense, and for a name that neither the configuration nor the history knows."""
    if search.limit < 1:
        raise Misuse("limit_wrong", "--limit must be at least 1", "for example --limit 50")
    configuration = load(file)
    with history_if_any(configuration) as remembered:
        found = remembered.drills(search) if remembered is not None else ()
        if not found:
            _refuse_unknown(configuration, remembered, search)
        records = [remembered.record(each.drill) for each in found] if remembered is not None and output == "json" else []
    if output == "json":
        say_json(as_json([record.json for record in records if record is not None]))
    elif sys.stdout is not None:
        page = new_page(sys.stdout)
        for each in found:
            _line(each, page)
        if not found:
            page.row(Span("no drills are remembered"))
        show_page(page)
    return exits.PASSED


def _refuse_unknown(configuration: Configuration, remembered: History | None, search: Search) -> None:
    """What was drilled once may be asked for, though no configuration names it any more."""

    def drilled(some: Search) -> bool:
        return remembered is not None and bool(remembered.drills(some))

    if search.workload is not None and not drilled(Search(search.workload, limit=1)):
        refuse_unknown("workload_unknown", (search.workload,), tuple(workload.name for workload in configuration.workloads))
    if search.location is not None and not drilled(Search(search.workload, search.location, limit=1)):
        meant = (workload for workload in configuration.workloads if search.workload in (None, workload.name))
        known = dict.fromkeys(location.name or "" for workload in meant for location in workload.locations)
        refuse_unknown("location_unknown", (search.location,), tuple(known))


def _line(each: Remembered, page: Page) -> None:
    verdict = each.verdict.value.upper() if each.verdict else "RUNNING"
    tone = TONES[each.verdict] if each.verdict else Tone.DIM
    said = f"  {each.reason}" if each.reason else ""
    page.row(
        Span(padded(each.drill, DRILL_COLUMNS), Tone.DIM),
        Span(padded(verdict, VERDICT_COLUMNS), tone),
        Span(f"{instant(each.began_at)}  {each.workload or '-'} / {each.location or '-'}  {each.backup or 'no backup'}{said}"),
    )
