"""Workloads that were named → their drills, side by side and remembered, told while they run; the worst verdict decides the exit."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from restore_tester.cli.output import OutputFormat, say, say_json
from restore_tester.cli.page import is_terminal, new_page, show
from restore_tester.cli.render_fleet import drill_line, render_reasons
from restore_tester.clock import SystemClock
from restore_tester.contracts import DrillEvent
from restore_tester.errors import CannotTell, Interrupted, RestoreTesterError
from restore_tester.history.owners import is_gone
from restore_tester.history.records import open_history
from restore_tester.judgement import exits
from restore_tester.judgement.verdict import verdict_of_many
from restore_tester.judgement.wording import inert
from restore_tester.model import Drill, DrillOrder, Verdict, to_json
from restore_tester.service.configured import load
from restore_tester.service.crew import Crew, Ended
from restore_tester.service.executors.processes import ProcessExecutor
from restore_tester.service.fleet import Asked, Job, history_dsn, jobs, with_past
from restore_tester.service.signals import interruptible

NOTHING_NEW = "nothing_new"


@dataclass(frozen=True, slots=True)
class Done:
    """What came of what was asked for, in the order of the configuration. `never_began` were still waiting when somebody asked to stop."""

    ended: tuple[Ended, ...]
    never_began: tuple[Job, ...]
    interrupted: bool

    @property
    def drills(self) -> tuple[Drill, ...]:
        return tuple(each.drill for each in self.ended if each.drill is not None)

    @property
    def asked(self) -> int:
        return len(self.ended) + len(self.never_began)


class Watch(Protocol):
    """Who is told what happens, from several threads."""

    def event(self, job: Job, order: DrillOrder, event: DrillEvent) -> None: ...

    def ended(self, ended: Ended) -> None: ...


def run(file: Path, asked: Asked, output: OutputFormat) -> int:
    """Drill what was asked for. Return the exit code. Raise Misuse, CannotTell where not one drill came out."""
    configuration = load(file)
    todo = jobs(configuration, asked, SystemClock().now())
    with interruptible(), open_history(history_dsn(configuration)) as history:
        history.abandon(SystemClock().now(), is_gone)
        todo = with_past(todo, history)
        with _watch(output, len(todo)) as watch:
            crew = Crew(history, ProcessExecutor(configuration.sandbox), watch.event)
            done = _drill_all(todo, crew, configuration.concurrency, watch)
        failed = [each.error for each in done.ended if each.error is not None]
        if not done.drills and failed and not done.interrupted:
            raise failed[0]
        _tell(done, output)
        return _exit_code(done)


def as_json(records: Sequence[bytes]) -> bytes:
    """Given drill records as JSON, return the object of the contract that holds them."""
    return b'{"schema":"restore-tester/drills/v1","drills":[' + b",".join(records) + b"]}"


def _drill_all(todo: Sequence[Job], crew: Crew, concurrency: int, watch: Watch) -> Done:
    """Return what ended, what never began, and whether somebody asked to stop before all had."""
    pool = ThreadPoolExecutor(concurrency, "drill")
    futures = {pool.submit(crew.drill, job): job for job in todo}
    interrupted, told = False, set()
    with crew.leases_kept():
        try:
            for done in as_completed(futures):
                told.add(done)
                watch.ended(_outcome(done, futures[done]))
        except Interrupted:
            interrupted = True
            crew.stop()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    began = {future: _outcome(future, job) for future, job in futures.items() if not _never_began(future)}
    for future, ended in began.items():
        if future not in told:
            watch.ended(ended)
    return Done(tuple(began.values()), tuple(job for future, job in futures.items() if future not in began), interrupted)


def _never_began(future: Future[Ended]) -> bool:
    return future.cancelled() or isinstance(future.exception(), Interrupted)


def _outcome(future: Future[Ended], job: Job) -> Ended:
    error = future.exception()
    if error is None:
        return future.result()
    if not isinstance(error, Exception):
        raise error
    message = f"our own fault: {type(error).__name__} in the drill of {job.workload.name}"
    return Ended(job, error=CannotTell("unforeseen", message, "report it: the backup is not to blame, and nothing was proven"))


# --- telling ----------------------------------------------------------------------------------------------------------


class _Lines:
    """Says a line as each drill of several ends: where nobody watches a terminal, a log does."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent

    def event(self, job: Job, order: DrillOrder, event: DrillEvent) -> None:
        """A log is not told of progress."""

    def ended(self, ended: Ended) -> None:
        if not self._silent and ended.drill is not None:
            say(drill_line(ended.drill) + "\n", sys.stdout)


@contextmanager
def _watch(output: OutputFormat, total: int) -> Iterator[Watch]:
    watched = sys.stderr is not None and is_terminal(sys.stderr)
    if not watched or (output == "json" and sys.stdout is not None and sys.stdout.isatty()):
        yield _Lines(silent=output == "json" or total == 1)
        return
    from restore_tester.cli.fleet_progress import FleetProgress

    with FleetProgress(sys.stderr, total) as progress:
        yield progress


def _tell(done: Done, output: OutputFormat) -> None:
    for each in done.ended:
        for error in (each.error, each.forgotten):
            if error is not None:
                _complain(each, error)
    for job in done.never_began:
        say(f"{inert(job.workload.name)}: not drilled: interrupted\n", sys.stderr)
    if output == "json":
        say_json(as_json([to_json(drill) for drill in done.drills]))
    elif sys.stdout is not None:
        page = new_page(sys.stdout)
        if len(done.drills) == 1 and done.asked == 1:
            from restore_tester.cli.render_drill import render_drill

            render_drill(done.drills[0], page)
        else:
            if is_terminal(sys.stderr):
                say("".join(f"{drill_line(drill)}\n" for drill in done.drills), sys.stdout)
            render_reasons(done.drills, done.asked, page)
        show(page)


def _complain(each: Ended, error: RestoreTesterError) -> None:
    what = "not drilled" if each.drill is None else "drilled, but not remembered"
    said = f"{each.job.workload.name}: {what}: {error.reason.message}"
    say(f"error: {inert(said)}\nhint: {inert(error.reason.hint)}\n", sys.stderr)


def _exit_code(done: Done) -> int:
    """Who was interrupted is told so, whatever had been found by then: what failed is said, and remembered."""
    if done.interrupted:
        return exits.INTERRUPTED
    verdicts = [drill.verdict for drill in done.drills]
    # What was not drilled, or is not remembered, is not proven; a workload without anything new is left as it stands.
    verdicts += [Verdict.INCONCLUSIVE for each in done.ended if each.forgotten or (each.error and each.error.reason.code != NOTHING_NEW)]
    return exits.exit_code(verdict_of_many(verdicts), [reason for drill in done.drills for reason in drill.reasons])
