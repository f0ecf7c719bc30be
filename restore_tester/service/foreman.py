"""Workloads that something may be due of → drills, each claimed before it starts and settled in the history after it has ended.

A slot is ours once its row is: any number of services may try. One drill of a workload at a time starts by itself; as many run
side by side as the configuration says, and where a store is at its limit its drills wait without keeping others from theirs.
"""

from __future__ import annotations

import secrets
import threading
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from restore_tester.contracts import Clock
from restore_tester.errors import Interrupted, Misuse, RestoreTesterError
from restore_tester.history.nouns import Lease, Place, Slot
from restore_tester.history.records import History
from restore_tester.judgement import due as rules
from restore_tester.judgement.due import Due
from restore_tester.model import Reason
from restore_tester.service.crew import LEASE, Crew, Ended, was_interrupted
from restore_tester.service.fleet import Asked, Job, job_for, location_of, meant, with_past
from restore_tester.service.known_good import KnownGood, Walker, find_good
from restore_tester.service.roster import Roster
from restore_tester.service.settlement import Settlement
from restore_tester.service.sources import open_source
from restore_tester.service.stores import Gates
from restore_tester.service.waiting import Errand, Waiting

NOTHING_NEW = "nothing_new"
# The history is away, or a drill could not even be planned: tried again soon, then ever less often.
SOON_SECONDS, LATER_SECONDS, LONGEST_SECONDS = 5.0, 60.0, 3600.0
_LOOK_SECONDS = 1.0
# A drill that takes the whole service down with it, as one does that eats all memory, is not tried for ever.
MOST_ATTEMPTS = 3


class Listener(Protocol):
    """Who is told, in the thread of a drill."""

    def ended(self, ended: Ended) -> None:
        """What came of a drill."""

    def found(self, found: KnownGood) -> None:
        """What a walk back to the last good backup found."""

    def trouble(self, workload: str, error: RestoreTesterError) -> None:
        """Why a drill that is due did not start; it is tried again."""

    def given_up(self, workload: str, given_up: Due, reason: Reason) -> None:
        """Whoever tried this died of it, time and again: it is not tried any more."""


