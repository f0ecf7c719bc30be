"""What a single value must be: text into durations, sizes, zones, references …, each rule for one value alone.

A rule is given what it must know beside the value as a `Known`, so that one pass over a configuration finds every fault.
A refusal says what is expected and never what was found: it could be a secret. pydantic lives here and in `shape`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from restore_tester.config import cron, nearest, units
from restore_tester.config.nouns import QuietHours
from restore_tester.config.secrets import ENVIRONMENT_NAME, Secret, holds_password

ENGINES = ("postgresql",)
LONGEST_SECONDS = 3650 * 86400.0
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
NAMES_HINT = "use letters, digits, dots, dashes and underscores; it becomes a label of metrics and a part of addresses"


@dataclass(frozen=True, slots=True)
class Known:
    """What a single value is compared with: the folder of its file, the names of criticalities (empty: not all are known),
    and what is wrong with a name pattern (None: nothing)."""

    folder: Path
    criticalities: tuple[str, ...]
    trouble_with_name: Callable[[str], str | None]


def _refuse(message: str, hint: str) -> NoReturn:
    raise PydanticCustomError("refused", "{message}", {"message": message, "hint": hint})


def _known(info: ValidationInfo) -> Known:
    assert isinstance(info.context, Known)
    return info.context


def text_of(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        _refuse("this must be text", "write one value, in quotes where it has special characters")
    if "\x00" in value:
        _refuse("there is a NUL character in this text", "take it out")
    return value


def _seconds(value: object, *, zero: bool) -> float:
    hint = "write a number and its unit: 90s, 15m, 4h or 7d"
    text = text_of(value)
    try:
        seconds = units.seconds_of(text)
    except ValueError as error:
        _refuse(f"{error}", hint)
    if seconds == 0 and not zero:
        _refuse("this must be more than nothing", hint)
    if seconds > LONGEST_SECONDS:
        _refuse("this is longer than ten years", hint)
    return seconds


def duration_of(value: object) -> float:
    return _seconds(value, zero=False)


def duration_or_zero_of(value: object) -> float:
    return _seconds(value, zero=True)


def size_of(value: object) -> int:
    hint = "write a number and its unit: 512MB, 4GB or 8GiB"
    text = text_of(value)
    try:
        size = units.bytes_of(text)
    except ValueError as error:
        _refuse(f"{error}", hint)
    return size or _refuse("this must be more than nothing", hint)


def name_of(value: object) -> str:
    text = text_of(value)
    if not re.fullmatch(NAME_PATTERN.strip("^$"), text):
        _refuse("this cannot be a name", NAMES_HINT)
    return text


def secret_of(value: object, info: ValidationInfo) -> Secret:
    if isinstance(value, dict) and len(value) == 1:
        ((kind, place),) = value.items()
        if kind == "env" and isinstance(place, str) and ENVIRONMENT_NAME.match(place):
            return Secret("env", place)
        if kind == "file" and isinstance(place, str) and place:
            return Secret("file", str(_known(info).folder / place))
        if kind == "env":
            _refuse("this is no name of an environment variable", "write the variable's name, as in {env: HISTORY_DSN}, never its value")
    if isinstance(value, str):
        hint = "write {env: NAME} or {file: PATH}, and change that secret: it has been in a file"
        _refuse("a secret stands here as a value where a reference belongs", hint)
    _refuse("this must be a reference to a secret", "write {env: NAME} or {file: PATH}")


def history_of(value: object, info: ValidationInfo) -> Secret | str:
    if not isinstance(value, str):
        return secret_of(value, info)
    if holds_password(value):
        _refuse("a password is written here", "write history: {env: HISTORY_DSN} and put the DSN there; change that password")
    if not re.match(r"(sqlite|postgresql(\+psycopg)?)://", value):
        _refuse(
            "history is kept in SQLite or PostgreSQL", "write sqlite:///restore-tester.db, or {env: HISTORY_DSN} for postgresql+psycopg://…"
        )
    return _beside(value, _known(info).folder)


def _beside(dsn: str, folder: Path) -> str:
    scheme, _, path = dsn.partition(":///")
    if scheme != "sqlite" or not path or path.startswith("/") or path.startswith(":memory:"):
        return dsn
    return f"sqlite:///{folder / path}"


def zone_of(value: object) -> str:
    text = text_of(value)
    try:
        ZoneInfo(text)
    except (OSError, ValueError, KeyError):
        _refuse("there is no such time zone", "write a name of the IANA database, as Europe/Berlin or UTC")
    return text


def schedule_of(value: object) -> str:
    text = " ".join(text_of(value).split())
    trouble = cron.trouble_with(text)
    if trouble:
        _refuse(trouble, 'write five cron fields in quotes, as "0 3 * * *"; Sunday is 0')
    return text


def criticality_of(value: object, info: ValidationInfo) -> str:
    text, names = text_of(value), _known(info).criticalities
    if names and text not in names:
        _refuse(f"there is no such criticality{nearest.quoted(text)}", nearest.hint(text, names))
    return text


def engine_of(value: object) -> str:
    text = text_of(value)
    if text not in ENGINES:
        _refuse(f"this version restores no such engine{nearest.quoted(text)}", nearest.hint(text, ENGINES))
    return text


def checks_folder_of(value: object, info: ValidationInfo) -> str:
    folder = _known(info).folder / text_of(value)
    if not folder.is_dir():
        _refuse("there is no such folder of checks", f"paths count from the folder of this file, {_known(info).folder}")
    return str(folder)


def file_of(value: object, info: ValidationInfo) -> str:
    return str(_known(info).folder / text_of(value))


def name_pattern_of(value: object, info: ValidationInfo) -> str:
    text = text_of(value)
    # What is wrong with a pattern is said with the pattern.
    trouble = None if holds_password(text) else _known(info).trouble_with_name(text)
    if trouble:
        _refuse(trouble, "write the name with its stamp in braces, as orders-{taken_at:%Y-%m-%dT%H%M%SZ}.dump")
    return text


def day_of(value: object) -> date:
    text = text_of(value)
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    _refuse("this is no day of the calendar", "write it as 2027-01-31")


def instant_of(value: object) -> datetime:
    """A day alone holds to its end; an instant that says no zone is UTC."""
    text = text_of(value)
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return datetime.combine(date.fromisoformat(text), time(), UTC) + timedelta(days=1)
        instant = datetime.fromisoformat(text)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    _refuse("this is no instant", "write a day, as 2027-01-31, or an instant, as 2027-01-31T18:00Z")


def quiet_hours_of(value: object) -> QuietHours:
    hint = 'write two times in quotes, as "22:00-06:00"'
    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d) ?- ?(?:([01]\d|2[0-3]):([0-5]\d)|24:00)", text_of(value))
    if found is None:
        _refuse("these are no hours of a day", hint)
    begins = time(int(found[1]), int(found[2]))
    ends = time(int(found[3]), int(found[4])) if found[3] else time()
    if begins == ends:
        _refuse("this is the whole day: nothing would ever be drilled", hint)
    return QuietHours(begins, ends)


def clock_time_of(value: object) -> time:
    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)", text_of(value))
    if found is None:
        _refuse("this is no time of the day", 'write it in quotes, as "08:00"')
    return time(int(found[1]), int(found[2]))


def web_address_of(value: object) -> str:
    text = text_of(value)
    if not re.match(r"https?://[^/\s?#]+[^\s?#]*$", text):
        _refuse("this is no address of a page", "write it with its scheme, as https://restore-tester.example.com")
    return text.rstrip("/")


def setting_of(value: object) -> str:
    text = text_of(value)
    if "\n" in text:
        _refuse("a setting is one line", "write it without line breaks")
    return text


def endpoint_of(value: object) -> str:
    text = text_of(value)
    if not re.match(r"https?://[^/\s]+", text):
        _refuse("this is no address of a server", "write it with its scheme, as https://s3.example.com:9000")
    return text


_DURATION_SCHEMA = WithJsonSchema({"type": "string", "pattern": units.DURATION_PATTERN, "examples": ["90s", "15m", "4h", "7d"]})
_SECRET_SCHEMA: dict[str, Any] = {
    "type": "object",
    "oneOf": [{"required": ["env"]}, {"required": ["file"]}],
    "properties": {"env": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}, "file": {"type": "string"}},
    "additionalProperties": False,
    "examples": [{"env": "NAME"}, {"file": "/run/secrets/name"}],
}
_ONE_VALUE = {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]}

Text = Annotated[str, BeforeValidator(text_of)]
Name = Annotated[str, BeforeValidator(name_of), WithJsonSchema({"type": "string", "pattern": NAME_PATTERN})]
Duration = Annotated[float, BeforeValidator(duration_of), _DURATION_SCHEMA]
DurationOrZero = Annotated[float, BeforeValidator(duration_or_zero_of), _DURATION_SCHEMA]
Size = Annotated[
    int, BeforeValidator(size_of), WithJsonSchema({"type": "string", "pattern": units.SIZE_PATTERN, "examples": ["4GB", "8GiB"]})
]
Reference = Annotated[Secret, BeforeValidator(secret_of), WithJsonSchema(_SECRET_SCHEMA)]
HistoryPlace = Annotated[Secret | str, BeforeValidator(history_of), WithJsonSchema({"anyOf": [{"type": "string"}, _SECRET_SCHEMA]})]
Zone = Annotated[str, BeforeValidator(zone_of)]
Schedule = Annotated[str, BeforeValidator(schedule_of)]
CriticalityName = Annotated[str, BeforeValidator(criticality_of)]
Engine = Annotated[str, BeforeValidator(engine_of), WithJsonSchema({"enum": list(ENGINES)})]
ChecksFolder = Annotated[str, BeforeValidator(checks_folder_of)]
FilePath = Annotated[str, BeforeValidator(file_of)]
NamePattern = Annotated[str, BeforeValidator(name_pattern_of)]
Day = Annotated[date, BeforeValidator(day_of), WithJsonSchema({"type": "string", "format": "date"})]
Until = Annotated[
    datetime, BeforeValidator(instant_of), WithJsonSchema({"type": "string", "examples": ["2027-01-31", "2027-01-31T18:00Z"]})
]
Quiet = Annotated[
    QuietHours,
    BeforeValidator(quiet_hours_of),
    WithJsonSchema({"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d ?- ?(([01]\d|2[0-3]):[0-5]\d|24:00)$"}),
]
ClockTime = Annotated[
    time, BeforeValidator(clock_time_of), WithJsonSchema({"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$", "examples": ["08:00"]})
]
WebAddress = Annotated[str, BeforeValidator(web_address_of)]
Setting = Annotated[str, BeforeValidator(setting_of), WithJsonSchema(_ONE_VALUE)]
Endpoint = Annotated[str, BeforeValidator(endpoint_of)]
StrategyName = Literal["rotating", "newest", "oldest", "random", "every"]
ModeName = Literal["page", "observe"]
