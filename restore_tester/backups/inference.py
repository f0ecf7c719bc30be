"""Everything that lies in a location → its workloads: which names belong together, and the name pattern that each set follows. Pure.

Names of one shape are one set, told apart further by what never changes with time (`db1`, `db2`). A pattern comes from
the shape and is proven: it reads every name of its set, no name of another, and the times that the store knows do not
contradict it. Names without a time are one workload where nothing else lies in their folder, and cannot be placed where
something does.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from restore_tester.backups.names import NamePattern, Taken
from restore_tester.backups.proving import Proven, best_reading
from restore_tester.backups.readings import Reading
from restore_tester.backups.shapes import ANY, HEX, Shape, rough, shape_of
from restore_tester.backups.zones import ZoneFound, stated, zone_of
from restore_tester.model import Backup

MOST_SHAPES = 20_000
LEAST_LOOSE = 3
MOST_WIDE = 50

BESIDE_OTHERS = "no time in their names, other files beside them; if they are backups, give them their own folder, or a time in the name"
NO_INSTANT = "their names look like the others', and name no day or time that exists"
TOO_WIDE = "no pattern reads these names and not also those of other backups"
LOGS = "write-ahead log, which is no backup by itself"
PHYSICAL = "physical backups of PostgreSQL (pg_basebackup, data directories): this version restores dumps"
ODD = "their names hold signs of Unicode's private use area"

_LOG = re.compile(r"(?:.*/)?[0-9A-F]{8}(?:[0-9A-F]{16}(?:\.[0-9A-F]{8}\.backup)?|\.history)(?:\.\w{1,5})?", re.DOTALL)
_OF_CLUSTER = re.compile(r"(?P<folder>(?:.*/)?)(?:global/pg_control|backup_manifest|base\.tar(?:\.\w+)?)", re.DOTALL)
_TAIL = re.compile(r"(?P<gap>[-_.+~])(?P<word>[^-_.+~/\s]{4,}|\ue004)(?P<end>(?:\.[^/]*)?)")
_RANDOM = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])|[a-z].*[A-Z]")


@dataclass(frozen=True, slots=True)
class Named:
    """A set of backups with one name pattern, relative to `folder` (empty, or with a slash at its end); None: whatever lies
    there. `zone` is None where the name says no time. `constant` is the text of names that never changes. `times` are when each
    backup was taken, in their order."""

    folder: str
    pattern: str | None
    zone: ZoneFound | None
    constant: str
    backups: tuple[Backup, ...]
    times: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class Unplaced:
    """Names that are no workload, and why."""

    why: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inferred:
    named: tuple[Named, ...]
    unplaced: tuple[Unplaced, ...]


@dataclass(frozen=True, slots=True)
class _Group:
    """Backups whose names are of one shape; `texts` are the tokens of each."""

    text: str
    spans: tuple[tuple[int, int], ...]
    backups: list[Backup]
    texts: list[tuple[str, ...]]


@dataclass(slots=True)
class _Sorting:
    """What came out so far."""

    named: list[Named]
    untimed: list[Backup]
    aside: dict[str, list[str]]


def infer(backups: Iterable[Backup]) -> Inferred:
    """Given every complete backup as it is listed without a name pattern, return the sets they form, the largest first."""
    every = tuple(backup for backup in backups if backup.stored_at is not None)
    out = _Sorting([], [], defaultdict(list))
    for group, reading in _with_loose_tails(_read(_by_shape(every, out), out)):
        _place(group, reading, out)
    named = _narrow(out.named, every, out)
    named += _whole_folders(out.untimed, every, out)
    unplaced = tuple(Unplaced(why, tuple(names)) for why, names in out.aside.items())
    return Inferred(tuple(sorted(named, key=lambda each: (-len(each.backups), each.folder, each.pattern or ""))), unplaced)


def _by_shape(every: Sequence[Backup], out: _Sorting) -> list[_Group]:
    """Return names of one shape together, the most common shapes first."""
    groups: dict[str, _Group] = {}
    known: dict[str, str] = {}  # a million dates are made of a few texts: each is kept once
    clusters = {found["folder"] for backup in every if (found := _OF_CLUSTER.fullmatch(backup.id)) is not None}
    physical: set[str] = set()
    for backup in every:
        cluster = next((folder for folder in _folders(backup.id) if folder in clusters), None) if clusters else None
        if cluster is not None:
            physical.add(cluster)
        elif _LOG.fullmatch(backup.id):
            out.aside[LOGS].append(backup.id)
        elif (shape := shape_of(backup.id)) is None:
            out.aside[ODD].append(backup.id)
        else:
            group = groups.get(shape.text)
            if group is None:
                group = groups[shape.text] = _Group(shape.text, shape.spans, [], [])
            group.backups.append(backup)
            group.texts.append(tuple(known.setdefault(text, text) for text in shape.texts))
    if physical:
        out.aside[PHYSICAL] = sorted(folder or "." for folder in physical)
    return sorted(groups.values(), key=lambda group: len(group.backups), reverse=True)


def _folders(name: str) -> Iterator[str]:
    """Every folder that a name lies in, the outermost (empty) first, each with its slash."""
    yield ""
    yield from (name[: cut + 1] for cut, letter in enumerate(name) if letter == "/")


def _read(groups: list[_Group], out: _Sorting) -> Iterator[tuple[_Group, Reading]]:
    """Yield each group with the way its shape tells the time. How many shapes are looked at is bounded: names may be random."""
    for index, group in enumerate(groups):
        reading = best_reading(group.backups) if index < MOST_SHAPES else None
        if reading is None:
            out.untimed += group.backups
        else:
            yield group, reading


# --- sets -------------------------------------------------------------------------------------------------------------


def _with_loose_tails(read: Iterable[tuple[_Group, Reading]]) -> Iterator[tuple[_Group, Reading]]:
    """A random word at the end of each name makes each a shape of its own: those are joined, with that word as one token."""
    alone: dict[tuple[str, str, Reading], list[tuple[_Group, re.Match[str]]]] = defaultdict(list)
    for group, reading in read:
        tail = _TAIL.fullmatch(group.text, reading.fields[-1].end)
        if tail is None:
            yield group, reading
        else:
            alone[group.text[: tail.start("word")], tail["end"], reading].append((group, tail))
    for (_, _, reading), few in alone.items():
        joined = _joined(few)
        words = [texts[_token_at(joined, ANY)] for texts in joined.texts]
        if len(few) > 1 and len(words) >= LEAST_LOOSE and sum(_RANDOM.search(word) is not None for word in words) >= len(words) / 2:
            yield joined, reading
        else:
            yield from ((group, reading) for group, _ in few)


def _token_at(group: _Group, sign: str) -> int:
    return next(index for index, (start, _) in enumerate(group.spans) if group.text[start] == sign)


def _joined(few: list[tuple[_Group, re.Match[str]]]) -> _Group:
    """Return the groups as one, in whose shape the tail's word is one token."""
    first, tail = few[0]
    start, end = tail.span("word")
    text = first.text[:start] + ANY + first.text[end:]
    before = [span for span in first.spans if span[1] <= start]
    after = [(begin + 1 - (end - start), stop + 1 - (end - start)) for begin, stop in first.spans if begin >= end]
    whole = _Group(text, (*before, (start, start + 1), *after), [], [])
    for group, found in few:
        for backup, texts in zip(group.backups, group.texts, strict=True):
            word, at = "", found.start("word")
            for token, (begin, stop) in zip(texts, group.spans, strict=True):
                if found.start("word") <= begin < found.end("word"):
                    word, at = word + group.text[at:begin] + token, stop
            word += group.text[at : found.end("word")]
            whole.backups.append(backup)
            whole.texts.append((*texts[: len(before)], word, *texts[len(texts) - len(after) :]))
    return whole


