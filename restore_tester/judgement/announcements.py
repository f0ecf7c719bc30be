"""How a place stands, and what its drill said → the words that people get: first whether the data can be brought back, from which
backup, how fast, how old it is. One message holds everything that changed together. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from restore_tester.judgement.changes import Change, Standing, State, open_failure
from restore_tester.judgement.ledger import DrillInBrief, Ledger
from restore_tester.judgement.wording import DETAIL_CHARACTERS, NAME_CHARACTERS, counted, duration, printable
from restore_tester.model import Reason

# More of one kind are named, not told one by one: of a dead store it is the store that matters.
ALIKE = 3
NAMED = 12
# Chats take a few thousand characters. What does not fit is counted.
MOST_CHARACTERS = 3000
_TITLES = {
    Change.FAILED: "cannot be brought back as agreed",
    Change.INCONCLUSIVE: "may or may not come back: nobody can tell",
    Change.STALE: "not proven any more",
    Change.RECOVERED: "can be brought back again",
}
_UNSETTLED = "not settled yet"
HEADLINE = "was drilled back to its last good backup"
_GRAVEST = (Change.FAILED, Change.INCONCLUSIVE, Change.STALE, Change.RECOVERED)


@dataclass(frozen=True, slots=True)
class Announcement:
    """What is told of one place. `code` is what several have in common; `link` leads to the drill; `headline` stands in place of what
    its change is called, where there is nothing else to tell."""

    workload: str
    location: str
    change: Change
    code: str
    text: str
    link: str | None = None
    headline: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """`change` is the gravest of what it tells; None for a summary."""

    title: str
    body: str
    change: Change | None


# --- one place --------------------------------------------------------------------------------------------------------


def telling(place: tuple[str, str], ledger: Ledger, stands: Standing, reason: Reason | None, now: datetime) -> str:
    """Given (workload, location), how it stands, and the drill's first reason where there is one, return what is said of it."""
    name = f"{place[0]} ({place[1]})"
    drill = open_failure(ledger)
    if stands.state is State.FAILED and drill is not None:
        first = f"{name} cannot be brought back from {_backup(drill)}{_why(reason, drill)}."
        return f"{first} {_good(ledger, now)}"
    if stands.state is State.MISSED and drill is not None:
        return f"{name} can be brought back from {_backup(drill)}, but not as agreed{_why(reason, drill)}{_in(drill)}."
    if stands.state is State.INCONCLUSIVE:
        return f"Nobody can tell whether {name} can be brought back{_unknown(ledger, stands, reason, now)}. {_good(ledger, now)}"
    if stands.state is State.STALE:
        return f"Nobody knows any more whether {name} can be brought back: {_unproven(ledger, now)}. {_good(ledger, now)}"
    if stands.is_unread:
        return f"The backups of {name} can be listed again. {_good(ledger, now)}"
    return f"{name} can be brought back again{_from(ledger)}."


def found_good(place: tuple[str, str], good: Reason | str, tried: int) -> str:
    """Given what a walk back found (in words, or why nothing was), return what is said of it."""
    name = f"{place[0]} ({place[1]})"
    after = f"after {counted(tried, 'drill')}"
    if isinstance(good, Reason):
        return f"{name}: no good backup was found {after}: {good.message}."
    return f"{name} can be brought back from {good} (found {after})."


def backup_in_words(backup: str, taken_at: datetime | None, age_seconds: float | None, seconds: float | None) -> str:
    """Return a backup's name, its age, and how long it takes to bring it back, so far as these are known."""
    known = [_foreign(backup, NAME_CHARACTERS)]
    known += [f"{_day(taken_at)}"] if taken_at is not None else []
    known += [f"{duration(max(0.0, age_seconds))} old"] if age_seconds is not None else []
    known += [f"back in {duration(seconds)}"] if seconds is not None else []
    return ", ".join(known)


def _foreign(text: str, characters: int) -> str:
    """Whoever may write to the store words it. In a chat it must call nobody, nor be a link: code is neither, and delivery takes the
    rest of the sting out of what stands in backticks."""
    shown = printable(text, characters).replace("`", "'")
    return f"`{shown}`"


def _backup(drill: DrillInBrief) -> str:
    if not drill.backup:
        return "any backup: none is there"
    which = "the newest backup" if drill.newest else "the backup"
    return f"{which} {backup_in_words(drill.backup, drill.taken_at, None, None)}"


def _why(reason: Reason | None, drill: DrillInBrief) -> str:
    code = drill.codes[0] if drill.codes else "unknown"
    said = _foreign(reason.message, DETAIL_CHARACTERS) if reason is not None else code.replace("_", " ")
    return f": {said} [{code}]"


def _in(drill: DrillInBrief) -> str:
    return f" (back in {duration(drill.recovery_time_seconds)})" if drill.recovery_time_seconds is not None else ""


