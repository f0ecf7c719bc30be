"""What only shows when two values are seen together: keys that exclude each other, names that must exist, circles, twins.

Works on the plain data as written, so that a fault of shape elsewhere hides none of these.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from restore_tester.config import nearest
from restore_tester.config.document import Document, Mistake, Plain


@dataclass(frozen=True, slots=True)
class Written:
    """A workload as written, and the file it stands in."""

    name: str
    document: Document
    data: Plain


def workloads_in(documents: tuple[Document, ...]) -> tuple[Written, ...]:
    """Given files, return their workloads in the order written, twins included."""
    return tuple(Written(name, document, data) for document in documents for name, data in _mapping(document.data, "workloads").items())


def mistakes_between(documents: tuple[Document, ...]) -> Iterator[Mistake]:
    """Given all files, return what is wrong between their values."""
    written = workloads_in(documents)
    if not written and not any(document.mistakes for document in documents):
        hint = "write at least one below `workloads:`, or `include` files that have some"
        yield documents[0].mistake(("workloads",), "there are no workloads", hint)
    first: dict[str, Written] = {}
    for workload in written:
        twin = first.setdefault(workload.name, workload)
        if twin is not workload:
            there = twin.document.mistake(("workloads", twin.name), "", "", on_key=True)
            message = f"this workload exists already ({there.file}:{there.line})"
            yield workload.document.mistake(("workloads", workload.name), message, "give one of them another name", on_key=True)
        yield from _within(workload)
    # A file that could not be read may hold the workload that is missed.
    yield from _dependencies(first, every_name_known=all(document.data is not None for document in documents))
    yield from _criticalities(documents)


def _within(workload: Written) -> Iterator[Mistake]:
    data = workload.data
    if not isinstance(data, dict):
        return
    route = ("workloads", workload.name)
    document = workload.document
    if data.get("schedule") is not None and data.get("drill_every") is not None:
        yield document.mistake((*route, "drill_every"), "`schedule` and `drill_every` exclude each other", "keep one of them", on_key=True)
    if "heartbeat_tolerance" in data and data.get("recovery_point") is None:
        hint = "add `recovery_point`, the query that reads the beats, or take this out"
        yield document.mistake((*route, "heartbeat_tolerance"), "there is no heartbeat that this could tolerate", hint, on_key=True)
    if data.get("image_is") == "production" and data.get("image") is None:
        hint = "add `image`, the one that recovery would use, or take this out"
        yield document.mistake((*route, "image_is"), "there is no `image` that this could speak of", hint, on_key=True)
    yield from _locations(workload)


def _locations(workload: Written) -> Iterator[Mistake]:
    seen: dict[tuple[Plain, ...], str] = {}
    for name, data in _mapping(workload.data, "locations").items():
        if not isinstance(data, dict):
            continue
        route = ("workloads", workload.name, "locations", name)
        place = tuple(_comparable(data.get(key)) for key in ("type", "bucket", "prefix", "endpoint_url", "name"))
        place += (_folder(data.get("path"), workload.document),)
        other = seen.setdefault(place, name)
        if other != name:
            hint = "a second location must be a second place: its proof would be worth nothing"
            yield workload.document.mistake(route, f"this is the same place as `{other}`", hint, on_key=True)
        if data.get("type") == "s3":
            yield from _keys(workload.document, route, data)


def _keys(document: Document, route: tuple[str, ...], data: Mapping[str, Plain]) -> Iterator[Mistake]:
    pair = [key for key in ("access_key", "secret_key") if data.get(key) is not None]
    if len(pair) == 1:
        hint = "write both `access_key` and `secret_key`, or neither"
        yield document.mistake((*route, pair[0]), "half a key opens nothing", hint, on_key=True)
    if data.get("session_token") is not None and not pair:
        hint = "write `access_key` and `secret_key` too"
        yield document.mistake((*route, "session_token"), "a session token belongs to a key", hint, on_key=True)


def _dependencies(workloads: Mapping[str, Written], *, every_name_known: bool) -> Iterator[Mistake]:
    graph: dict[str, tuple[str, ...]] = {}
    names = tuple(workloads)
    for name, workload in workloads.items():
        named = _list(workload.data, "depends_on")
        graph[name] = tuple(one for one in named if one in workloads)
        for index, one in enumerate(named):
            if one and one not in workloads and every_name_known:
                message = f"there is no such workload{nearest.quoted(one)}"
                yield workload.document.mistake(("workloads", name, "depends_on", index), message, nearest.hint(one, names))
    circle = find_circle(graph)
    if circle:
        workload = workloads[circle[0]]
        hint = "take one of these out: nothing in a circle could be recovered first"
        shown = circle if len(circle) <= 8 else (*circle[:6], "…", circle[-1])
        message = f"this goes in a circle: {' → '.join(shown)}"
        yield workload.document.mistake(("workloads", circle[0], "depends_on"), message, hint, on_key=True)


def find_circle(graph: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Given what each name depends on, return one circle (its first name again at the end), or nothing. Depth is no limit."""
    done: set[str] = set()
    for start in graph:
        path: dict[str, Iterator[str]] = {}
        if start not in done:
            path[start] = iter(graph[start])
        while path:
            name = next(reversed(path))
            following = next(path[name], None)
            if following is None:
                done.add(name)
                del path[name]
            elif following in path:
                names = list(path)
                return (*names[names.index(following) :], following)
            elif following not in done:
                path[following] = iter(graph[following])
    return ()


def _criticalities(documents: tuple[Document, ...]) -> Iterator[Mistake]:
    first: dict[str, Document] = {}
    for document in documents:
        for name in _mapping(document.data, "criticality"):
            if first.setdefault(name, document) is not document:
                message = f"this criticality is described already ({first[name].file})"
                yield document.mistake(("criticality", name), message, "keep one of them", on_key=True)


def _mapping(data: Plain, key: str) -> dict[str, Plain]:
    value = data.get(key) if isinstance(data, dict) else None
    return value if isinstance(value, dict) else {}


def _list(data: Plain, key: str) -> list[str]:
    value = data.get(key) if isinstance(data, dict) else None
    return [one if isinstance(one, str) else "" for one in value] if isinstance(value, list) else []


def _folder(value: Plain, document: Document) -> str | None:
    """One folder has many names: `x`, `./x`, `x/../x`, and its absolute one."""
    return str(Path(os.path.normpath(document.folder / value))) if isinstance(value, str) else None


def _comparable(value: Plain) -> str | None:
    return value.rstrip("/") if isinstance(value, str) else None
