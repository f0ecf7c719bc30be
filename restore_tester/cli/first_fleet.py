"""Sets of backups with their patterns, and what the content of one of each says → a first fleet: names, objectives, locations. Pure."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from restore_tester.backups.inference import Named
from restore_tester.cli.location_check import interval_seconds
from restore_tester.config.nouns import SHIPPED_CRITICALITIES
from restore_tester.judgement.wording import duration
from restore_tester.model import BackupFacts, Reason

SHARED = 0.8
LEAST_SHARED = 2
STALE_INTERVALS, GAP_INTERVALS = 3.0, 2.5
NIGHTLY_SECONDS = 36 * 3600.0
LONGEST_SECONDS = 3650 * 86_400.0
PRIMARY = "primary"

_ENDING = re.compile(r"(?:\.[A-Za-z0-9]{1,8})+$")
_SAYS_NOTHING = re.compile(
    r"(?i)(?:(?:all|auto|automatic|back|backup|backups|bak|base|copy|daily|data|database|databases|date|db|dbs|dump|dumps|export|file|files|full|hourly|"
    r"latest|monthly|nightly|old|pg|pgdump|postgres|postgresql|snapshot|snapshots|sql|toc|weekly|yearly|up)[-_. ]*)+"
)


@dataclass(frozen=True, slots=True)
class Looked:
    """A set of backups, and what the content of one of them says; `trouble` is why it says nothing, or is no good."""

    named: Named
    facts: BackupFacts | None
    trouble: Reason | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """One location of a workload."""

    name: str
    named: Named


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWorkload:
    """A workload as it will be written. `rpo` is None where its criticality's holds, and these backups can meet it. `notes` are what an
    operator should know."""

    name: str
    criticality: str
    rpo: str | None
    interval_seconds: float | None
    places: tuple[Place, ...]
    facts: BackupFacts | None
    notes: tuple[str, ...]

    @property
    def database(self) -> str | None:
        """The only database that the backup holds, None where it holds several or does not say."""
        databases = self.facts.databases if self.facts else ()
        return databases[0] if len(databases) == 1 else None


def first_fleet(looked: Sequence[Looked], base: str, now: datetime) -> tuple[NewWorkload, ...]:
    """Given what was seen, the largest set first, and the path that all folders are below, return a workload of each; sets that are
    copies of another are its further locations."""
    copies = tuple(_with_copies(looked))
    names = _names([each[0] for each in copies], base)
    return tuple(_workload(name, each, now) for name, each in zip(names, copies, strict=True))


# --- copies -----------------------------------------------------------------------------------------------------------


def _with_copies(looked: Sequence[Looked]) -> Iterator[tuple[Looked, ...]]:
    """Two places with the same names of the same times, each as large as its like, hold the same backups."""
    alike: dict[tuple[str | None, tuple[str, ...]], list[list[Looked]]] = defaultdict(list)
    for each in looked:
        groups = alike[each.named.pattern, each.facts.databases if each.facts else ()]
        home = next((group for group in groups if _are_copies(group[0].named, each.named)), None)
        if home is not None:
            home.append(each)
        else:
            groups.append([each])
    order = {id(each): index for index, each in enumerate(looked)}
    yield from sorted((tuple(group) for groups in alike.values() for group in groups), key=lambda group: order[id(group[0])])


def _are_copies(one: Named, other: Named) -> bool:
    if one.pattern is None or one.folder == other.folder:
        return False
    sizes = {backup.id[len(one.folder) :]: backup.size_bytes for backup in one.backups}
    shared = [backup for backup in other.backups if backup.id[len(other.folder) :] in sizes]
    alike = sum(sizes[backup.id[len(other.folder) :]] == backup.size_bytes for backup in shared)
    return alike >= max(LEAST_SHARED, SHARED * min(len(one.backups), len(other.backups)))


# --- names ------------------------------------------------------------------------------------------------------------


def _names(looked: Sequence[Looked], base: str) -> list[str]:
    """Return a name for each that no other has: its files', folder's, database's, or that of a folder above; longer where two are alike."""
    short = [_short_name(each, base) for each in looked]
    often = Counter(short)
    longer = [name if often[name] == 1 else _slug(f"{each.named.folder}-{name}") for name, each in zip(short, looked, strict=True)]
    taken: set[str] = set()
    names = []
    for name in longer:
        unique, number = name, 2
        while unique.lower() in taken:
            unique, number = f"{name[:90]}-{number}", number + 1
        taken.add(unique.lower())
        names.append(unique)
    return names


