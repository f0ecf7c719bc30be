"""Roles, names and databases in what a dump declares."""

from __future__ import annotations

import pytest

from restore_tester.restorers.postgresql.databases import creation
from restore_tester.restorers.postgresql.names import ScriptNotes, roles_of


@pytest.mark.parametrize(
    ("sql", "roles"),
    [
        ("ALTER TABLE public.orders OWNER TO app_owner;", ["app_owner"]),
        ('ALTER FUNCTION public.f(a integer) OWNER TO "odd ""role";', ['odd "role']),
        ("GRANT ALL ON FUNCTION public.f(a text) TO reader WITH GRANT OPTION;", ["reader"]),
        ("GRANT SELECT ON TABLE public.t TO PUBLIC;", []),
        ("REVOKE ALL ON SCHEMA public FROM someone;", ["someone"]),
        ("GRANT a TO b WITH ADMIN OPTION GRANTED BY c;", ["b", "c"]),
        ("ALTER DEFAULT PRIVILEGES FOR ROLE a IN SCHEMA public GRANT SELECT ON TABLES TO b;", ["b", "a"]),
        ("CREATE POLICY p ON public.t FOR SELECT TO x, y USING (true);", ["x", "y"]),
        ("CREATE USER MAPPING FOR m SERVER s;", ["m"]),
        ("SET SESSION AUTHORIZATION z;", ["z"]),
        ("COMMENT ON TABLE t IS 'given TO nobody';", []),
    ],
)
def test_roles_are_found_in_statements(sql: str, roles: list[str]) -> None:
    assert list(roles_of(sql)) == roles


def test_a_scripts_own_and_predefined_roles_need_not_be_made() -> None:
    notes = ScriptNotes()
    for statement in (b"ALTER TABLE t OWNER TO mine", b"ALTER TABLE t OWNER TO theirs", b"ALTER SCHEMA public OWNER TO pg_database_owner"):
        notes.on_statement(statement)
    assert notes.declared(["mine"]).roles == ("theirs",)


def has_locale(provider: str, locale: str) -> bool:
    return provider == "libc" and locale in ("C", "C.UTF-8", "en_US.UTF-8")


@pytest.mark.parametrize(
    ("dumped", "made", "missing"),
    [
        (
            "CREATE DATABASE app WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'en_US.UTF-8';",
            "ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'en_US.UTF-8'",
            None,
        ),
        (
            "CREATE DATABASE app WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE = 'de_DE';",
            "ENCODING = 'UTF8' LOCALE = 'C.UTF-8'",
            "de_DE",
        ),
        (
            "CREATE DATABASE app WITH ENCODING = 'LATIN1' LC_COLLATE = 'x' LC_CTYPE = 'x' TABLESPACE = fast;",
            "ENCODING = 'LATIN1' LOCALE = 'C'",
            "x",
        ),
        (
            "CREATE DATABASE app WITH ENCODING = 'UTF8' LOCALE_PROVIDER = icu ICU_LOCALE = 'de';",
            "ENCODING = 'UTF8' LOCALE = 'C.UTF-8'",
            "provider icu",
        ),
        ("", "ENCODING = 'UTF8'", None),
    ],
)
def test_a_database_is_made_as_dumped_or_as_near_as_can_be(dumped: str, made: str, missing: str | None) -> None:
    found = creation('"app"', dumped, has_locale)
    assert found.statement == f'CREATE DATABASE "app" WITH TEMPLATE = template0 {made};'
    assert found.missing_locale == missing
