"""From a service's `/metrics` through a real Prometheus and a real Alertmanager to the people who are called."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from restore_tester.clock import SystemClock
from restore_tester.history.nouns import Place
from restore_tester.judgement.ledger import Ledger
from restore_tester.model import Reason
from restore_tester.service.metrics import Board
from restore_tester.service.server import Wanted, serve_http
from tests.alerts.nights import DAY, HOUR, MINUTE, Night, Spoiling, Telling, a_story, from_night, healthy
from tests.alerts.watching import routed, watched
from tests.service.ledgers import a_configuration

NIGHTS = 30
PAGE, TICKET = "page", "tickets"


class NoApi:
    """Nobody starts drills here."""

    def start_drill(self, wanted: Wanted) -> str:
        raise NotImplementedError

    def not_ready(self) -> Reason | None:
        return None

    def token(self) -> str | None:
        return None


def lived(name: str, nights: Spoiling) -> dict[Place, Ledger]:
    """What is known of a workload after 30 nights, the last of which began six hours ago."""
    telling = Telling(a_story(name, nights), datetime.now(UTC) - 6 * HOUR - (NIGHTS - 1) * DAY)
    for _ in telling.play(NIGHTS):
        pass
    return telling.ledgers


def lagging(night: Night, since: int) -> Night:
    return replace(night, dump_takes=75 * MINUTE)


def dead(night: Night, since: int) -> Night:
    return replace(night, backup=False)


def test_a_drifting_rpo_reaches_people_and_a_dead_cron_is_one_page(tmp_path: Path) -> None:
    names = ("orders", "customers", "calm")
    board = Board(SystemClock())
    board.configure(a_configuration(*(a_story(name).workload for name in names), metrics="full"))
    board.load([known for name in names for known in lived(name, healthy).items()])
    with serve_http("127.0.0.1:0", board, NoApi()) as service, board.rendering(), watched(tmp_path, (service.host, service.port)) as people:
        people.wait_for(("dead-mans-switch", "RestoreTesterWatchdog", ""))
        assert [call for call in people.called if call[0] != "dead-mans-switch"] == []
        # The pipeline of one has become slow; the backup job of the other died three nights ago.
        board.update(lived("orders", from_night(NIGHTS - 3, lagging)).items())
        board.update(lived("customers", from_night(NIGHTS - 3, dead)).items())
        people.wait_for((TICKET, "RestoreTesterMeasuredRPODrift", "orders"), (PAGE, "RestoreTesterExposureBeyondRPO", "customers"))
        # Somebody fixes it: it is said that it is over.
        board.update(lived("customers", healthy).items())
        board.update(lived("orders", healthy).items())
        people.wait_for_end("RestoreTesterExposureBeyondRPO")
    calls = {call for call in people.called if call[0] != "dead-mans-switch"}
    assert calls == {(TICKET, "RestoreTesterMeasuredRPODrift", "orders"), (PAGE, "RestoreTesterExposureBeyondRPO", "customers")}
    (page,) = [
        alert for message in people.messages if message["receiver"] == PAGE for alert in message["alerts"] if alert["status"] == "firing"
    ][:1]
    assert page["labels"]["severity"] == "critical"
    assert page["labels"]["owner"] == "payments-sre"
    assert "customers now would cost 3d" in page["annotations"]["description"]


def test_a_failure_in_one_location_mutes_neither_the_loss_of_the_others_nor_the_fleet(tmp_path: Path) -> None:
    """Whoever silenced the failure offsite, long known, must still be called for what follows."""

    def critical(alert: str, **labels: str) -> dict[str, str]:
        return {"alertname": f"RestoreTester{alert}", "severity": "critical", "job": "restore-tester", **labels}

    with routed(tmp_path) as (people, send):
        send(critical("DrillFailed", workload="orders", location="offsite"), critical("KeyUnusable", workload="orders", location="offsite"))
        people.wait_for((PAGE, "RestoreTesterDrillFailed", "orders"), (PAGE, "RestoreTesterKeyUnusable", "orders"))
        # What the failure does explain stays quiet; it is sent first.
        send(critical("ProofStale", workload="orders", location="offsite"))
        send(critical("ExposureBeyondRPO", workload="orders"), critical("FleetBurn"))
        people.wait_for((PAGE, "RestoreTesterExposureBeyondRPO", "orders"), (PAGE, "RestoreTesterFleetBurn", ""), seconds=20.0)
    assert "RestoreTesterProofStale" not in {call[1] for call in people.called}
