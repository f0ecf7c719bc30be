"""A first fleet → the text of its configuration: YAML with comments that say what each value was read off. Pure.

Names come from whoever may write to the store: in values they stand in quotes, with whatever is not printable spelled out
as YAML does; in comments they are inert, and cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from restore_tester.cli.first_fleet import NewWorkload, Place
from restore_tester.cli.page import cut
from restore_tester.config.loading import OWNER_UNSET
from restore_tester.judgement.amounts import instant, seconds, size
from restore_tester.judgement.wording import counted, duration

COMMENT_COLUMNS = 160
EXAMPLES_SHOWN = 10
NOTHING_BUT_TIME = "every file below it"
ENGINE_NAMES = {"postgresql": "PostgreSQL"}


@dataclass(frozen=True, slots=True)
class Aside:
    """Names that became no workload, and why; the first few of `count`."""

    why: str
    names: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Store:
    """Where everything lies: what is the same in each location, and what stands before a set's folder."""

    uri: str
    type: str
    values: tuple[tuple[str, str], ...]
    folder_key: str
    base: str


def text_of(store: Store, workloads: Sequence[NewWorkload], aside: Sequence[Aside], now: datetime) -> str:
    """Return the configuration, every line ended."""
    lines = [*_head(store, workloads, now)]
    for workload in workloads:
        lines += ["", *_workload(store, workload)]
    lines += _aside(aside)
    return "".join(f"{line}\n" for line in lines)


def _head(store: Store, workloads: Sequence[NewWorkload], now: datetime) -> Iterator[str]:
    yield _comment(f"Written by restore-tester init at {instant(now)}, from {store.uri}")
    yield "# Names, object times and the first bytes of one backup of each workload were read; nothing was restored."
    yield "# Set the owners, and the objectives that the business really has. Then:"
    yield "#   restore-tester config check --live     what matches in each location"
    yield "#   restore-tester plan                    which backup would be drilled, and what that takes"
    yield ""
    if store.type == "s3":
        yield "# Credentials come from the AWS chain (environment, profile, role): none stand here."
    yield ""
    yield "workloads:"


def _workload(store: Store, workload: NewWorkload) -> Iterator[str]:
    yield f"  {workload.name}:"
    yield from (_comment(line, 4) for line in (_what(workload), *workload.notes))
    yield f"    owner: {OWNER_UNSET}   # required: who is called when its drill fails"
    yield "    mode: observe   # judged and shown, nobody is paged; take this out once its first drills are understood"
    yield f"    criticality: {workload.criticality}   # a guess from how often backups come: only the business knows"
    if workload.rpo is not None and workload.interval_seconds is None:
        yield f"    rpo: {workload.rpo}   # what `{workload.criticality}` says: how often backups come is not known yet"
    if workload.rpo is not None and workload.interval_seconds is not None:
        every = duration(workload.interval_seconds)
        yield _comment(
            f"A backup every {every}: just before the next one is there, a loss costs that and the time to make and store it.", 4
        )
        yield f"    rpo: {workload.rpo}   # the least that these backups can hold; if less is needed, back up more often"
    if workload.facts is not None and workload.facts.engine is not None:
        yield f"    engine: {workload.facts.engine}"
    if workload.database is not None:
        yield f"    database: {quoted(workload.database)}"
    yield "    locations:"
    for place in workload.places:
        yield from _place(store, place)


def _what(workload: NewWorkload) -> str:
    facts = workload.facts
    named = workload.places[0].named
    count = counted(len(named.backups), "backup")
    largest = max(backup.size_bytes for backup in named.backups)
    every = f", one every {duration(workload.interval_seconds)}" if workload.interval_seconds else ""
    parts = [f"{count}{every}, the newest of {instant(named.times[-1])}, the largest {size(largest)}"]
    if facts is not None and facts.format is not None:
        engine = ENGINE_NAMES.get(facts.engine or "", facts.engine or "")
        made = " ".join(word for word in (facts.format, facts.compression, f"of {engine} {facts.engine_version or ''}".strip()) if word)
        databases = f", {counted(len(facts.databases), 'database')}" if len(facts.databases) > 1 else ""
        parts.append(f"{made}{databases}")
    return "; ".join(parts)


def _place(store: Store, place: Place) -> Iterator[str]:
    named = place.named
    yield f"      {place.name}:"
    yield f"        type: {store.type}"
    yield from (f"        {key}: {quoted(value)}" for key, value in store.values)
    yield f"        {store.folder_key}: {quoted(store.base + named.folder)}"
    if named.pattern is None:
        yield "        # No time in the names: every file here is a backup, dated by when it was stored."
        return
    yield f"        name: {quoted(named.pattern)}"
    if named.zone is not None and named.zone.certainty != "stated":
        yield _comment(_about_zone(place), 8)
        yield f"        timezone: {named.zone.name}"


def _about_zone(place: Place) -> str:
    zone = place.named.zone
    assert zone is not None
    low, high = zone.lags or (0.0, 0.0)
    range_of_lags = _lag(low) if _lag(low) == _lag(high) else f"{_lag(low)} to {_lag(high)}"
    lags = f"objects were stored {range_of_lags} after the time in their names"
    if zone.certainty == "guess":
        return f"A guess: the names say no zone, and object times do not tell ({lags} in {zone.name})."
    if zone.certainty == "likely":
        others = f"; {', '.join(zone.alike)} fit as well" if zone.alike else ""
        return f"Likely: in {zone.name} {lags}{others}."
    return f"Fits: in {zone.name} {lags}."


def _lag(value: float) -> str:
    return seconds(value) if value >= 0 else f"-{seconds(-value)}"


def _aside(aside: Sequence[Aside]) -> Iterator[str]:
    if not aside:
        return
    yield ""
    yield f"# Not placed: {counted(sum(each.count for each in aside), 'name')}"
    for each in aside:
        yield _comment(f"{each.why}: {each.count}")
        yield from (_comment(f"    {name}") for name in each.names[:EXAMPLES_SHOWN])
        if each.count > EXAMPLES_SHOWN:
            yield f"#     … and {each.count - EXAMPLES_SHOWN} more"


def _comment(text: str, indent: int = 0) -> str:
    return f"{' ' * indent}# {cut(text, COMMENT_COLUMNS)}"


def quoted(text: str) -> str:
    """Return any text as a YAML scalar in double quotes, on one line."""
    return f'"{"".join(_letter(letter) for letter in text)}"'


def _letter(letter: str) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    if letter.isprintable():
        return letter
    code = ord(letter)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
