"""One file of a catalogue → a `Check`, or all that is wrong with it, each with its line."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from restore_tester.checking.needs import read_needs
from restore_tester.judgement.durations import parse_duration
from restore_tester.model import Check, Expect, Severity

REQUIRED = ("about", "severity", "expect", "timeout")
OPTIONAL = ("gates_traffic", "needs", "proves", "settings")
KEYS = (*REQUIRED, *OPTIONAL)
RUNGS = ("complete", "intact", "usable")
_COMMENT = {"sql": "--", "python": "#"}
_SETTING = re.compile(r"([a-z_][a-z0-9_.]*)=(\S+)")


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something wrong in a file of a catalogue; line 0 is the file as a whole."""

    path: Path
    line: int
    fact: str

    @classmethod
    def near(cls, path: Path, line: int, fact: str, word: str, words: Iterable[str]) -> Mistake:
        """A mistake that may be a slip of the pen: it names the nearest word that would have been right."""
        import difflib

        known = list(words)
        nearest = difflib.get_close_matches(word, known, 1, 0.7)
        return cls(path, line, f"{fact}; did you mean {nearest[0]}?" if nearest else f"{fact}; known: {', '.join(known)}")

    def sentence(self) -> str:
        return f"{self.path}:{self.line}: {self.fact}" if self.line else f"{self.path}: {self.fact}"


class _Header:
    """The header of one file while it is read: takes what its keys say, and collects what is wrong."""

    def __init__(self, path: Path, entries: Mapping[str, tuple[int, str]]) -> None:
        self.path = path
        self.entries = entries
        self.mistakes: list[Mistake] = []

    def take(self, key: str, read: Callable[[str], object]) -> object | None:
        """Return what a key says, None where it is not there. What `read` refuses with a ValueError is a mistake."""
        if key not in self.entries:
            return None
        line, value = self.entries[key]
        try:
            return read(value)
        except ValueError as error:
            self.mistakes.append(Mistake(self.path, line, f"{key}: {error}"))
            return None

    def choice(self, key: str, words: Iterable[str]) -> str:
        """Return the word that a key says, the empty one where it says none of them."""
        line, value = self.entries.get(key, (0, ""))
        if line and value not in words:
            self.mistakes.append(Mistake.near(self.path, line, f"{key}: {value!r} is not known", value, words))
            return ""
        return value


def read_check(path: Path, content: bytes, engine: str, language: str, origin: str) -> Check | tuple[Mistake, ...]:
    """Given a file's path and bytes, return the check that it is, or all its mistakes."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return (Mistake(path, 0, "it is not UTF-8 text"),)
    entries, header_lines, mistakes = _entries(path, text, _COMMENT[language])
    header = _Header(path, entries)
    severity = header.choice("severity", [each.value for each in Severity])
    expect = header.choice("expect", [each.value for each in Expect])
    timeout = header.take("timeout", parse_duration)
    gates_traffic = header.choice("gates_traffic", ("true", "false")) == "true"
    needs = header.take("needs", read_needs)
    proves = header.choice("proves", RUNGS)
    settings = header.take("settings", _settings)
    mistakes += header.mistakes
    mistakes += [Mistake(path, 0, f"the key {key} is missing in its header") for key in REQUIRED if key not in entries]
    mistakes += [Mistake(path, line, f"{key}: it says nothing") for key, (line, value) in entries.items() if not value]
    mistakes += _contradictions(path, language, severity, expect, gates_traffic)
    mistakes += _text_mistakes(path, text, header_lines, language)
    if mistakes:
        return tuple(dict.fromkeys(sorted(mistakes, key=lambda mistake: mistake.line)))
    return Check(
        name=path.stem,
        engine=engine,
        about=entries["about"][1],
        severity=Severity(severity),
        expect=Expect(expect),
        timeout_seconds=float(str(timeout)),
        text=text,
        language=language,
        sha256=hashlib.sha256(content).hexdigest(),
        origin=origin,
        gates_traffic=gates_traffic,
        needs=needs if isinstance(needs, tuple) else (),
        proves=proves or None,
        settings=settings if isinstance(settings, tuple) else (),
    )


def _entries(path: Path, text: str, comment: str) -> tuple[dict[str, tuple[int, str]], int, list[Mistake]]:
    """Return key → (line, value), how many lines the header has, and its mistakes. It ends with the first line that is no comment."""
    entries: dict[str, tuple[int, str]] = {}
    mistakes = []
    lines = list(itertools.takewhile(lambda line: line.startswith(comment), text.splitlines()))
    for number, line in enumerate(lines, 1):
        key, colon, value = line.removeprefix(comment).partition(":")
        if not colon:
            mistakes.append(Mistake(path, number, "a line of the header is `key: value`; other comments come after an empty line"))
        elif key.strip() not in KEYS:
            mistakes.append(Mistake.near(path, number, f"unknown key {key.strip()!r}", key.strip(), KEYS))
        elif key.strip() in entries:
            mistakes.append(Mistake(path, number, f"{key.strip()} is said twice"))
        else:
            entries[key.strip()] = (number, value.strip())
    return entries, len(lines), mistakes


def _settings(text: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for part in text.split(","):
        match = _SETTING.fullmatch(part.strip())
        if match is None:
            raise ValueError(f"{part.strip()!r} is no setting: write name=value, with commas between")
        pairs.append((match[1], match[2]))
    return tuple(pairs)


def _contradictions(path: Path, language: str, severity: str, expect: str, gates_traffic: bool) -> list[Mistake]:
    mistakes = []
    if gates_traffic and severity != Severity.GATING:
        mistakes.append(Mistake(path, 0, "what gates traffic decides the verdict too: severity has to be gating"))
    if gates_traffic and expect == Expect.RECOVERY_POINT:
        mistakes.append(Mistake(path, 0, "a recovery point does not gate traffic"))
    if language == "python" and expect not in ("", Expect.NO_ROWS):
        mistakes.append(Mistake(path, 0, "a check in Python yields problems: expect has to be no_rows"))
    return mistakes


def _text_mistakes(path: Path, text: str, header_lines: int, language: str) -> list[Mistake]:
    rest = text.splitlines()[header_lines:]
    comment = _COMMENT[language]
    if not any(line.strip() and not line.strip().startswith(comment) for line in rest):
        return [Mistake(path, 0, "it asks nothing: there is no text after the header")]
    if language == "python":
        try:
            code = compile(text, str(path), "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            return [Mistake(path, getattr(error, "lineno", 0) or 0, "it is not Python")]
        if "find_problems" not in code.co_names:
            return [Mistake(path, 0, "it defines no function find_problems(restored)")]
    return []
