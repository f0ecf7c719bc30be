"""What pg_restore and psql say on stderr → whose fault it is. Row values never get through.

Only a message itself is ever read: DETAIL, CONTEXT and "Command was" carry rows. Of the message, what is shown are words of
PostgreSQL's own (`vocabulary.py`) and names that the dump declares; anything else is shown as "…".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from restore_tester.contracts import Watch
from restore_tester.errors import BackupUnusable, CannotTell, RestoreTesterError, SandboxFault
from restore_tester.model import Reason
from restore_tester.restorers.postgresql.templates import (
    HEADER_SETTINGS,
    MISSING_ROLE,
    PROGRAM_TEMPLATES,
    SERVER_TEMPLATES,
    WARNING_TEMPLATES,
    Bound,
    Consequence,
    Template,
)
from restore_tester.restorers.postgresql.vocabulary import VOCABULARY

LONGEST_SHOWN = 300
_LONGEST_READ = 4096
_MOST_KEPT = 50
_MOST_WAITING = 10_000
_SHOWN_PROBLEMS = 3

_PG_RESTORE = re.compile(r"pg_restore: (?:\[[\w ()]+\] )?(?:(error|warning|fatal): )?(.*)", re.DOTALL)
_PSQL = re.compile(r"psql(?::<stdin>:(\d+))?: (?:(error|warning|fatal): )?(.*)", re.DOTALL)
_SERVER = re.compile(
    r"(?:could not execute query: |COPY failed for table \".*?\": |error returned by PQ\w+: |.*?\bfailed: (?=FATAL:))?"
    r"(ERROR|FATAL|PANIC|WARNING):  (.*)",
    re.DOTALL,
)
_SAYS_LITTLE = re.compile(r"(?:NOTICE|INFO|LOG|DEBUG):  ")
_MISSING_ROLE = re.compile(MISSING_ROLE, re.DOTALL)
_OF_OWNERSHIP = ("ACL ", "DEFAULT ACL ")
_ENTRY = re.compile(r"from TOC entry \d+; \d+ \d+ (.*)", re.DOTALL)
_PREFIXED = re.compile(r"pg_restore: |psql(?::<stdin>:\d+)?: |(?:ERROR|FATAL|PANIC|WARNING):  ")
_AFTER_MESSAGE = re.compile(r"(?:DETAIL|HINT|CONTEXT|QUERY|LOCATION|STATEMENT|LINE \d+|Command was): ")
_IGNORED = re.compile(r"errors ignored on restore: \d+")
_POSITION = re.compile(r" at character \d+\Z")
_TOKEN = re.compile(r'"(?:[^"]|"")*"|\'[^\']*\'|[A-Za-z]+(?:-[a-z]+)*|[.,:;()]|\s+|[^\s"\'.,:;()A-Za-z]+')
_HINT_SAME_MAJOR = "restore it by hand to see them in full, then look at the job that makes the dump"


@dataclass(frozen=True, slots=True)
class Ground:
    """What messages are judged against: names that the dump declares, what we prepared, and on which server.

    `foreign` says why errors prove nothing against the backup (another major, a replaced locale), None where they do.
    `drops_until` is the last line of a script before anything is created; `ownership` are its lines that only say who owns or may what."""

    names: frozenset[str]
    prepared: frozenset[str] = frozenset()
    foreign: str | None = None
    drops_until: int = 0
    ownership: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Message:
    """One message: `severity` is `error` or `warning`, `from_server` tells PostgreSQL's own from its client's."""

    severity: str
    text: str
    from_server: bool
    entry: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A message that means something, ready to be shown."""

    consequence: Consequence | None
    reason: Reason | None
    shown: str


class Reader:
    """Lines of stderr → messages. A name may hold newlines, so a message is complete only when something else begins."""

    def __init__(self) -> None:
        self._entry: str | None = None
        self._begun: Message | None = None
        self._goes_on = False

    def read(self, line: str) -> Message | None:
        """Take a line; return the message that it ends, None where it ends none."""
        line = line[:_LONGEST_READ]
        if _PREFIXED.match(line):
            ended, self._begun = self._begun, self._begin(line)
            self._goes_on = self._begun is not None
            return ended
        if _AFTER_MESSAGE.match(line):
            self._goes_on = False
        elif self._goes_on and self._begun is not None and len(self._begun.text) < _LONGEST_READ:
            self._begun = replace(self._begun, text=f"{self._begun.text}\n{line}")
        return None

    def finish(self) -> Message | None:
        """The program has ended: return the message that was still going on."""
        ended, self._begun = self._begun, None
        return ended

    def _begin(self, line: str) -> Message | None:
        number: int | None = None
        if found := _PG_RESTORE.match(line):
            level, text = found[1], found[2]
        elif found := _PSQL.match(line):
            number, level, text = int(found[1]) if found[1] else None, found[2], found[3]
        else:
            level, text = None, line
        if entry := _ENTRY.match(text):
            self._entry = entry[1]
            return None
        if server := _SERVER.match(text):
            return Message("warning" if server[1] == "WARNING" else "error", server[2], True, self._entry, number)
        if level is None and number is not None and not _SAYS_LITTLE.match(text):
            # psql numbers the lines of what went wrong; a script can have its server say so in any language.
            return Message("error", text, True, self._entry, number)
        if level is None:
            return None
        return Message("warning" if level == "warning" else "error", text, False, self._entry, number)


