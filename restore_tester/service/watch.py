"""The catalogue watch: places → what lies in each, every few minutes, told to the history where it changed.

One round asks each store once (`sources.stores_of`), several stores at once. A store that is slow delays itself alone: the
round goes on without it, and the next one leaves it out until it has answered. One that hangs, as a dead mount does, keeps its
thread, and its place in the crew is given to another. What failed is said with its code, and is asked again the next round.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

from restore_tester.backups.overview import Limits, Ways, too_slow
from restore_tester.contracts import Clock, Listing
from restore_tester.errors import CannotTell, RestoreTesterError
from restore_tester.history.nouns import Place, Slot
from restore_tester.judgement.catalogue import failed_sight, is_other, lags, sight_of
from restore_tester.judgement.ledger import Ledger, Sight
from restore_tester.model import Location, Reason
from restore_tester.service.sources import PoorFolders, mount_points, overview_of, stores_of

STORES_AT_ONCE = 4
# Of the time between two rounds, what one may take: a round is over before the next is due.
SHARE_OF_ROUND = 0.9
POOR_FOR_SECONDS = 86_400.0


class Ledgers(Protocol):
    """What the watch needs of `history.ledgers`."""

    def number(self) -> int: ...

    def all(self) -> Iterator[tuple[Place, Ledger]]: ...

    def changed(self, since: int) -> tuple[int, tuple[tuple[Place, Ledger], ...]]: ...

    def sight(self, place: Place, sight: Sight, listing: Listing | None, now: datetime) -> Ledger: ...


@dataclass(frozen=True, slots=True)
class Watched:
    """One place to look at."""

    place: Place
    location: Location


@dataclass(frozen=True, slots=True)
class Looked:
    """What one round came to. `is_ours` is false where another replica makes it. `failed` are the places that could not be listed,
    `late` how many have no answer yet, `lagging` those behind their workload's first location, `untold` is why the history could
    not be told."""

    due_at: datetime
    is_ours: bool = True
    listed: int = 0
    changed: int = 0
    failed: tuple[tuple[Place, Reason], ...] = ()
    late: int = 0
    lagging: tuple[tuple[Place, Reason], ...] = ()
    untold: Reason | None = None


@dataclass(slots=True)
class _Count:
    listed: int = 0
    changed: int = 0
    failed: list[tuple[Place, Reason]] = field(default_factory=list)
    untold: Reason | None = None


@dataclass(slots=True)
class _Work:
    """One store's listings: its places by location, as long as nobody was told of them, and when it last gave a sign of life."""

    store: Hashable
    places: dict[Location, list[Place]]
    told: dict[Location, list[Place]] = field(default_factory=dict)
    seen_at: float = 0.0
    hangs: bool = False


@dataclass(frozen=True, slots=True)
class _Asked:
    """When a store was last asked, and what is known of its folders and since when (seconds of the monotonic clock)."""

    at: float
    poor_since: float
    poor: PoorFolders


@dataclass(frozen=True, slots=True)
class _Known:
    sight: Sight | None
    accepted_at: datetime | None
    print: int | None


_UNKNOWN = _Known(None, None, None)


