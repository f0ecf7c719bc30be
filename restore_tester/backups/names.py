"""A name pattern and a name → when the backup was taken, how precisely the name says so, and what is odd about it. Pure.

A pattern is text with fields: `{taken_at:FORMAT}`, with the directives of `strftime`, and `{any}`, text within one
folder. A pattern may span folders, give the time in several fields, and repeat a directive, whose values must then
agree: `{taken_at:%Y/%m}/orders-{taken_at:%Y-%m-%dT%H%M%SZ}.dump`. `{{` and `}}` are braces. A pattern must match a
name from end to end.

Which zone a name means: its own (`%z`, `%s`, or a `Z` or `UTC` right after the time of day) before the location's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import pairwise
from zoneinfo import ZoneInfo

from restore_tester.errors import Misuse
from restore_tester.model import Reason

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FULL_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_FULL_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

# Each of them tries every place in a name: of three, in a name of 255 letters, that is a moment.
MOST_TEXTS_BETWEEN_TIMES = 3

# Names are English whatever the locale of this process: a pattern must mean the same on the desk and in the pod.
_DIRECTIVES: Mapping[str, str] = {
    "Y": r"\d{4}",
    "y": r"\d{2}",
    "m": r"\d{2}",
    "d": r"\d{2}",
    "j": r"\d{3}",
    "H": r"\d{2}",
    "I": r"\d{2}",
    "p": r"(?:AM|PM|am|pm)",
    "M": r"\d{2}",
    "S": r"\d{2}",
    "f": r"\d{1,6}",
    "s": r"\d{1,11}",
    "z": r"(?:Z|[+-]\d{2}:?\d{2})",
    "b": f"(?i:{'|'.join(_MONTHS)})",
    "B": f"(?i:{'|'.join(_FULL_MONTHS)})",
    "a": f"(?:{'|'.join(_WEEKDAYS)})",
    "A": f"(?:{'|'.join(_FULL_WEEKDAYS)})",
}
_SHORTHANDS: Mapping[str, str] = {"F": "%Y-%m-%d", "T": "%H:%M:%S", "R": "%H:%M", "D": "%m/%d/%y"}
_TIME_OF_DAY = "HIMSfp"
_ZULU = re.compile(r" ?(Z|UTC)(?![A-Za-z])")
_SMALLEST_FIRST = (("f", "S", "s"), ("M",), ("H", "I"), ("d", "j"), ("m", "b", "B"), ("Y", "y"))
_SPANS = {"second": timedelta(seconds=1), "minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
_UNITS = ("second", "minute", "hour", "day", "month", "year")
_TOKEN = re.compile(r"\{\{|\}\}|\{any\}|\{taken_at:(?P<format>[^{}]+)\}|(?P<literal>[^{}]+)|(?P<wrong>[{}])")


@dataclass(frozen=True, slots=True)
class Taken:
    """When a backup was taken, by its name. The name holds up to `at + precision_seconds`."""

    at: datetime
    precision_seconds: float
    warning: Reason | None = None


class NamePattern:
    """Given a pattern and the IANA name of the zone its times are in. Raise Misuse (`name_pattern_wrong`, `timezone_unknown`)."""

    def __init__(self, pattern: str, timezone: str = "UTC") -> None:
        self.pattern = pattern
        self._zone = _zone(timezone)
        self._pieces = tuple(_pieces(pattern))
        self._utc = _says_utc(self._pieces)
        self._directives = "".join(piece.text for piece in self._pieces if piece.kind == "directive")
        self._regex, self._groups = _compiled(self._pieces)
        self._unit = _unit_of(self._directives, pattern)

    def read(self, name: str) -> Taken | None:
        """Return when the backup of that name was taken, None where the name is not of this pattern, or names no instant."""
        match = self._regex.fullmatch(name)
        if match is None:
            return None
        values: dict[str, str] = {}
        for group, directive in self._groups:
            if values.setdefault(directive, match[group]) != match[group]:
                return None
        try:
            return self._taken(values, name)
        except (ValueError, OverflowError):
            return None

    def write(self, at: datetime, any_text: str = "x") -> str:
        """Return the name that a backup taken at that instant bears; `any_text` stands where the pattern says `{any}`."""
        local = at.astimezone(UTC if self._utc else self._zone)
        texts = (_write(piece.text, local) if piece.kind == "directive" else piece.text for piece in self._pieces)
        return "".join(any_text if piece.kind == "any" else text for piece, text in zip(self._pieces, texts, strict=True))

    def _taken(self, values: Mapping[str, str], name: str) -> Taken:
        if "s" in values:
            return Taken(datetime.fromtimestamp(int(values["s"]), UTC), 1.0)
        wall = _wall(values)
        zone = _offset(values["z"]) if "z" in values else UTC if self._utc else self._zone
        at = wall.replace(tzinfo=zone).astimezone(UTC)
        span = _SPANS.get(self._unit)
        if span is None:
            span = _later(wall, self._unit).replace(tzinfo=zone).astimezone(UTC) - at
        return Taken(at, span.total_seconds(), _oddity(wall, zone, name) if isinstance(zone, ZoneInfo) else None)


def _oddity(wall: datetime, zone: tzinfo, name: str) -> Reason | None:
    """Clocks go back: an hour exists twice, and the earlier is taken. Clocks go forward: one never was; it counts as if they had not."""
    early, late = wall.replace(tzinfo=zone), wall.replace(tzinfo=zone, fold=1)
    if early.utcoffset() == late.utcoffset():
        return None
    shown, utc = f"{wall:%Y-%m-%d %H:%M} in the name {name}", f"{early.astimezone(UTC):%H:%M:%S}Z"
    if early.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0) == wall:
        return Reason("name_time_ambiguous", f"{shown} happened twice in {zone}: the earlier, {utc}, is taken", "write names in UTC")
    said = f"{shown} never was in {zone}: {utc} is taken"
    return Reason("name_time_does_not_exist", said, "check the location's `timezone`, or write names in UTC")


# --- the pattern ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Piece:
    """`kind` is `literal`, `any` or `directive` (then `text` is its letter). `timed`: it stands inside a `{taken_at:…}`."""

    kind: str
    text: str
    timed: bool = False


def _pieces(pattern: str) -> Iterator[_Piece]:
    for token in _TOKEN.finditer(pattern):
        if token["wrong"]:
            raise _wrong(pattern, "has a field that is neither {taken_at:…} nor {any}")
        if token["literal"] or token[0] in ("{{", "}}"):
            yield _Piece("literal", token["literal"] or token[0][0])
        elif token[0] == "{any}":
            yield _Piece("any", "")
        else:
            yield from _format_pieces(token["format"], pattern)


def _format_pieces(form: str, pattern: str) -> Iterator[_Piece]:
    for letter, expansion in _SHORTHANDS.items():
        form = form.replace(f"%{letter}", expansion)
    for directive, literal in re.findall(r"%(.?)|([^%]+)", form):
        if literal:
            yield _Piece("literal", literal, timed=True)
        elif directive == "%":
            yield _Piece("literal", "%", timed=True)
        elif directive in _DIRECTIVES:
            yield _Piece("directive", directive, timed=True)
        else:
            raise _wrong(pattern, f"uses %{directive}, which is not understood")


def _compiled(pieces: tuple[_Piece, ...]) -> tuple[re.Pattern[str], tuple[tuple[str, str], ...]]:
    """Return the expression, and which of its groups holds which directive."""
    parts, groups, retreating = [], [], 0
    for index, piece in enumerate(pieces):
        if piece.kind == "directive":
            groups.append((f"g{index}", piece.text))
            parts.append(f"(?P<g{index}>{_DIRECTIVES[piece.text]})")
        elif piece.kind == "literal":
            parts.append(re.escape(piece.text))
        elif (text := _text_to_next_any(pieces[index + 1 :])) is None:
            parts.append("[^/]+")
            retreating += 1
        else:
            parts.append(f"(?>[^/]+?(?={re.escape(text)}))" if text else "[^/]")
    if retreating > MOST_TEXTS_BETWEEN_TIMES:
        said = "".join(f"{{{piece.kind}}}" if piece.kind != "literal" else piece.text for piece in pieces)
        raise _wrong(said, f"has more than {MOST_TEXTS_BETWEEN_TIMES} {{any}} with a time between them")
    return re.compile("".join(parts), re.ASCII), tuple(groups)


def _text_to_next_any(pieces: tuple[_Piece, ...]) -> str | None:
    """Return the plain text that stands between an `{any}` and the next one, None where a time does, or no other follows. Its first place
    is as good as any later one, for the next `{any}` takes what lies between: a search need not try them all."""
    kinds = [piece.kind for piece in pieces]
    end = kinds.index("any") if "any" in kinds else None
    if end is None or "directive" in kinds[:end]:
        return None
    return "".join(piece.text for piece in pieces[:end])


def _says_utc(pieces: tuple[_Piece, ...]) -> bool:
    return any(
        before.kind == "directive" and before.text in _TIME_OF_DAY and after.kind == "literal" and _ZULU.match(after.text) is not None
        for before, after in pairwise(pieces)
    )


def _unit_of(directives: str, pattern: str) -> str:
    if "s" not in directives:
        if not directives:
            raise _wrong(pattern, "says no time")
        needed = ("Yy",) if "j" in directives else ("Yy", "mbB") if any(letter in directives for letter in "dHIMS") else ("Yy",)
        if not all(any(letter in directives for letter in choice) for choice in needed):
            raise _wrong(pattern, "gives no whole date")
        if any(letter in directives for letter in "HIMSf") and not any(letter in directives for letter in "dj"):
            raise _wrong(pattern, "gives a time without its day")
        if ("I" in directives) != ("p" in directives):
            raise _wrong(pattern, "uses one of %I and %p without the other")
        if any(letter in directives for letter in "MSf") and not any(letter in directives for letter in "HI"):
            raise _wrong(pattern, "gives minutes or seconds without their hour")
    return next(unit for unit, letters in zip(_UNITS, _SMALLEST_FIRST, strict=True) if any(letter in directives for letter in letters))


def _wrong(pattern: str, why: str) -> Misuse:
    return Misuse("name_pattern_wrong", f"the name pattern {pattern!r} {why}", "write one such as orders-{taken_at:%Y-%m-%dT%H%M%SZ}.dump")


def _zone(name: str) -> tzinfo:
    try:
        return UTC if name.upper() in ("UTC", "Z") else ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise Misuse("timezone_unknown", f"there is no time zone {name!r}", "use an IANA name, such as Europe/Berlin") from error


# --- one name ---------------------------------------------------------------------------------------------------------


def _wall(values: Mapping[str, str]) -> datetime:
    """Return what a clock on the wall showed. Raise ValueError where there is no such time."""
    year = int(values["Y"]) if "Y" in values else _century(int(values["y"]))
    day = int(values.get("d", "1"))
    wall = datetime(year, _month(values), day, _hour(values), int(values.get("M", "0")), int(values.get("S", "0")))  # noqa: DTZ001 - the zone comes next
    if "j" in values:
        first = datetime(year, 1, 1, wall.hour, wall.minute, wall.second)  # noqa: DTZ001
        wall = first + timedelta(days=int(values["j"]) - 1)
        if wall.year != year:
            raise ValueError("no such day of the year")
    return wall.replace(microsecond=int(values["f"].ljust(6, "0"))) if "f" in values else wall


def _century(year: int) -> int:
    """POSIX: 69 to 99 are of the 20th century."""
    return year + (1900 if year >= 69 else 2000)


def _month(values: Mapping[str, str]) -> int:
    named = {"b": _MONTHS, "B": _FULL_MONTHS}
    months = {names.index(values[letter].lower()) + 1 for letter, names in named.items() if letter in values}
    months |= {int(values["m"])} if "m" in values else set()
    if len(months) > 1:
        raise ValueError("two months")
    return months.pop() if months else 1


def _hour(values: Mapping[str, str]) -> int:
    if "I" not in values:
        return int(values.get("H", "0"))
    twelve = int(values["I"])
    if not 1 <= twelve <= 12:
        raise ValueError("no such hour")
    return twelve % 12 + (12 if values["p"].lower() == "pm" else 0)


def _offset(text: str) -> tzinfo:
    if text == "Z":
        return UTC
    digits = text[1:].replace(":", "")
    distance = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-distance if text[0] == "-" else distance)


def _later(wall: datetime, unit: str) -> datetime:
    """Return the end of the day, month or year that `wall` begins, on the same clock: a day may have 23 or 25 hours."""
    if unit == "month":
        return wall.replace(year=wall.year + wall.month // 12, month=wall.month % 12 + 1)
    return wall.replace(year=wall.year + 1) if unit == "year" else wall + timedelta(days=1)


def _write(letter: str, local: datetime) -> str:
    if letter == "Y":
        return f"{local.year:04d}"
    if letter == "s":
        return str(int(local.timestamp()))
    named = {
        "b": _MONTHS[local.month - 1].capitalize(),
        "B": _FULL_MONTHS[local.month - 1].capitalize(),
        "a": _WEEKDAYS[local.weekday()],
        "A": _FULL_WEEKDAYS[local.weekday()],
        "p": "AM" if local.hour < 12 else "PM",
    }
    return named.get(letter) or local.strftime(f"%{letter}")
