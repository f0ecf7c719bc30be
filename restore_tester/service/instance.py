"""A history and a configuration → the parts of a service, wired: what changes in one is told to the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from restore_tester.clock import SystemClock
from restore_tester.config.nouns import Configuration, Strategy
from restore_tester.contracts import DrillEvent
from restore_tester.errors import CannotTell, RestoreTesterError
from restore_tester.history.nouns import Place, Remembered
from restore_tester.history.owners import is_gone, owner_name
from restore_tester.history.records import History
from restore_tester.judgement.due import ASKED, BUDGET, BUDGET_SPENT, NEW, REPEAT, SLOT, WALK, Due
from restore_tester.judgement.ledger import Ledger
from restore_tester.model import Drill, DrillOrder, Reason
from restore_tester.service import logs
from restore_tester.service.crew import Crew, Ended, Patience
from restore_tester.service.executors.seam import Executor
from restore_tester.service.fleet import Job
from restore_tester.service.foreman import Foreman
from restore_tester.service.known_good import KnownGood
from restore_tester.service.lasting import Lasting, look_after
from restore_tester.service.metrics import Board
from restore_tester.service.news import News, Told, portions
from restore_tester.service.notifications import TOLD, TOLD_KEPT, Means, Notifier
from restore_tester.service.pages.index import Index
from restore_tester.service.progress import Progress
from restore_tester.service.roster import Roster
from restore_tester.service.scheduler import Alarms
from restore_tester.service.series import Plan, Refusal
from restore_tester.service.stores import Budget
from restore_tester.service.totals import FleetFigures
from restore_tester.service.upkeep import JUMP, Upkeep

SLOTS_KEPT = timedelta(days=90)
# Seconds; it ticks every five, and a history may take its time.
MOST_BETWEEN_TICKS = 90.0
# What ended is kept by the settlement: nobody else has to wait for the history.
_NO_WAIT = Patience(history_seconds=0.0)
_log = logs.logger(__name__)


class Service:
    """Given where drills run, and who is told of them: `load`, then `alive`, in which `tick` is called every few seconds. Implements
    `foreman.Listener`."""

    def __init__(
        self,
        history: History,
        configuration: Configuration,
        executor: Executor,
        board: Board,
        trace: Callable[[Drill], None],
        *,
        means: Means | None = None,
    ) -> None:
        self.history, self._board, self._trace, self._clock = history, board, trace, SystemClock()
        self.owner = owner_name()
        self.roster = Roster(configuration)
        self.index, self.progress = Index(self._clock), Progress(self._clock)
        self.index.configure(configuration)
        crew = Crew(history, executor, self._watched, self.owner, Budget(history, self._clock), patience=_NO_WAIT)
        self.foreman = Foreman(history, crew, self.roster, self, self._clock)
        self.news = News(history)
        self.notifier = Notifier(history, configuration, self.owner, means or Means(self._clock))
        self._alarms = Alarms(self.roster.look_again, self._ring)
        self._upkeep = Upkeep(history, self.foreman, self.roster, self.owner, self._clock)
        self._figures = FleetFigures(config_reloaded_at=self._clock.now())
        self._loaded_on = self._clock.now().date()
        self._given_up: dict[str, Refusal] = {}
        following = Lasting("news", lambda: self.news.follow(self._told, self._trouble))
        self._lasting = (Lasting("foreman", self.foreman.work), following, Lasting("notifications", self.notifier.work))
        self._ticked_at = self._looked_at = self._clock.elapsed()

    @property
    def configuration(self) -> Configuration:
        """Return the one in force."""
        return self.roster.configuration

    @property
    def figures(self) -> FleetFigures:
        """Return what holds for the service as a whole."""
        return self._figures

    def next_start(self, workload: str) -> tuple[datetime, bool] | None:
        """Return when the next drill of a workload starts by itself, and whether it is paused; None where it is not configured."""
        return self.roster.next_start(workload, self._clock.now()) if self.roster.workload(workload) is not None else None

    def load(self) -> None:
        """Close what the dead left, learn what is known. Raise CannotTell."""
        now = self._clock.now()
        self._closed(self.history.abandon(now, is_gone))
        self.history.ledgers.meet(_places(self.configuration), now)
        self._recall()
        # Before anything is served: a counter that began at 0 again would be taken for news.
        self.notifier.load()
        self._tell(replace(self._figures, notifications_failed=self.notifier.failed))
        self._learn()

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Drill what is due, from now until `stop`."""
        names = self.roster.names()
        # Before they ring: each one that is set later makes the scheduler look at what comes first.
        for name in names:
            self._alarms.set(name)
        with self._alarms.running():
            self._plan(names)
            self.foreman.consider(names)
            for lasting in self._lasting:
                lasting.begin()
            try:
                yield
            finally:
                for lasting in self._lasting:
                    lasting.end()
                self.news.stop()
                self.notifier.stop()

    def ails(self) -> str | None:
        """Return what keeps the service from doing its work; None where nothing does. May take as long as the history does."""
        dead = [lasting.name for lasting in (*self._lasting, self._board.rendered_by) if not lasting.lives]
        dead += [] if self._alarms.lives else ["alarms"]
        if dead:
            return f"the thread {dead[0]} is dead"
        if self._clock.elapsed() - self._ticked_at > MOST_BETWEEN_TICKS:
            return "it hangs"
        if self._clock.elapsed() - self._looked_at > 3 * self.configuration.watch_every_seconds + MOST_BETWEEN_TICKS:
            return "nobody looks at the locations"
        try:
            self.history.ledgers.number()
        except CannotTell as error:
            return error.reason.code
        return None

    def looked(self) -> None:
        """A round of looking at every location is over."""
        self._looked_at = self._clock.elapsed()

    def tick(self) -> None:
        """What must happen though nothing happens."""
        self._ticked_at = self._clock.elapsed()
        jump = self._upkeep.tick(self._trouble, self._closed)
        if jump is not None:
            _log.error("clock jumped", seconds=jump.total_seconds(), hint="look at this machine's time synchronisation")
            self._reconsider(self.roster.names())
        self._alarms.look()
        # What was due and is drilled by now is not overdue, however long it takes.
        self._plan(self.roster.told_due())
        look_after((*self._lasting, self._board.rendered_by))
        today = self._clock.now().date()
        # The worst of 30 days and the forecasts move with the calendar.
        if today != self._loaded_on or not self._board.complete:
            self._try("history away", self._learn)
        if today != self._loaded_on:
            self._try("history away", self._prune)
            self._loaded_on = today
        running, queued = self.foreman.figures()
        self._tell(replace(self._figures, running=running, queued=queued, notifications_failed=self.notifier.failed))

    def reconfigure(self, configuration: Configuration) -> None:
        """Work by this from now on. What runs ends as it began. Raise CannotTell, with nothing changed, where the history is away."""
        before = self.configuration
        self.history.ledgers.meet(_places(configuration), self._clock.now())
        for key in ("history", "sandbox"):
            if getattr(before, key) != getattr(configuration, key):
                _log.warning("needs a restart", key=key, hint="restart the service: this key is read once")
        gone = set(self.roster.names())
        self.roster.configure(configuration)
        self.foreman.gates.configure(configuration)
        self._board.configure(configuration)
        self.index.configure(configuration)
        self.notifier.configure(configuration)
        for name in gone.difference(self.roster.names()):
            self._alarms.forget(name)
        self._try("history away", self._recall)
        self._try("history away", self._learn)
        self._tell(replace(self._figures, config_reload_success=True, config_reloaded_at=self._clock.now()))
        self._reconsider(self.roster.names())

    def reload_failed(self) -> None:
        """The configuration that was to be read is no good; the one in force stays."""
        self._tell(replace(self._figures, config_reload_success=False))

    def stop(self, most_seconds: float) -> bool:
        """End what runs and let go what is ours. Return whether all of it ended, and is remembered, in time."""
        self.foreman.stop()
        whole = self.foreman.join(most_seconds)
        # What was left open is for whoever comes next, at once.
        self._try("history away", lambda: self.history.slots.give_back(self.owner, self._clock.now()))
        return whole

    # --- foreman.Listener ---------------------------------------------------------------------------------------------

    def ended(self, ended: Ended) -> None:
        logs.ended(ended)
        if ended.drill is not None:
            self._given_up.pop(ended.job.workload.name, None)
            self.progress.ended(ended.drill.drill)
            self._trace(ended.drill)
        self.news.hurry()

    def found(self, found: KnownGood) -> None:
        good = found.good
        facts = {"good": good.backup, "age_seconds": good.age_seconds} if good is not None else {"good": None}
        drilled = sum(step.drilled_now for step in found.steps)
        where = {"workload": found.workload, "location": found.location}
        _log.warning("last good backup", **where, **facts, drilled=drilled, complete=found.complete, seconds=found.seconds)
        self.notifier.found(found)
        self.news.hurry()

    def trouble(self, workload: str, error: RestoreTesterError) -> None:
        _say("drill not started", error, workload=workload)

    def given_up(self, workload: str, given_up: Due, reason: Reason) -> None:
        _log.error("slot given up", workload=workload, slot=given_up.name, code=reason.code, message=reason.message, hint=reason.hint)
        found = self.roster.workload(workload)
        if found is not None:
            self._given_up[workload] = Refusal(given_up.location or found.locations[0].name or "", reason.code)
            self._plan((workload,))

    def leaked(self, sandboxes: int) -> None:
        """So many sandboxes of the dead could not be removed."""
        self._tell(replace(self._figures, sandboxes_leaked=sandboxes))

    def _watched(self, job: Job, order: DrillOrder, event: DrillEvent) -> None:
        logs.watch(job, order, event)
        self.progress.watch(job, order, event)

    # --- what is told to whom -----------------------------------------------------------------------------------------

    def _recall(self) -> None:
        """Which slots were claimed. Where one lies ahead, the clock was set back while nobody looked, or was ahead then."""
        now, slots = self._clock.now(), self.history.slots.newest()
        self.roster.claimed_before(slots)
        if (latest := max(slots.values(), default=now)) > now + JUMP:
            _log.error("clock behind history", seconds=(latest - now).total_seconds(), hint="look at this machine's time synchronisation")
            self.roster.clock_went_back(now, latest)

    def _learn(self) -> None:
        self._board.load(self._everything())

    def _everything(self) -> Iterator[tuple[Place, Ledger]]:
        for portion in portions(self.news.everything()):
            self._find_untried(self.roster.told(portion))
            self.index.update(portion)
            self.notifier.told(portion)
            yield from portion

    def _told(self, changes: Told) -> None:
        changes = tuple(changes)
        self._board.update(changes)
        self.index.update(changes)
        self.notifier.told(changes)
        concerned = self.roster.told(changes)
        self._try("history away", lambda: self._find_untried(concerned))
        self._reconsider(concerned)

    def _ring(self, workload: str) -> None:
        self.foreman.consider((workload,))
        self._plan((workload,))

    def _reconsider(self, workloads: Iterable[str]) -> None:
        names = tuple(workloads)
        for name in names:
            self._alarms.set(name)
        self._plan(names)
        self.foreman.consider(names)

    def _plan(self, workloads: Iterable[str]) -> None:
        now = self._clock.now()
        known = [name for name in workloads if self.roster.workload(name) is not None]
        self._board.plan([self._plan_of(name, now) for name in known])

    def _plan_of(self, name: str, now: datetime) -> Plan:
        at, paused = self.roster.next_due(name, now)
        refused = [place.location for place in self.roster.places_now(name) if place.last is not None and place.last.over_budget]
        refusals = [Refusal(location, BUDGET_SPENT) for location in refused]
        if (given_up := self._given_up.get(name)) is not None:
            refusals.append(given_up)
        return Plan(name, at, paused, tuple(refusals))

    def _find_untried(self, workloads: Iterable[str]) -> None:
        """For `select: every`: the complete backups of the first location that no drill ever took."""
        for name in workloads:
            workload = self.roster.workload(name)
            if workload is None or workload.select is not Strategy.EVERY:
                continue
            first = workload.locations[0].name or ""
            seen = self.history.backups.seen(Place(name, first), present_only=True)
            (past,) = self.history.past_drills([name])
            tried = {drill.backup for drill in past if drill.location == first}
            self.roster.untried(name, tuple(backup.id for backup in reversed(seen) if backup.id not in tried))

    def _prune(self) -> None:
        """Slots are only asked for while they are recent."""
        for kind in (SLOT, REPEAT, NEW, BUDGET, ASKED, WALK):
            self.history.slots.prune(kind, self._clock.now() - SLOTS_KEPT)
        self.history.slots.prune(TOLD, self._clock.now() - TOLD_KEPT)

    def _tell(self, figures: FleetFigures) -> None:
        self._figures = figures
        self._board.tell(figures)

    def _try(self, event: str, action: Callable[[], None]) -> None:
        """What the history refuses now is said; whoever asked asks again."""
        try:
            action()
        except CannotTell as error:
            _say(event, error)

    def _trouble(self, error: CannotTell) -> None:
        _say("history away", error)

    def _closed(self, drills: tuple[Remembered, ...]) -> None:
        for drill in drills:
            _log.warning("drill abandoned", drill=drill.drill, workload=drill.workload, location=drill.location)
        if drills:
            self.news.hurry()


def _places(configuration: Configuration) -> list[Place]:
    return [Place(workload.name, place.name or "") for workload in configuration.workloads for place in workload.locations]


def _say(event: str, error: RestoreTesterError, workload: str | None = None) -> None:
    facts = {"workload": workload} if workload is not None else {}
    _log.warning(event, code=error.reason.code, message=error.reason.message, hint=error.reason.hint, **facts)
