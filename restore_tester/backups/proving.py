"""A shape's possible readings, the names of that shape and when each was stored → the one reading that they bear out. Pure.

A reading must read the names; what it reads must be times that have been by the time of storing; and of what is left,
the one is right that comes closest to the object times, then the more usual one, then the more precise one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median

from restore_tester.backups.names import NamePattern, Taken
from restore_tester.backups.readings import Reading, readings_of
from restore_tester.backups.shapes import Shape, shape_of
from restore_tester.errors import Misuse
from restore_tester.model import Backup

SAMPLE = 50
READ_SHARE = 0.9
AHEAD = timedelta(hours=15)  # the easternmost clock, and an hour
BEHIND = timedelta(hours=36)
CLOSE_AHEAD, CLOSE_BEHIND = timedelta(hours=3), timedelta(hours=6)
EARLIEST, LATEST = datetime(1995, 1, 1, tzinfo=UTC), datetime(2095, 1, 1, tzinfo=UTC)
CONFIRMED_SHARE = 0.5
LEAST_REGULAR = 5

Sampled = Sequence[tuple[Backup, Shape]]
_Rank = tuple[float, bool, float, int]


@dataclass(frozen=True, slots=True)
class Proven:
    """A pattern made of a shape: what is constant before the first field and ends with a slash is its `folder` (as it is, and
    escaped for a pattern), `pattern` is the rest, `constant` the text that never changes in the names' last part that has any."""

    folder: str
    folder_text: str
    pattern: str
    constant: str

    @staticmethod
    def of(shape: Shape, reading: Reading, loose: set[int]) -> Proven:
        """Given the tokens that may be any text, return the pattern; other tokens outside of fields stand as they are."""
        pieces = _pieces(shape, reading, loose)
        lead = pieces[0][1] if pieces and pieces[0][0] == "text" else ""
        folder = lead[: lead.rfind("/") + 1]
        escaped = _escaped(folder)
        text = "".join(_written(kind, piece) for kind, piece in pieces)
        plain = "".join(piece if kind == "text" else "/\0"["/" not in piece] for kind, piece in pieces)
        segments = [segment for segment in plain.split("/") if any(letter.isalpha() for letter in segment)]
        return Proven(folder, escaped, text[len(escaped) :], segments[-1].replace("\0", " ") if segments else "")


