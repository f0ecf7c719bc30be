"""The DSN that the operator wrote → where the history lies, and how to speak of it without its secrets.

Nothing of a DSN that cannot be read is ever repeated: it may hold a password in any place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from restore_tester.errors import Misuse

SQLITE = "sqlite"
POSTGRESQL = "postgresql"
_POSTGRESQL_NAMES = ("postgresql", "postgres", "postgresql+psycopg")
_SHORTEST_SECRET = 3


@dataclass(frozen=True, slots=True)
class Address:
    """`url` is what SQLAlchemy connects to; `shown` is all that anybody may read; `secrets` are hidden in what others say."""

    url: URL = field(repr=False)
    engine: str
    shown: str
    secrets: tuple[str, ...] = field(repr=False, default=())

    def hide(self, text: str) -> str:
        """Given what a driver says, return it without the secrets."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def read_address(dsn: str) -> Address:
    """Given `sqlite:///FILE` (also `?timeout=SECONDS`, how long to wait for another writer) or `postgresql://…`, return the
    address. Raise Misuse (`history_dsn`)."""
    try:
        url = make_url(dsn)
    except (ArgumentError, ValueError):
        # Without its cause: it may repeat the DSN.
        raise _unreadable("it cannot be read as one") from None
    if url.drivername == SQLITE:
        return _sqlite(url)
    if url.drivername in _POSTGRESQL_NAMES:
        return _postgresql(url)
    raise _unreadable("it names neither SQLite nor PostgreSQL")


def _sqlite(url: URL) -> Address:
    if not url.database or url.database == ":memory:" or url.host:
        raise _unreadable("it names no file")
    if set(url.query) - {"timeout"} or not _is_number(url.query.get("timeout", "1")):
        raise _unreadable("the only option of SQLite is timeout, in seconds")
    return Address(url, SQLITE, url.database)


def _postgresql(url: URL) -> Address:
    if "@" in (url.host or "") + (url.database or ""):
        raise _unreadable("its user, password and host cannot be told apart")
    hidden = [str(url.password)] if url.password else []
    for key, value in url.query.items():
        if "pass" in key:
            hidden += [value] if isinstance(value, str) else value
    spelled = {spelling for secret in hidden for spelling in (secret, quote(secret, safe="")) if len(secret) >= _SHORTEST_SECRET}
    host = url.host or url.normalized_query.get("host", ("localhost",))[0]
    port = f":{url.port}" if url.port else ""
    shown = f"postgresql://{host}{port}/{url.database or ''}"
    return Address(url.set(drivername="postgresql+psycopg"), POSTGRESQL, shown, tuple(sorted(spelled, key=len, reverse=True)))


def _is_number(text: str | tuple[str, ...]) -> bool:
    return isinstance(text, str) and text.replace(".", "", 1).isdecimal()


def _unreadable(why: str) -> Misuse:
    hint = "write sqlite:///FILE or postgresql://USER@HOST/DATABASE, with @ : / ? # % in a password written as %40 %3A %2F %3F %23 %25"
    return Misuse("history_dsn", f"this is no DSN of a history: {why}", hint)
