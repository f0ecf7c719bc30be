"""Announcements for one target → one message at a time, tried again with pauses, and what came of each in the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from restore_tester.config.nouns import Target
from restore_tester.contracts import Clock
from restore_tester.judgement.announcements import Announcement, Message, message
from restore_tester.service.attempts import Attempt
from restore_tester.service.delivery import DEADLINE_SECONDS, deliver, prepare

Deliver = Callable[[Target, Message], str | None]


def by_apprise(target: Target, what: Message) -> str | None:
    return deliver(target.url, what)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. `together`: changes within it are one message. `again`: the pauses before each further attempt. `every`: how often all
    places are looked at, for what changes by the passing of time."""

    together: float = 60.0
    again: tuple[float, ...] = (5.0, 30.0, 120.0)
    deadline: float = DEADLINE_SECONDS
    every: float = 30.0
    look: float = 0.5


@dataclass(frozen=True, slots=True)
class Parcel:
    """What one target gets of one batch, or of the day (`summary`). `number` is the batch's."""

    number: int
    announcements: tuple[Announcement, ...] = ()
    summary: Message | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of a message in the end: `trouble` None where it was delivered. `parcels` are those that stood in it."""

    target: Target
    parcels: tuple[Parcel, ...]
    trouble: str | None
    attempts: int


class Outbox:
    """One target's. `look` is called again and again, and never waits. Not safe from several threads."""

    def __init__(self, target: Target, clock: Clock, pace: Pace, send: Deliver) -> None:
        self.target, self._clock, self._pace, self._send = target, clock, pace, send
        self._waiting: list[Parcel] = []
        self._parcels: tuple[Parcel, ...] = ()
        self._message: Message | None = None
        self._attempt: Attempt | None = None
        self._latest: Attempt | None = None
        self._attempts = 0
        self._not_before = clock.elapsed()

    @property
    def is_empty(self) -> bool:
        """Return whether nothing waits here, and nothing is on its way."""
        return not self._waiting and self._message is None

    def put(self, parcel: Parcel) -> None:
        self._waiting.append(parcel)

    def look(self) -> Sent | None:
        """Go on with what can be gone on with. Return a message that is delivered, or given up."""
        if self._attempt is not None:
            return self._ended(self._attempt) if self._attempt.over else None
        if self.is_empty or self._clock.elapsed() < self._not_before:
            return None
        what = self._message or self._packed()
        self._attempts += 1
        # A server that never lets go costs one thread, not one for each attempt.
        if self._latest is None or not self._latest.hangs:
            self._latest = Attempt(lambda: self._send(self.target, what), self._pace.deadline, self._clock)
        self._attempt = self._latest
        return None

    def _packed(self) -> Message:
        """A summary is a message of its own; all changes that wait are one."""
        prepare()
        changes = [parcel for parcel in self._waiting if parcel.summary is None]
        summary = self._waiting[0].summary
        self._parcels = tuple(changes) if summary is None else (self._waiting[0],)
        self._waiting = [parcel for parcel in self._waiting if parcel not in self._parcels]
        self._message = summary or message([one for parcel in changes for one in parcel.announcements])
        self._attempts = 0
        return self._message

    def _ended(self, attempt: Attempt) -> Sent | None:
        trouble, self._attempt = attempt.trouble, None
        if trouble is not None and self._attempts <= len(self._pace.again):
            self._not_before = self._clock.elapsed() + self._pace.again[self._attempts - 1]
            return None
        sent = Sent(self.target, self._parcels, trouble, self._attempts)
        self._message, self._parcels = None, ()
        self._not_before = self._clock.elapsed() + self.target.at_most_every_seconds
        return sent
