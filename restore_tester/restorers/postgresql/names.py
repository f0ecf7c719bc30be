"""What a dump declares → the roles that it needs, the databases it creates, and the catalogue names that may be shown.

From an archive's table of contents or, while a script is scanned, from the beginnings of its statements.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from restore_tester.restorers.postgresql.archive import Contents, Entry

_IDENTIFIER = r'(?:"(?:[^"]|"")+"|[A-Za-z_\x80-\U0010ffff][\w$]*)'
_LIST = rf"({_IDENTIFIER}(?:\s*,\s*{_IDENTIFIER})*)"
_ROLES = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        rf"^ALTER [^\n]*\bOWNER TO ({_IDENTIFIER})",
        rf"^(?:ALTER DEFAULT PRIVILEGES [^\n]*)?\b(?:GRANT|REVOKE) [^\n]*\b(?:TO|FROM) {_LIST}"
        rf"(?: WITH [A-Z ,]+| GRANTED BY {_IDENTIFIER}| CASCADE)*;?$",
        rf"^ALTER DEFAULT PRIVILEGES FOR ROLE {_LIST}",
        rf"\bGRANTED BY ({_IDENTIFIER});?$",
        rf"^SET SESSION AUTHORIZATION ({_IDENTIFIER}|'(?:[^']|'')+')",
        rf"^CREATE POLICY {_IDENTIFIER} ON [^\n]*?\bTO {_LIST}(?= USING| WITH CHECK|;|$)",
        rf"^CREATE USER MAPPING FOR ({_IDENTIFIER})",
        rf"^CREATE SCHEMA {_IDENTIFIER} AUTHORIZATION ({_IDENTIFIER})",
    )
)
_DECLARED = re.compile(
    r"\b(?:TABLE|INDEX|SEQUENCE|VIEW|SCHEMA|CONSTRAINT|TYPE|DOMAIN|FUNCTION|PROCEDURE|AGGREGATE|EXTENSION|ROLE|DATABASE|TRIGGER|POLICY|"
    rf"PUBLICATION|COLLATION|TABLESPACE) (?:IF NOT EXISTS )?(?:ONLY )?({_IDENTIFIER}(?:\.{_IDENTIFIER})*)"
)
_SEQUENCE = re.compile(r"CREATE (?:UNLOGGED )?SEQUENCE |ALTER TABLE [^\n]* ADD GENERATED (?:ALWAYS|BY DEFAULT) AS IDENTITY")
# As pg_dumpall writes that one role is a member of another, on one line.
MEMBERSHIP = re.compile(rb"(GRANT (?![^\n]* ON )[^\n]+) GRANTED BY [^\n;]+;?\s*\Z")
_ONE = re.compile(_IDENTIFIER)
_NO_ROLES = frozenset({"DEFAULT", "public", "current_user", "session_user", "current_role", "PUBLIC"})
_MOST_NAMES = 200_000
DATABASE_KINDS = frozenset({"ENCODING", "STDSTRINGS", "SEARCHPATH", "DATABASE", "DATABASE PROPERTIES"})


@dataclass(frozen=True, slots=True)
class Declared:
    """What a dump declares. `databases` are whole CREATE DATABASE statements; `names` is what messages may show;
    `sequences_set`: it sets the value of every sequence that it creates; `memberships` counts the grants of a role by a grantor."""

    roles: tuple[str, ...]
    names: frozenset[str]
    databases: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    sequences_set: bool = False
    memberships: int = 0


def declared_in_archive(contents: Contents) -> Declared:
    """Return what the table of contents declares."""
    roles: dict[str, None] = {}
    names: set[str] = set()
    for entry in contents.entries:
        if entry.kind in DATABASE_KINDS:
            continue
        if entry.owner:
            roles.setdefault(entry.owner)
        if entry.kind in ("ACL", "DEFAULT ACL", "POLICY", "USER MAPPING"):
            roles.update(dict.fromkeys(roles_of(entry.definition)))
        names.update(_names_of(entry))
    extensions = tuple(entry.tag for entry in contents.entries if entry.kind == "EXTENSION")
    wanted = tuple(role for role in roles if not _is_predefined(role))
    created, valued = ({(e.namespace, e.tag) for e in contents.entries if e.kind == kind} for kind in ("SEQUENCE", "SEQUENCE SET"))
    return Declared(wanted, frozenset(names).union(wanted), extensions=extensions, sequences_set=created <= valued)


@dataclass(slots=True)
class ScriptNotes:
    """What a script declares, noted while it is scanned. Implements `lexing.Listener`."""

    roles: dict[str, None] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    databases: list[str] = field(default_factory=list)
    extensions: dict[str, None] = field(default_factory=dict)
    sequences_without_value: int = 0
    memberships: int = 0

    def on_comment(self, line: bytes) -> None:
        pass

    def on_command(self, line: bytes) -> None:
        pass

    def on_copy(self) -> None:
        pass

    def on_statement(self, beginning: bytes) -> None:
        if beginning.startswith(b"SELECT pg_catalog.setval("):
            self.sequences_without_value -= 1
        if not beginning.startswith((b"ALTER ", b"GRANT ", b"REVOKE ", b"SET SESSION ", b"CREATE ")):
            return
        self.memberships += MEMBERSHIP.match(beginning) is not None
        text = beginning.decode("utf-8", "backslashreplace")
        if text.startswith("CREATE DATABASE "):
            self.databases.append(text + ";")
        if text.startswith("CREATE EXTENSION ") and (found := _DECLARED.search(text)):
            self.extensions.setdefault(identifiers(found[1])[0])
        self.sequences_without_value += _SEQUENCE.match(text) is not None
        self.roles.update(dict.fromkeys(roles_of(text)))
        if len(self.names) < _MOST_NAMES:
            declared = list(_DECLARED.finditer(text))
            # What follows in a CREATE is a definition, which may hold values.
            for found in declared[:1] if text.startswith("CREATE ") else declared:
                self.names.update(identifiers(found[1]))

    def declared(self, created: Iterable[str]) -> Declared:
        """Return all that was noted; `created` are the roles that the script itself creates."""
        own = set(created)
        wanted = tuple(role for role in self.roles if role not in own and not _is_predefined(role))
        names = frozenset(self.names).union(own, self.roles)
        return Declared(wanted, names, tuple(self.databases), tuple(self.extensions), self.sequences_without_value <= 0, self.memberships)


def identifiers(text: str) -> tuple[str, ...]:
    """Return the names in a list or a qualified name, unquoted."""
    return tuple(unquoted(found) for found in _ONE.findall(text))


def unquoted(identifier: str) -> str:
    return identifier[1:-1].replace('""', '"') if identifier.startswith('"') else identifier


def quoted(name: str) -> str:
    """Return a name as a SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def roles_of(sql: str) -> Iterator[str]:
    """Yield the roles that statements name, as owners, grantees, grantors or otherwise."""
    for pattern in _ROLES:
        for found in pattern.finditer(sql):
            if found[1].startswith("'"):
                yield found[1][1:-1].replace("''", "'")
                continue
            for part in _ONE.findall(found[1]):
                if part not in _NO_ROLES:
                    yield unquoted(part)


def _names_of(entry: Entry) -> Iterator[str]:
    yield entry.tag
    if entry.namespace:
        yield entry.namespace
    if " " in entry.tag:
        yield from entry.tag.split(" ")
    if entry.copy_statement:
        yield from identifiers(entry.copy_statement.removeprefix("COPY").partition("FROM stdin")[0])


def _is_predefined(role: str) -> bool:
    return role.startswith("pg_")