@dataclass(slots=True)
class Judge:
    """Notes every message of one restore, and concludes. Memory is bounded: problems are kept once each, the rest are counted."""

    ground: Ground
    reader: Reader = field(default_factory=Reader)
    problems: dict[Problem, int] = field(default_factory=dict)
    dropped: int = 0
    errors: int = 0
    reached_end: bool = False
    _missing_roles: list[Message] = field(default_factory=list)

    def note(self, line: str) -> None:
        """Take one line of stderr."""
        if message := self.reader.read(line):
            self._take(message)

    def finish(self) -> None:
        """The program has ended: take what it said last."""
        if message := self.reader.finish():
            self._take(message)

    def _take(self, message: Message) -> None:
        self.errors += message.severity == "error"
        self.reached_end = self.reached_end or _IGNORED.fullmatch(message.text) is not None
        if self._waits_for_its_line(message):
            self._missing_roles.append(message)
            return
        self._keep(message)

    def _waits_for_its_line(self, message: Message) -> bool:
        """What a missing role means depends on the statement, which only the script's line tells."""
        in_body = message.line is not None and message.line > self.ground.drops_until
        return in_body and len(self._missing_roles) < _MOST_WAITING and _MISSING_ROLE.fullmatch(message.text) is not None

    def lines_to_look_at(self) -> frozenset[int]:
        """Return the lines of the script that `settle` needs to know more of."""
        return frozenset(message.line for message in self._missing_roles if message.line is not None)

    def settle(self, ownership: frozenset[int]) -> None:
        """Given which of `lines_to_look_at` only say who owns or may what, judge what waited for it."""
        self.ground = replace(self.ground, ownership=ownership)
        waiting, self._missing_roles = self._missing_roles, []
        for message in waiting:
            self._keep(message)

    def _keep(self, message: Message) -> None:
        problem = judge(message, self.ground)
        if problem is None:
            return
        if problem in self.problems or len(self.problems) < _MOST_KEPT:
            self.problems[problem] = self.problems.get(problem, 0) + 1
        else:
            self.dropped += 1

    def warn(self, watch: Watch) -> None:
        """Tell what is worth a warning: one for each reason, and one for each unknown WARNING."""
        for problem in self.problems:
            if problem.consequence is Consequence.WARNING and problem.reason is not None:
                watch.warn(problem.reason)

    def faults(self, consequence: Consequence | None) -> list[Problem]:
        return [problem for problem in self.problems if problem.consequence is consequence]

    def read_to_the_end(self, exit_code: int) -> bool:
        """Return whether pg_restore got to the end of the archive, whatever the database thought of it."""
        return (exit_code == 0 or self.reached_end) and not self.faults(Consequence.DAMAGED)

    def conclude(self, exit_code: int) -> None:
        """Raise the worst of what was said: a fault of the sandbox before anything (nothing after it is proven), damage of the
        archive, what is missing here (with all its consequences), then the dump's own errors, known and unknown."""
        if sandbox := self.faults(Consequence.SANDBOX):
            raise _raised(SandboxFault, sandbox[0])
        if damaged := self.faults(Consequence.DAMAGED):
            raise _raised(BackupUnusable, damaged[0])
        if ours := self.faults(Consequence.OURS):
            raise _raised(CannotTell, ours[0])
        if theirs := self.faults(Consequence.THEIRS):
            raise BackupUnusable("restore_errors", self._told(theirs), theirs[0].reason.hint if theirs[0].reason else _HINT_SAME_MAJOR)
        if unknown := self.faults(None):
            raise self._unknown(unknown)
        # pg_restore counts the errors that it went on after; an end without that count, or without an error, explains nothing.
        if exit_code != 0 and not (self.reached_end and self.errors):
            raise CannotTell(
                "restore_unexplained",
                f"the restore ended with exit code {exit_code} and did not say why",
                "drill again, with more memory and time",
            )

    def _unknown(self, unknown: list[Problem]) -> RestoreTesterError:
        if self.ground.foreign is None:
            return BackupUnusable("restore_errors", self._told(unknown), _HINT_SAME_MAJOR)
        return CannotTell(
            "restore_errors_on_other_major",
            f"{self._told(unknown)} — {self.ground.foreign}",
            "install the very PostgreSQL that the dump comes from, with its locales, and drill again",
        )

    def _told(self, problems: list[Problem]) -> str:
        shown = "; ".join(problem.shown for problem in problems[:_SHOWN_PROBLEMS])
        count = sum(self.problems[problem] for problem in problems) + self.dropped
        more = f" (and {count - min(len(problems), _SHOWN_PROBLEMS)} more)" if count > min(len(problems), _SHOWN_PROBLEMS) else ""
        return f"the restore brought errors: {shown}{more}"


