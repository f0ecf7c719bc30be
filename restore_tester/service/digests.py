"""How every place stands → the day's summary for a target that wants one, once a day, whoever of several replicas sends it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from restore_tester.config.nouns import Configuration, Target
from restore_tester.contracts import Clock
from restore_tester.history.nouns import Lease, Place, Slot
from restore_tester.history.records import History
from restore_tester.judgement import changes
from restore_tester.judgement.announcements import Message, summary
from restore_tester.judgement.changes import Standing
from restore_tester.judgement.standing import proof_lasts_seconds
from restore_tester.service.crew import LEASE

DIGEST = "digest"
# A service that was down at the hour makes up for it, but not half a day later.
LATE = timedelta(hours=2)
KEPT = timedelta(days=7)


class Digests:
    """Not safe from several threads."""

    def __init__(self, history: History, owner: str, clock: Clock) -> None:
        self._history, self._owner, self._clock = history, owner, clock
        self._sent: dict[Target, date] = {}

    def due(self, target: Target, configuration: Configuration, standing_of: Callable[[Place, float], Standing | None]) -> Message | None:
        """Return the summary that is to be sent to a target now; None where none is. Raise CannotTell."""
        now = self._clock.now().astimezone(UTC)
        if target.digest is None or self._sent.get(target) == now.date():
            return None
        at = datetime.combine(now.date(), target.digest, UTC)
        if not at <= now < at + LATE:
            return None
        slot = Slot("", f"{DIGEST}:{now.date()}:{_key(target)}", at)
        claimed = self._history.slots.claim(slot, Lease(self._owner, now + LEASE), now) is not None
        if claimed:
            # Done as it begins: tomorrow there is another.
            self._history.slots.done(slot, None, now)
            self._history.slots.prune(DIGEST, now - KEPT)
        self._sent[target] = now.date()
        return _summary(target, configuration, standing_of, now) if claimed else None


def _summary(
    target: Target, configuration: Configuration, standing_of: Callable[[Place, float], Standing | None], now: datetime
) -> Message:
    stands = [
        (workload.name, location.name or "", standing_of(place, proof_lasts_seconds(position, workload.drill_every_seconds)))
        for workload in configuration.workloads
        if changes.covers(target, workload) and changes.is_told(workload, now)
        for position, location in enumerate(workload.locations)
        for place in (Place(workload.name, location.name or ""),)
    ]
    return summary(stands, now, configuration.public_url)


def _key(target: Target) -> str:
    return hashlib.sha256(repr(target).encode()).hexdigest()[:16]
