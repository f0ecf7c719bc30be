"""A location's options, and what a name or a file's stamps say: a backup, a part of one, something beside one, still fresh. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from restore_tester.backups.names import NamePattern, Taken
from restore_tester.errors import Misuse
from restore_tester.model import Location, Reason

SETTLE_SECONDS = 3600.0
QUIET_FILE_SECONDS = 60.0
QUIET_SET_SECONDS = 300.0
# A clock may be wrong, and a zone misread: what is stamped later than this ahead of us is no time at all.
FUTURE_SECONDS = 86400.0

BESIDE = re.compile(r"(.+)\.(sha256|sha256sum|sha512|sha1|md5|manifest\.json|asc|sig)", re.DOTALL)
PARTIAL = re.compile(r"(.+)\.(partial|tmp|temp|part|filepart|incomplete|inprogress|uploading)", re.DOTALL | re.IGNORECASE)
_NEVER = re.compile(f"{BESIDE.pattern}|(?i:{PARTIAL.pattern})|(.*/)?\\.[^/]*", re.DOTALL)
_DUMP_MEMBER = re.compile(r"(toc\.dat|\d+\.dat|blobs(_\d+)?\.toc|blob_\d+\.dat)(\.(gz|lz4|zst))?(\.partial|\.tmp|\.part)?")
CLOSING = re.compile(r"(toc\.dat(\.(gz|lz4|zst))?|backup_manifest|base\.tar(\.\w+)?|global/pg_control)")


@dataclass(frozen=True, slots=True)
class Seen:
    """One file or object. `name` is relative to the location, `/` between folders; `refusal` is why it may not be read."""

    name: str
    size_bytes: int
    stored_at: datetime
    pin: str
    refusal: Reason | None = None
    changed_at: datetime | None = None

    @property
    def last_written(self) -> datetime:
        """A time of modification can be set at will, also to one that has not come; the file system keeps the other itself."""
        return min(self.stored_at, self.changed_at) if self.changed_at is not None else self.stored_at


IsWritten = Callable[[str], bool | None]


def nobody_knows(name: str) -> bool | None:
    """Given a name, return that nothing tells whether it is being written."""
    return None


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload that has begun and not ended: nothing of it can be read yet."""

    name: str
    began_at: datetime


@dataclass(frozen=True, slots=True)
class Rules:
    """How a location is read: its name pattern, when an unclosed backup counts as lost, and how long one must have been quiet (seconds).
    `closed_is_complete`: a file that nobody has open for writing need not be quiet; not so where somebody said how long it has to be."""

    pattern: NamePattern | None
    settle_seconds: float = SETTLE_SECONDS
    quiet_file_seconds: float = QUIET_FILE_SECONDS
    quiet_set_seconds: float = QUIET_SET_SECONDS
    closed_is_complete: bool = True

    def names_backup(self, name: str) -> bool:
        """Return whether a pattern says that this is a backup, or a part of one."""
        names = Recognition(self.pattern)
        return self.pattern is not None and (names.is_backup(name) or names.folder_of(name) is not None)

    def is_fresh(self, age_seconds: float, quiet_seconds: float) -> bool:
        """A stamp far in the future is no job at work; a little ahead of us is the clock of whoever keeps the files."""
        return quiet_seconds > 0 and -FUTURE_SECONDS <= age_seconds < quiet_seconds

    def unfinished(self, age_seconds: float, said: str, left: str = "") -> Reason:
        """Within `settle` a job may still be at work; later, it has died. `left` is what it left behind."""
        if age_seconds < self.settle_seconds:
            return Reason("still_growing", said, "look again when the job that writes it has ended")
        also = f"; remove {left}" if left else ""
        return Reason("incomplete", said, f"find out why the job that wrote it did not end, and take the backup again{also}")


def rules_of(location: Location, objects_appear_whole: bool) -> Rules:
    """Given a location's options `name timezone settle_seconds quiet_seconds`. Raise Misuse where one makes no sense."""
    options = dict(location.options)
    pattern = _pattern(options["name"], options.get("timezone", "UTC")) if "name" in options else None
    quiet = _seconds(options, "quiet_seconds")
    quiet_file = 0.0 if objects_appear_whole else QUIET_FILE_SECONDS if quiet is None else quiet
    settle = _seconds(options, "settle_seconds")
    quiet_set = QUIET_SET_SECONDS if quiet is None else quiet
    return Rules(pattern, SETTLE_SECONDS if settle is None else settle, quiet_file, quiet_set, closed_is_complete=quiet is None)


@lru_cache(maxsize=4096)
def _pattern(pattern: str, timezone: str) -> NamePattern:
    """Compiled once: the catalogue watch reads a thousand locations by the same few, every few minutes."""
    return NamePattern(pattern, timezone)


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
        partial = PARTIAL.fullmatch(name)
        return partial[1] if partial and self.is_backup(partial[1]) else None