def judge(message: Message, ground: Ground) -> Problem | None:
    """Given a message, return what it means: None where it is explained; a problem without consequence where it is unknown."""
    text = _POSITION.sub("", message.text)
    if message.severity == "warning" and message.from_server:
        templates: tuple[Template, ...] = WARNING_TEMPLATES
    else:
        templates = SERVER_TEMPLATES if message.from_server else PROGRAM_TEMPLATES
    for template in templates:
        found = template.pattern.fullmatch(text)
        if found and _applies(template, found, message, ground):
            if template.consequence is Consequence.EXPLAINED:
                return None
            return Problem(template.consequence, _reason(template, found), show(message, ground))
    shown = show(message, ground)
    if message.severity == "warning":
        return Problem(
            Consequence.WARNING,
            Reason("restore_warning", f"the restore warned: {shown}", "look it up in PostgreSQL's documentation"),
            shown,
        )
    return Problem(None, None, shown)


def show(message: Message, ground: Ground) -> str:
    """Return a message as it may leave: known words and known names, everything else as "…", at most 300 characters."""
    text = redact(message.text, ground.names)
    if message.entry:
        text = f"{text} ({redact(message.entry, ground.names)})"
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def redact(text: str, names: frozenset[str]) -> str:
    """Return text with every word that is neither PostgreSQL's own nor a known name replaced by "…", and control characters escaped."""
    kept = "".join(_kept(part, names) for part in _TOKEN.findall(text[:_LONGEST_READ]))
    return re.sub(r"…(?:[\s.,:;()]*…)+", "…", kept)


def _kept(part: str, names: frozenset[str]) -> str:
    if part.isspace():
        return " "
    if part[0] == '"' and len(part) > 1:
        inner = part[1:-1].replace('""', '"')
        known = inner in names or all(name in names for name in inner.split(".")) or inner.lower() in VOCABULARY
        return f'"{escape(inner)}"' if known else '"…"'
    return part if part in ".,:;()" or part.lower() in VOCABULARY else escape(part) if part in names else "…"


def escape(text: str) -> str:
    """Return text without characters that a terminal or a log would act on."""
    return "".join(character if character.isprintable() else character.encode("unicode_escape").decode() for character in text)


def _applies(template: Template, found: re.Match[str], message: Message, ground: Ground) -> bool:
    name = found.groupdict().get("name") or found.groupdict().get("declared") or ""
    match template.bound:
        case Bound.NOTHING:
            return True
        case Bound.DECLARED:
            return name in ground.names or name == "public"
        case Bound.HEADER:
            return name in HEADER_SETTINGS
        case Bound.DROPS:
            return message.line is not None and message.line <= ground.drops_until
        case Bound.PREPARED:
            return name in ground.prepared
        case Bound.OWNERSHIP:
            return message.line in ground.ownership or (message.entry or "").startswith(_OF_OWNERSHIP)


def _reason(template: Template, found: re.Match[str]) -> Reason | None:
    """Name the extension: its name comes from CREATE EXTENSION or a library's path, never from a row."""
    reason = template.reason
    name = found.groupdict().get("name") or found.groupdict().get("preloaded")
    if reason is None or reason.code != "extension_missing" or not name:
        return reason
    return extension_missing(escape(name)[:100])


def extension_missing(name: str) -> Reason:
    """Return the reason that names an extension and what brings it."""
    return Reason(
        "extension_missing",
        f"the dump needs the extension {name}, which is not available here",
        f"install the package that brings {name} for this server (Debian, Ubuntu: postgresql-contrib, or apt search {name}), "
        "or drill where production's own image is used",
    )


def _raised(kind: type[RestoreTesterError], problem: Problem) -> RestoreTesterError:
    assert problem.reason is not None
    reason = problem.reason
    message = reason.message if reason.code == "extension_missing" else f"{reason.message}: {problem.shown}"
    return kind(reason.code, message, reason.hint)
