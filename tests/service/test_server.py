"""The server over real sockets: what it answers, what it refuses, and that nobody can hold it up."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from restore_tester.clock import SystemClock
from restore_tester.errors import CannotTell, Misuse
from restore_tester.history.nouns import Place
from restore_tester.model import Reason
from restore_tester.service.metrics import Board
from restore_tester.service.server import MOST_CONNECTIONS, Listening, Wanted, serve_http
from tests.service.ledgers import a_board, a_configuration, a_full_ledger, a_workload

TOKEN = "sesame-open-0123456789"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@dataclass
class SomeApi:
    """Takes every drill of `orders`."""

    secret: str | None = TOKEN
    trouble: Reason | None = None
    started: list[Wanted] = field(default_factory=list)

    def start_drill(self, wanted: Wanted) -> str:
        if wanted.workload == "broken":
            raise CannotTell("history_unreachable", "the history does not answer", "look at it")
        if wanted.workload == "bug":
            raise ZeroDivisionError(TOKEN)
        if wanted.workload != "orders":
            raise Misuse("workload_unknown", f"there is no workload called {wanted.workload!r}", "use one of: orders")
        self.started.append(wanted)
        return "job-1"

    def not_ready(self) -> Reason | None:
        return self.trouble

    def token(self) -> str | None:
        return self.secret


@dataclass
class Served:
    client: httpx.Client
    listening: Listening
    api: SomeApi
    board: Board


@contextmanager
def served(board: Board | None = None) -> Iterator[Served]:
    board = board or a_board(a_configuration(), [(Place("orders", "primary"), a_full_ledger())])
    api = SomeApi()
    with serve_http("127.0.0.1:0", board, api) as listening, httpx.Client(base_url=f"http://127.0.0.1:{listening.port}") as client:
        yield Served(client, listening, api, board)


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    with served() as running:
        yield running


@pytest.fixture
def loading() -> Iterator[Served]:
    board = Board(SystemClock())
    board.configure(a_configuration())
    with served(board) as running:
        yield running


def code_of(answer: httpx.Response) -> str:
    assert set(answer.json()) == {"error"}
    assert set(answer.json()["error"]) == {"code", "message", "hint"}
    return str(answer.json()["error"]["code"])


def post(service: Served, body: object, headers: dict[str, str] = BEARER) -> httpx.Response:
    return service.client.post("/api/v1/drills", content=body if isinstance(body, bytes) else json.dumps(body), headers=headers)


@pytest.mark.parametrize(
    ("accept", "type_"),
    [
        ("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", "application/openmetrics-text"),
        ("text/plain;q=0.9,application/openmetrics-text;q=0.2", "text/plain"),
        ("application/openmetrics-text;q=0", "text/plain"),
        ("*/*", "text/plain"),
        ("text/html,;;;q=x,", "text/plain"),
    ],
)
@pytest.mark.parametrize("encoding", ["gzip", "identity", "gzip;q=0"])
def test_metrics_come_in_the_format_and_encoding_that_are_asked_for(service: Served, accept: str, type_: str, encoding: str) -> None:
    answer = service.client.get("/metrics", headers={"Accept": accept, "Accept-Encoding": encoding})
    assert answer.headers["content-type"].split(";")[0] == type_
    assert answer.headers.get("content-encoding") == ("gzip" if encoding == "gzip" else None)
    assert answer.text.endswith("# EOF\n") == (type_ == "application/openmetrics-text")
    assert 'restore_tester_last_drill_verdict{workload="orders",location="primary",verdict="failed"} 1\n' in answer.text


def test_the_gzip_body_is_one_ordinary_member_with_the_length_that_is_said(service: Served) -> None:
    with service.client.stream("GET", "/metrics", headers={"Accept-Encoding": "gzip"}) as answer:
        raw = b"".join(answer.iter_raw())
    assert int(answer.headers["content-length"]) == len(raw)
    assert subprocess.run(["gzip", "-dc"], input=raw, capture_output=True, check=True, timeout=30).stdout == gzip.decompress(raw)


def test_head_tells_the_headers_without_the_body(service: Served) -> None:
    answer = service.client.head("/metrics")
    assert (answer.status_code, answer.content) == (200, b"")


def test_nobody_learns_what_serves(service: Served) -> None:
    assert "server" not in service.client.get("/healthz").headers


def test_it_lives_but_is_not_ready_and_tells_no_metrics_before_the_history_is_read(loading: Served) -> None:
    answers = {page: loading.client.get(page) for page in ("/healthz", "/readyz", "/metrics")}
    assert {page: answer.status_code for page, answer in answers.items()} == {"/healthz": 200, "/readyz": 503, "/metrics": 503}
    assert code_of(answers["/readyz"]) == code_of(answers["/metrics"]) == "not_loaded"
    loading.board.load([])
    assert [loading.client.get(page).status_code for page in ("/readyz", "/metrics")] == [200, 200]


def test_readiness_says_why_not(loading: Served) -> None:
    loading.api.trouble = Reason("history_unreachable", "the history does not answer", "look at it")
    assert code_of(loading.client.get("/readyz")) == "history_unreachable"


def test_a_drill_with_the_token_is_accepted(service: Served) -> None:
    answer = post(service, {"workload": "orders", "location": "primary", "backup": "2026/orders.dump"})
    assert (answer.status_code, answer.json()) == (202, {"job": "job-1"})
    assert service.api.started[-1] == Wanted("orders", "primary", "2026/orders.dump")


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        (None, 401, "token_missing"),
        ("Bearer", 401, "token_missing"),
        (f"Basic {TOKEN}", 401, "token_missing"),
        (f"Bearer {TOKEN}x", 403, "token_wrong"),
        ("Bearer \xe4", 403, "token_wrong"),
    ],
)
def test_a_drill_without_the_token_is_refused(service: Served, header: str | None, status: int, code: str) -> None:
    before = len(service.api.started)
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    answer = service.client.post("/api/v1/drills", json={"workload": "orders"}, headers=headers)  # type: ignore[arg-type]
    assert (answer.status_code, code_of(answer), len(service.api.started)) == (status, code, before)


def test_where_no_token_is_configured_nobody_starts_a_drill(loading: Served) -> None:
    loading.api.secret = None
    answer = post(loading, {"workload": "orders"})
    assert (answer.status_code, code_of(answer)) == (503, "token_not_configured")


@pytest.mark.parametrize("backup", ["s3://evil/x", "file:///etc/passwd", "/etc/passwd", "../../etc/passwd", "a/../b", "~/x", "a\\..\\b"])
def test_no_backup_from_outside_is_drilled(service: Served, backup: str) -> None:
    answer = post(service, {"workload": "orders", "backup": backup})
    assert (answer.status_code, code_of(answer)) == (400, "backup_foreign")


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b"[" * 50_000, b"[]", {}, {"workload": 1}, {"workload": ""}, {"workload": "a\nb"}, {"workload": "orders", "uri": "x"}],
)
def test_what_is_no_request_is_refused(service: Served, body: object) -> None:
    answer = post(service, body)
    assert (answer.status_code, code_of(answer)) == (400, "request_invalid")


@pytest.mark.parametrize(("workload", "status", "code"), [("nope", 404, "workload_unknown"), ("broken", 503, "history_unreachable")])
def test_what_the_service_cannot_do_is_said(service: Served, workload: str, status: int, code: str) -> None:
    answer = post(service, {"workload": workload})
    assert (answer.status_code, code_of(answer)) == (status, code)


def test_a_mistake_of_ours_tells_nothing_of_itself(service: Served) -> None:
    answer = post(service, {"workload": "bug"})
    assert (answer.status_code, code_of(answer), TOKEN in answer.text) == (500, "service_failed", False)


def test_a_body_without_end_is_cut_off(service: Served) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b" " * 4096

    try:
        answer = service.client.post("/api/v1/drills", content=endless(), headers=BEARER)
        assert (answer.status_code, code_of(answer)) == (400, "request_invalid")
    except httpx.TransportError:
        # Closed while we still wrote, before we read: as good.
        pass


def test_a_header_without_end_is_cut_off(service: Served) -> None:
    with socket.create_connection(("127.0.0.1", service.listening.port), 10) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 200_000)
        assert b" 200 " not in connection.recv(4096)


@pytest.mark.parametrize("sent", [b"", b"GET /metrics HTTP/1.1\r\nHost: "])
def test_who_holds_all_connections_open_keeps_nobody_out(sent: bytes) -> None:
    with served() as running, ExitStack() as held:
        for _ in range(2 * MOST_CONNECTIONS):
            held.enter_context(socket.create_connection(("127.0.0.1", running.listening.port), 10)).sendall(sent)
        assert [running.client.get(page).status_code for page in ("/healthz", "/metrics")] == [200, 200]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nope", 404), ("GET", "/api/v1/drills", 405), ("DELETE", "/metrics", 405)])
def test_errors_have_one_shape(service: Served, method: str, path: str, status: int) -> None:
    answer = service.client.request(method, path)
    assert (answer.status_code, code_of(answer)) == (status, "page_unknown" if status == 404 else "method_not_allowed")


def test_a_port_that_is_taken_is_said_at_once(service: Served) -> None:
    with pytest.raises(CannotTell) as caught, serve_http(f"127.0.0.1:{service.listening.port}", service.board, service.api):
        pass
    assert caught.value.reason.code == "listen_failed"


@pytest.mark.parametrize("listen", ["", "8000", "localhost:", "localhost:http", "localhost:70000", "localhost:-1"])
def test_what_is_no_address_is_refused(service: Served, listen: str) -> None:
    with pytest.raises(Misuse) as caught, serve_http(listen, service.board, service.api):
        pass
    assert caught.value.reason.code == "listen_invalid"


def test_the_port_is_free_when_the_block_ends_also_by_an_error() -> None:
    with pytest.raises(ZeroDivisionError), served() as running:
        port = running.listening.port
        raise ZeroDivisionError
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)


def test_a_real_prometheus_scrapes_it(tmp_path: Path) -> None:
    workloads = [a_workload(f"w{number}") for number in range(50)]
    board = a_board(a_configuration(*workloads), [(Place(one.name, "primary"), a_full_ledger()) for one in workloads])
    with served(board) as running, prometheus(running.listening.port, tmp_path) as query:
        assert query('count by (__name__) (restore_tester_last_drill_verdict{verdict="failed"})') == [50.0]
        assert query("sum(restore_tester_drills_total)") == [50.0 * 44]
        assert query("histogram_quantile(0.5, restore_tester_drill_duration_seconds_bucket)") != []
        assert query("scrape_samples_scraped > 50 * 35") != []


@contextmanager
def prometheus(target: int, folder: Path, interval: str = "1s") -> Iterator[Callable[[str], list[float]]]:
    """A real one that scrapes this port; give who asks it, once it has scraped."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    scrape = {
        "job_name": "x",
        "scrape_interval": interval,
        "scrape_timeout": interval,
        "static_configs": [{"targets": [f"127.0.0.1:{target}"]}],
    }
    (folder / "prometheus.yml").write_text(json.dumps({"scrape_configs": [scrape]}))
    own = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["prometheus", *own, "--enable-feature=exemplar-storage"], stderr=log, env={"PATH": os.environ["PATH"]})
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:

            def query(expression: str) -> list[float]:
                answer = client.get("/api/v1/query", params={"query": expression}).raise_for_status()
                return [float(one["value"][1]) for one in answer.json()["data"]["result"]]

            for _ in range(300):
                try:
                    if query("up == 1"):
                        break
                except httpx.HTTPError:
                    pass
                time.sleep(0.1)
            yield query
    finally:
        # It has nothing to lose.
        process.kill()
        process.wait(60)
