"""A walk back to a good backup, told while it goes on → what was found, when the damage began, and the commands to restore."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from restore_tester.cli.output import OutputFormat, say, say_json
from restore_tester.cli.page import Page, Span, Tone, new_page, padded, show
from restore_tester.clock import SystemClock
from restore_tester.config.nouns import Configuration
from restore_tester.errors import Misuse
from restore_tester.history.nouns import Place
from restore_tester.history.records import open_history
from restore_tester.judgement import exits
from restore_tester.judgement.amounts import instant, seconds
from restore_tester.judgement.wording import counted, duration, inert
from restore_tester.model import Backup, to_json
from restore_tester.service.configured import load
from restore_tester.service.crew import Crew
from restore_tester.service.executors.processes import ProcessExecutor
from restore_tester.service.fleet import Asked, history_dsn, meant
from restore_tester.service.known_good import KnownGood, Step, Walker
from restore_tester.service.known_good import find_good as walk
from restore_tester.service.signals import interruptible
from restore_tester.service.sources import open_source

SCHEMA = "restore-tester/find-good/v1"
LABEL = 12


@dataclass(frozen=True, slots=True)
class Answer:
    schema: str
    found: KnownGood


def find_good(file: Path, workload: str, location: str | None, most_drills: int, output: OutputFormat) -> int:
    """Walk, and say what was found. Return the exit code."""
    configuration = load(file)
    place = _place(configuration, workload, location)
    with interruptible(), open_history(history_dsn(configuration)) as history:
        crew = Crew(history, ProcessExecutor(configuration.sandbox), lambda job, order, event: None)
        walker = Walker(history, open_source, crew.drill, SystemClock(), _tell)
        with crew.leases_kept():
            try:
                found = walk(configuration, place, walker, most_drills)
            except BaseException:
                crew.stop()
                raise
    if output == "json":
        say_json(to_json(Answer(SCHEMA, found)))
    elif sys.stdout is not None:
        page = new_page(sys.stdout)
        render(found, page)
        show(page)
    return _exit_code(found)


def _place(configuration: Configuration, workload: str, location: str | None) -> Place:
    (found,) = meant(configuration, Asked((workload,)))
    names = [each.name or "" for each in found.locations]
    if location is not None and location not in names:
        raise Misuse("location_unknown", f"{workload} has no location called {location!r}", f"use one of: {', '.join(names)}")
    return Place(workload, location or names[0])


def _tell(backup: Backup, number: int) -> None:
    say(inert(f"drill {number}: {backup.id}") + "\n", sys.stderr)


def _exit_code(found: KnownGood) -> int:
    if found.good is not None:
        return exits.PASSED
    told = [step for step in found.steps if step.good is not None]
    return exits.FAILED if found.complete and len(told) == len(found.steps) else exits.INCONCLUSIVE


# --- the page ---------------------------------------------------------------------------------------------------------


def render(found: KnownGood, page: Page) -> None:
    """Add what was found: the one to restore first, then the damage, then every step."""
    place = f"{found.workload} / {found.location}"
    if found.good is None:
        page.row(Span(padded("NONE", LABEL), Tone.BAD), Span(f"{place}: {_nothing(found)}", Tone.STRONG))
    else:
        page.row(Span(padded("GOOD", LABEL), Tone.GOOD), Span(f"{place}  {found.good.backup}", Tone.STRONG))
        page.text(_good(found.good), lead=_label("restore it"))
    if found.first_bad is not None:
        page.text(_damage(found), lead=_label("damage"))
    page.text(_cost(found), Tone.DIM, lead=_label("walk"))
    page.blank()
    for step in found.steps:
        _step(step, page)
    if found.commands:
        page.blank()
        page.row(Span("To restore it (TARGET: the server that takes over):"))
        for command in found.commands:
            page.row(Span(f"  {command}", Tone.STRONG))


def _label(text: str) -> Span:
    return Span(padded(text, LABEL), Tone.STRONG)


def _good(step: Step) -> str:
    back = f"back in {seconds(step.recovery_time_seconds)}" if step.recovery_time_seconds is not None else "recovery time unknown"
    if step.taken_at is None or step.age_seconds is None:
        return f"{back}; nothing says how old it is"
    return f"{back}; taken {instant(step.taken_at)}: what was written in the {duration(max(step.age_seconds, 0))} since then is lost"


def _damage(found: KnownGood) -> str:
    assert found.first_bad is not None
    why = f" ({found.first_bad.reason.message})" if found.first_bad.reason else ""
    bad = f"first bad {_when(found.first_bad.taken_at)}{why}"
    return f"{bad}; last good {_when(found.good.taken_at)}" if found.good is not None else bad


def _when(at: datetime | None) -> str:
    return instant(at) if at is not None else "at an unknown time"


def _nothing(found: KnownGood) -> str:
    if not found.retained:
        return "there is no backup here"
    if found.complete:
        return f"not one of {counted(found.retained, 'retained backup')} is good"
    return f"none of {counted(len(found.steps), 'backup')} is good, {found.retained - len(found.steps)} older or between were not drilled"


def _cost(found: KnownGood) -> str:
    drills = sum(step.drilled_now for step in found.steps)
    words = [f"{counted(drills, 'drill')} in {duration(found.seconds)}, of {counted(found.retained, 'retained backup')}"]
    if found.not_tried and found.good is not None:
        words.append(f"{found.not_tried} newer than the good one were not drilled: they lie after the damage")
    if not found.complete:
        words.append("ended at its limit: walk on with --most")
    return "; ".join(words)


def _step(step: Step, page: Page) -> None:
    word, tone = {True: ("good", Tone.GOOD), False: ("bad", Tone.BAD), None: ("unknown", Tone.UNSURE)}[step.good]
    said = f"  {step.reason.message}" if step.reason else ""
    page.row(Span(padded(word, LABEL), tone), Span(f"{step.backup}  "), Span(f"{step.drill}{said}", Tone.DIM))
