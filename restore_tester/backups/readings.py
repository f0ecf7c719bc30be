"""A shape → the ways in which it could tell a time: which of its tokens are year, month, day, hour … Pure.

A shape seldom says it alone: eight digits are a day in three orders, or an order's number. So every way is returned, the
usual ones first, and `inference` asks the names themselves, and the times at which they were stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from restore_tester.backups.shapes import DIGIT, HALF, MONTH, WEEKDAY

MOST_READINGS = 60
MOST_REPEATED = 3


@dataclass(frozen=True, slots=True)
class Field:
    """Where in a shape a field stands, and its format: `%Y-%m-%d`."""

    start: int
    end: int
    format: str


@dataclass(frozen=True, slots=True)
class Reading:
    """Fields in order. `states_zone`: the name itself says which zone. `usual`: less than 0 is a guess that object times must confirm."""

    fields: tuple[Field, ...]
    states_zone: bool
    usual: int


def _expression(text: str) -> re.Pattern[str]:
    """`4` is a run of exactly four digits, `b` a month's name, `a` a weekday's, `p` AM or PM, `~` a separator that may lack."""
    lone = {str(count): f"(?<!{DIGIT}){DIGIT}{{{count}}}(?!{DIGIT})" for count in (2, 3, 4, 6, 7, 8)}
    signs = {
        "b": MONTH,
        "a": WEEKDAY,
        "p": HALF,
        "~": "[-_./ ,]?",
        "=": "[-_.: ]",
        "A": f"{DIGIT}{{10}}",
        "B": f"{DIGIT}{{12}}",
        "C": f"{DIGIT}{{14}}",
    }
    for letter in "ABC":
        signs[letter] = f"(?<!{DIGIT}){signs[letter]}(?!{DIGIT})"
    return re.compile("".join((lone | signs).get(letter, re.escape(letter)) for letter in text))


# (shape, formats of its digits in order of how usual they are); `usual` falls from row to row and from format to format.
_WHOLE: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = (
    ("4~2~2", (("Y", "m", "d"),)),
    ("C", (("YmdHMS",),)),
    ("8", (("Ymd",), ("dmY",), ("mdY",))),
    ("B", (("YmdHM",), ("ymdHMS",))),
    ("A", (("YmdH",), ("s",), ("ymdHM",))),
    ("4~b~2", (("Y", "b", "d"), ("Y", "B", "d"))),
    ("2~b~4", (("d", "b", "Y"), ("d", "B", "Y"))),
    ("b~2~4", (("b", "d", "Y"), ("B", "d", "Y"))),
    ("2~2~4", (("d", "m", "Y"), ("m", "d", "Y"))),
    ("4~3", (("Y", "j"),)),
    ("7", (("Yj",),)),
    ("6", (("ymd",), ("dmy",), ("mdy",))),
    ("2=2=2", (("y", "m", "d"), ("d", "m", "y"), ("m", "d", "y"))),
)
_UNSURE_FROM = 8
_DATES = tuple((_expression(shape), formats) for shape, formats in _WHOLE)
_CLOCK = re.compile(
    rf"(?P<gap>[-_T/ .@t:,]{{0,3}}|[-_]at[-_])(?<!{DIGIT})(?:"
    rf"(?P<HMS>{DIGIT}{{6}})|(?P<HM>{DIGIT}{{4}})"
    rf"|(?P<H>{DIGIT}{{2}})(?:(?P<s1>[-:._ hH])(?P<M>{DIGIT}{{2}})(?:(?P<s2>[-:._ m])(?P<S>{DIGIT}{{2}}))?)?"
    rf")(?!{DIGIT})(?:(?<=.)[.](?P<f>{DIGIT}{{1,6}})(?!{DIGIT}))?(?P<p>{HALF})?"
)
_ZONE = re.compile(rf" ?(?:(?P<utc>Z|UTC)(?![A-Za-z])|(?P<offset>[+-]{DIGIT}{{4}}(?!{DIGIT})|[+-]{DIGIT}{{2}}:{DIGIT}{{2}}(?!{DIGIT})))")
_FOLDERS = re.compile(
    rf"(?:(?<=/)|^)(?P<Y>{DIGIT}{{4}})(?:[-_./](?P<m>{DIGIT}{{2}})(?:[-_./](?P<d>{DIGIT}{{2}}))?)?(?=/)|(?:(?<=/)|^)(?P<Ym>{DIGIT}{{6}})(?=/)"
)
_LATER_CLOCK = re.compile(
    rf"(?<!{DIGIT})(?:(?P<HMS>{DIGIT}{{6}})|(?P<HM>{DIGIT}{{4}})|(?P<H>{DIGIT}{{2}})(?P<s1>[-:._h])(?P<M>{DIGIT}{{2}})(?:(?P<s2>[-:._m])(?P<S>{DIGIT}{{2}}))?)(?!{DIGIT})"
)


def readings_of(shape: str) -> tuple[Reading, ...]:
    """Given a shape's text, return the ways in which it could tell a day at least; the usual first, at most `MOST_READINGS`."""
    found: dict[tuple[Field, ...], Reading] = {}
    for date, usual in _dates(shape):
        for fields, states in _with_clock(shape, date):
            for whole in _with_more(shape, fields):
                found.setdefault(whole, Reading(whole, states or date.format == "%s", usual + len(whole)))
    return tuple(sorted(found.values(), key=lambda reading: -reading.usual)[:MOST_READINGS])