class CatalogueWatch:
    """Given the history's ledgers, the clock, whether a round is ours to make (several replicas: one claims it), and limits."""

    def __init__(
        self,
        ledgers: Ledgers,
        clock: Clock,
        claims: Callable[[datetime], bool] = lambda due_at: True,
        limits: Limits | None = None,
        stores_at_once: int = STORES_AT_ONCE,
    ) -> None:
        self._ledgers, self._clock, self._claims, self._limits = ledgers, clock, claims, limits or Limits()
        self._stores_at_once = stores_at_once
        self._change: int | None = None
        self._known: dict[Place, _Known] = {}
        self._asked: dict[Hashable, _Asked] = {}
        self._answered = threading.Condition()
        self._working: dict[Hashable, _Work] = {}
        self._count = _Count()
        self._wanted: frozenset[Place] = frozenset()
        self._stopped = False

    def look(self, watched: Sequence[Watched], every_seconds: float) -> Looked:
        """Make one round, where it is ours. Call it from one thread, every `every_seconds`: it returns before the next is due."""
        due_at = datetime.fromtimestamp(self._clock.now().timestamp() // every_seconds * every_seconds, UTC)
        until = self._clock.elapsed() + SHARE_OF_ROUND * every_seconds
        try:
            if not self._claims(due_at):
                return Looked(due_at, is_ours=False)
            self._learn(frozenset(each.place for each in watched))
        except CannotTell as error:
            return Looked(due_at, untold=error.reason)
        self._count = count = _Count()
        waiting = deque(self._works(watched))
        while not self._stopped and self._clock.elapsed() < until:
            for work in self._hanging():
                self._give_up(work)
            with self._answered:
                while waiting and self._busy() < self._stores_at_once:
                    self._begin(waiting.popleft())
                if not self._busy():
                    break
                self._answered.wait(max(0.0, min(1.0, until - self._clock.elapsed())))
        with self._answered:
            late = sum(len(places) for work in (*self._working.values(), *waiting) for places in work.places.values())
            lagging = tuple(self._lagging(watched))
            return Looked(due_at, True, count.listed, count.changed, tuple(count.failed), late, lagging, count.untold)

    def stop(self) -> None:
        """End a round that is under way; tell the history nothing more."""
        with self._answered:
            self._stopped = True
            self._answered.notify_all()

    # --- a round ------------------------------------------------------------------------------------------------------

    def _learn(self, wanted: frozenset[Place]) -> None:
        """What another replica saw, or what somebody accepted, is known before anything is compared."""
        for place, ledger in self._news():
            before = self._known.get(place, _UNKNOWN)
            # A print belongs to the listing that was seen here; where the sight is another's, nothing is known of its listing.
            same = before.sight is not None and ledger.sight is not None and not is_other(ledger.sight, before.sight)
            self._known[place] = _Known(ledger.sight, ledger.accepted_at, before.print if same else None)
        if wanted != self._wanted:
            self._wanted = wanted
            self._known = {place: known for place, known in self._known.items() if place in wanted}

    def _news(self) -> Iterable[tuple[Place, Ledger]]:
        if self._change is None:
            self._change = self._ledgers.number()
            return self._ledgers.all()
        self._change, ledgers = self._ledgers.changed(self._change)
        return ledgers

    def _works(self, watched: Sequence[Watched]) -> list[_Work]:
        """The stores that are not at work still; where rounds are too short for all, those that were asked longest ago come first."""
        places: dict[Location, list[Place]] = {}
        for each in watched:
            places.setdefault(each.location, []).append(each.place)
        stores = stores_of(places, mount_points())
        self._asked = {store: asked for store, asked in self._asked.items() if store in stores}
        works = [
            _Work(store, {location: places[location] for location in locations})
            for store, locations in stores.items()
            if store not in self._working
        ]
        return sorted(works, key=lambda work: self._asked[work.store].at if work.store in self._asked else float("-inf"))

    def _lagging(self, watched: Sequence[Watched]) -> Iterator[tuple[Place, Reason]]:
        """The first location of a workload is the one that is watched first."""
        firsts: dict[str, Sight | None] = {}
        for each in watched:
            sight = self._known.get(each.place, _UNKNOWN).sight
            found = lags(firsts.setdefault(each.place.workload, sight), sight, each.place.location)
            if found is not None:
                yield each.place, found

    def _busy(self) -> int:
        return sum(not work.hangs for work in self._working.values())

    def _hanging(self) -> list[_Work]:
        longest = self._limits.silent_seconds
        with self._answered:
            now = self._clock.elapsed()
            return [work for work in self._working.values() if not work.hangs and now - work.seen_at > longest]

    # --- a store ------------------------------------------------------------------------------------------------------

    def _begin(self, work: _Work) -> None:
        """A daemon: what hangs in the kernel must not keep this process from ending."""
        now = self._clock.elapsed()
        before = self._asked.get(work.store)
        poor = before.poor if before is not None and now - before.poor_since < POOR_FOR_SECONDS else {}
        self._asked[work.store] = asked = _Asked(now, before.poor_since if before is not None and poor is before.poor else now, poor)
        work.seen_at = now
        self._working[work.store] = work
        threading.Thread(target=self._ask, args=(work, asked.poor), name="watch", daemon=True).start()

    def _ask(self, work: _Work, poor: PoorFolders) -> None:
        error: RestoreTesterError = CannotTell(
            "listing_broke_off", "the listing ended without an answer", "report it: a listing must say why it stopped"
        )
        try:
            overview_of(
                tuple(work.places), poor, Ways(self._clock, self._limits, lambda *told: self._told(work, *told), lambda: self._alive(work))
            )
        except RestoreTesterError as raised:
            error = raised
        finally:
            for location in tuple(work.places):
                self._told(work, location, error)
            with self._answered:
                del self._working[work.store]
                self._answered.notify_all()

    def _give_up(self, work: _Work) -> None:
        """Its thread may come back, and then says what it saw; until then the place is given to another store."""
        with self._answered:
            work.hangs = True
            places = dict(work.places)
        for location, those in places.items():
            for place in those:
                self._saw(place, too_slow(location.uri, self._limits.silent_seconds))

    def _alive(self, work: _Work) -> None:
        with self._answered:
            work.seen_at = self._clock.elapsed()

    def _told(self, work: _Work, location: Location, what: Listing | RestoreTesterError) -> None:
        """A location may be told again, by what proved to be more than the part that was told first."""
        with self._answered:
            work.seen_at = self._clock.elapsed()
            those = work.places.pop(location, None) or work.told.get(location, [])
            work.told[location] = those
        for place in those:
            if place in self._wanted and not self._stopped:
                self._saw(place, what)

    def _saw(self, place: Place, what: Listing | RestoreTesterError) -> None:
        known, now = self._known.get(place, _UNKNOWN), self._clock.now()
        listed: int | None
        if isinstance(what, Listing):
            sight, listing, listed = sight_of(what, known.sight, known.accepted_at, now), what, _print_of(what)
        else:
            sight, listing, listed = failed_sight(what.reason.code, known.sight, now), None, known.print
        is_new = is_other(sight, known.sight) or listed != (listed if known.print is None else known.print)
        untold = None
        if is_new:
            try:
                # What a listing that was too long to be held lacks is not gone.
                whole = listing if listing is not None and listing.left_out is None else None
                ledger = self._ledgers.sight(place, sight, whole, now)
                known = _Known(ledger.sight, ledger.accepted_at, listed)
            except CannotTell as error:
                untold = error.reason
        with self._answered:
            if untold is None:
                self._known[place] = replace(known, print=listed)
            self._count.listed += listing is not None
            self._count.changed += is_new and untold is None
            self._count.failed += [(place, what.reason)] if not isinstance(what, Listing) else []
            self._count.untold = untold or self._count.untold


def round_slot(due_at: datetime) -> Slot:
    """Return what a replica claims to make the round that is due then."""
    return Slot("", f"watch:{due_at:%Y%m%dT%H%M%SZ}", due_at)


def _print_of(listing: Listing) -> int:
    """Return a number that another listing has only by accident."""
    return hash(tuple((backup.id, backup.size_bytes, backup.stored_at) for backup in listing.complete))
