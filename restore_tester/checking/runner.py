"""Checks and restored data → what came of each check. What comes back from a question is the problems; nothing is a pass.

Checks are asked side by side, each with its own timeout, of every database that is to be judged. Out of an answer only two
things get any further: how many rows it had, and the catalogue names in its column `object`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field

from restore_tester.checking.instants import OPERATORS_PATH, Instant, ask_instant
from restore_tester.checking.needs import unmet
from restore_tester.contracts import Clock, RestoredData
from restore_tester.errors import CannotTell, CouldNotAsk, DataDamaged, RestoreTesterError, SandboxFault
from restore_tester.judgement.wording import DETAIL_CHARACTERS, NAME_CHARACTERS, printable
from restore_tester.model import (
    Answer,
    AskedCheck,
    BackupFacts,
    Bound,
    Check,
    CheckResult,
    Expect,
    Outcome,
    Question,
    Reason,
    RecoveryPointClaim,
)

NAMES_KEPT = 10
_NAMES_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Answers:
    """What came of some checks. `asked` has one entry a check, in the order given. `faults` are those that decide by themselves,
    whatever the severity of the check that met them: damaged data, and faults of the sandbox."""

    asked: tuple[AskedCheck, ...]
    claims: tuple[RecoveryPointClaim, ...]
    warnings: tuple[Reason, ...]
    faults: tuple[RestoreTesterError, ...]


@dataclass(slots=True)
class _Found:
    """The problems of one check: how many, and the first of their names."""

    problems: int = 0
    names: dict[str, None] = field(default_factory=dict)

    def add(self, name: object) -> None:
        self.problems += 1
        # A catalogue name is text; anything else in that column would be a value.
        if isinstance(name, str) and len(self.names) < _NAMES_COUNTED:
            self.names.setdefault(name)

    def detail(self) -> str:
        shown = ", ".join(printable(name, NAME_CHARACTERS) for name in list(self.names)[:NAMES_KEPT])
        more = len(self.names) - NAMES_KEPT
        return printable(f"{shown} and {more} more" if more > 0 else shown, DETAIL_CHARACTERS)


@dataclass(frozen=True, slots=True)
class _Asker:
    """What all checks share: the data, the clock, threads for questions, and whether the sandbox has had a fault."""

    restored: RestoredData
    clock: Clock
    questions: Executor
    faulty: threading.Event


@dataclass(frozen=True, slots=True)
class _Come:
    """What came of one check, before it is put beside the others."""

    outcome: Outcome
    detail: str
    problems: int = 0
    instant: Instant | None = None
    fault: RestoreTesterError | None = None


class TimedData:
    """Restored data as a check sees it: the time that the check has left, and the settings of its header, are filled in."""

    def __init__(self, check: Check, asker: _Asker) -> None:
        self.engine_version: str = asker.restored.engine_version
        self.features: frozenset[str] = asker.restored.features
        self.facts: BackupFacts = asker.restored.facts
        self._check = check
        self._restored = asker.restored
        self._clock = asker.clock
        self._pool = asker.questions
        self._deadline = asker.clock.elapsed() + check.timeout_seconds

    def databases(self) -> tuple[str, ...]:
        return self._restored.databases()

    def ask(self, question: Question, timeout: float | None = None) -> Answer:
        """Ask within the time left, or within `timeout` seconds where that is less. Raise DataDamaged, CouldNotAsk, SandboxFault."""
        left = self.seconds_left()
        path = () if self._check.origin == "shipped" else OPERATORS_PATH
        settings = (*path, *self._check.settings, *question.settings)
        return self._restored.ask(Question(question.text, question.database, settings), left if timeout is None else min(left, timeout))

    def ask_each(self, questions: Iterable[Question]) -> Iterator[tuple[int, Answer | DataDamaged]]:
        """Ask many questions side by side. Yield the place of each in the order given, and its answer or the damage that it met,
        as they come. Raise CouldNotAsk, SandboxFault."""
        asking = {self._pool.submit(self._ask_or_damage, question): place for place, question in enumerate(questions)}
        try:
            for done in as_completed(asking):
                yield asking[done], done.result()
        finally:
            for question in asking:
                question.cancel()

    def _ask_or_damage(self, question: Question) -> Answer | DataDamaged:
        try:
            return self.ask(question)
        except DataDamaged as error:
            return error

    def seconds_left(self) -> float:
        """Return how long this check may still take. Raise CouldNotAsk where its time is over."""
        left = self._deadline - self._clock.elapsed()
        if left <= 0:
            message = f"it took longer than its timeout of {self._check.timeout_seconds:g} s"
            raise CouldNotAsk("check_timeout", message, "give the sandbox more cores, or the check a longer timeout")
        return left


def ask_checks(
    checks: Iterable[Check],
    restored: RestoredData,
    clock: Clock,
    on_result: Callable[[CheckResult], None] = lambda result: None,
    workers: int = 2,
) -> Answers:
    """Given checks, ask those that concern this engine, up to `workers` at once; `on_result` is told of each, in this thread, as it comes.

    Never raises for what a check does or finds. What may take longest begins first. A result that came after a fault of the
    sandbox says so, whichever check met that fault.
    """
    mine = [check for check in checks if check.engine in ("any", restored.facts.engine)]
    pool = ThreadPoolExecutor(max_workers=max(1, workers), thread_name_prefix="check")
    # Questions of one check that are asked side by side have a pool of their own: no check waits for its own thread.
    questions = ThreadPoolExecutor(max_workers=max(1, workers), thread_name_prefix="question")
    asker = _Asker(restored, clock, questions, threading.Event())
    come: dict[int, tuple[AskedCheck, _Come]] = {}
    try:
        longest_first = sorted(range(len(mine)), key=lambda index: -mine[index].timeout_seconds)
        asking = {pool.submit(_ask_one, mine[index], asker): index for index in longest_first}
        for done in as_completed(asking):
            come[asking[done]] = done.result()
            on_result(come[asking[done]][0].result)
    finally:
        # Interrupted: the questions under way end with the sandbox; waiting for them here would keep it alive.
        for each in (pool, asker.questions):
            each.shutdown(wait=False, cancel_futures=True)
    in_order = [come[index] for index in range(len(mine))]
    return Answers(
        asked=tuple(asked for asked, _ in in_order),
        claims=tuple(_claim(asked.check, c.instant) for asked, c in in_order if c.instant and not asked.after_sandbox_fault),
        warnings=tuple(remark for asked, c in in_order if c.instant and (remark := c.instant.remark(asked.check.name))),
        faults=_faults(in_order),
    )


def _ask_one(check: Check, asker: _Asker) -> tuple[AskedCheck, _Come]:
    began = asker.clock.elapsed()
    come = _come_of(check, asker)
    if isinstance(come.fault, SandboxFault):
        asker.faulty.set()
    seconds = asker.clock.elapsed() - began
    detail = "; ".join(words for words in (come.detail, check.note) if words)
    result = CheckResult(check.name, check.severity, come.outcome, come.problems, detail, seconds, check.sha256)
    return AskedCheck(check, result, asker.faulty.is_set()), come


def _come_of(check: Check, asker: _Asker) -> _Come:
    lacking = unmet(check.needs, asker.restored)
    if lacking:
        return _Come(Outcome.SKIPPED, f"needs {', '.join(lacking)}, which is not the case here")
    try:
        data = TimedData(check, asker)
        if check.expect is Expect.RECOVERY_POINT:
            return _Come(Outcome.PASSED, "", instant=ask_instant(Question(check.text), data, data.seconds_left()))
        found = _Found()
        for problem in _problems(check, data):
            if problem not in check.excepted:
                found.add(problem)
        return _Come(Outcome.FAILED if found.problems else Outcome.PASSED, found.detail(), found.problems)
    except DataDamaged as error:
        return _Come(Outcome.FAILED, printable(error.reason.message, DETAIL_CHARACTERS), 1, fault=error)
    except RestoreTesterError as error:
        fault = error if isinstance(error, SandboxFault) else None
        return _Come(Outcome.ERRORED, printable(error.reason.message, DETAIL_CHARACTERS), fault=fault)
    except Exception as error:
        # Its message may quote a row.
        return _Come(Outcome.ERRORED, f"our own fault: {type(error).__name__} in {check.name}")


def _problems(check: Check, data: TimedData) -> Iterator[object]:
    """Yield what each problem says of its object: a name, or nothing."""
    if check.language == "python":
        yield from _python_problems(check, data)
        return
    if not data.databases():
        raise CannotTell("no_database", "there is no database to ask", "see what was restored")
    for database in data.databases():
        answer = data.ask(Question(check.text, database))
        if check.expect is Expect.SOME_ROWS:
            if not answer.rows:
                yield f"database {database}"
        else:
            place = answer.columns.index("object") if "object" in answer.columns else None
            yield from (row[place] if place is not None else None for row in answer.rows)


def _python_problems(check: Check, data: TimedData) -> Iterator[object]:
    """Run a check's `find_problems`. Its text came through the catalogue, which takes Python from the tool itself only, or by consent."""
    namespace: dict[str, object] = {"__name__": f"check_{check.name}"}
    exec(compile(check.text, f"<check {check.name}>", "exec", dont_inherit=True), namespace)  # noqa: S102
    find_problems = namespace["find_problems"]
    assert callable(find_problems)
    for name in find_problems(data):
        yield name
        data.seconds_left()


def _claim(check: Check, instant: Instant) -> RecoveryPointClaim:
    """Something in the data: it proves how new the data is at least, and promises nothing about how new it may be."""
    return RecoveryPointClaim(instant.at, check.name, Bound.LOWER, 0.0)


def _faults(come: list[tuple[AskedCheck, _Come]]) -> tuple[RestoreTesterError, ...]:
    """Each fault once, those of the sandbox first; damage that was met after one of those is not proven."""
    lost = [c.fault for _, c in come if isinstance(c.fault, SandboxFault)]
    damaged = [c.fault for asked, c in come if isinstance(c.fault, DataDamaged) and not asked.after_sandbox_fault]
    return tuple({fault.reason: fault for fault in (*lost, *damaged)}.values())