def _dates(shape: str) -> Iterator[tuple[Field, int]]:
    for row, (expression, formats) in enumerate(_DATES):
        at = 0
        while (match := expression.search(shape, at)) is not None:
            at = match.start() + 1
            for order, letters in enumerate(formats):
                text = _format(match.group(), letters)
                usual = -1 if row >= _UNSURE_FROM or order or letters == ("YmdH",) else 1
                yield Field(match.start(), match.end(), text), usual * 10 - order


def _format(text: str, letters: tuple[str, ...]) -> str:
    """Put directives in the place of the tokens in `text`, keep what stands between."""
    runs = iter(letters)
    tokens = re.sub(f"{DIGIT}+|{MONTH}", lambda _: "".join(f"\0{letter}" for letter in next(runs)), text)
    return tokens.replace("%", "%%").replace("\0", "%")


def _with_clock(shape: str, date: Field) -> Iterator[tuple[tuple[Field, ...], bool]]:
    if any(directive in date.format for directive in ("%S", "%M", "%s")):
        yield from (((zoned,), states) for zoned, states in _with_zone(shape, date))
        return
    clock = _CLOCK.match(shape, date.end) if "%H" not in date.format else None
    if clock is not None:
        for text in _clock_formats(clock):
            yield from (((zoned,), states) for zoned, states in _with_zone(shape, Field(date.start, clock.end(), date.format + text)))
    elif "%H" not in date.format:
        for later in _LATER_CLOCK.finditer(shape, date.end):
            for text in _clock_formats(later):
                yield from (((date, zoned), states) for zoned, states in _with_zone(shape, Field(later.start(), later.end(), text)))
    yield (date,), False


def _clock_formats(match: re.Match[str]) -> Iterator[str]:
    found = match.groupdict()
    gap = (found.get("gap") or "").replace("%", "%%")
    hour = "%I" if found.get("p") else "%H"
    if found.get("HMS"):
        text = f"{hour}%M%S"
    elif found.get("HM"):
        text = f"{hour}%M"
    else:
        text = hour + (f"{found['s1']}%M" if found.get("M") else "") + (f"{found['s2']}%S" if found.get("S") else "")
    if found.get("f"):
        text += ".%f" if "%S" in text else "\0"
    if "\0" not in text:
        yield f"{gap}{text}" + ("%p" if found.get("p") else "")


def _with_zone(shape: str, field: Field) -> Iterator[tuple[Field, bool]]:
    """With the zone that follows a time of day; without it too where that is digits, which may be a number."""
    match = _ZONE.match(shape, field.end) if re.search("%[HIMSfp]", field.format) else None
    if match is not None:
        text = match.group() if match["utc"] else f"{match.group()[: -len(match['offset'])]}%z"
        yield Field(field.start, match.end(), field.format + text), True
    if match is None or not match["utc"]:
        yield field, False


def _with_more(shape: str, fields: tuple[Field, ...]) -> Iterator[tuple[Field, ...]]:
    """Folders of years and months repeat the day, and so do weekdays: as fields they agree, else each is a text of its own."""
    folders = [found for match in _FOLDERS.finditer(shape) if (found := _folder(match)).end <= fields[0].start]
    weekdays = [match.start() for match in re.finditer(WEEKDAY, shape)]
    for form in ("%a", "%A") if weekdays else ("",):
        extra = [*folders, *(Field(at, at + 1, form) for at in weekdays)][:MOST_REPEATED]
        for chosen in product((True, False), repeat=len(extra)):
            some = [field for field, wanted in zip(extra, chosen, strict=True) if wanted]
            yield tuple(sorted((*some, *fields), key=lambda field: field.start))


def _folder(match: re.Match[str]) -> Field:
    if match["Ym"]:
        return Field(match.start(), match.end(), "%Y%m")
    letters = tuple(letter for letter in "Ymd" if match[letter])
    return Field(match.start(), match.end(), _format(match.group(), letters))
