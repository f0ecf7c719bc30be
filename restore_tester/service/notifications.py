"""Ledgers as they change → messages to the people who asked for them: on a change of state, once, whoever of several replicas saw it.

What people were told last stands in the history, as slots that are done: `notify:WORKLOAD:LOCATION:STATE:ABOUT`. A change is claimed
as its message is put together, and done once that is delivered or given up, so that after a crash the next one tells it. It may then
be told twice, never not at all. Messages that reached nobody are slots too (`unsent:…`): their number never goes back.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from restore_tester.config.nouns import Configuration, Workload
from restore_tester.contracts import Clock
from restore_tester.errors import CannotTell
from restore_tester.history.nouns import Lease, Place, Search, Slot
from restore_tester.history.records import History
from restore_tester.judgement import changes
from restore_tester.judgement.announcements import Announcement
from restore_tester.judgement.changes import Change, Outline, Standing, State
from restore_tester.judgement.ledger import Ledger
from restore_tester.judgement.standing import proof_lasts_seconds
from restore_tester.service import logs
from restore_tester.service.crew import LEASE
from restore_tester.service.digests import Digests
from restore_tester.service.known_good import KnownGood
from restore_tester.service.outbox import Deliver, Outbox, Pace, Parcel, Sent, by_apprise
from restore_tester.service.reporting import News, Reporter

TOLD, UNSENT = "notify", "unsent"
# How often what others told is read again, counted in looks at all places.
LOADED_EVERY = 10
DETAILED = 50
# A state that stands for longer is told once more.
TOLD_KEPT = timedelta(days=400)
_log = logs.logger(__name__)


@dataclass(slots=True)
class _Seen:
    """A place: what is known of it, what people were told of it last, and the inconclusive drill that was the first of its kind."""

    outline: Outline
    told: Standing | None = None
    first_untold: str | None = None


@dataclass(frozen=True, slots=True)
class Means:
    """What telling needs of the world, and how fast it is."""

    clock: Clock
    pace: Pace = field(default_factory=Pace)
    send: Deliver = by_apprise


class Notifier:
    """Given a history, whose owner we are and how fast to be: hears of ledgers, and tells in a thread of its own. `told`,
    `found`, `configure` and `failed` may be called by any thread, and wait for nothing; the rest is for one."""

    def __init__(self, history: History, configuration: Configuration, owner: str, means: Means) -> None:
        self._history, self._owner, self._means = history, owner, means
        self._clock, self._pace = means.clock, means.pace
        self._reporter = Reporter(history, means.clock)
        self._digests = Digests(history, owner, means.clock)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._seen: dict[Place, _Seen] = {}
        self._last: dict[Place, Standing] = {}
        self._found: list[KnownGood] = []
        self._outboxes: list[Outbox] = []
        # What is claimed and not yet put into words; then a batch's slots, and how many outboxes still hold it.
        self._claims: dict[Slot, News] = {}
        self._batches: dict[int, tuple[tuple[Slot, ...], int]] = {}
        self._unwritten: list[Slot] = []
        # Places that people are being told of.
        self._open: dict[Slot, Place] = {}
        self._batch, self._failed = 0, 0
        self._look_at = self._load_at = self._clock.elapsed()
        self._tell_at = float("inf")
        self._configuration = configuration
        self.configure(configuration)

    @property
    def failed(self) -> int:
        """Return how many messages reached nobody, in all of the history's time."""
        return self._failed

    def configure(self, configuration: Configuration) -> None:
        """Take a configuration in place of the one before. What waits for a target that is gone is still sent."""
        with self._lock:
            kept = {outbox.target: outbox for outbox in self._outboxes}
            wanted = [
                kept.pop(target) if target in kept else Outbox(target, self._clock, self._pace, self._means.send)
                for target in configuration.notifications
            ]
            self._outboxes = wanted + [outbox for outbox in kept.values() if not outbox.is_empty]
            self._configuration = configuration
            self._look_at = self._clock.elapsed()

    def told(self, changed: Iterable[tuple[Place, Ledger]]) -> None:
        """Hear of ledgers as they are now."""
        with self._lock:
            for place, ledger in changed:
                outline = changes.outline(ledger)
                self._seen.setdefault(place, _Seen(outline, self._last.get(place))).outline = outline
            self._look_at = self._clock.elapsed()

    def found(self, found: KnownGood) -> None:
        """Hear of the end of a walk back to the last good backup."""
        with self._lock:
            self._found.append(found)

    def work(self) -> None:
        """Tell, until `stop` is called. What is on its way then is told by whoever comes next."""
        trouble: str | None = None
        while not self._stopping.wait(self._pace.look if trouble is None else 10 * self._pace.look):
            try:
                self.look()
                trouble = None
            except CannotTell as error:
                if error.reason.code != trouble:
                    _log.warning("history away: nobody is told", code=error.reason.code, message=error.reason.message)
                trouble = error.reason.code

    def stop(self) -> None:
        """Let `work` end."""
        self._stopping.set()

    def look(self) -> None:
        """Do what is to be done by now. Raise CannotTell where the history is away: nothing is lost, look again."""
        self._write()
        now = self._clock.elapsed()
        if now >= self._load_at:
            self.load()
        if now >= self._look_at:
            self._look_at = now + self._pace.every
            if self._tell_at == float("inf") and self._news():
                self._tell_at = now + self._pace.together
        if now >= self._tell_at or self._claims or self._found:
            self._tell_at = float("inf")
            self._tell()
        self._digest()
        with self._lock:
            outboxes = tuple(self._outboxes)
        for outbox in outboxes:
            sent = outbox.look()
            if sent is not None:
                self._ended(sent)

    # --- what is to be told -------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Read the last word on each place, by whomever; not of those that we are telling now. Raise CannotTell."""
        self._load_at = self._clock.elapsed() + LOADED_EVERY * self._pace.every
        told = {}
        for name in self._history.slots.done_of(TOLD):
            _, workload, location, state, about = name.split(":", 4)
            told[Place(workload, location)] = Standing(State(state), about)
        unsent = self._history.slots.count(UNSENT) + sum(slot.kind == UNSENT for slot in self._unwritten)
        self._failed = max(self._failed, unsent)
        ours = set(self._open.values())
        with self._lock:
            self._last = told
            for place, known in self._seen.items():
                if place not in ours:
                    known.told = told.get(place)

    def _news(self) -> list[News]:
        """Every change that people are to be told of, so far as is known here."""
        now, ours = self._clock.now(), set(self._open.values())
        with self._lock:
            if not self._configuration.notifications:
                return []
            return [
                news
                for workload in self._configuration.workloads
                if workload.criticality != changes.DIGEST_ONLY and changes.is_told(workload, now)
                for position, location in enumerate(workload.locations)
                if (place := Place(workload.name, location.name or "")) not in ours
                and (news := self._news_of(place, workload, position, now)) is not None
            ]

    def _news_of(self, place: Place, workload: Workload, position: int, now: datetime) -> News | None:
        known = self._seen.get(place)
        if known is None:
            return None
        lasts = proof_lasts_seconds(position, workload.drill_every_seconds)
        stands = changes.standing(known.outline, lasts, now, twice=known.outline.untold != known.first_untold)
        if stands is None:
            return None
        what = changes.change(known.told.state if known.told is not None else None, stands.state)
        if what is Change.RECOVERED and known.told is not None:
            # Named by what is over, so that of the same episode nobody tells it twice.
            stands = Standing(stands.state, known.told.about)
        return News(place, workload, what, stands, known.outline.unread_code) if what is not None else None

    def _tell(self) -> None:
        """What is claimed and cannot be put into words now, for the history is away, is told once it is back."""
        self.load()
        self._claim(self._news())
        # Of a dead store nobody reads more than the first, and what is asked for each takes its time.
        full = set(list(self._claims.values())[:DETAILED])
        base = self._configuration.public_url
        told = [
            (news, self._reporter.announcement(news, base) if news in full or not news.stands.is_unread else self._reporter.in_short(news))
            for news in self._claims.values()
        ]
        with self._lock:
            found, self._found = self._found, []
        told += [pair for one in found if (pair := self._reporter.walked(one, self._configuration)) is not None]
        slots = tuple(self._claims)
        self._claims = {}
        if told:
            self._post(told, slots)

    def _claim(self, all_news: list[News]) -> None:
        now = self._clock.now()
        wanted = {self._slot(news, now): news for news in all_news if self._is_confirmed(news)}
        for slot in self._history.slots.claim_all(tuple(wanted), Lease(self._owner, now + LEASE), now):
            news = wanted[slot]
            self._seen[news.place].told = news.stands
            self._claims[slot] = news
            self._open[slot] = news.place

    def _slot(self, news: News, now: datetime) -> Slot:
        return Slot("", f"{TOLD}:{news.place.workload}:{news.place.location}:{news.stands.state}:{news.stands.about}", now)

    def _is_confirmed(self, news: News) -> bool:
        """One inconclusive drill alone is no news."""
        known = self._seen[news.place]
        if news.stands.state is not State.INCONCLUSIVE or news.stands.is_unread or self._twice(news.place):
            return True
        known.first_untold = known.outline.untold
        return False

    def _twice(self, place: Place) -> bool:
        drills = self._history.drills(Search(workload=place.workload, location=place.location, limit=5))
        counted = [drill.verdict for drill in drills if drill.verdict is not None and drill.trigger != "find_good"]
        return changes.twice_inconclusive(counted)

    # --- on their way -------------------------------------------------------------------------------------------------

    def _post(self, told: list[tuple[News, Announcement]], slots: tuple[Slot, ...]) -> None:
        self._batch += 1
        holders = 0
        with self._lock:
            for outbox in self._outboxes:
                wanted = tuple(text for news, text in told if changes.wants(outbox.target, news.workload, news.change))
                if wanted:
                    outbox.put(Parcel(self._batch, wanted))
                    holders += 1
        if holders:
            self._batches[self._batch] = (slots, holders)
        else:
            self._unwritten += slots

    def _digest(self) -> None:
        with self._lock:
            outboxes = [
                outbox
                for outbox in self._outboxes
                if outbox.target.digest is not None and outbox.target in self._configuration.notifications
            ]
        for outbox in outboxes:
            summary = self._digests.due(outbox.target, self._configuration, self._standing_of)
            if summary is not None:
                outbox.put(Parcel(0, summary=summary))

    def _standing_of(self, place: Place, lasts_seconds: float) -> Standing | None:
        known = self._seen.get(place)
        return changes.standing(known.outline, lasts_seconds, self._clock.now()) if known is not None else None

    def _ended(self, sent: Sent) -> None:
        facts = {"target": str(sent.target.url), "attempts": sent.attempts, "changes": sum(len(one.announcements) for one in sent.parcels)}
        if sent.trouble is None:
            _log.info("notified", **facts)
        else:
            _log.error("notification not delivered", **facts, message=sent.trouble, hint="try it: restore-tester notify --test")
            self._failed += 1
            self._unwritten.append(Slot("", f"{UNSENT}:{secrets.token_hex(8)}", self._clock.now()))
        for parcel in sent.parcels:
            slots, holders = self._batches.pop(parcel.number, ((), 1))
            if holders > 1:
                self._batches[parcel.number] = (slots, holders - 1)
            else:
                self._unwritten += slots

    def _write(self) -> None:
        """What was sent, and what was not, into the history, as soon as it is there."""
        if not self._unwritten:
            return
        now, slots = self._clock.now(), tuple(self._unwritten)
        self._history.slots.claim_all([slot for slot in slots if slot.kind == UNSENT], Lease(self._owner, now + LEASE), now)
        self._history.slots.done_all(slots, now)
        for slot in slots:
            self._open.pop(slot, None)
        self._unwritten = self._unwritten[len(slots) :]
