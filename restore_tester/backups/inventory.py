"""Every file or object that a location holds → its backups: complete, incomplete with the reason, and names not recognised. Pure.

With a name pattern, a backup is a file whose name matches, or a folder whose name matches with all that lies below it.
Without one, every file is a backup of its own, except the files of a `pg_dump -Fd`, which are known by their names and
are one backup together: the folder they lie in. Sums and manifests beside a backup (`.sha256`, `.manifest.json`, …)
are never backups.

What is still being written is not complete. A file that its job renames at the end says so by its ending (`.partial`,
…). Any other file, and any folder, has to have been quiet for a while: pg_dump writes `toc.dat` first and the data
after it, so the presence of no one file says that a folder is whole. A store that shows an object only when all of it
is there (S3) needs no quiet for single objects.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from restore_tester.backups.names import NamePattern, Taken
from restore_tester.contracts import Listing
from restore_tester.errors import Misuse
from restore_tester.model import Backup, Location, Part, Reason

NAMES_KEPT = 1000
SETTLE_SECONDS = 3600.0
QUIET_FILE_SECONDS = 60.0
QUIET_SET_SECONDS = 300.0
CLOCK_SKEW_SECONDS = 300.0

_BESIDE = re.compile(r"(.+)\.(sha256|sha256sum|sha512|sha1|md5|manifest\.json|asc|sig)", re.DOTALL)
_PARTIAL = re.compile(r"(.+)\.(partial|tmp|temp|part|filepart|incomplete|inprogress|uploading)", re.DOTALL | re.IGNORECASE)
_NEVER = re.compile(f"{_BESIDE.pattern}|(?i:{_PARTIAL.pattern})|(.*/)?\\.[^/]*", re.DOTALL)
_DUMP_MEMBER = re.compile(r"(toc\.dat|\d+\.dat|blobs(_\d+)?\.toc|blob_\d+\.dat)(\.(gz|lz4|zst))?(\.partial|\.tmp|\.part)?")
_CLOSING = re.compile(r"(toc\.dat(\.(gz|lz4|zst))?|backup_manifest|base\.tar(\.\w+)?|global/pg_control)")


@dataclass(frozen=True, slots=True)
class Seen:
    """One file or object. `name` is relative to the location, `/` between folders; `refusal` is why it may not be read."""

    name: str
    size_bytes: int
    stored_at: datetime
    pin: str
    refusal: Reason | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload that has begun and not ended: nothing of it can be read yet."""

    name: str
    began_at: datetime


@dataclass(frozen=True, slots=True)
class Rules:
    """How a location is read: its name pattern, when an unclosed backup counts as lost, and how long one must have been quiet (seconds)."""

    pattern: NamePattern | None
    settle_seconds: float = SETTLE_SECONDS
    quiet_file_seconds: float = QUIET_FILE_SECONDS
    quiet_set_seconds: float = QUIET_SET_SECONDS

    def is_fresh(self, age_seconds: float, quiet_seconds: float) -> bool:
        """A stamp far in the future is a wrong clock, not a job at work."""
        return quiet_seconds > 0 and -CLOCK_SKEW_SECONDS <= age_seconds < quiet_seconds

    def unfinished(self, age_seconds: float, said: str, left: str = "") -> Reason:
        """Within `settle` a job may still be at work; later, it has died. `left` is what it left behind."""
        if age_seconds < self.settle_seconds:
            return Reason("still_growing", said, "look again when the job that writes it has ended")
        also = f"; remove {left}" if left else ""
        return Reason("incomplete", said, f"find out why the job that wrote it did not end, and take the backup again{also}")