def _place(group: _Group, reading: Reading, out: _Sorting) -> None:
    """Tell apart what is not the same workload, and keep each with its proven pattern."""
    free = _free(group, reading)
    varying = [index for index in free if len({texts[index] for texts in group.texts}) > 1]
    loose = {index for index in varying if _is_loose(index, group, reading)}
    sets: dict[tuple[str, ...], tuple[list[Backup], list[tuple[str, ...]]]] = defaultdict(lambda: ([], []))
    for backup, texts in zip(group.backups, group.texts, strict=True):
        found = sets[tuple(texts[index] for index in varying if index not in loose)]
        found[0].append(backup)
        found[1].append(texts)
    for backups, rows in sets.values():
        still = {index for index in loose if len({texts[index] for texts in rows}) > 1}
        _keep(backups, Proven.of(Shape(group.text, rows[0], group.spans), reading, still), reading, out)


def _free(group: _Group, reading: Reading) -> list[int]:
    """Return the tokens that are of no field."""
    return [index for index, (start, _) in enumerate(group.spans) if not any(field.start <= start < field.end for field in reading.fields)]


def _is_loose(index: int, group: _Group, reading: Reading) -> bool:
    """Say whether a token is only noise (a process id, a random word), not what tells workloads apart: it is hardly ever the
    same twice, does not number something (`db7`), and never stands on two names of one time."""
    start = group.spans[index][0]
    is_word = group.text[start] in (HEX, ANY)
    if not is_word and (start < reading.fields[0].start or group.text[start - 1 : start].isalpha()):
        return False
    values = {texts[index] for texts in group.texts}
    if len(values) < LEAST_LOOSE or len(values) <= len(group.texts) / 2:
        return False
    free = set(_free(group, reading))
    times = Counter(tuple(text for at, text in enumerate(texts) if at not in free) for texts in group.texts)
    return sum(count for count in times.values() if count > 1) < len(group.texts) / 2