def _unknown(ledger: Ledger, stands: Standing, reason: Reason | None, now: datetime) -> str:
    if stands.is_unread and ledger.sight is not None:
        since = duration(max(0.0, (now - ledger.sight.changed_at).total_seconds()))
        return f": its backups could not be listed for {since} [{ledger.sight.code}]"
    return _why(reason, ledger.last) + ", not for the first time" if ledger.last is not None else ""


def _unproven(ledger: Ledger, now: datetime) -> str:
    passed = ledger.last_passed
    since = duration(max(0.0, (now - (passed.began_at if passed is not None else ledger.first_seen)).total_seconds()))
    return f"no drill has passed for {since}" if passed is not None else f"in the {since} that it is known here no drill has passed"


def _good(ledger: Ledger, now: datetime) -> str:
    good = ledger.known_good
    if good is None:
        return "No backup of it is proven good."
    age = (now - good.taken_at).total_seconds() if good.taken_at is not None else None
    return f"Newest proven good: {backup_in_words(good.backup, good.taken_at, age, good.recovery_time_seconds)}."


def _from(ledger: Ledger) -> str:
    last = ledger.last_passed
    if last is None:
        return ""
    loss = f", losing {duration(last.data_loss_seconds)} of data" if last.data_loss_seconds is not None else ""
    return f" from {backup_in_words(last.backup, last.taken_at, None, last.recovery_time_seconds)}{loss}"


def _day(instant: datetime) -> str:
    return f"of {instant.day} {instant:%b %H:%MZ}"


# --- a message --------------------------------------------------------------------------------------------------------


def message(told: Sequence[Announcement]) -> Message:
    """Given everything that changed together (at least one), return the one message that tells it, the gravest first."""
    groups: dict[tuple[Change, str], list[Announcement]] = {}
    for one in sorted(told, key=lambda each: (_GRAVEST.index(each.change), each.workload, each.location)):
        groups.setdefault((one.change, one.code), []).append(one)
    paragraphs: list[str] = []
    for (what, code), alike in groups.items():
        paragraphs += [_paragraph(one) for one in alike] if len(alike) <= ALIKE else [_together(what, code, alike)]
    gravest = min((one.change for one in told), key=_GRAVEST.index)
    names = sorted({one.workload for one in told if one.change is gravest})
    subject = names[0] if len(names) == 1 else counted(len(names), "workload")
    headlines = {one.headline or _TITLES[gravest] for one in told if one.change is gravest}
    said = headlines.pop() if len(headlines) == 1 else _TITLES[gravest]
    return Message(f"restore-tester: {subject} {said}", _fitting(paragraphs), gravest)


def _paragraph(one: Announcement) -> str:
    return one.text if one.link is None else f"{one.text}\n{one.link}"


def _together(what: Change, code: str, alike: Sequence[Announcement]) -> str:
    """One store that is dead is one trouble."""
    names = [f"{one.workload} ({one.location})" for one in alike]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    because = f" [{code}]" if code else ""
    first = f"{counted(len(alike), 'location')}: {_TITLES[what]}{because}: {', '.join(names[:NAMED])}{more}."
    return f"{first}\nFor one: {_paragraph(alike[0])}"


def summary(stands: Sequence[tuple[str, str, Standing | None]], now: datetime, link: str | None) -> Message:
    """Given how every place stands (workload, location; None: not settled), return the day's message."""
    found: dict[str, list[str]] = {}
    for workload, location, standing in stands:
        found.setdefault(standing.state if standing is not None else _UNSETTLED, []).append(f"{workload} ({location})")
    bad = len(stands) - len(found.get(State.PROVEN, ()))
    title = f"{bad} of {counted(len(stands), 'location')} not proven" if bad else f"all {counted(len(stands), 'location')} proven"
    worst = (*reversed(State), _UNSETTLED)
    lines = [f"{now:%Y-%m-%d}: {title}. " + ", ".join(f"{len(found[state])} {state}" for state in worst if state in found) + "."]
    for state in worst:
        if state in found and state is not State.PROVEN:
            more = f" and {len(found[state]) - NAMED} more" if len(found[state]) > NAMED else ""
            lines.append(f"{state}: {', '.join(found[state][:NAMED])}{more}")
    return Message(f"restore-tester: {title}", _fitting([*lines, *([link] if link else [])]), None)


def _fitting(paragraphs: Sequence[str]) -> str:
    kept: list[str] = []
    for index, paragraph in enumerate(paragraphs):
        if kept and sum(len(one) + 2 for one in kept) + len(paragraph) > MOST_CHARACTERS:
            kept.append(f"And {len(paragraphs) - index} more.")
            break
        kept.append(paragraph)
    return "\n\n".join(kept)