def best_reading(backups: Sequence[Backup]) -> Reading | None:
    """Given backups whose names are of one shape, at least one, return the way in which they tell the time, None where they tell none."""
    some = backups if len(backups) <= SAMPLE else [backups[index * (len(backups) - 1) // (SAMPLE - 1)] for index in range(SAMPLE)]
    sample = [(backup, shape) for backup in some if (shape := shape_of(backup.id)) is not None]
    best: tuple[_Rank, Reading] | None = None
    for reading in readings_of(sample[0][1].text):
        rank = _rank(sample, reading)
        if rank is not None and (best is None or rank > best[0]):
            best = (rank, reading)
    return best[1] if best else None


def _rank(sample: Sampled, reading: Reading) -> _Rank | None:
    found = _times(sample, reading)
    if found is None or not all(_offset_exists(shape, reading) for _, shape in sample):
        return None
    pairs = [(taken.at, backup.stored_at or taken.at) for backup, taken in found]
    if sum(taken > stored + AHEAD for taken, stored in pairs) > (1 - READ_SHARE) * len(pairs):
        return None
    if not all(EARLIEST <= taken <= LATEST for taken, _ in pairs) or _is_constant(pairs):
        return None
    precision = found[0][1].precision_seconds
    if _is_doubtful_clock(reading, precision) and not _clock_fits(pairs):
        return None
    near = sum(-AHEAD <= stored - taken <= BEHIND for taken, stored in pairs) / len(pairs)
    if reading.usual < 0 and near < CONFIRMED_SHARE and not _is_regular([taken for taken, _ in pairs]):
        return None
    return (round(near, 1), reading.usual > 0, -precision, reading.usual)


def _times(sample: Sampled, reading: Reading) -> list[tuple[Backup, Taken]] | None:
    """Return what the names say by this reading, None where too many say nothing."""
    first = sample[0][1]
    free = {index for index in range(len(first.spans)) if len({shape.texts[index] for _, shape in sample}) > 1}
    proven = Proven.of(first, reading, free)
    try:
        pattern = NamePattern(proven.folder_text + proven.pattern)
    except Misuse:
        return None
    found, missing = [], 0
    for backup, _ in sample:
        taken = pattern.read(backup.id)
        if taken is not None:
            found.append((backup, taken))
        elif (missing := missing + 1) > (1 - READ_SHARE) * len(sample):
            return None
    return found


def _offset_exists(shape: Shape, reading: Reading) -> bool:
    """No place on earth is 12:34 off UTC: that is a number."""
    if not reading.fields[-1].format.endswith("%z"):
        return True
    end = reading.fields[-1].end
    digits = "".join(text for text, (start, stop) in zip(shape.texts, shape.spans, strict=True) if end - 5 <= start and stop <= end)
    return int(digits[:2]) <= 14 and digits[2:] in ("00", "15", "30", "45")


def _is_constant(pairs: Sequence[tuple[datetime, datetime]]) -> bool:
    """A time that never changes while objects come and go is something else's: a release, a migration."""
    stored = [stored for _, stored in pairs]
    return len(pairs) > 2 and len({taken.date() for taken, _ in pairs}) == 1 and max(stored) - min(stored) > BEHIND


def _is_doubtful_clock(reading: Reading, precision_seconds: float) -> bool:
    """Two digits after a day, or a clock far from its day, may as well be a version, a port, a number."""
    return precision_seconds == 3600 or any("%H" in field.format and "%d" not in field.format for field in reading.fields)


def _clock_fits(pairs: Sequence[tuple[datetime, datetime]]) -> bool:
    close = sum(-CLOSE_AHEAD <= stored - taken <= CLOSE_BEHIND for taken, stored in pairs)
    return len({taken.time() for taken, _ in pairs}) > 2 or close >= CONFIRMED_SHARE * len(pairs)


def _is_regular(times: Sequence[datetime]) -> bool:
    """Chance makes no steady rhythm."""
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(sorted(set(times)))]
    if len(gaps) < LEAST_REGULAR - 1:
        return False
    usual = median(gaps)
    return sum(abs(gap - usual) <= usual / 4 for gap in gaps) >= 0.7 * len(gaps)


def _pieces(shape: Shape, reading: Reading, loose: set[int]) -> list[tuple[str, str]]:
    """The shape from left to right: (`text`, as in the name), (`any`, ""), (`field`, its format); neighbours of text are joined."""
    cuts: list[tuple[int, int, str, str]] = [(field.start, field.end, "field", field.format) for field in reading.fields]
    for index, (start, end) in enumerate(shape.spans):
        if not any(field.start <= start < field.end for field in reading.fields):
            cuts.append((start, end, "any", "") if index in loose else (start, end, "text", shape.texts[index]))
    pieces: list[tuple[str, str]] = []
    at = 0
    for start, end, kind, text in sorted(cuts):
        pieces += [("text", shape.text[at:start]), (kind, text)]
        at = end
    pieces.append(("text", shape.text[at:]))
    joined: list[tuple[str, str]] = []
    for kind, text in pieces:
        if kind == "text" and joined and joined[-1][0] == "text":
            joined[-1] = ("text", joined[-1][1] + text)
        elif kind != "text" or text:
            joined.append((kind, text))
    return joined


def _written(kind: str, text: str) -> str:
    if kind == "text":
        return _escaped(text)
    return "{any}" if kind == "any" else f"{{taken_at:{text}}}"


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
