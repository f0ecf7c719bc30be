"""A template and its values → an HTML page that needs nothing beside itself. The one room of jinja2.

No script and no request to anywhere; light and dark as the reader's system is. Whatever is put into a page is escaped, redacted, and
what a browser would obey in the middle of a word (changes of direction, control characters) is spelled out.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from restore_tester.judgement.amounts import instant, seconds, size
from restore_tester.judgement.telling import back_in, head_of, loss, outcome, sentence
from restore_tester.judgement.wording import counted, duration, inert
from restore_tester.service.pages.figures import UNITS, bars, passed, rungs, troubled
from restore_tester.service.redaction import redacted

TEMPLATES = Path(__file__).parent / "templates"
SIGNS = {
    "passed": "✓",
    "proven": "✓",
    "failed": "✗",
    "exposed": "!",
    "inconclusive": "?",
    "stale": "!",
    "never_drilled": "·",
    "running": "▸",
    "proved": "✓",
    "not_asked": "·",
}


def page(template: str, values: Mapping[str, object]) -> str:
    """Given the name of a template and its values, return the page, as text that is to be stored or sent in UTF-8."""
    return _environment().get_template(template).render(values)


@lru_cache(maxsize=1)
def policy() -> str:
    """Return the Content-Security-Policy under which the pages work: their own style, their own forms, nothing else."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'self'; base-uri 'none'"


@lru_cache(maxsize=1)
def _style() -> str:
    return (TEMPLATES / "style.css").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, finalize=_harmless,
        trim_blocks=True, lstrip_blocks=True, auto_reload=False,
    )  # fmt: skip
    environment.filters.update(
        instant=instant, seconds=seconds, size=size, counted=counted, duration=duration,
        machine=_machine, machine_exact=_exact, path=_path, sign=_sign,
        bars=bars, rungs=rungs, troubled=troubled, passed=passed,
        sentence=sentence, outcome=outcome, back_in=back_in, loss=loss, head_of=head_of,
    )  # fmt: skip
    environment.globals.update(units=UNITS, style=Markup(_style()), policy=policy())  # noqa: S704 - our own file
    return environment


def _harmless(value: object) -> object:
    """What the templates themselves made is left as it is."""
    return inert(redacted(value)) if isinstance(value, str) and not isinstance(value, Markup) else value


def _machine(at: datetime) -> str:
    """An instant as `<time datetime>` wants it."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _exact(at: datetime) -> str:
    """An instant as an address bears it, to the microsecond."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def _path(name: str) -> str:
    """A name as one part of an address."""
    return quote(name, safe="")


def _sign(word: str) -> str:
    return SIGNS.get(word, "·")
