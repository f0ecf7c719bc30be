"""What befalls a drill between its plan and its end: its backup goes away, its process is killed, its history fails."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from restore_tester.errors import CannotTell
from restore_tester.history.nouns import Lease, Slot
from restore_tester.history.records import History, open_history
from restore_tester.model import Drill, DrillOrder, Verdict
from restore_tester.service.configured import load
from restore_tester.service.crew import Crew, Ended, Patience
from restore_tester.service.executors.processes import ProcessExecutor
from restore_tester.service.fleet import Asked, jobs
from tests.fleets import Fleet

Happening = Callable[[], None]


class Meddling(History):
    """A history that lets something happen when a drill starts, and when it ends."""

    happens: Happening
    ends: Happening

    def start(self, order: DrillOrder, lease: Lease, now: datetime, slot: str | None = None) -> bool:
        type(self).happens()
        return super().start(order, lease, now, slot)

    def finish(self, drill: Drill, slot: Slot | None = None) -> bool:
        type(self).ends()
        return super().finish(drill, slot)


def drilled(fleet: Fleet, happens: Happening = lambda: None, ends: Happening = lambda: None) -> tuple[Ended, Drill | None]:
    """Drill workload `shop`; return what ended, and what is remembered of it."""
    kind = type("Meddling", (Meddling,), {"happens": staticmethod(happens), "ends": staticmethod(ends)})
    (job,) = jobs(load(fleet.folder / "restore-tester.yaml"), Asked(("shop",)), datetime.now(UTC))
    with open_history(f"sqlite:///{fleet.folder}/history.db") as history:
        ended = Crew(
            kind(history.database, history.backups, history.ledgers, history.slots),
            ProcessExecutor("process"),
            lambda job, order, event: None,
            patience=Patience(history_seconds=1.0),
        ).drill(job)
        record = history.record(ended.drill.drill) if ended.drill else None
        return ended, record.read() if record else None


def workers() -> list[int]:
    """The processes that drill for this one."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes()
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if parent == os.getpid() and b"restore_tester.service.executors.worker" in words:
            found.append(int(folder.name))
    return found


def test_a_backup_that_goes_away_is_chosen_anew_and_is_no_drill_of_its_own(fleet: Fleet, app_dump: Callable[..., Path]) -> None:
    fleet.write("shop")
    newest, older = (fleet.put(app_dump("custom"), "shop", hours) for hours in (1, 2))
    ended, remembered = drilled(fleet, happens=(fleet.folder / "shop" / "primary" / newest).unlink)
    assert ended.drill is not None
    assert (ended.drill.verdict, ended.drill.backup.id) == (Verdict.PASSED, older)
    assert remembered == ended.drill


def test_where_none_is_left_the_record_says_so(fleet: Fleet, tmp_path: Path) -> None:
    fleet.write("shop")
    (tmp_path / "text").write_text("--\n-- PostgreSQL database dump\n--\n" + "-- \n" * 50)
    only = fleet.put(tmp_path / "text", "shop", 1)
    ended, _ = drilled(fleet, happens=(fleet.folder / "shop" / "primary" / only).unlink)
    assert ended.drill is not None
    assert (ended.drill.verdict, ended.drill.reasons[0].code) == (Verdict.FAILED, "no_backup")


def test_a_process_that_is_killed_leaves_an_inconclusive_record(fleet: Fleet, app_dump: Callable[..., Path]) -> None:
    fleet.write("shop")
    fleet.put(app_dump("custom"), "shop", 1)
    ended, remembered = drilled(fleet, happens=lambda: [os.kill(pid, signal.SIGKILL) for pid in workers()] and None)  # type: ignore[func-returns-value]
    assert ended.drill is not None
    assert (ended.drill.verdict, [reason.code for reason in ended.drill.reasons]) == (Verdict.INCONCLUSIVE, ["worker_lost"])
    assert remembered == ended.drill
    assert workers() == []


@pytest.mark.parametrize("when", ["happens", "ends"])
def test_a_history_that_fails_is_told_and_never_hidden(fleet: Fleet, tmp_path: Path, when: str) -> None:
    def fail() -> None:
        raise CannotTell("history_locked", "the history is locked", "try again")

    fleet.write("shop")
    (tmp_path / "empty").touch()
    fleet.put(tmp_path / "empty", "shop", 1)
    ended, remembered = drilled(fleet, **{when: fail})
    assert remembered is None
    told = ended.error if when == "happens" else ended.forgotten
    assert told is not None
    assert told.reason.code == "history_locked"
    assert (ended.drill is None) == (when == "happens")
