"""A reverse proxy before a real S3 server that answers some requests itself, with what other stores answer: denials, dead keys, busy signs.

A rule is asked about every request; where it returns an answer, the store behind never hears of it.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.stores import S3Server


@dataclass(frozen=True)
class Request:
    method: str
    target: str
    range: str | None


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


Rule = Callable[[Request], Answer | None]


def error(status: int, code: str, message: str = "no", more: str = "") -> Answer:
    """Return an answer in the words of S3."""
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>'
    return Answer(status, body.encode(), {"Content-Type": "application/xml"})


@contextmanager
def before(server: S3Server, rule: Rule) -> Iterator[tuple[S3Server, list[Request]]]:
    """Return the server as it is reached through the rule, and the requests that arrived."""
    asked: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            request = Request(self.command, self.path, self.headers.get("Range"))
            asked.append(request)
            answer = rule(request) or self._behind()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if "Content-Length" not in answer.headers:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_HEAD = do_GET  # noqa: N815 - the name that the standard library calls

        def _behind(self) -> Answer:
            connection = http.client.HTTPConnection(server.endpoint.removeprefix("http://"), timeout=20)
            try:
                connection.request(self.command, self.path, headers=dict(self.headers.items()))
                response = connection.getresponse()
                skipped = ("transfer-encoding", "connection")
                return Answer(response.status, response.read(), {k: v for k, v in response.getheaders() if k.lower() not in skipped})
            finally:
                connection.close()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield S3Server(f"http://127.0.0.1:{proxy.server_address[1]}"), asked
        finally:
            proxy.shutdown()
            thread.join()
