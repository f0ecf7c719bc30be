"""A history, and a notifier on it that is told of each drill: in a hurry, and beyond that as it is."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from restore_tester.clock import SystemClock
from restore_tester.config.nouns import NOTIFIED, Configuration, Target, Workload
from restore_tester.config.secrets import Secret
from restore_tester.history.nouns import Place
from restore_tester.history.records import History, open_history
from restore_tester.model import Verdict
from restore_tester.service.notifications import Means, Notifier
from restore_tester.service.outbox import Pace
from tests.histories import a_drill, of_backup
from tests.service.ledgers import a_configuration, a_workload

HASTE = Pace(together=0.1, again=(0.05, 0.05, 0.05), deadline=0.5, every=0.05, look=0.01)
_numbers = itertools.count()
_targets = itertools.count()


@dataclass
class Notified:
    history: History
    notifier: Notifier

    def drilled(self, workload: str = "orders", verdict: Verdict = Verdict.FAILED, trigger: str = "repeat", backup: str = "") -> str:
        """A drill ends now; return its id."""
        now, number = datetime.now(UTC), next(_numbers)
        place = Place(workload, "primary")
        ended = replace(a_drill(f"drill-{number}", place, verdict), trigger=trigger, began_at=now - timedelta(seconds=9), ended_at=now)
        self.history.finish(of_backup(ended, backup or f"b{number}.dump", now - timedelta(hours=2)))
        self.hears(workload)
        return ended.drill

    def hears(self, *workloads: str) -> None:
        places = [Place(workload, "primary") for workload in workloads]
        found = [(place, self.history.ledgers.get(place)) for place in places]
        self.notifier.told([(place, ledger) for place, ledger in found if ledger is not None])


def a_target(monkeypatch: pytest.MonkeyPatch, address: str) -> Target:
    name = f"HOOK_{next(_targets)}"
    monkeypatch.setenv(name, address)
    return Target(url=Secret("env", name), when=NOTIFIED, at_most_every_seconds=0.01)


def a_fleet(*targets: Target, workloads: tuple[Workload, ...] = ()) -> Configuration:
    return replace(a_configuration(*(workloads or (a_workload(),))), notifications=targets)


@contextmanager
def notified(folder: Path, configuration: Configuration, owner: str = "us", pace: Pace = HASTE) -> Iterator[Notified]:
    with open_history(f"sqlite:///{folder}/history.db") as history:
        notifier = Notifier(history, configuration, owner, Means(SystemClock(), pace))
        fleet = Notified(history, notifier)
        fleet.hears(*(workload.name for workload in configuration.workloads))
        notifier.load()
        working = threading.Thread(target=notifier.work)
        working.start()
        try:
            yield fleet
        finally:
            notifier.stop()
            working.join()
