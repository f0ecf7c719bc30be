"""What listings of a place showed, one after the other → what is wrong with it between drills. Pure.

A backup job that died says nothing: it is seen by what does not come. So each place has its own rhythm, learned from the
backups that lie there, and is measured by it; no threshold is configured.

Every figure here and why:
- Rhythm is learned from four backups on, out of those of the newest 22 days (three weekends are in them, and 22 nights), or the
  newest eight where these reach back further. The usual distance is their median. A place is patient for twice that, because one
  run that failed is the next one's to mend, and for a quarter more than the third longest distance: what happened three times in
  three weeks is a weekend or a night without backups; an outage happens once.
- A backup shrank where it has less than half of the median of the five before it: dumps grow slowly, and compression does not
  halve them. Where two of these five were as small, sizes alternate here, and nothing is said.
- Retention is lost where more than a third of the backups, or of the time that they reach back, went from one listing to the
  next, and two or more backups: rotation takes one at a time, and that may be the one monthly copy. It stands until as much is
  there again, until somebody accepts it, or for 30 days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from restore_tester.contracts import Listing
from restore_tester.judgement.ledger import Ledger, RetentionLost, Rhythm, Sight, SightedBackup
from restore_tester.judgement.wording import counted, duration
from restore_tester.model import Backup, Reason

LEAST_BACKUPS = 4
LEARNED_FROM = timedelta(days=22)
LEARNED_AT_LEAST = 8
PATIENCE = 2.0
RECURRING = 3
RECURRING_MARGIN = 1.25
SIZES_COMPARED = 5
SHRUNK_SHARE = 0.5
LOST_SHARE = 1 / 3
LOST_AT_LEAST = 2
LOST_STANDS = timedelta(days=30)


# --- a listing → a sight ----------------------------------------------------------------------------------------------


def sighted(backup: Backup) -> SightedBackup:
    """Return a listed backup as a ledger keeps it."""
    return SightedBackup(backup.id, backup.taken_at or backup.stored_at, backup.stored_at, backup.size_bytes)


def sight_of(listing: Listing, previous: Sight | None, accepted_at: datetime | None, now: datetime) -> Sight:
    """Given a whole listing (its complete backups oldest first) and the sight before it, return what it shows."""
    newest = sighted(listing.complete[-1]) if listing.complete else None
    first = sighted(listing.complete[0]).taken_at if listing.complete else None
    left = listing.left_out
    found = Sight(
        changed_at=now,
        code=None,
        newest=newest,
        oldest_taken_at=left.oldest_taken_at if left is not None else first,
        backups=len(listing.complete) + (left.backups if left is not None else 0),
        size_bytes=sum(backup.size_bytes for backup in listing.complete) + (left.size_bytes if left is not None else 0),
        incomplete=len(listing.incomplete),
        unrecognised=listing.unrecognised_count or len(listing.unrecognised),
        rhythm=rhythm_of([at for backup in listing.complete if (at := backup.taken_at or backup.stored_at) is not None]),
        usual_size_bytes=_usual_size([backup.size_bytes for backup in listing.complete[-SIZES_COMPARED - 1 :]]),
    )
    return replace(found, lost=_lost(found, previous, accepted_at, now))


def failed_sight(code: str, previous: Sight | None, now: datetime) -> Sight:
    """Given why there is no listing, return the sight that says so, with what was last known."""
    known = previous or Sight(now, None, None, None, 0, 0, 0, 0)
    return replace(known, changed_at=now, code=code)


def is_other(sight: Sight, previous: Sight | None) -> bool:
    """Return whether a sight says something else than the one before."""
    return previous is None or replace(sight, changed_at=previous.changed_at) != previous


def rhythm_of(instants: Sequence[datetime]) -> Rhythm | None:
    """Given when the backups of a place were taken, in any order, return how they come; None for fewer than four."""
    if len(instants) < LEAST_BACKUPS:
        return None
    ordered = sorted(instants)
    recent = sum(at >= ordered[-1] - LEARNED_FROM for at in ordered)
    gaps = sorted((later - earlier).total_seconds() for earlier, later in pairwise(ordered[-max(recent, LEARNED_AT_LEAST) :]))
    interval = median(gaps)
    if interval <= 0:
        return None
    recurring = gaps[-RECURRING] * RECURRING_MARGIN if len(gaps) >= RECURRING else 0.0
    return Rhythm(interval, max(PATIENCE * interval, recurring))


def gaps(instants: Sequence[datetime], rhythm: Rhythm) -> tuple[tuple[datetime, datetime], ...]:
    """Given when the backups of a place were taken, return (before, after) of each gap longer than is usual there, oldest first."""
    longest = timedelta(seconds=rhythm.patience_seconds)
    return tuple((earlier, later) for earlier, later in pairwise(sorted(instants)) if later - earlier > longest)


def _usual_size(sizes: Sequence[int]) -> float | None:
    """Given the sizes of the newest backup, last, and of those before it."""
    *before, newest = sizes or (0,)
    if len(before) < SIZES_COMPARED or sum(size <= newest for size in before) >= 2:
        return None
    return median(before)


def _lost(found: Sight, previous: Sight | None, accepted_at: datetime | None, now: datetime) -> RetentionLost | None:
    """What was lost before stands on, measured by what was there then."""
    if previous is None:
        return None
    before = previous.lost or RetentionLost(now, previous.backups, _span(previous))
    if now - before.at > LOST_STANDS or (previous.lost is not None and accepted_at is not None and accepted_at > before.at):
        return None
    gone = before.backups_before - found.backups
    share = max(gone / max(before.backups_before, 1), 1 - _span(found) / max(before.span_before_seconds, 1.0))
    return before if gone >= LOST_AT_LEAST and share > LOST_SHARE else None


def _span(sight: Sight) -> float:
    newest = sight.newest.taken_at if sight.newest is not None else None
    return (newest - sight.oldest_taken_at).total_seconds() if newest is not None and sight.oldest_taken_at is not None else 0.0


# --- ledgers → findings -----------------------------------------------------------------------------------------------


def findings(ledger: Ledger, now: datetime) -> tuple[Reason, ...]:
    """Return what is wrong with a place by its listings, without its own `code` (a listing that failed says nothing new of the
    backups, and what was known stands)."""
    sight = ledger.sight
    if sight is None:
        return ()
    accepted = ledger.accepted_at
    found = (_absent(sight), _stopped(sight, now), _shrank(sight, accepted), _retention(sight, accepted))
    return tuple(reason for reason in found if reason is not None)


def lags(first: Sight | None, other: Sight | None, name: str) -> Reason | None:
    """Given the sights of a workload's first and of another location, and the other's name, return that it lags behind: its newest
    backup is older by more than what is usual in both. A place with its own slower rhythm (a weekly copy) is measured by that one."""
    if first is None or other is None or first.newest is None or other.newest is None:
        return None
    ahead, behind, rhythm = first.newest.taken_at, other.newest.taken_at, first.rhythm
    if ahead is None or behind is None or rhythm is None:
        return None
    own = other.rhythm.patience_seconds if other.rhythm is not None else 0.0
    late = (ahead - behind).total_seconds()
    if late <= max(PATIENCE * rhythm.interval_seconds, own):
        return None
    said = f"the newest backup of {name} is {duration(late)} older than the first location's, where one comes every"
    hint = f"see whether what copies backups to {name} still runs, and what it filters"
    return Reason("location_lags", f"{said} {duration(rhythm.interval_seconds)}", hint)


def _absent(sight: Sight) -> Reason | None:
    if sight.backups or sight.code is not None:
        return None
    if sight.unrecognised:
        said = f"{counted(sight.unrecognised, 'object')} lie here, and none is called like the location's `name`"
        return Reason("nothing_recognised", said, "compare `name` with what lies there: config check --live")
    return Reason("no_backup", "there is no complete backup here", "see whether the backup job still runs, and where it writes")


def _stopped(sight: Sight, now: datetime) -> Reason | None:
    """Counted from the arrival of the newest, so that a slow pipeline is no stop; names give the rhythm, because copying a bucket
    gives all its objects one time."""
    if sight.newest is None or sight.rhythm is None or (at := sight.newest.usable_at or sight.newest.taken_at) is None:
        return None
    since = (now - at).total_seconds()
    if since <= sight.rhythm.patience_seconds:
        return None
    said = f"nothing new has come for {duration(since)}, and usually a backup comes every {duration(sight.rhythm.interval_seconds)}"
    return Reason("backups_stopped", said, "see whether the backup job still runs, and where it writes")


def _shrank(sight: Sight, accepted_at: datetime | None) -> Reason | None:
    newest, usual = sight.newest, sight.usual_size_bytes
    if newest is None or usual is None or newest.size_bytes >= SHRUNK_SHARE * usual:
        return None
    if accepted_at is not None and newest.usable_at is not None and accepted_at > newest.usable_at:
        return None
    said = f"the newest backup has {newest.size_bytes} bytes, and usual were {usual:.0f}"
    return Reason("backup_shrank", said, "drill it now; look in the backup job for an excluded table, a filter, or an early end")


def _retention(sight: Sight, accepted_at: datetime | None) -> Reason | None:
    lost = sight.lost
    if lost is None or (accepted_at is not None and accepted_at > lost.at):
        return None
    before = f"{counted(lost.backups_before, 'backup')} over {duration(lost.span_before_seconds)}"
    now = f"{counted(sight.backups, 'backup')} over {duration(_span(sight))}"
    said = f"since {lost.at:%Y-%m-%d %H:%M}Z only {now} are left of {before}"
    return Reason("retention_lost", said, "find out who deleted them, or confirm the new retention with `accept`")
