"""A real Prometheus and a real Alertmanager beside a service, with the shipped rules and routes, and people who are called."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.alerts.promtool import FILES, RULES

# Nobody wants to wait for what is shipped: minutes, so that nobody is called for a moment's trouble.
EVERY = "1s"
GROUP_WAIT = "3s"


@dataclass
class People:
    """What reached whom: receiver → alerts that fire, by name and workload, in the order of arrival."""

    called: list[tuple[str, str, str]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)

    def take(self, message: dict[str, Any]) -> None:
        with self._news:
            self.messages.append(message)
            for alert in message["alerts"]:
                if alert["status"] == "firing":
                    self.called.append((message["receiver"], alert["labels"]["alertname"], alert["labels"].get("workload", "")))
            self._news.notify_all()

    def wait_for(self, *calls: tuple[str, str, str], seconds: float = 90.0) -> None:
        """Raise AssertionError where these have not been called in time."""
        with self._news:
            came = self._news.wait_for(lambda: set(calls) <= set(self.called), seconds)
        assert came, f"{calls} not among {self.called}"

    def wait_for_end(self, alert: str, seconds: float = 90.0) -> None:
        """Raise AssertionError where nobody is told in time that it is over."""
        with self._news:
            ended = self._news.wait_for(lambda: alert in self._ended(), seconds)
        assert ended, self.messages

    def _ended(self) -> set[str]:
        return {one["labels"]["alertname"] for message in self.messages for one in message["alerts"] if one["status"] == "resolved"}


@contextmanager
def webhook() -> Iterator[tuple[str, People]]:
    """A receiver of Alertmanager's messages: its address, and who was called."""
    people = People()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            people.take(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", people
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def watched(folder: Path, target: tuple[str, int]) -> Iterator[People]:
    """Scrape a target, judge it by the shipped rules, call by the shipped routes; only the waiting is cut short."""
    prometheus, alertmanager = _free_port(), _free_port()
    with ExitStack() as opened:
        address, people = opened.enter_context(webhook())
        (folder / "alertmanager.yaml").write_text(_routes(address), encoding="utf-8")
        for file in RULES:
            (folder / file.name).write_text(_without_waiting(file.read_text(encoding="utf-8")), encoding="utf-8")
        (folder / "prometheus.yaml").write_text(json.dumps(_scraping(target, alertmanager)), encoding="utf-8")
        opened.enter_context(_running(folder, "prometheus-alertmanager", *_alertmanager(folder, alertmanager)))
        opened.enter_context(_running(folder, "prometheus", *_prometheus(folder, prometheus)))
        yield people


@contextmanager
def routed(folder: Path) -> Iterator[tuple[People, Callable[..., None]]]:
    """The shipped routes and inhibitions alone: who is called, and what sends Alertmanager alerts, each by its labels."""
    port = _free_port()
    with ExitStack() as opened:
        address, people = opened.enter_context(webhook())
        (folder / "alertmanager.yaml").write_text(_routes(address), encoding="utf-8")
        opened.enter_context(_running(folder, "prometheus-alertmanager", *_alertmanager(folder, port)))
        _wait_for_port(port)

        def send(*alerts: dict[str, str]) -> None:
            url = f"http://127.0.0.1:{port}/api/v2/alerts"
            httpx.post(url, json=[{"labels": labels} for labels in alerts], timeout=30).raise_for_status()

        yield people, send


def _without_waiting(rules: str) -> str:
    return re.sub(r"^ +(for|keep_firing_for): \S+\n", "", rules, flags=re.MULTILINE)


def _routes(address: str) -> str:
    """The shipped example, with other addresses."""
    text = (FILES / "alertmanager.yaml").read_text(encoding="utf-8")
    text = re.sub(r"url: \S+", f"url: {address}", text)
    return text.replace("group_wait: 30s", f"group_wait: {GROUP_WAIT}").replace("group_interval: 5m", f"group_interval: {GROUP_WAIT}")


def _scraping(target: tuple[str, int], alertmanager: int) -> dict[str, Any]:
    return {
        "global": {"scrape_interval": EVERY, "scrape_timeout": EVERY, "evaluation_interval": EVERY},
        "rule_files": [file.name for file in RULES],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}]},
        "scrape_configs": [{"job_name": "restore-tester", "static_configs": [{"targets": [f"{target[0]}:{target[1]}"]}]}],
    }


def _prometheus(folder: Path, port: int) -> tuple[str, ...]:
    return (
        f"--config.file={folder}/prometheus.yaml",
        f"--storage.tsdb.path={folder}/prometheus",
        f"--web.listen-address=127.0.0.1:{port}",
        # What fires before Prometheus has found the Alertmanager is said again a minute later.
        f"--rules.alert.resend-delay={EVERY}",
        "--log.level=warn",
    )


def _alertmanager(folder: Path, port: int) -> tuple[str, ...]:
    return (
        f"--config.file={folder}/alertmanager.yaml",
        f"--storage.path={folder}/alertmanager",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.level=warn",
    )


@contextmanager
def _running(folder: Path, program: str, *arguments: str) -> Iterator[None]:
    """A program for as long as the block lasts; its own words are in `PROGRAM.log`."""
    found = shutil.which(program)
    assert found, f"{program} is missing: apt install {program}"
    with (folder / f"{program}.log").open("wb") as log:
        process = subprocess.Popen([found, *arguments], stdout=log, stderr=log, cwd=folder, env={"PATH": os.defpath})
        try:
            time.sleep(0.2)
            assert process.poll() is None, (folder / f"{program}.log").read_text(errors="replace")
            yield
        finally:
            process.terminate()
            process.wait(30)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait_for_port(port: int, seconds: float = 30.0) -> None:
    """Raise OSError where nobody listens in time."""
    until = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


def inhibitions() -> list[dict[str, Any]]:
    """Return the rules of the shipped example by which one alert keeps others quiet."""
    rules: list[dict[str, Any]] = yaml.safe_load((FILES / "alertmanager.yaml").read_text(encoding="utf-8"))["inhibit_rules"]
    return rules