def _keep(backups: list[Backup], proven: Proven, reading: Reading, out: _Sorting) -> None:
    pattern = NamePattern(proven.folder_text + proven.pattern)
    read: list[tuple[Backup, Taken]] = []
    for backup in backups:
        taken = pattern.read(backup.id)
        if taken is None:
            out.aside[NO_INSTANT].append(backup.id)
        else:
            read.append((backup, taken))
    if not read:
        return
    read.sort(key=lambda pair: (pair[1].at, pair[0].id))
    pairs = [(taken.at, stored) for backup, taken in read if (stored := backup.stored_at) is not None]
    precision = read[0][1].precision_seconds
    zone = stated(pairs) if reading.states_zone else zone_of([(at.replace(tzinfo=None), stored) for at, stored in pairs], precision)
    times = tuple(at for at, _ in pairs)
    if zone.name != "UTC":
        local = NamePattern(proven.pattern, zone.name)
        again = [local.read(backup.id[len(proven.folder) :]) for backup, _ in read]
        times = tuple(found.at for found in again if found is not None)
    out.named.append(Named(proven.folder, proven.pattern, zone, proven.constant, tuple(backup for backup, _ in read), times))


def _narrow(named: list[Named], every: Sequence[Backup], out: _Sorting) -> list[Named]:
    """Leave out patterns that read names of others too: where a field or text may be of any length, that can be."""
    kept: list[Named] = []
    wide = 0
    for each in named:
        pattern = each.pattern or ""
        if not re.search(r"\{any\}|%[fszbBaA]", pattern):
            kept.append(each)
            continue
        wide += 1
        if wide > MOST_WIDE or _reads_others(each, NamePattern(pattern), every):
            out.aside[TOO_WIDE] += [backup.id for backup in each.backups]
        else:
            kept.append(each)
    return kept


def _reads_others(named: Named, pattern: NamePattern, every: Sequence[Backup]) -> bool:
    own = {backup.id for backup in named.backups}
    others = (backup.id for backup in every if backup.id not in own and backup.id.startswith(named.folder))
    return any(pattern.read(name[len(named.folder) :]) is not None for name in others)


# --- names without a time ---------------------------------------------------------------------------------------------


def _whole_folders(untimed: list[Backup], every: Sequence[Backup], out: _Sorting) -> list[Named]:
    """A folder that holds nothing else is a workload, each of whose files is a backup."""
    folders: dict[str, list[Backup]] = defaultdict(list)
    for backup in untimed:
        folders[backup.id[: backup.id.rfind("/") + 1]].append(backup)
    below = Counter(folder for backup in every for folder in _folders(backup.id) if folder in folders)
    named = []
    for folder, backups in folders.items():
        kinds = {_kind(backup.id[len(folder) :]) for backup in backups}
        if below[folder] != len(backups) or len(kinds) > 1:
            out.aside[BESIDE_OTHERS] += [backup.id for backup in backups]
            continue
        ordered = sorted((stored, backup.id, backup) for backup in backups if (stored := backup.stored_at) is not None)
        named.append(Named(folder, None, None, kinds.pop(), tuple(each[2] for each in ordered), tuple(each[0] for each in ordered)))
    return named


def _kind(name: str) -> str:
    """What names without a time have in common: their text, without what numbers them."""
    shape = shape_of(name)
    return rough(shape.text) if shape else name
