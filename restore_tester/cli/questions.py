"""The catalogue of checks → a page or a JSON object that says what is asked, how grave an answer is, and why."""

from __future__ import annotations

import difflib
import sys
from dataclasses import dataclass
from pathlib import Path

from restore_tester.checking.catalogue import load_catalogue
from restore_tester.cli.output import OutputFormat, say_json
from restore_tester.cli.page import Page, Span, Tone, new_page, padded
from restore_tester.cli.page import show as show_page
from restore_tester.errors import Misuse
from restore_tester.judgement import exits
from restore_tester.model import Check, Severity, to_json

CHECKS_SCHEMA = "restore-tester/checks/v1"
TONES = {Severity.GATING: Tone.BAD, Severity.WARNING: Tone.UNSURE, Severity.INFO: Tone.DIM}


@dataclass(frozen=True, slots=True)
class Catalogue:
    schema: str
    checks: tuple[Check, ...]


def list_questions(folders: tuple[Path, ...], output: OutputFormat) -> int:
    """Say every question. Raise Misuse for a folder whose checks cannot be read as checks."""
    every = load_catalogue(folders)
    if output == "json":
        say_json(to_json(Catalogue(CHECKS_SCHEMA, every)))
    elif sys.stdout is not None:
        page = new_page(sys.stdout)
        for check in every:
            _head(check, page)
            page.text(check.about, indent=2)
        show_page(page)
    return exits.PASSED


def show_question(name: str, folders: tuple[Path, ...], output: OutputFormat) -> int:
    """Say one question in full. Raise Misuse where there is none of that name."""
    every = load_catalogue(folders)
    check = next((check for check in every if check.name == name), None)
    if check is None:
        near = difflib.get_close_matches(name, [check.name for check in every], 1)
        hint = f"did you mean {near[0]}?" if near else "see restore-tester checks; where it is yours, add --checks DIR"
        raise Misuse("check_unknown", f"there is no check {name!r}", hint)
    if output == "json":
        say_json(to_json(Catalogue(CHECKS_SCHEMA, (check,))))
    elif sys.stdout is not None:
        page = new_page(sys.stdout)
        _head(check, page)
        _body(check, page)
        show_page(page)
    return exits.PASSED


def _head(check: Check, page: Page) -> None:
    page.row(
        Span(padded(check.name, 34), Tone.STRONG),
        Span(padded(check.severity.value, 8), TONES[check.severity]),
        Span(f" {check.origin}", Tone.DIM),
    )


def _body(check: Check, page: Page) -> None:
    page.text(check.about, indent=2)
    page.blank()
    facts = [("expects", check.expect.value), ("engine", check.engine), ("timeout", f"{check.timeout_seconds:g} s")]
    facts += [("needs", ", ".join(check.needs))] if check.needs else []
    facts += [("proves", check.proves)] if check.proves else []
    facts += [("gates", "traffic: it is part of the recovery time")] if check.gates_traffic else []
    facts += [("settings", ", ".join(f"{name}={value}" for name, value in check.settings))] if check.settings else []
    facts += [("sha256", check.sha256)]
    for label, fact in facts:
        page.text(fact, indent=2, lead=Span(padded(label, 10), Tone.DIM))
    page.blank()
    for line in check.text.rstrip("\n").split("\n"):
        page.row(Span(line))
