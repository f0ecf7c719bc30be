"""Every file or object that a location holds → its backups: complete, incomplete with the reason, and names not recognised. Pure.

With a name pattern, a backup is a file whose name matches, or a folder whose name matches with all that lies below it.
Without one, every file is a backup of its own, except the files of a `pg_dump -Fd`, which are known by their names and
are one backup together: the folder they lie in. Sums and manifests beside a backup (`.sha256`, `.manifest.json`, …)
are never backups.

What is still being written is not complete. A file that its job renames at the end says so by its ending (`.partial`,
…). Any other file, and any folder, is complete once nobody has it open for writing (a folder after three quiet seconds more:
between two of its files nothing is open), or has to have been quiet for a while where that cannot be known: pg_dump writes `toc.dat`
first and the data after it, so the presence of no one file says that a folder is whole. A store that shows an object only when all of it
is there (S3) needs no quiet for single objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from restore_tester.backups.deletions import Deletions
from restore_tester.backups.landing import unsafe_name, unsafe_parts
from restore_tester.backups.names import Taken
from restore_tester.backups.recognition import (
    BESIDE,
    CLOSING,
    FUTURE_SECONDS,
    PARTIAL,
    IsWritten,
    Recognition,
    Rules,
    Seen,
    Upload,
    nobody_knows,
)
from restore_tester.contracts import LeftOut, Listing
from restore_tester.model import Backup, Part, Reason

NAMES_KEPT = 1000
CLOSED_SET_SECONDS = 3.0


@dataclass(slots=True)
class _Set:
    members: list[Seen] = field(default_factory=list)
    closed: bool = False
    partial: str | None = None
    unsafe: Reason | None = None


class Inventory:
    """Takes what lies in a location, in any order, and sorts it as it comes: it holds backups, never the names that are none.

    With `most`, it is an overview: backups come without their parts, and of the complete ones at most twice as many as `most` are
    ever held, the newest; the others are counted (`left_out`). `is_written` says of a name whether some process has that file open for
    writing, None where that cannot be known; it is asked of fresh files only. After `listing`, `closes_in_seconds` is how long the next
    look should wait for a folder that lacks nothing but a few quiet seconds (0: for none)."""

    def __init__(
        self, rules: Rules, now: datetime, uri_of: Callable[[str], str], most: int | None = None, is_written: IsWritten = nobody_knows
    ) -> None:
        self._is_written, self.closes_in_seconds = is_written, 0.0
        self._rules, self._now, self._uri_of, self._most = rules, now, uri_of, most
        self._left_out: LeftOut | None = None
        self._names = Recognition(rules.pattern)
        self._complete: list[Backup] = []
        self._incomplete: list[tuple[Backup, Reason]] = []
        self._sets: dict[str, _Set] = {}
        self._unrecognised: list[str] = []
        self._unrecognised_count = 0
        self._uploads: list[Upload] = []
        self._deletions = Deletions()

    def add(self, seen: Seen) -> None:
        name = seen.name
        if not name or name.endswith("/"):  # what a console makes of a folder
            return
        if (folder := self._names.folder_of(name)) is not None:
            self._add_member(folder, seen)
        elif (named := self._names.named(name)) is not None or (self._names.pattern is None and self._names.is_backup(name)):
            self._add_file(seen, named)
        elif (final := self._names.final_name(name)) is not None:
            reason = self._rules.unfinished(self._age(seen.stored_at), f"{name} does not bear its final name yet", name)
            self._incomplete.append((self._backup(final, (seen,), is_tree=False), reason))
        elif not BESIDE.fullmatch(name):
            self.unrecognised(name)

    def unrecognised(self, name: str) -> None:
        """Given the name of something that can be no backup. The first `NAMES_KEPT` are kept, the others counted."""
        self._unrecognised_count += 1
        if len(self._unrecognised) < NAMES_KEPT:
            self._unrecognised.append(name)

    def upload(self, upload: Upload) -> None:
        self._uploads.append(upload)

    def deleted(self, name: str, deleted_at: datetime, stored_at: datetime | None = None) -> None:
        """Given the name of something that was deleted, and the store says so, and when it had been stored, if that is known."""
        folder = self._names.folder_of(name)
        if name and not name.endswith("/") and (folder is not None or self._names.is_backup(name)):
            members = (Seen(name, 0, stored_at, ""),) if stored_at is not None else ()
            self._deletions.add(self._backup(name if folder is None else folder, members, is_tree=folder is not None), deleted_at)

    @property
    def has_complete(self) -> bool:
        return bool(self._complete) or any(each.closed for each in self._sets.values())

    def listing(self) -> Listing:
        """Return what was found, newest last, by the time each was taken, else its name."""
        self._place_uploads()
        self._join_nested()
        for folder, found in self._sets.items():
            self._judge_set(folder, found)
        self._incomplete += self._deletions.missed(self._complete, (*self._sets, *(backup.id for backup in self._complete)))
        self._leave_out(at_least=1)
        return Listing(
            complete=tuple(sorted(self._complete, key=self._order)),
            incomplete=tuple(sorted(self._incomplete, key=lambda pair: pair[0].id)),
            unrecognised=tuple(self._unrecognised),
            unrecognised_count=self._unrecognised_count,
            left_out=self._left_out,
        )

    def _order(self, backup: Backup) -> tuple[datetime, str]:
        return backup.taken_at or self._now, backup.id

    def _leave_out(self, at_least: int) -> None:
        """Count the oldest and forget them, where `at_least` are too many: not for each one anew, which would sort them each time."""
        if self._most is None or len(self._complete) < self._most + at_least:
            return
        self._complete.sort(key=self._order)
        left, self._complete = self._complete[: -self._most], self._complete[-self._most :]
        before = self._left_out or LeftOut(0, 0, left[0].taken_at)
        oldest = min((at for at in (before.oldest_taken_at, left[0].taken_at) if at is not None), default=None)
        self._left_out = LeftOut(before.backups + len(left), before.size_bytes + sum(each.size_bytes for each in left), oldest)

    def _add_file(self, seen: Seen, named: Taken | None) -> None:
        backup = self._backup(seen.name, (seen,), is_tree=False, named=named)
        quiet = self._rules.quiet_file_seconds
        if seen.refusal is not None:
            self._incomplete.append((backup, seen.refusal))
        elif self._rules.is_fresh(self._age(seen.last_written), quiet) and not self._is_closed((seen,)):
            self._incomplete.append((backup, self._growing(seen.name, (seen,), quiet, FILE_HINT)))
        else:
            self._complete.append(backup)
            self._leave_out(at_least=self._most or 0)

    def _add_member(self, folder: str, seen: Seen) -> None:
        found = self._sets.setdefault(folder, _Set())
        inside = seen.name[len(folder) + 1 :] if folder else seen.name
        if self._most is not None and found.members:
            found.members[0] = _together(found.members[0], seen)
        else:
            found.members.append(seen)
        found.unsafe = found.unsafe or unsafe_name(inside)
        found.closed = found.closed or bool(CLOSING.fullmatch(inside))
        if PARTIAL.fullmatch(inside):
            found.partial = seen.name

    def _place_uploads(self) -> None:
        """An upload into a folder keeps it open; one of a file that is not there yet is a backup to come, or one that never came."""
        present = {backup.id for backup in self._complete}
        for upload in self._uploads:
            folder = self._names.folder_of(upload.name)
            if folder is not None:
                self._sets.setdefault(folder, _Set()).partial = upload.name
            elif upload.name not in present and self._names.is_backup(upload.name):
                said = f"the upload of {upload.name} began at {upload.began_at:%Y-%m-%d %H:%M:%S}Z and has not ended"
                reason = self._rules.unfinished(self._age(upload.began_at), said, f"the unfinished multipart upload of {upload.name}")
                self._incomplete.append((self._backup(upload.name, (), is_tree=False), reason))

    def _join_nested(self) -> None:
        """A folder of large objects inside a dump's folder is a part of that dump."""
        for folder in sorted(self._sets, key=len, reverse=True):
            above = folder
            while above:
                above = above.rpartition("/")[0]
                if above in self._sets:
                    inner, outer = self._sets.pop(folder), self._sets[above]
                    outer.members += inner.members
                    outer.partial = outer.partial or inner.partial
                    outer.unsafe = outer.unsafe or inner.unsafe or unsafe_name(folder[len(above) + 1 :] if above else folder)
                    break

    def _judge_set(self, folder: str, found: _Set) -> None:
        backup = self._backup(folder, tuple(found.members), is_tree=True)
        refusal = next((member.refusal for member in found.members if member.refusal is not None), None)
        newest = max((member.stored_at for member in found.members), default=self._now)
        written_at = max((member.last_written for member in found.members), default=self._now)
        shown = folder or "the location"
        if refusal is not None:
            self._incomplete.append((backup, refusal))
        elif (unsafe := found.unsafe or unsafe_parts(backup.parts)) is not None:
            self._incomplete.append((backup, unsafe))
        elif found.partial is not None:
            said = f"{found.partial} in {shown} is not finished"
            self._incomplete.append((backup, self._rules.unfinished(self._age(newest), said, f"the unfinished upload of {found.partial}")))
        elif not found.closed:
            self._incomplete.append((backup, self._rules.unfinished(self._age(newest), f"{shown} has no toc.dat: its dump is not closed")))
        elif self._rules.is_fresh(self._age(written_at), self._rules.quiet_set_seconds) and not self._is_closed_set(found, written_at):
            self._incomplete.append((backup, self._growing(shown, found.members, self._rules.quiet_set_seconds, SET_HINT)))
        else:
            self._complete.append(backup)

    def _is_closed(self, members: Iterable[Seen]) -> bool:
        return self._rules.closed_is_complete and all(self._is_written(member.name) is False for member in members)

    def _is_closed_set(self, found: _Set, written_at: datetime) -> bool:
        """Between two of its files a dump has none open: nobody may have had one for a few seconds. An overview knows no members."""
        if self._most is not None or not self._is_closed(found.members):
            return False
        age = self._age(written_at)
        if is_too_soon := 0 <= age < CLOSED_SET_SECONDS:
            self.closes_in_seconds = max(self.closes_in_seconds, CLOSED_SET_SECONDS - age)
        return not is_too_soon

    def _growing(self, name: str, members: Iterable[Seen], quiet_seconds: float, hint: str) -> Reason:
        if any(self._is_written(member.name) for member in members):
            return Reason("still_growing", f"a process has {name} open for writing", "look again when the job that writes it has ended")
        return Reason("still_growing", f"{name} was written to a moment ago", hint.format(quiet_seconds))

    def _age(self, instant: datetime) -> float:
        return (self._now - instant).total_seconds()

    def _backup(self, name: str, members: tuple[Seen, ...], *, is_tree: bool, named: Taken | None = None) -> Backup:
        """A name that says a time to come lies; the store's own time stands in for it, and nothing is newest for ever."""
        named = named or self._names.named(name)
        lies = named is not None and self._age(named.at) < -FUTURE_SECONDS
        said = None if lies else named
        backup = backup_of(name, self._uri_of(name), members, is_tree=is_tree, named=said, with_parts=self._most is None)
        if not lies and (backup.taken_at is None or self._age(backup.taken_at) >= -FUTURE_SECONDS):
            return backup
        stamp = named.at if named is not None and lies else backup.taken_at
        message = f"{name} is stamped {stamp:%Y-%m-%d %H:%M:%S}Z, which has not come yet"
        hint = "correct the clock of whoever writes it, or the location's `name` and `timezone`"
        return replace(backup, warnings=(*backup.warnings, Reason("taken_in_future", message, hint)))


