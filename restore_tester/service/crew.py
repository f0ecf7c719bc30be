"""A job → one drill, planned and run where the executor says, remembered from its start under a lease that is kept alive."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from restore_tester.clock import SystemClock
from restore_tester.contracts import DrillEvent, Listing
from restore_tester.drill import MOST_PLANS, run_drill, wants_another_plan
from restore_tester.errors import CannotTell, Interrupted, RestoreTesterError
from restore_tester.history.nouns import Lease, Place
from restore_tester.history.records import History
from restore_tester.judgement.comparison import survivors
from restore_tester.judgement.recovery_point import taken_at
from restore_tester.model import Blame, Drill, DrillOrder, Fingerprint, Location, Reason
from restore_tester.service.equipment import no_equipment
from restore_tester.service.executors.seam import DrillSession, Executor
from restore_tester.service.fleet import Job

LEASE = timedelta(minutes=5)
RENEW_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a job: a drill, or why there is none. `forgotten` is why the history does not hold it."""

    job: Job
    drill: Drill | None = None
    error: RestoreTesterError | None = None
    forgotten: RestoreTesterError | None = None


Watch = Callable[[Job, DrillOrder, DrillEvent], None]


class Crew:
    """Drills and remembers; safe from several threads. Asked to stop, every drill is, and nothing begins any more."""

    def __init__(self, history: History, executor: Executor, watch: Watch) -> None:
        self._history, self._executor, self._watch = history, executor, watch
        self._clock = SystemClock()
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._stopping = threading.Event()
        self._running: set[str] = set()
        self._lock = threading.Lock()

    def drill(self, job: Job) -> Ended:
        """Plan, remember the start, run, remember the end. Raise Interrupted where nothing had begun."""
        try:
            with self._executor.session(lambda location, listing: self._saw(job, location, listing)) as session:
                drill = self._drill(job, session)
        except RestoreTesterError as error:
            return Ended(job, error=error)
        try:
            self._history.finish(drill)
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

    def _lease(self) -> Lease:
        return Lease(self._owner, self._clock.now() + LEASE)

    def _saw(self, job: Job, location: Location, listing: Listing) -> None:
        """What a plan saw is remembered in passing; that it cannot be does not keep anybody from drilling."""
        with suppress(CannotTell):
            self._history.backups.remember(Place(job.workload.name, location.name or ""), listing, self._clock.now())

    def _drill(self, job: Job, session: DrillSession) -> Drill:
        order = self._expecting(session.plan(job.request), job)
        self._history.start(order, self._lease(), self._clock.now())
        with self._lock:
            self._running.add(order.drill)
        drill = self._run(job, order, session)
        for _ in range(MOST_PLANS - 1):
            if not wants_another_plan(drill) or self._stopping.is_set():
                break
            # The same drill, of what lies there now: one that went away under our hands is none of its own.
            with suppress(RestoreTesterError, Interrupted):
                again = replace(session.plan(job.request), drill=order.drill)
                drill = self._run(job, self._expecting(again, job), session)
        return drill

    def _run(self, job: Job, order: DrillOrder, session: DrillSession) -> Drill:
        try:
            return session.run(order, lambda event: self._watch(job, order, event))
        except Interrupted:
            return self._unseen(order, Reason("interrupted", "the drill was interrupted before its end", "start it again"))
        except CannotTell as error:
            return self._unseen(order, error.reason)

    def _unseen(self, order: DrillOrder, reason: Reason) -> Drill:
        """Return the record of a drill whose place can no longer say what it saw."""
        facts = replace(order.facts, trouble=reason, trouble_blame=Blame.OURS)
        return run_drill(replace(order, facts=facts), no_equipment(self._clock))

    def _expecting(self, order: DrillOrder, job: Job) -> DrillOrder:
        """What the backups held that passed before: of this location, else of another one."""
        if order.facts.trouble is not None:
            return order
        first = order.location.name or ""
        places = (first, *(location.name or "" for location in job.workload.locations if location.name != first))
        found = (self._history.baseline(Place(job.workload.name, place), taken_at(order), order.database) for place in places)
        baseline: Fingerprint | None = next((held for held in found if held is not None), None)
        return replace(order, expected=survivors(baseline, job.may_vanish) if baseline is not None else None)
