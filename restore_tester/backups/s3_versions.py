"""Pages of a bucket's versions → what a delete marker hides. Pure.

A page names versions and markers apart, each in the order of their keys, the newest of a key first; a key may go on over the end
of a page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Deleted:
    """An object that a delete marker hides: when it was deleted, and when it was stored, None where no version of it is left."""

    key: str
    deleted_at: datetime
    stored_at: datetime | None


def deleted_in(pages: Iterable[Mapping[str, Any]]) -> Iterator[Deleted]:
    """Return each hidden object once; it is known to its end when the next key comes."""
    pending: dict[str, Deleted] = {}
    for page in pages:
        last = ""
        for marker in page.get("DeleteMarkers", ()):
            last = max(last, marker["Key"])
            if marker["IsLatest"]:
                pending[marker["Key"]] = Deleted(marker["Key"], marker["LastModified"].astimezone(UTC), None)
        for version in page.get("Versions", ()):
            key, stored_at = version["Key"], version["LastModified"].astimezone(UTC)
            last = max(last, key)
            known = pending.get(key)
            if known is not None and (known.stored_at is None or stored_at > known.stored_at):
                pending[key] = Deleted(key, known.deleted_at, stored_at)
        yield from (pending.pop(key) for key in tuple(pending) if key != last)
    yield from pending.values()


def keeps_versions(page: Mapping[str, Any]) -> bool:
    """Return whether a page shows that the bucket keeps versions, or once did."""
    return bool(page.get("DeleteMarkers")) or any(version.get("VersionId", "null") != "null" for version in page.get("Versions", ()))
