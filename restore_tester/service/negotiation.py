"""What a request says → which body it wants, and which drill it asks for."""

from __future__ import annotations

import json
from dataclasses import dataclass

from restore_tester.errors import Misuse
from restore_tester.service.exposition import Format

_MOST_CHARACTERS = 1024
_KEYS = ("workload", "location", "backup")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A drill that somebody asks for. `backup` is the id of a listed one, or `newest`, `oldest`, `random`; None: the one whose turn it
    is."""

    workload: str
    location: str | None = None
    backup: str | None = None


def format_wanted(accept: str | None) -> Format:
    """Given a header `Accept`, return OpenMetrics where it is preferred, else the text format: also for who accepts neither."""
    weights = _weights(accept or "*/*")
    openmetrics = weights.get("application/openmetrics-text", 0.0)
    text = max(weights.get(name, 0.0) for name in ("text/plain", "text/*", "*/*"))
    return Format.OPENMETRICS if openmetrics > 0 and openmetrics >= text else Format.TEXT


def accepts_gzip(accept_encoding: str | None) -> bool:
    """Given a header `Accept-Encoding`, return whether gzip is welcome."""
    weights = _weights(accept_encoding or "")
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def _weights(header: str) -> dict[str, float]:
    """The highest of each name, whatever else is said of it."""
    found: dict[str, float] = {}
    for one in header.split(",")[:64]:
        name, *parameters = (part.strip().lower() for part in one.split(";"))
        weight = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                try:
                    weight = float(value)
                except ValueError:
                    weight = 0.0
        found[name] = max(found.get(name, 0.0), weight)
    return found


def read_wanted(body: bytes) -> Wanted:
    """Given the body of a request, return the drill that it asks for. Raise Misuse: `request_invalid`, and `backup_foreign` for an
    address: what is drilled has to lie in a configured location, or anybody with the token could point the service anywhere."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise _invalid("the body is no JSON") from None
    if not isinstance(said, dict):
        raise _invalid("the body is no JSON object")
    if unknown := sorted(set(said) - set(_KEYS)):
        raise _invalid(f"there is no key {unknown[0][:100]!r}")
    for key in _KEYS:
        value = said.get(key)
        if value is not None and not (isinstance(value, str) and 0 < len(value) <= _MOST_CHARACTERS and value.isprintable()):
            raise _invalid(f"{key!r} is no name")
    if said.get("workload") is None:
        raise _invalid("it names no workload")
    wanted = Wanted(said["workload"], said.get("location"), said.get("backup"))
    _refuse_foreign(wanted.backup)
    return wanted


def _refuse_foreign(backup: str | None) -> None:
    if backup is None:
        return
    if "://" in backup or backup.startswith(("/", "~", "\\")) or ".." in backup.replace("\\", "/").split("/"):
        hint = "name a backup by its id as listed, or newest, oldest, random"
        raise Misuse("backup_foreign", "only backups that a configured location lists are drilled: no addresses, no paths", hint)


def _invalid(fact: str) -> Misuse:
    return Misuse("request_invalid", fact, 'send {"workload": "orders"}, and `location` and `backup` where they matter')
