"""The answer to a question for a recovery point → one aware instant, or the reason why it is none.

An instant without a time zone is read as UTC, and whoever asks is told: a source that writes local time would seem
fresher, or staler, than it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from restore_tester.errors import CouldNotAsk
from restore_tester.model import Answer, Question, Reason

# Operators write `from heartbeat`, not `from public.heartbeat`. The catalogue stays first, so a dump cannot shadow what it holds.
OPERATORS_PATH = (("search_path", "pg_catalog, public"),)
_HINT = "let it return one timestamptz, such as: select max(beat_at) from heartbeat"


class Answering(Protocol):
    """The part of `contracts.RestoredData` that a question needs."""

    def databases(self) -> tuple[str, ...]: ...

    def ask(self, question: Question, timeout: float) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Instant:
    """What a query for the recovery point returned, aware UTC. `zone_assumed`: it named no zone, and was read as UTC."""

    at: datetime
    zone_assumed: bool

    def remark(self, name: str) -> Reason | None:
        """Return the warning that an assumed zone deserves; `name` says which question it was."""
        if not self.zone_assumed:
            return None
        return Reason(
            "instant_without_zone",
            f"{name} returned an instant without a time zone, which was read as UTC",
            "return timestamptz; where beats are stored as UTC: select max(beat_at at time zone 'UTC') from heartbeat",
        )


def ask_instant(question: Question, restored: Answering, timeout: float) -> Instant:
    """Given a question that returns one instant, ask it of the databases that are to be judged (or the one that it names).

    Several databases share one recovery point only as far as the oldest of their instants; a database to which the question
    means nothing (it has no such table) is passed over as long as another one answers. Raise CouldNotAsk, DataDamaged, SandboxFault.
    """
    settings = (*OPERATORS_PATH, *question.settings)
    databases = (question.database,) if question.database is not None else restored.databases()
    found, refused = [], None
    for database in databases:
        try:
            found.append(read_instant(restored.ask(Question(question.text, database, settings), timeout)))
        except CouldNotAsk as error:
            if error.reason.code == "recovery_point_no_instant":
                raise
            refused = error
    if found:
        return min(found, key=lambda instant: instant.at)
    raise refused or CouldNotAsk("no_database", "there is no database to ask for a recovery point", "see what was restored")


def read_instant(answer: Answer) -> Instant:
    """Return the one instant of an answer. Raise CouldNotAsk for any other answer; what it held is never said."""
    if len(answer.rows) != 1 or len(answer.rows[0]) != 1:
        shape = f"{len(answer.rows)} rows of {len(answer.columns)} columns"
        raise CouldNotAsk("recovery_point_no_instant", f"the query for the recovery point returned {shape}, not one instant", _HINT)
    value = answer.rows[0][0]
    if value is None:
        raise CouldNotAsk(
            "recovery_point_no_instant",
            "the query for the recovery point returned NULL: it found nothing",
            "see whether the table that it asks was restored with its rows",
        )
    if not isinstance(value, datetime):
        kind = type(value).__name__
        raise CouldNotAsk("recovery_point_no_instant", f"the query for the recovery point returned {kind}, no instant", _HINT)
    if value.tzinfo is None:
        return Instant(value.replace(tzinfo=UTC), zone_assumed=True)
    try:
        return Instant(value.astimezone(UTC), zone_assumed=False)
    except OverflowError as error:
        raise CouldNotAsk("recovery_point_no_instant", "the query for the recovery point returned no instant of our era", _HINT) from error
