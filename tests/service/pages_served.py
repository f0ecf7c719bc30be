"""Pages over real sockets, out of a history of their own: what is configured and remembered, as a test says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import httpx

from restore_tester.clock import SystemClock
from restore_tester.config.nouns import Configuration
from restore_tester.errors import CannotTell
from restore_tester.history.nouns import Place
from restore_tester.history.records import History, open_history
from restore_tester.model import BackupRecord, CheckResult, Difference, Drill, Outcome, Reason, Severity, Verdict
from restore_tester.service.pages.index import Index
from restore_tester.service.progress import Progress
from restore_tester.service.server import serve_http
from restore_tester.service.totals import FleetFigures
from tests.histories import a_drill
from tests.service.ledgers import a_board, a_configuration
from tests.service.test_server import SomeApi

HOSTILE = "</p><script>alert(1)</script>\"'><img src=//evil onerror=x>{{ 7*7 }}&amp;\u202e\x1b[31m"
CLOCK = SystemClock()
PRIMARY = Place("orders", "primary")


@dataclass
class Known:
    """Implements `pages.site.Knowledge`. `trouble` is why the history is away."""

    kept: History
    configured: Configuration
    fleet: Index = field(default_factory=lambda: Index(CLOCK))
    running: Progress = field(default_factory=lambda: Progress(CLOCK))
    trouble: Reason | None = None
    told: FleetFigures = field(default_factory=FleetFigures)

    def configuration(self) -> Configuration:
        return self.configured

    def history(self) -> History:
        if self.trouble is not None:
            raise CannotTell(self.trouble.code, self.trouble.message, self.trouble.hint)
        return self.kept

    def index(self) -> Index:
        return self.fleet

    def progress(self) -> Progress:
        return self.running

    def figures(self) -> FleetFigures:
        return self.told

    def next_start(self, workload: str) -> tuple[datetime, bool] | None:
        return CLOCK.now() + timedelta(hours=3), False

    def look_again(self) -> None:
        """Take over what the history holds now."""
        self.fleet.configure(self.configured)
        self.fleet.update(self.kept.ledgers.all())


@dataclass
class Pages:
    client: httpx.Client
    known: Known
    api: SomeApi

    def page(self, address: str, status: int = 200) -> str:
        answer = self.client.get(address, headers={"Accept": "text/html"})
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"].startswith("text/html")
        return answer.text


@contextmanager
def pages(
    folder: Path, configuration: Configuration | None = None, listen: str = "127.0.0.1:0", token: str | None = None
) -> Iterator[Pages]:
    configuration = configuration or a_configuration()
    with open_history(f"sqlite:///{folder}/history.db") as history:
        known, api = Known(history, configuration), SomeApi(token)
        known.look_again()
        with (
            serve_http(listen, a_board(configuration, []), api, known) as listening,
            httpx.Client(base_url=f"http://127.0.0.1:{listening.port}", timeout=30) as client,
        ):
            yield Pages(client, known, api)


def now_drilled(name: str = "d1", place: Place = PRIMARY, verdict: Verdict = Verdict.PASSED) -> Drill:
    """A drill that ended just now."""
    drill = a_drill(name, place, verdict)
    return replace(drill, began_at=CLOCK.now() - timedelta(minutes=2), ended_at=CLOCK.now())


def a_hostile_drill(name: str = "d1", place: Place = PRIMARY) -> Drill:
    """Every word of it that a backup, a name or a store could choose."""
    drill = now_drilled(name, place, Verdict.FAILED)
    reason = Reason(HOSTILE, HOSTILE, HOSTILE)
    backup = BackupRecord(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, (HOSTILE,), 1, drill.began_at, 1000, HOSTILE)
    return replace(
        drill, backup=backup, reasons=(reason,), warnings=(reason,), checks=(a_check(HOSTILE), a_check(HOSTILE, Outcome.PASSED)),
        differences=(Difference("rows", HOSTILE, 5, None),), next_level_needs=HOSTILE,
        environment=replace(drill.environment, isolation=(HOSTILE,), sandbox=HOSTILE, identity=HOSTILE, image=HOSTILE),
    )  # fmt: skip


def a_check(name: str, outcome: Outcome = Outcome.FAILED) -> CheckResult:
    return CheckResult(name, Severity.GATING, outcome, 3, name, 0.1, "0" * 64)
