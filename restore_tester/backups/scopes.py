"""The prefixes of one bucket → the fewest listings that show them all. Pure.

A prefix below another configured one needs no listing of its own. Of prefixes beside each other (`orders/`, `customers/`, …)
their common folder is listed once in their place, where there are four or more; it may hold what is nobody's as well, so
such a listing is given up as soon as it has met 200 strangers for each prefix that it serves: a listing that is saved is two
requests, whose work (about 1 ms each here, 50 to 100 ms of waiting on a real network) is worth that much reading. A folder that did
not pay, or that we may not list, is remembered as poor, and the folders below it are tried in its place. So a foreign bucket is
never read to its end, and the worst that sharing can cost is what it might have saved.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

LEAST_SHARED = 4
STRANGERS_FOR_EACH = 200


@dataclass(frozen=True, slots=True)
class Scope:
    """One listing: of all below `prefix`, for the configured prefixes `members` (sorted). More than `strangers_allowed` objects that
    are nobody's do not pay; None: the prefix is configured itself, and has to be read."""

    prefix: str
    members: tuple[str, ...]
    strangers_allowed: int | None


def scopes(prefixes: Iterable[str], poor: Collection[str]) -> tuple[Scope, ...]:
    """Given the configured prefixes and the folders that are not to be shared, return the listings, in order."""
    families: dict[str, list[str]] = {}
    top: str | None = None
    for prefix in sorted(set(prefixes)):
        if top is None or not prefix.startswith(top):
            top = prefix
        families.setdefault(top, []).append(prefix)
    return tuple(_shared(families, list(families), poor))


def _shared(families: dict[str, list[str]], tops: list[str], poor: Collection[str]) -> Iterable[Scope]:
    """A stack, not recursion: prefixes may be as deep as they like."""
    pending = [tops] if tops else []
    while pending:
        group = pending.pop()
        if len(group) == 1:
            yield Scope(group[0], tuple(families[group[0]]), None)
            continue
        folder = _common_folder(group[0], group[-1])
        if len(group) >= LEAST_SHARED and folder not in poor:
            yield Scope(folder, tuple(member for each in group for member in families[each]), STRANGERS_FOR_EACH * len(group))
            continue
        below: dict[str, list[str]] = {}
        for each in group:
            below.setdefault(each[len(folder) :].partition("/")[0], []).append(each)
        # Prefixes that differ only before a slash that neither has (`w-1`, `w-2`) have no folder between them.
        pending += reversed(list(below.values()) if len(below) > 1 else [[each] for each in group])


def _common_folder(first: str, last: str) -> str:
    """Given the first and the last of sorted prefixes, return the folder that all of them lie in, with its slash; "" is the bucket."""
    alike = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), min(len(first), len(last)))
    return first[: first.rfind("/", 0, alike) + 1]