def _short_name(looked: Looked, base: str) -> str:
    named = looked.named
    stem = _ENDING.sub("", named.constant.strip())
    # A base without a slash at its end is the beginning of the first folder's name.
    folders = [part for part in f"{base}{named.folder}".split("/") if part][::-1]
    own = named.folder.count("/")
    databases = looked.facts.databases if looked.facts else ()
    candidates = [stem, *folders[:own], *(databases if len(databases) == 1 else ()), *folders[own:]]
    telling = (slug for text in candidates if len(slug := _slug(text)) > 1 and not _SAYS_NOTHING.fullmatch(slug))
    return next(telling, None) or next((slug for text in candidates if (slug := _slug(text))), "workload")


def _slug(text: str) -> str:
    """Return letters, digits, dots, dashes and underscores of a text; empty where it has none."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[-_.]{2,}", "-", re.sub(r"[^A-Za-z0-9._-]+", "-", plain)).strip("-._")[:80].strip("-._")


def _places(group: Sequence[Looked]) -> tuple[Place, ...]:
    if len(group) == 1:
        return (Place(PRIMARY, group[0].named),)
    paths = [[part for part in each.named.folder.split("/") if part] for each in group]
    found: list[Place] = []
    for index, (each, path) in enumerate(zip(group, paths, strict=True)):
        others = {part for other, parts in enumerate(paths) if other != index for part in parts}
        own = [slug for part in path if part not in others and (slug := _slug(part))]
        name = own[0] if own else PRIMARY if index == 0 else f"copy-{index + 1}"
        found.append(Place(name if name not in {place.name for place in found} else f"{name[:90]}-{index + 1}", each.named))
    return tuple(sorted(found, key=lambda place: place.name != PRIMARY))


# --- objectives -------------------------------------------------------------------------------------------------------


def _workload(name: str, group: tuple[Looked, ...], now: datetime) -> NewWorkload:
    first = group[0].named
    interval = interval_seconds(first.times) or None
    needed = _needed(first, interval)
    criticality, rpo = _objective(interval, needed)
    return NewWorkload(
        name=name,
        criticality=criticality,
        rpo=rpo,
        interval_seconds=interval,
        places=_places(group),
        facts=group[0].facts,
        notes=tuple(_notes(group[0], interval, now)),
    )


def _needed(named: Named, interval: float | None) -> float | None:
    """The RPO that these backups can hold: just before the next one is there, a loss costs the interval and the time that the next
    one takes to be made and stored. Names say how long that is, where their zone is known; a twelfth of the interval is spared."""
    if interval is None:
        return None
    known = named.zone is not None and named.zone.certainty in ("stated", "fits") and named.zone.lags is not None
    lag = max(0.0, named.zone.lags[1]) if known and named.zone is not None and named.zone.lags is not None else 0.0
    return interval + max(lag if lag < interval else 0.0, interval / 12, 60.0)


def _objective(interval: float | None, needed: float | None) -> tuple[str, str | None]:
    bundles = dict(SHIPPED_CRITICALITIES)
    if interval is None or needed is None:
        return "essential", _round(bundles["essential"].recovery_point_seconds)
    if needed <= bundles["mission-critical"].recovery_point_seconds:
        return "mission-critical", None
    criticality = "essential" if interval <= NIGHTLY_SECONDS else "non-essential"
    fits = needed <= bundles[criticality].recovery_point_seconds or needed > LONGEST_SECONDS
    return criticality, None if fits else _round(needed)


def _round(seconds: float) -> str:
    """Return a duration of the configuration, rounded up to what a person would write."""
    for unit, letter, step, until in ((60, "m", 5, 7200.0), (3600, "h", 1, 172_800.0)):
        if seconds <= until:
            return f"{math.ceil(seconds / unit / step) * step}{letter}"
    return f"{math.ceil(seconds / 86_400)}d"


def _notes(looked: Looked, interval: float | None, now: datetime) -> Iterator[str]:
    times = looked.named.times
    if looked.trouble is not None:
        yield f"look at its newest backup: {looked.trouble.message}"
    if interval is None:
        yield "one backup, or one time: how often they come is not known, so the RPO is its criticality's"
        return
    behind = (now - times[-1]).total_seconds()
    if behind > STALE_INTERVALS * interval:
        yield f"the newest is {duration(behind)} old: has this job stopped?"
    widest, before = max(((later - earlier).total_seconds(), earlier) for earlier, later in pairwise(times))
    if widest > GAP_INTERVALS * interval:
        yield f"the widest gap was {duration(widest)}, from {before:%Y-%m-%d %H:%M} UTC"
