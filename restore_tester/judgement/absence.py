"""A listing in which nothing can be drilled → why, and whose fault that is: the law of DESIGN, section 3.

Objects that no pattern recognises are our user's mistake until the opposite is known; a complete listing with nothing
eligible is the backup's. What is still being written is not here yet; what its job never finished, or somebody deleted,
is a backup that is no good.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from restore_tester.contracts import Listing
from restore_tester.judgement.selection import is_newer, newest_of
from restore_tester.judgement.wording import counted, names
from restore_tester.model import Backup, BackupFacts, Blame, Location, Reason

STILL_GROWING = "still_growing"
# Worst first: what a store or a dead job says of a backup comes before what only keeps us from reading it.
_BAD = ("incomplete", "deleted")
_TAMPERED = ("name_unsafe",)


@dataclass(frozen=True, slots=True)
class Ineligible:
    """A backup that cannot be drilled (`backup`, or a placeholder where there is none), and why."""

    backup: Backup
    facts: BackupFacts


def nothing_eligible(listing: Listing, location: Location) -> Ineligible:
    """Given a complete listing without a complete backup, return what the drill is then about."""
    dead = _newest(pair for pair in listing.incomplete if pair[1].code in _BAD)
    if dead is not None:
        return _ineligible(*dead, Blame.BACKUP)
    refused = _newest(pair for pair in listing.incomplete if pair[1].code != STILL_GROWING)
    if refused is not None:
        return _ineligible(*refused, Blame.OURS)
    growing = _newest(listing.incomplete)
    if growing is not None:
        message = f"there is no complete backup yet; one is being written: {growing[1].message}"
        hint = f"should it be lost now, nothing would be left: keep older ones; and {growing[1].hint}"
        return _ineligible(growing[0], Reason("no_backup", message, hint), Blame.BACKUP)
    unknown = listing.unrecognised_count or len(listing.unrecognised)
    if unknown:
        message = f"{counted(unknown, 'object')} lie here, but none is called like the location's `name`: {names(listing.unrecognised)}"
        hint = "compare `name` with these names: restore-tester config check --live"
        return _ineligible(nowhere(location), Reason("nothing_recognised", message, hint), Blame.OURS)
    reason = Reason("no_backup", "nothing lies where the backups should be", "see whether the backup job still runs, and where it writes")
    return _ineligible(nowhere(location), reason, Blame.BACKUP)


def dead_newest(listing: Listing) -> Ineligible | None:
    """Return the backup that its job never finished, or that was deleted, or in which somebody put what may not be copied, where it would
    be the newest of all; else None. An older one must not pass for it."""
    complete = {backup.id for backup in listing.complete}
    dead = _newest(pair for pair in listing.incomplete if pair[1].code in (*_BAD, *_TAMPERED) and pair[0].id not in complete)
    if dead is None or not is_newer(dead[0], newest_of(listing.complete)):
        return None
    return _ineligible(*dead, Blame.BACKUP if dead[1].code in _BAD else Blame.OURS)


def growing_newest(listing: Listing) -> Backup | None:
    """Return the backup that is still being written, where it would be the newest of all; else None."""
    growing = _newest(pair for pair in listing.incomplete if pair[1].code == STILL_GROWING)
    if growing is None or not is_newer(growing[0], newest_of(listing.complete)):
        return None
    return growing[0]


def nowhere(location: Location) -> Backup:
    """Return what stands in a record in place of a backup that is not there."""
    return Backup("", location.uri, None, 0, (), is_tree=False)


def _newest(pairs: Iterable[tuple[Backup, Reason]]) -> tuple[Backup, Reason] | None:
    by_backup = dict(pairs)
    newest = newest_of(tuple(by_backup))
    return (newest, by_backup[newest]) if newest is not None else None


def _ineligible(backup: Backup, reason: Reason, blame: Blame) -> Ineligible:
    return Ineligible(backup, BackupFacts(format=None, engine=None, trouble=reason, trouble_blame=blame))
