"""A dump's declarations → roles and databases made in the cluster before its rows come: in one round over one connection."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from restore_tester.contracts import Watch
from restore_tester.errors import CannotTell, CouldNotAsk
from restore_tester.model import Reason
from restore_tester.restorers.postgresql.cluster import SUPERUSER, Cluster
from restore_tester.restorers.postgresql.databases import Creation, HasLocale, creation, database_name
from restore_tester.restorers.postgresql.messages import escape
from restore_tester.restorers.postgresql.names import quoted
from restore_tester.restorers.postgresql.sessions import Sessions

if TYPE_CHECKING:
    from psycopg import Connection

USUAL_ROLE = "postgres"
USUAL_DATABASE = "postgres"
_SHOWN_ROLES = 10
# What a role that is not in the dump may do is not known, and some objects must belong to a superuser. The sandbox is what holds them.
_INVENTED = "SUPERUSER NOLOGIN"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A database to be made: its name, and what the dump says of it: its CREATE DATABASE, or at least its encoding."""

    database: str
    statement: str = ""
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is in the cluster now. `missing_locale` names one that the dump wants and that is not here;
    `replaced` are the CREATE DATABASE lines of a script that must read differently here."""

    version: str
    missing_locale: str | None
    replaced: tuple[tuple[bytes, bytes], ...] = ()


def prepare_cluster(cluster: Cluster, roles: Iterable[str], watch: Watch, wanted: Wanted) -> Prepared:
    """Create the roles and the database. Raise CannotTell (`database_not_created`)."""
    sessions = Sessions(cluster)
    with sessions.session("template1" if wanted.database == USUAL_DATABASE else USUAL_DATABASE, writes=True) as connection:
        made = [role for role in roles if role not in (SUPERUSER, USUAL_ROLE)]
        commands = [f"CREATE ROLE {USUAL_ROLE} {_INVENTED};", *(f"CREATE ROLE {quoted(role)} {_INVENTED};" for role in made)]
        connection.execute("".join(commands))
        if wanted.database == USUAL_DATABASE:
            connection.execute("DROP DATABASE postgres")
        missing = _create_database(sessions, connection, wanted)
        version = connection.info.parameter_status("server_version") or ""
    _warn(watch, made, missing)
    return Prepared(version, missing)


def prepare_script_cluster(cluster: Cluster, roles: Iterable[str], watch: Watch, statements: Iterable[str]) -> Prepared:
    """Create roles for a script that creates its own databases, and see which of those it cannot create as written."""
    with Sessions(cluster).session(USUAL_DATABASE, writes=True) as connection:
        made = [role for role in roles if role not in (SUPERUSER, USUAL_ROLE)]
        present = {str(row[0]) for row in connection.execute("SELECT rolname FROM pg_catalog.pg_roles")}
        for role in [USUAL_ROLE, *made]:
            if role not in present and (role != USUAL_ROLE or role in roles):
                connection.execute(f"CREATE ROLE {quoted(role)} {_INVENTED}")
        replaced, missing = [], None
        for statement in statements:
            name = database_name(statement)
            made_here = creation(name, statement, _has_locale(connection)) if name else Creation(statement)
            if made_here.missing_locale or " TABLESPACE = " in statement:
                replaced.append((f"\n{statement}\n".encode(), f"\n{made_here.statement}\n".encode()))
                missing = missing or made_here.missing_locale
        version = connection.info.parameter_status("server_version") or ""
    _warn(watch, made, missing)
    return Prepared(version, missing, tuple(replaced))


def _create_database(sessions: Sessions, connection: Connection[tuple[object, ...]], wanted: Wanted) -> str | None:
    made = creation(quoted(wanted.database), wanted.statement, _has_locale(connection), wanted.encoding)
    try:
        sessions.execute(connection, made.statement)
    except CouldNotAsk as error:
        raise CannotTell(
            "database_not_created",
            f"a database like the dump's cannot be created here: {error.reason.message}",
            "drill where the locales and the encoding of production exist, or in production's own image",
        ) from error
    return made.missing_locale


def _has_locale(connection: Connection[tuple[object, ...]]) -> HasLocale:
    """Return what says whether a provider's locale exists for this server."""
    import psycopg

    def has(provider: str, locale: str) -> bool:
        try:
            if provider == "libc":
                connection.execute("SELECT pg_catalog.set_config('lc_monetary', %s, true)", (locale,))
                return True
            query = "SELECT 1 FROM pg_catalog.pg_collation WHERE collprovider::text = %s LIMIT 1"
            return connection.execute(query, (provider[:1],)).fetchone() is not None
        except psycopg.Error:
            return False

    return has


def _warn(watch: Watch, roles: list[str], missing_locale: str | None) -> None:
    if roles:
        shown = ", ".join(escape(role)[:63] for role in roles[:_SHOWN_ROLES])
        more = f" and {len(roles) - _SHOWN_ROLES} more" if len(roles) > _SHOWN_ROLES else ""
        watch.warn(
            Reason(
                "roles_missing",
                f"roles that the dump refers to are not in it and were created without login: {shown}{more}",
                "back up roles too (pg_dumpall --globals-only), else a recovery begins with inventing them",
            )
        )
    if missing_locale:
        watch.warn(
            Reason(
                "locale_missing",
                f"the dump's locale {escape(missing_locale)[:63]} does not exist here; C.UTF-8 stood in, so that text sorts differently",
                "install the locale (Debian, Ubuntu: locales-all), or drill in production's own image",
            )
        )
