"""A dump's CREATE DATABASE → one that works here: the same encoding and locale where they exist, else the nearest, said aloud."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_STATEMENT = re.compile(r'CREATE DATABASE ((?:"(?:[^"]|"")+")|[^\s"]+)(?: WITH)?(.*?);?\s*\Z', re.DOTALL)
_OPTION = re.compile(r"(\w+(?: LIMIT)?)\s*=\s*('(?:[^']|'')*'|\w+)")
_LOCALE_OPTIONS = ("LOCALE", "LC_COLLATE", "LC_CTYPE", "BUILTIN_LOCALE")
_KEPT_OPTIONS = frozenset({"ENCODING", "LOCALE_PROVIDER", "ICU_LOCALE", "ICU_RULES", *_LOCALE_OPTIONS})
FALLBACKS = {"UTF8": "C.UTF-8"}


@dataclass(frozen=True, slots=True)
class Creation:
    """How to create a database here. `missing_locale` names what does not exist here and was replaced."""

    statement: str
    missing_locale: str | None = None


HasLocale = Callable[[str, str], bool]


def creation(name: str, dumped: str, has_locale: HasLocale, encoding: str | None = None) -> Creation:
    """Given the quoted name, the dump's own statement (or nothing), and what tells whether a provider's locale exists here,
    return how to create it."""
    found = _STATEMENT.match(dumped)
    options = {key.upper(): value for key, value in _OPTION.findall(found[2])} if found else {}
    wanted = {key: value for key, value in options.items() if key in _KEPT_OPTIONS}
    wanted.setdefault("ENCODING", f"'{encoding or 'UTF8'}'")
    missing = _missing(wanted, has_locale)
    if missing is not None:
        code = wanted["ENCODING"].strip("'").upper().replace("-", "")
        fallback = FALLBACKS.get(code, "C")
        fallback = fallback if has_locale("libc", fallback) else "C"
        wanted = {"ENCODING": wanted["ENCODING"], "LOCALE": f"'{fallback}'"}
    listed = " ".join(f"{key} = {value}" for key, value in wanted.items())
    return Creation(f"CREATE DATABASE {name} WITH TEMPLATE = template0 {listed};", missing)


def database_name(statement: str) -> str | None:
    """Return the quoted-or-bare name in a CREATE DATABASE, None where it is none."""
    found = _STATEMENT.match(statement)
    return found[1] if found else None


def _missing(options: dict[str, str], has_locale: HasLocale) -> str | None:
    provider = options.get("LOCALE_PROVIDER", "libc").strip("'").lower()
    if provider != "libc" and not has_locale(provider, ""):
        return f"provider {provider}"
    locales = [options[key].strip("'") for key in _LOCALE_OPTIONS if key in options and key != "BUILTIN_LOCALE"]
    return (
        next((locale for locale in locales if provider != "builtin" and not has_locale("libc", locale)), None)
        if provider == "libc"
        else None
    )
