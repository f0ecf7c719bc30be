"""The dead man's switch outside is asked while the service is well, and hears nothing as soon as it is not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from restore_tester.clock import SystemClock
from restore_tester.config.nouns import Ping
from restore_tester.config.secrets import Secret
from restore_tester.service.heartbeat_ping import HeartbeatPing, ask
from tests.service.fleets_served import served, until, write
from tests.webhooks import nobody_listens, webhook

URL = Secret("env", "PING_URL")


@contextmanager
def pinging(ails: Callable[[], str | None]) -> Iterator[None]:
    ended = threading.Event()
    ping = HeartbeatPing(lambda: Ping(URL, 0.05), ails, SystemClock())
    working = threading.Thread(target=ping.work, args=(ended,))
    working.start()
    try:
        yield
    finally:
        ended.set()
        working.join()


def test_it_is_asked_again_and_again_while_the_service_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook() as hook:
        monkeypatch.setenv("PING_URL", hook.address("http"))
        with pinging(lambda: None):
            until(lambda: len(hook.paths) >= 3)
        assert set(hook.paths) == {"/hook-s3cr3tpath"}


def test_it_hears_nothing_while_the_service_is_not_well_and_again_once_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, well = threading.Event(), threading.Event()

    def ails() -> str | None:
        asked.set()
        return None if well.is_set() else "history_unreachable"

    with webhook() as hook:
        monkeypatch.setenv("PING_URL", hook.address("http"))
        with pinging(ails):
            assert asked.wait(20)
            time.sleep(0.3)
            assert not hook.paths
            well.set()
            until(lambda: bool(hook.paths))


def test_an_answer_that_is_no_success_is_said_without_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook(500) as hook:
        monkeypatch.setenv("PING_URL", hook.address("http"))
        assert ask(URL) == "it answered 500"
        monkeypatch.setenv("PING_URL", f"http://127.0.0.1:{nobody_listens()}/hook-s3cr3tpath")
        assert ask(URL) == "it cannot be reached: ConnectionRefusedError"


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://x/y", "no address"])
def test_only_the_web_is_asked(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("PING_URL", address)
    assert ask(URL) == "the address of `ping` is neither http nor https"


def test_a_service_that_lives_is_well_and_one_whose_work_has_ended_is_not(tmp_path: Path) -> None:
    with served(write(tmp_path, "shop")) as fleet:
        until(lambda: fleet.service.ails() is None)
        fleet.service.foreman.stop()
        until(lambda: fleet.service.ails() == "the thread foreman is dead")
