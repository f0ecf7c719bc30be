"""Servers that answer a webhook as they please: they take it, refuse it, hang, or let drop after drop come."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Webhook:
    """`status` may be changed while it serves; while `hold` is not set it answers nothing. `drips`: one byte after the other, for ever."""

    port: int
    status: int = 200
    drips: bool = False
    hold: threading.Event = field(default_factory=threading.Event)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def address(self, scheme: str = "json") -> str:
        return f"{scheme}://127.0.0.1:{self.port}/hook-s3cr3tpath"

    def told(self) -> str:
        """Everything that it was sent, as one text."""
        return "\n".join(f"{body['title']}\n{body['message']}" for body in self.bodies)


@contextmanager
def webhook(status: int = 200, *, hangs: bool = False, drips: bool = False) -> Iterator[Webhook]:
    hook: Webhook

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer(json.loads(body) if body.startswith(b"{") else {})

        def do_GET(self) -> None:
            self._answer({})

        def _answer(self, body: dict[str, Any]) -> None:
            hook.paths.append(self.path)
            while hook.drips and not hook.hold.wait(0.2):
                self.wfile.write(b"H")
            hook.hold.wait(60)
            self.send_response(hook.status)
            self.end_headers()
            # Told once it is answered, so that a test sees only what was really taken.
            hook.bodies.append(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        hook = Webhook(server.server_address[1], status, drips)
        if not (hangs or drips):
            hook.hold.set()
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield hook
        finally:
            hook.hold.set()
            server.shutdown()
            thread.join()


def nobody_listens() -> int:
    """Return a port that refuses."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
