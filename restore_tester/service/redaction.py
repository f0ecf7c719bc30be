"""Any text → the same without secrets: what this process resolved as one, and what looks like one wherever it came from."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote, quote_plus

from restore_tester.config.secrets import resolved_values

REDACTED = "[redacted]"
# Longer text is cut: an event is a line, not a dump of what somebody's server answered.
MOST_CHARACTERS = 16_384
# A shorter secret would shred every line; it is only known as a whole.
_SHORTEST = 6
_LONG = 8
# What libraries take from the environment by themselves.
_ENVIRONMENT = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "PGPASSWORD")
_NAMED = r"(?:[\w.-]*(?:password|passwd|passphrase|secret|token|credential)s?|pwd|[\w-]*api[_-]?key|[\w-]*access[_-]?key)"
# An address spells the signs out.
_IS = r"\s*(?:[=:]|%3[AD])\s*"
_SECRET_NAME = re.compile(rf"(?i){_NAMED}|authorization|cookie")
_LOOKS_SECRET = (
    # Rather too much than too little: a password may hold `/`, `:` and `@` of its own.
    (re.compile(r"(://[^\s:/@]*:)\S*@"), rf"\1{REDACTED}@"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY.*?(?:-----END [A-Z ]*PRIVATE KEY[A-Z ]*-----|\Z)", re.DOTALL), REDACTED),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{4,}"), rf"\1 {REDACTED}"),
    (re.compile(r"(?i)(X-Amz-(?:Signature|Security-Token|Credential)|\bSignature)=[^\s&,'\"]+"), rf"\1={REDACTED}"),
    (
        re.compile(rf"(?i)(\b{_NAMED}['\"]?{_IS})(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s'\",;&}}\])]+)"),
        rf"\1{REDACTED}",
    ),
    (re.compile(r"(?<![A-Z0-9])(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}(?![A-Z0-9])"), REDACTED),
    # 40 characters of base64 with letters of both cases and a digit: a secret access key; the hex of a SHA-1 is none.
    (re.compile(r"(?<![A-Za-z0-9/+=])(?=[^\s]*[A-Z])(?=[^\s]*[a-z])(?=[^\s]*[0-9])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"), REDACTED),
)
# What would move a terminal's cursor, or end a line that is not over.
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in (0x09, 0x0A)}
_CONTROL |= {code: f"\\u{code:04x}" for code in (0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))}


def redacted(text: str) -> str:
    """Return text that may be written anywhere: without secrets, without control characters, and not endless."""
    known = resolved_values() | {value for name in _ENVIRONMENT if (value := os.environ.get(name))}
    if text in known:
        return REDACTED
    text = text[:MOST_CHARACTERS] + f"… ({len(text)} characters)" if len(text) > MOST_CHARACTERS else text
    pattern = _pattern(frozenset(known))
    if pattern is not None:
        text = pattern.sub(REDACTED, text)
    for looks, instead in _LOOKS_SECRET:
        text = looks.sub(instead, text)
    return text.translate(_CONTROL)


def redacted_value(value: object, name: str = "") -> object:
    """Given a value of an event and what it is called, return one that may be written. What is neither number nor text becomes text."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if name and _SECRET_NAME.fullmatch(name):
        return REDACTED
    if isinstance(value, Mapping):
        return {redacted(str(key)): redacted_value(one, str(key)) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redacted_value(one) for one in value]
    return redacted(value if isinstance(value, str) else str(value))


@lru_cache(maxsize=4)
def _pattern(known: frozenset[str]) -> re.Pattern[str] | None:
    """Each secret as it is, as it stands in an address, as `repr` shows it, and line by line where it has several."""
    forms = {value for value in known if len(value) >= _SHORTEST}
    forms |= {line for value in forms for line in value.splitlines() if len(line) >= 2 * _SHORTEST}
    forms |= {form for value in forms for form in (quote(value, safe=""), quote(value), quote_plus(value), repr(value)[1:-1])}
    if not forms:
        return None
    return re.compile("|".join(_form(form) for form in sorted(forms, key=len, reverse=True)))


def _form(form: str) -> str:
    """A short secret may be a part of any word: alone it is still taken out."""
    return re.escape(form) if len(form) >= _LONG else rf"(?<!\w){re.escape(form)}(?!\w)"
