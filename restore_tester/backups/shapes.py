"""A name → its shape: what of it is text, and what could differ from one backup to the next (digits, months, weekdays, hex). Pure.

Names of one shape have their variable tokens at the same places. A shape is a text in which each token stands for itself
as signs of Unicode's private use area: a run of digits as one sign for each digit, a word as one sign. So expressions can
look for times in it, and one look serves all names of the shape.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DIGIT, MONTH, WEEKDAY, HALF, HEX, ANY = "\ue000", "\ue001", "\ue002", "\ue003", "\ue004", "\ue005"
_SIGNS = re.compile("[\ue000-\ue005]")

_MONTHS = (
    "Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:tember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?"
)
_WEEKDAYS = "Mon(?:day)?|Tue(?:sday)?|Wed(?:nesday)?|Thu(?:rsday)?|Fri(?:day)?|Sat(?:urday)?|Sun(?:day)?"
_TOKEN = re.compile(
    r"(?P<uuid>(?<![A-Za-z0-9])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![A-Za-z0-9]))"
    r"|(?P<hex>(?<![A-Za-z0-9])(?![a-f]+[0-9]+(?![A-Za-z0-9]))(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{7,64}(?![A-Za-z0-9]))"
    r"|(?P<digits>[0-9]+)"
    rf"|(?P<month>(?<![A-Za-z])(?i:{_MONTHS})(?![A-Za-z]))"
    rf"|(?P<weekday>(?<![A-Za-z])(?:{_WEEKDAYS})(?![A-Za-z]))"
    r"|(?P<half>(?<=[0-9])(?:AM|PM|am|pm)(?![A-Za-z]))"
)
_SIGN_OF = {"uuid": HEX, "hex": HEX, "month": MONTH, "weekday": WEEKDAY, "half": HALF}


@dataclass(frozen=True, slots=True)
class Shape:
    """`text` is the shape, `texts` are the tokens as they stand in the name, in order; `spans` are where each stands in `text`."""

    text: str
    texts: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]


def shape_of(name: str) -> Shape | None:
    """Return a name's shape; None for a name that already holds signs of the private use area that stand for tokens."""
    if _SIGNS.search(name):
        return None
    parts: list[str] = []
    texts: list[str] = []
    spans: list[tuple[int, int]] = []
    at = length = 0
    for found in _TOKEN.finditer(name):
        literal, text = name[at : found.start()], found.group()
        sign = DIGIT * len(text) if found.lastgroup == "digits" else _SIGN_OF[found.lastgroup or ""]
        length += len(literal)
        parts += (literal, sign)
        texts.append(text)
        spans.append((length, length + len(sign)))
        length += len(sign)
        at = found.end()
    parts.append(name[at:])
    return Shape("".join(parts), tuple(texts), tuple(spans))


def rough(text: str) -> str:
    """Given a shape's text, return it with digits of any number, and every word, as one space: what names without a time have in common."""
    return re.sub(f"[{DIGIT}{MONTH}{WEEKDAY}{HALF}{HEX}]+", " ", text)