class Foreman:
    """Given the history, who drills, what is due, and whom to tell: starts what is due for as long as `work` runs."""

    def __init__(self, history: History, crew: Crew, roster: Roster, listener: Listener, clock: Clock) -> None:
        self._history, self._crew, self._roster, self._listener = history, crew, roster, listener
        self._clock = clock
        self.gates = Gates(roster.configuration)
        self.settlement = Settlement(history, clock, self._let_go)
        self._waiting = Waiting(clock)
        self._parked: dict[str, deque[Errand]] = defaultdict(deque)
        self._engaged: set[str] = set()
        self._threads: set[threading.Thread] = set()
        self._room = threading.Condition()
        self._stopping = False

    # --- what is asked of it ------------------------------------------------------------------------------------------

    def consider(self, workloads: Iterable[str]) -> None:
        """Something may be due of these."""
        now = self._clock.now()
        for name in workloads:
            with self._room:
                found = None if name in self._engaged or self._stopping else self._roster.due(name, now)
                if found is None:
                    continue
                self._engaged.add(name)
            self._waiting.put(Errand(name, found))

    def ask(self, asked: Asked) -> str:
        """Somebody wants a drill of one workload: it starts as soon as there is room, whatever the hour. Return the name of its slot.
        Raise Misuse as `jobs` does."""
        configuration, now = self._roster.configuration, self._clock.now()
        (workload,) = meant(configuration, asked)
        name = f"{rules.ASKED}:{secrets.token_hex(4)}:{asked.location or ''}:{asked.backup or ''}"
        wanted = Due(name, now, "api", asked.location, asked.backup)
        job_for(configuration, workload.name, wanted, now)
        self._waiting.put(Errand(workload.name, wanted, given=True))
        return name

    def take_over(self, slots: Iterable[Slot]) -> None:
        """Somebody claimed these and is gone: what is still worth it is drilled, the rest is let go. Raise CannotTell."""
        for slot in slots:
            with self._room:
                if slot.workload in self._engaged or self._stopping or self._roster.workload(slot.workload) is None:
                    continue
            again = self._again(slot)
            if again is not None:
                with self._room:
                    self._engaged.add(slot.workload)
                self._waiting.put(Errand(slot.workload, again, given=True))
            elif self._history.slots.claim(slot, self._lease(), self._clock.now()) is not None:
                self._history.slots.done(slot, None, self._clock.now())

    def figures(self) -> tuple[int, int]:
        """Return how many drills run, and how many wait."""
        with self._room:
            return len(self._threads), len(self._waiting) + sum(len(parked) for parked in self._parked.values())

    # --- how it lives -------------------------------------------------------------------------------------------------

    def work(self) -> None:
        """Start drills, a thread each, until `stop` is called."""
        while not self._stopping:
            with self._room:
                if len(self._threads) >= self._roster.configuration.concurrency:
                    self._room.wait(_LOOK_SECONDS)
                    continue
            errand = self._waiting.take(_LOOK_SECONDS)
            if errand is not None:
                thread = threading.Thread(target=self._handle, args=(errand,), name=f"drill {errand.workload}", daemon=True)
                with self._room:
                    self._threads.add(thread)
                self._begin(thread, errand)

    def _begin(self, thread: threading.Thread, errand: Errand) -> None:
        try:
            thread.start()
        except RuntimeError:
            # No more threads here, now: neither the place nor the errand may be lost for that.
            with self._room:
                self._threads.discard(thread)
            self._waiting.put(errand, LATER_SECONDS)
            raise

    def stop(self) -> None:
        """Start nothing any more, and ask what runs to end."""
        with self._room:
            self._stopping = True
            self._room.notify_all()
        self._crew.stop()

    def join(self, most_seconds: float) -> bool:
        """Wait for what runs, after `stop`. Return whether all of it has ended and is remembered."""
        until = self._clock.elapsed() + most_seconds
        with self._room:
            while self._threads and (left := until - self._clock.elapsed()) > 0:
                self._room.wait(left)
            running = len(self._threads)
        return running == 0 and self.settlement.retry() == 0

    # --- one errand, in its thread ------------------------------------------------------------------------------------

    def _handle(self, errand: Errand) -> None:
        # What nobody foresaw is told by the thread's own hook, and must neither be forgotten nor go round at once.
        again: tuple[Errand, float] | None = (errand, LATER_SECONDS)
        try:
            again = self._drill(errand)
        except Interrupted:
            again = None
        finally:
            with self._room:
                self._threads.discard(threading.current_thread())
                self._room.notify_all()
            if again is not None:
                self._waiting.put(*again)

    def _drill(self, errand: Errand) -> tuple[Errand, float] | None:
        """Return the errand, and in how many seconds it is to be tried again; None where it is settled, parked or not due any more."""
        try:
            current = self._current(errand)
            if current is None:
                self._let_go(errand)
                return None
            errand, now = current, self._clock.now()
            job = job_for(self._roster.configuration, errand.workload, errand.due, now)
            (job,) = with_past((job,), self._history)
            may, store = self._enter(errand, Place(errand.workload, location_of(job, now)))
            try:
                return self._claimed(errand, job) if may else None
            finally:
                if may and store is not None:
                    self._leave(store)
        except RestoreTesterError as error:
            if errand.given and isinstance(error, Misuse):
                self._gave_up(errand, error.reason)
                return None
            self._listener.trouble(errand.workload, error)
            return self._put_off(errand, error)

    def _gave_up(self, errand: Errand, reason: Reason) -> None:
        """What it names is gone (a location was renamed, a backup pruned): it would keep its workload from every other drill for ever."""
        self._listener.given_up(errand.workload, errand.due, reason)
        slot, now = Slot(errand.workload, errand.due.name, errand.due.at), self._clock.now()
        self._history.slots.claim(slot, self._lease(), now)
        self.settlement.settle(errand, None, remembered=True)

    def _claimed(self, errand: Errand, job: Job) -> tuple[Errand, float] | None:
        slot = Slot(errand.workload, errand.due.name, errand.due.at)
        attempt = 1 if errand.claimed else self._history.slots.claim(slot, self._lease(), self._clock.now())
        self._roster.claimed(errand.workload, errand.due)
        if attempt is None:
            self._let_go(errand)
            return None
        if attempt > MOST_ATTEMPTS:
            fact = f"{MOST_ATTEMPTS} services that drilled {errand.due.name} of {errand.workload} died before its end"
            hint = "look what ended them, such as their memory limit, then drill it by hand: restore-tester run"
            self._listener.given_up(errand.workload, errand.due, Reason("given_up", fact, hint))
            self.settlement.settle(errand, None, remembered=True)
            return None
        if errand.due.trigger == "find_good":
            return self._walked(errand, job)
        ended = self._crew.drill(job, slot)
        self._listener.ended(ended)
        if errand.given and isinstance(ended.error, Misuse):
            self._gave_up(errand, ended.error.reason)
            return None
        if ended.error is not None and ended.error.reason.code != NOTHING_NEW:
            return self._put_off(errand.once_more(claimed=True), ended.error)
        if ended.drill is not None and was_interrupted(ended.drill) and self._stopping:
            # Its slot is left open: whoever comes after us drills it.
            return None
        self.settlement.settle(errand, ended.drill, remembered=ended.forgotten is None)
        return None

    def _walked(self, errand: Errand, job: Job) -> tuple[Errand, float] | None:
        """Back to the last good backup, drill by drill; once more where something keeps it from being found now."""

        def drill(step: Job) -> Ended:
            ended = self._crew.drill(replace(step, require_seal=job.require_seal))
            self._listener.ended(ended)
            return ended

        configuration, place = self._roster.configuration, Place(errand.workload, errand.due.location or "")
        walker = Walker(self._history, open_source, drill, self._clock)
        try:
            found = find_good(configuration, place, walker, configuration.find_good)
        except RestoreTesterError as error:
            self._listener.trouble(errand.workload, error)
            return self._put_off(errand.once_more(claimed=True), error)
        self._listener.found(found)
        self.settlement.settle(errand, None, remembered=True)
        return None

    def _put_off(self, errand: Errand, error: RestoreTesterError) -> tuple[Errand, float]:
        if error.reason.code.startswith("history_"):
            return errand, SOON_SECONDS
        return errand.once_more(claimed=errand.claimed), min(LATER_SECONDS * 2 ** min(errand.tries, 10), LONGEST_SECONDS)

    def _current(self, errand: Errand) -> Errand | None:
        """What is due now that its turn has come; what was put off gives way to what is newer."""
        if self._roster.workload(errand.workload) is None:
            return None
        if errand.given:
            return errand
        newer = self._roster.due(errand.workload, self._clock.now())
        if newer is None:
            return errand if errand.claimed else None
        if errand.claimed:
            self._history.slots.done(Slot(errand.workload, errand.due.name, errand.due.at), None, self._clock.now())
        return Errand(errand.workload, newer)

    def _again(self, slot: Slot) -> Due | None:
        """What somebody left unfinished; None where it is superseded, or nobody can say any more what it was."""
        newer = self._roster.due(slot.workload, self._clock.now())
        is_slot = slot.name.startswith(f"{rules.SLOT}:")
        if is_slot and newer is not None and newer.name.startswith(f"{rules.SLOT}:") and newer.at > slot.due_at:
            return None
        if not slot.name.startswith(f"{rules.REPEAT}:"):
            return rules.resumed(slot.name, slot.due_at)
        failed = self._history.drill(slot.name.removeprefix(f"{rules.REPEAT}:"))
        if failed is None or failed.location is None:
            return None
        named = failed.backup if failed.backup_taken_at is not None else None
        return Due(slot.name, slot.due_at, "repeat", failed.location, named, newest=named is None)

    def _enter(self, errand: Errand, place: Place) -> tuple[bool, str | None]:
        with self._room:
            may, store = self.gates.enter(place)
            if not may and store is not None:
                self._parked[store].append(errand)
        return may, store

    def _leave(self, store: str) -> None:
        with self._room:
            self.gates.leave(store)
            parked = self._parked[store].popleft() if self._parked[store] else None
        if parked is not None:
            self._waiting.put(parked)

    def _let_go(self, errand: Errand) -> None:
        with self._room:
            self._engaged.discard(errand.workload)
        self.consider((errand.workload,))

    def _lease(self) -> Lease:
        return Lease(self._crew.owner, self._clock.now() + LEASE)
