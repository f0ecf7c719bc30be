"""A job → one drill, planned and run where the executor says, remembered from its start under a lease that is kept alive.

A drill that does not end is ended: by its sandbox at its deadline, and, where what hangs is no program in a sandbox, from here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from restore_tester.clock import SystemClock
from restore_tester.contracts import DrillEvent, Listing
from restore_tester.drill import MOST_PLANS, run_drill, wants_another_plan
from restore_tester.errors import CannotTell, Interrupted, RestoreTesterError
from restore_tester.history.nouns import Lease, Place, Slot
from restore_tester.history.owners import owner_name
from restore_tester.history.records import History
from restore_tester.judgement.comparison import survivors
from restore_tester.judgement.due import deadline_seconds
from restore_tester.judgement.recovery_point import taken_at
from restore_tester.model import Blame, Drill, DrillOrder, Fingerprint, Location, Reason, Verdict
from restore_tester.service.equipment import no_equipment
from restore_tester.service.executors.seam import DrillSession, Executor
from restore_tester.service.fleet import Job

LEASE = timedelta(minutes=5)
RENEW_SECONDS = 30.0
AGAIN_SECONDS = 5.0
# Of the history's faults, those that may pass while somebody waits.
_PASSING = ("history_locked", "history_unreachable")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the crew waits (seconds): for a plan, which is a listing and a look at one backup's ends; for a drill to clean up when
    its sandbox has ended at its deadline; and for a history that is away, before a drill that ended is forgotten."""

    plan_seconds: float = 1800.0
    beyond_deadline_seconds: float = 120.0
    history_seconds: float = LEASE.total_seconds()


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a job: a drill, or why there is none. `forgotten` is why the history does not hold it."""

    job: Job
    drill: Drill | None = None
    error: RestoreTesterError | None = None
    forgotten: RestoreTesterError | None = None


Watch = Callable[[Job, DrillOrder, DrillEvent], None]
# Why a drill that was planned must not fetch its backup; None: it may.
Refusal = Callable[[Job, DrillOrder], Reason | None]


_USUAL = Patience()


def refuse_nothing(job: Job, order: DrillOrder) -> Reason | None:
    return None


class Crew:
    """Drills and remembers; safe from several threads. Asked to stop, every drill is, and nothing begins any more."""

    def __init__(
        self,
        history: History,
        executor: Executor,
        watch: Watch,
        owner: str | None = None,
        refusal: Refusal = refuse_nothing,
        *,
        patience: Patience = _USUAL,
    ) -> None:
        self._history, self._executor, self._watch, self._refusal, self._patience = history, executor, watch, refusal, patience
        self._clock = SystemClock()
        self.owner = owner or owner_name()
        self._admitting = threading.Lock()
        self._stopping = threading.Event()
        self._running: set[str] = set()
        self._lock = threading.Lock()

    def drill(self, job: Job, slot: Slot | None = None) -> Ended:
        """Plan, remember the start, run, remember the end, and that the slot is done, unless the drill was interrupted. Raise
        Interrupted where nothing had begun."""
        try:
            with self._executor.session(lambda location, listing: self._saw(job, location, listing)) as session:
                drill = self._drill(job, session)
        except RestoreTesterError as error:
            return Ended(job, error=error)
        except Exception as error:
            return Ended(job, error=_unforeseen(error))
        try:
            self._remember(drill, None if was_interrupted(drill) else slot)
        except RestoreTesterError as error:
            return Ended(job, drill, forgotten=error)
        finally:
            with self._lock:
                self._running.discard(drill.drill)
        return Ended(job, drill)

    def stop(self) -> None:
        """Ask every drill to end."""
        self._stopping.set()
        self._executor.stop()

    @contextmanager
    def leases_kept(self) -> Iterator[None]:
        """Renew the leases of what runs, for as long as the block lasts."""
        ended = threading.Event()

        def renew() -> None:
            while not ended.wait(RENEW_SECONDS):
                with self._lock:
                    running = tuple(self._running)
                for drill in running:
                    # One renewal that fails is no harm: a lease lasts for ten.
                    with suppress(CannotTell):
                        self._history.renew(drill, self._lease())

        renewing = threading.Thread(target=renew, name="leases", daemon=True)
        renewing.start()
        try:
            yield
        finally:
            ended.set()
            renewing.join()

    def _remember(self, drill: Drill, slot: Slot | None) -> None:
        """Somebody else may write the history for longer than one try waits: what took hours is not thrown away for that."""
        until = self._clock.elapsed() + self._patience.history_seconds
        while True:
            try:
                self._history.finish(drill, slot)
                return
            except CannotTell as error:
                if error.reason.code not in _PASSING or self._clock.elapsed() >= until:
                    raise
            if self._stopping.wait(AGAIN_SECONDS):
                until = self._clock.elapsed()

    def _lease(self) -> Lease:
        return Lease(self.owner, self._clock.now() + LEASE)

    def _saw(self, job: Job, location: Location, listing: Listing) -> None:
        """What a plan saw is remembered in passing; that it cannot be does not keep anybody from drilling."""
        with suppress(CannotTell):
            self._history.backups.remember(Place(job.workload.name, location.name or ""), listing, self._clock.now())

    def _drill(self, job: Job, session: DrillSession) -> Drill:
        with _ending(session, self._patience.plan_seconds):
            order = self._complete(session.plan(job.request), job)
        # Whether a drill may fetch is asked and remembered in one, or two could spend the rest of a budget.
        with self._admitting:
            refused = self._refusal(job, order) if order.facts.trouble is None else None
            self._history.start(order, self._lease(), self._clock.now())
        with self._lock:
            self._running.add(order.drill)
        if refused is not None:
            return self._unseen(order, refused)
        drill = self._run(job, order, session)
        for _ in range(MOST_PLANS - 1):
            if not wants_another_plan(drill) or self._stopping.is_set():
                break
            # The same drill, of what lies there now: one that went away under our hands is none of its own.
            with suppress(RestoreTesterError, Interrupted):
                again = replace(session.plan(job.request), drill=order.drill)
                drill = self._run(job, self._complete(again, job), session)
        return drill

    def _run(self, job: Job, order: DrillOrder, session: DrillSession) -> Drill:
        given = order.needs.deadline_seconds or 0.0
        began = self._clock.elapsed()
        late = Reason("deadline", f"the drill did not end within {given:g} seconds, and was ended", "find out what hung, then drill again")
        try:
            with _ending(session, given + self._patience.beyond_deadline_seconds) as ending:
                drill = session.run(order, lambda event: self._watch(job, order, event))
            drill = _because(drill, late) if ending.is_set() else drill
            return _late(drill, late) if 0 < given <= self._clock.elapsed() - began else drill
        except CannotTell as error:
            return self._unseen(order, late if ending.is_set() else error.reason)
        except Exception as error:
            return self._unseen(order, _unforeseen(error).reason)
        except Interrupted:
            return self._unseen(order, Reason("interrupted", "the drill was interrupted before its end", "start it again"))

    def _unseen(self, order: DrillOrder, reason: Reason) -> Drill:
        """Return the record of a drill whose place can no longer say what it saw."""
        facts = replace(order.facts, trouble=reason, trouble_blame=Blame.OURS)
        return run_drill(replace(order, facts=facts), no_equipment(self._clock))

    def _complete(self, order: DrillOrder, job: Job) -> DrillOrder:
        """Add what a plan cannot know: how long the drill may take, whether it needs a seal, and what the backups held that passed
        before, of this location, else of another one."""
        needs = replace(order.needs, deadline_seconds=order.needs.deadline_seconds or deadline_seconds(order.objectives))
        order = replace(order, needs=needs, require_seal=job.require_seal)
        if order.facts.trouble is not None:
            return order
        first = order.location.name or ""
        places = (first, *(location.name or "" for location in job.workload.locations if location.name != first))
        found = (self._history.baseline(Place(job.workload.name, place), taken_at(order), order.database) for place in places)
        baseline: Fingerprint | None = next((held for held in found if held is not None), None)
        return replace(order, expected=survivors(baseline, job.may_vanish) if baseline is not None else None)


def _unforeseen(error: Exception) -> CannotTell:
    """Our own fault must neither lose a claimed slot nor leave a drill running. What it said is not repeated: it may quote a row."""
    fact = f"our own fault: {type(error).__name__} beside a drill"
    return CannotTell("unforeseen", fact, "report it: the backup is not to blame, and nothing was proven")


def was_interrupted(drill: Drill) -> bool:
    """Return whether somebody asked it to end before it had."""
    return any(reason.code == "interrupted" for reason in drill.reasons)


@contextmanager
def _ending(session: DrillSession, seconds: float) -> Iterator[threading.Event]:
    """Ask the drill to end should the block last longer; the event says whether that was so."""
    asked = threading.Event()

    def ask() -> None:
        asked.set()
        session.stop()

    timer = threading.Timer(seconds, ask)
    timer.daemon = True
    timer.start()
    try:
        yield asked
    finally:
        timer.cancel()


def _late(drill: Drill, reason: Reason) -> Drill:
    """Its sandbox was ended at its deadline: whatever else was seen then, such as a server that is gone, is only what followed."""
    if drill.verdict is not Verdict.INCONCLUSIVE or any(one.code in (reason.code, "interrupted") for one in drill.reasons):
        return drill
    return replace(drill, reasons=(reason, *drill.reasons))


def _because(drill: Drill, reason: Reason) -> Drill:
    """Somebody stopped it: that was us, and this is why."""
    return replace(drill, reasons=tuple(reason if one.code == "interrupted" else one for one in drill.reasons))