def _together(one: Seen, other: Seen) -> Seen:
    """Return two members of a set as one: their size, the later time, and what speaks against either."""
    size, stored_at = one.size_bytes + other.size_bytes, max(one.stored_at, other.stored_at)
    return Seen(one.name, size, stored_at, "", one.refusal or other.refusal, max(one.last_written, other.last_written))


FILE_HINT = "look again {:.0f} s after its last change, or let its job write NAME.partial and rename, and set `quiet` to 0"
SET_HINT = "look again {:.0f} s after its last change"


def backup_of(
    name: str, uri: str, members: tuple[Seen, ...], *, is_tree: bool, named: Taken | None = None, with_parts: bool = True
) -> Backup:
    """Given the name in its location (empty: the location itself), what it is made of, and when it was taken by its name."""
    stored_at = max((member.stored_at for member in members), default=None)
    taken = named or (Taken(stored_at, 1.0) if stored_at is not None else None)
    identity = name or uri.rstrip("/").rpartition("/")[2]
    inside = len(name) + 1 if is_tree and name else 0
    listed = members if with_parts else ()
    parts = tuple(Part(member.name[inside:] if is_tree else identity, member.size_bytes, member.pin) for member in listed)
    return Backup(
        id=identity,
        uri=uri,
        stored_at=stored_at,
        size_bytes=sum(member.size_bytes for member in members),
        parts=tuple(sorted(parts, key=lambda part: part.name)) if is_tree else parts,
        is_tree=is_tree,
        taken_at=taken.at if taken else None,
        taken_at_basis="name" if named else "object_time" if taken else None,
        taken_at_precision_seconds=taken.precision_seconds if taken else 1.0,
        warnings=(named.warning,) if named and named.warning else (),
    )


def take_stock(everything: Iterable[Seen], rules: Rules, now: datetime, uri_of: Callable[[str], str]) -> Listing:
    """Given all that a location holds, in any order, return its listing."""
    inventory = Inventory(rules, now, uri_of)
    for seen in everything:
        inventory.add(seen)
    return inventory.listing()