def rules_of(location: Location, objects_appear_whole: bool) -> Rules:
    """Given a location's options `name timezone settle_seconds quiet_seconds`. Raise Misuse where one makes no sense."""
    options = dict(location.options)
    pattern = NamePattern(options["name"], options.get("timezone", "UTC")) if "name" in options else None
    quiet = _seconds(options, "quiet_seconds")
    quiet_file = 0.0 if objects_appear_whole else QUIET_FILE_SECONDS if quiet is None else quiet
    settle = _seconds(options, "settle_seconds")
    return Rules(pattern, SETTLE_SECONDS if settle is None else settle, quiet_file, QUIET_SET_SECONDS if quiet is None else quiet)


def _seconds(options: Mapping[str, str], name: str) -> float | None:
    try:
        return float(options[name]) if name in options else None
    except ValueError as error:
        raise Misuse("option_wrong", f"{name} is {options[name]!r}, not a number of seconds", f"set {name} to a number") from error


@dataclass(frozen=True, slots=True)
class Recognition:
    """What a name says: a backup, a part of one, something beside one, or nothing."""

    pattern: NamePattern | None

    def is_backup(self, name: str) -> bool:
        return self.named(name) is not None if self.pattern is not None else not _NEVER.fullmatch(name)

    def named(self, name: str) -> Taken | None:
        return self.pattern.read(name) if self.pattern is not None else None

    def folder_of(self, name: str) -> str | None:
        """Return the folder that is the backup this file belongs to, None where it belongs to none; "" is the location itself."""
        if self.pattern is None:
            folder, _, base = name.rpartition("/")
            return folder if _DUMP_MEMBER.fullmatch(base) else None
        cuts = (index for index, letter in enumerate(name) if letter == "/")
        return next((name[:cut] for cut in cuts if self.pattern.read(name[:cut]) is not None), None)

    def final_name(self, name: str) -> str | None:
        """Return the name of the backup that this is the unfinished file of, None where it is none."""
        partial = _PARTIAL.fullmatch(name)
        return partial[1] if partial and self.is_backup(partial[1]) else None


@dataclass(slots=True)
class _Set:
    members: list[Seen] = field(default_factory=list)
    closed: bool = False
    partial: str | None = None


