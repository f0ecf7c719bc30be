"""References to secrets, and the eye for a secret that was written out: a value stays where it is until its very use."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from restore_tester.errors import Misuse

ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

_PLAIN_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\Z")
# Rather too wide than too narrow: a password may hold `/`, `:` and `@` of its own.
_PASSWORD_IN_URL = re.compile(r"://[^\s:/@]*:(?:\S*@|(?!\d{1,5}[\s,;.)])[^/@\n]*@)")
_PASSWORD_IN_PAIRS = re.compile(r"(?i)(?:password|passwd|passphrase|\bpwd|secret|token)\s*=\s*['\"]?[^\s'\"]")

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

# The one thing that this process knows as a whole: a log can only keep out what it knows, wherever it was resolved.
_RESOLVED: set[str] = set()


def resolved_values() -> frozenset[str]:
    """Return every secret's value that this process ever resolved: for whoever must keep them out of what it writes."""
    return frozenset(_RESOLVED)


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret is kept (`kind` is `env` or `file`), never what it is. Prints as its reference."""

    kind: str
    place: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.place}"

    def __repr__(self) -> str:
        return f"<secret {self}>"

    def resolve(self, environment: Mapping[str, str] | None = None) -> str:
        """Given an environment (this process's by default), return the secret's value: call it where the value is used and
        keep it nowhere. Raise Misuse (`secret_missing`, `secret_unusable`)."""
        value = self._read() if self.kind == "file" else (os.environ if environment is None else environment).get(self.place, "")
        if not value:
            raise Misuse("secret_missing", f"the environment variable {self.place} is not set", f"set {self.place} for this process")
        if _CONTROL.search(value):
            fact = f"the secret of {self} holds a control character, such as a line break"
            raise Misuse("secret_unusable", fact, "write it on one line: libraries repeat what they cannot send")
        _RESOLVED.add(value)
        return value

    def _read(self) -> str:
        trouble = "it is empty"
        try:
            value = Path(self.place).read_text(encoding="utf-8").rstrip("\r\n")
            if value:
                return value
        except OSError as error:
            trouble = error.strerror or "it cannot be read"
        except UnicodeDecodeError:
            # Not chained: the error carries the bytes that it could not decode.
            trouble = "it is not UTF-8 text"
        fact = f"the secret file {self.place} gave no secret: {trouble}"
        raise Misuse("secret_missing", fact, "write the secret into it, readable by this user")


def parse_reference(text: str) -> Secret:
    """Given a reference as an order carries it (`env:NAME`, `file:PATH`), return it. Raise Misuse (`secret_reference`)."""
    kind, _, place = text.partition(":")
    if kind not in ("env", "file") or not place:
        raise Misuse("secret_reference", "a secret is given as a value where a reference belongs", "write {env: NAME} or {file: PATH}")
    return Secret(kind, place)


def holds_password(text: str) -> bool:
    """Given any text, return whether it seems to hold a password: in a URL (`scheme://user:password@…`) or as `password=…`."""
    if "://" in text and "@" in text and _PASSWORD_IN_URL.search(text):
        return True
    return "=" in text and _PASSWORD_IN_PAIRS.search(text) is not None


def is_plain_word(text: str) -> bool:
    """Given any text, return whether it is a word that may be repeated in a message: a key, a name."""
    return _PLAIN_WORD.match(text) is not None
