"""A change of state, or the end of a walk back → its announcement, with what the history knows of the drill that made it."""

from __future__ import annotations

from dataclasses import dataclass

from restore_tester.config.nouns import Configuration, Workload
from restore_tester.contracts import Clock
from restore_tester.errors import CannotTell
from restore_tester.history.nouns import Place
from restore_tester.history.records import History
from restore_tester.judgement import changes
from restore_tester.judgement.announcements import HEADLINE, Announcement, backup_in_words, found_good, telling
from restore_tester.judgement.changes import Change, Standing, State
from restore_tester.judgement.ledger import Ledger
from restore_tester.model import Reason
from restore_tester.service.known_good import KnownGood


@dataclass(frozen=True, slots=True)
class News:
    """A change that is to be told."""

    place: Place
    workload: Workload
    change: Change
    stands: Standing
    unread_code: str = ""


@dataclass(frozen=True, slots=True)
class Reporter:
    """Given the history, and what time it is."""

    history: History
    clock: Clock

    def announcement(self, news: News, public_url: str | None) -> Announcement:
        """Put a change into words. Raise CannotTell where the history is away."""
        place, ledger = news.place, self.history.ledgers.get(news.place)
        assert ledger is not None, "a place that was heard of has a ledger"
        is_well = news.stands.state is State.PROVEN
        drill = ledger.last_passed if is_well else changes.open_failure(ledger) or ledger.last
        reason = self._reason(drill.drill) if drill is not None and not is_well else None
        text = telling((place.workload, place.location), ledger, news.stands, reason, self.clock.now())
        code = "" if is_well else _code(ledger, news.stands, reason)
        return Announcement(place.workload, place.location, news.change, code, text, _link(public_url, drill.drill if drill else None))

    def in_short(self, news: News) -> Announcement:
        """Say the same of a location that cannot be listed, without asking the history."""
        place, code = news.place, news.unread_code if news.change is not Change.RECOVERED else ""
        again = "cannot be listed" if code else "can be listed again"
        return Announcement(
            place.workload, place.location, news.change, code, f"The backups of {place.workload} ({place.location}) {again}."
        )

    def walked(self, found: KnownGood, configuration: Configuration) -> tuple[News, Announcement] | None:
        """Put the end of a walk back into words; None where nobody is to be told of that workload now."""
        workload = next((one for one in configuration.workloads if one.name == found.workload), None)
        if workload is None or not changes.is_told(workload, self.clock.now()):
            return None
        good = found.good
        nothing = Reason("", "each one that was drilled is bad" if found.complete else "the walk ended at its limit, `find_good`", "")
        said = backup_in_words(good.backup, good.taken_at, good.age_seconds, good.recovery_time_seconds) if good is not None else nothing
        place = Place(found.workload, found.location)
        text = found_good((place.workload, place.location), said, len(found.steps))
        link = _link(configuration.public_url, good.drill if good is not None else None)
        told = Announcement(place.workload, place.location, Change.FAILED, f"found good {place.workload}", text, link, HEADLINE)
        return News(place, workload, Change.FAILED, Standing(State.FAILED)), told

    def _reason(self, drill: str) -> Reason | None:
        record = self.history.record(drill)
        try:
            reasons = record.read().reasons if record is not None else ()
        except CannotTell:
            # Of another version: its code is known all the same.
            return None
        return reasons[0] if reasons else None


def _code(ledger: Ledger, stands: Standing, reason: Reason | None) -> str:
    """What several places have in common where one thing has befallen them."""
    if stands.is_unread and ledger.sight is not None:
        return ledger.sight.code or ""
    return reason.code if reason is not None and stands.state is not State.STALE else ""


def _link(public_url: str | None, drill: str | None) -> str | None:
    if drill is None:
        return None
    return f"{public_url}/drills/{drill}" if public_url is not None else f"drill {drill}"
