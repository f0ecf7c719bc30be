"""What the demo does and finds → lines on stdout while it happens, a table of expected and found, and what to try next."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from restore_tester.cli.demo_backups import Case
from restore_tester.cli.page import Page, Span, Tone, cells, new_page, padded, show
from restore_tester.cli.render_drill import TONES
from restore_tester.cli.render_fleet import VERDICT_COLUMNS
from restore_tester.judgement.telling import outcome
from restore_tester.model import Drill
from restore_tester.restorers.postgresql.servers import Server

INDENT = 4
EXPECTED_COLUMNS = 10


class Telling:
    """Says what happens, as it happens; nothing at all where one JSON object is to come at the end."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent

    def making(self, server: Server) -> None:
        """Say what is made."""
        if self._silent:
            return
        page = new_page(sys.stdout)
        made = f"Making a shop on PostgreSQL {server.major} ({server.origin}): three days of trade, 220 000 rows and more, two locations"
        page.text(f"{made}, backups in each, some of them spoiled…")
        page.text("Nothing here needs root or an installed PostgreSQL, and no database of yours is touched.", Tone.DIM)
        page.blank()
        show(page)

    def asking(self, file: str, story: str) -> None:
        """Say which backup is drilled."""
        if self._silent:
            return
        page = new_page(sys.stdout)
        page.row(Span(file, Tone.STRONG))
        page.text(story, Tone.DIM, indent=INDENT)
        show(page)

    def judged(self, case: Case, drill: Drill) -> None:
        """Say what came of the backup."""
        if self._silent:
            return
        page = new_page(sys.stdout)
        held = Span("as expected", Tone.DIM) if case.is_met(drill) else Span(f"expected: {_expected(case)}", Tone.BAD)
        page.row(Span(" " * INDENT), Span(padded(drill.verdict.value.upper(), VERDICT_COLUMNS), TONES[drill.verdict]), held)
        page.text(outcome(drill), indent=INDENT)
        page.blank()
        show(page)

    def ending(self, results: Sequence[tuple[str, Case, Drill]], page_file: str, commands: Sequence[str]) -> None:
        """Given the name, the case and the drill of each backup, say how they compare, and what to try next: last what serves them."""
        if self._silent:
            return
        page = new_page(sys.stdout)
        _table(results, page)
        page.blank()
        right = sum(case.is_met(drill) for _, case, drill in results)
        tone = Tone.GOOD if right == len(results) else Tone.BAD
        page.row(Span(f"{right} of {len(results)} verdicts are the expected ones.", tone))
        page.row(Span("The same in a browser: "), Span(page_file, Tone.STRONG))
        page.blank()
        page.row(Span("Try next:", Tone.STRONG))
        for command in commands[:-1]:
            # Never wrapped: a command is there to be pasted.
            page.row(Span(f"  {command}"))
        page.blank()
        page.row(Span("The fleet as a service, with its pages at http://127.0.0.1:8000/ and its metrics at /metrics:", Tone.STRONG))
        page.row(Span(f"  {commands[-1]}"))
        page.blank()
        page.row(Span("Then a backup of your own:", Tone.STRONG))
        page.row(Span(f"  {commands[0].split(' status ')[0]} verify /path/to/your.dump"))
        show(page)


def _table(results: Sequence[tuple[str, Case, Drill]], page: Page) -> None:
    columns = max(cells(name) for name, _, _ in results) + 2
    head = (padded("backup", columns), padded("expected", EXPECTED_COLUMNS), "found")
    page.row(*(Span(word, Tone.DIM) for word in head))
    for name, case, drill in results:
        found = f"{drill.verdict.value} ({drill.reasons[0].code})" if drill.reasons else drill.verdict.value
        tone = TONES[drill.verdict] if case.is_met(drill) else Tone.UNSURE
        page.row(Span(padded(name, columns)), Span(padded(case.expected.value, EXPECTED_COLUMNS)), Span(found, tone))


def _expected(case: Case) -> str:
    return f"{case.expected.value} ({case.why})" if case.why else case.expected.value