class Inventory:
    """Takes what lies in a location, in any order, and sorts it as it comes: it holds backups, never the names that are none."""

    def __init__(self, rules: Rules, now: datetime, uri_of: Callable[[str], str]) -> None:
        self._rules, self._now, self._uri_of = rules, now, uri_of
        self._names = Recognition(rules.pattern)
        self._complete: list[Backup] = []
        self._incomplete: list[tuple[Backup, Reason]] = []
        self._sets: dict[str, _Set] = {}
        self._unrecognised: list[str] = []
        self._unrecognised_count = 0
        self._uploads: list[Upload] = []

    def add(self, seen: Seen) -> None:
        name = seen.name
        if name.endswith("/"):
            return
        if (folder := self._names.folder_of(name)) is not None:
            self._add_member(folder, seen)
        elif (named := self._names.named(name)) is not None or (self._names.pattern is None and self._names.is_backup(name)):
            self._add_file(seen, named)
        elif (final := self._names.final_name(name)) is not None:
            reason = self._rules.unfinished(self._age(seen.stored_at), f"{name} does not bear its final name yet", name)
            self._incomplete.append((self._backup(final, (seen,), is_tree=False), reason))
        elif not _BESIDE.fullmatch(name):
            self.unrecognised(name)

    def unrecognised(self, name: str) -> None:
        """Given the name of something that can be no backup. The first `NAMES_KEPT` are kept, the others counted."""
        self._unrecognised_count += 1
        if len(self._unrecognised) < NAMES_KEPT:
            self._unrecognised.append(name)

    def upload(self, upload: Upload) -> None:
        self._uploads.append(upload)

    def deleted(self, name: str, deleted_at: datetime) -> None:
        """Given the name of something that was deleted, and the store says so."""
        if self._names.is_backup(name):
            backup = self._backup(name, (Seen(name, 0, deleted_at, ""),), is_tree=False)
            message = f"{name} was deleted at {deleted_at:%Y-%m-%d %H:%M:%S}Z: a delete marker lies on it"
            hint = "where nobody meant to: bring it back (delete the marker); find out who deleted it"
            self._incomplete.append((backup, Reason("deleted", message, hint)))

    @property
    def has_complete(self) -> bool:
        return bool(self._complete) or any(each.closed for each in self._sets.values())

    def listing(self) -> Listing:
        """Return what was found, newest last, by the time each was taken, else its name."""
        self._place_uploads()
        self._join_nested()
        for folder, found in self._sets.items():
            self._judge_set(folder, found)
        return Listing(
            complete=tuple(sorted(self._complete, key=lambda backup: (backup.taken_at or self._now, backup.id))),
            incomplete=tuple(sorted(self._incomplete, key=lambda pair: pair[0].id)),
            unrecognised=tuple(self._unrecognised),
            unrecognised_count=self._unrecognised_count,
        )

    def _add_file(self, seen: Seen, named: Taken | None) -> None:
        backup = backup_of(seen.name, self._uri_of(seen.name), (seen,), is_tree=False, named=named)
        quiet = self._rules.quiet_file_seconds
        if seen.refusal is not None:
            self._incomplete.append((backup, seen.refusal))
        elif self._rules.is_fresh(self._age(seen.stored_at), quiet):
            hint = f"look again {quiet:.0f} s after its last change, or let its job write NAME.partial and rename, and set `quiet` to 0"
            self._incomplete.append((backup, Reason("still_growing", f"{seen.name} was written to a moment ago", hint)))
        else:
            self._complete.append(backup)

    def _add_member(self, folder: str, seen: Seen) -> None:
        found = self._sets.setdefault(folder, _Set())
        inside = seen.name[len(folder) + 1 :] if folder else seen.name
        found.members.append(seen)
        found.closed = found.closed or bool(_CLOSING.fullmatch(inside))
        if _PARTIAL.fullmatch(inside):
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
                    break

    def _judge_set(self, folder: str, found: _Set) -> None:
        backup = self._backup(folder, tuple(found.members), is_tree=True)
        refusal = next((member.refusal for member in found.members if member.refusal is not None), None)
        newest = max((member.stored_at for member in found.members), default=self._now)
        shown = folder or "the location"
        if refusal is not None:
            self._incomplete.append((backup, refusal))
        elif found.partial is not None:
            said = f"{found.partial} in {shown} is not finished"
            self._incomplete.append((backup, self._rules.unfinished(self._age(newest), said, f"the unfinished upload of {found.partial}")))
        elif not found.closed:
            self._incomplete.append((backup, self._rules.unfinished(self._age(newest), f"{shown} has no toc.dat: its dump is not closed")))
        elif self._rules.is_fresh(self._age(newest), self._rules.quiet_set_seconds):
            hint = f"look again {self._rules.quiet_set_seconds:.0f} s after its last change"
            self._incomplete.append((backup, Reason("still_growing", f"{shown} was written to a moment ago", hint)))
        else:
            self._complete.append(backup)

    def _age(self, instant: datetime) -> float:
        return (self._now - instant).total_seconds()

    def _backup(self, name: str, members: tuple[Seen, ...], *, is_tree: bool) -> Backup:
        return backup_of(name, self._uri_of(name), members, is_tree=is_tree, named=self._names.named(name))


def backup_of(name: str, uri: str, members: tuple[Seen, ...], *, is_tree: bool, named: Taken | None = None) -> Backup:
    """Given the name in its location (empty: the location itself), what it is made of, and when it was taken by its name."""
    stored_at = max((member.stored_at for member in members), default=None)
    taken = named or (Taken(stored_at, 1.0) if stored_at is not None else None)
    identity = name or uri.rstrip("/").rpartition("/")[2]
    inside = len(name) + 1 if is_tree and name else 0
    parts = tuple(Part(member.name[inside:] if is_tree else identity, member.size_bytes, member.pin) for member in members)
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
