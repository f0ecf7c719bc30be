"""Figures and foreign names → words that a reason may carry: durations, counts, names made printable and short."""

from __future__ import annotations

from collections.abc import Iterable

NAMES_SHOWN = 3
NAME_CHARACTERS = 120
DETAIL_CHARACTERS = 400
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def duration(seconds: float) -> str:
    """Given seconds (0 or more), return the two largest units: `1 d 2 h`, `14 min 3 s`, `1.4 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    rest, parts = int(seconds), []
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def counted(count: int, noun: str) -> str:
    """Return `1 problem`, `2 problems`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def inert(text: str) -> str:
    """Given any text, return it with everything that is not printable spelled out (`\\x1b`, `\\n`, `\\u202e`)."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def printable(text: str, characters: int) -> str:
    """Given text that may come out of a backup, return it with control characters spelled out, cut at `characters`."""
    shown = inert(text[: characters + 1])
    return shown if len(shown) <= characters else shown[: characters - 1] + "…"


def names(objects: Iterable[str]) -> str:
    """Return the first few names, printable, and how many more there are."""
    every = list(objects)
    shown = ", ".join(printable(name, NAME_CHARACTERS) for name in every[:NAMES_SHOWN])
    return shown if len(every) <= NAMES_SHOWN else f"{shown} and {len(every) - NAMES_SHOWN} more"
