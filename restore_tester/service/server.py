"""HTTP → what the board has rendered, whether the service lives and is ready, and a drill that somebody asks for.

The one room that knows starlette and uvicorn. It runs in a thread of its own: signals stay with the main thread. Everything
that a stranger can make large or slow has a bound: headers, bodies, the time of a request, the number of connections.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from restore_tester.errors import CannotTell, Misuse, RestoreTesterError
from restore_tester.model import Reason
from restore_tester.service import logs
from restore_tester.service.connections import BoundedConnection
from restore_tester.service.metrics import Board, Body
from restore_tester.service.negotiation import Wanted, accepts_gzip, format_wanted, read_wanted

MOST_CONNECTIONS = 128
MOST_HEADER_BYTES = 16 * 1024
MOST_BODY_BYTES = 64 * 1024
BODY_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 75
STOPPING_SECONDS = 3
# Sent in such pieces, a body waits in the board, not once more for every slow reader.
_PIECE = 256 * 1024
_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


class Api(Protocol):
    """What the service does for those who ask over HTTP. Every method may be called from any thread."""

    def start_drill(self, wanted: Wanted) -> str:
        """Return the id of the job that was queued; never wait for a listing. Raise Misuse where it names what is not there, CannotTell
        where the service could not take it."""
        ...

    def not_ready(self) -> Reason | None:
        """Return why the service is not ready, beside what the board knows itself."""
        ...

    def token(self) -> str | None:
        """Return the token that a request must bear; None where none is configured. Raise Misuse (`secret_missing`)."""
        ...


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the server listens, as really bound."""

    host: str
    port: int


@contextmanager
def serve_http(listen: str, board: Board, api: Api) -> Iterator[Listening]:
    """Given `HOST:PORT`, serve until the block ends. Raise Misuse (`listen_invalid`), CannotTell (`listen_failed`)."""
    bound = _bound(listen)
    with bound:
        server = uvicorn.Server(_settings(application(board, api)))
        thread = threading.Thread(target=server.run, args=([bound],), name="http", daemon=True)
        thread.start()
        try:
            yield Listening(*bound.getsockname()[:2])
        finally:
            server.should_exit = True
            thread.join(2 * STOPPING_SECONDS)


def application(board: Board, api: Api) -> Starlette:
    """Return what answers: each route is one function of what it is given."""
    routes = [
        Route("/metrics", _Metrics(board), methods=["GET"]),
        Route("/healthz", _alive, methods=["GET"]),
        Route("/readyz", _readiness(board, api), methods=["GET"]),
        Route("/api/v1/drills", _start_drill(api), methods=["POST"]),
    ]
    handlers = {HTTPException: _refused, RestoreTesterError: _our_error, Exception: _unforeseen}
    # Starlette's own type asks for handlers of exactly `Exception`.
    return Starlette(routes=routes, exception_handlers=handlers)  # type: ignore[arg-type]


def _settings(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=BoundedConnection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOPPING_SECONDS,
        h11_max_incomplete_event_size=MOST_HEADER_BYTES,
    )


def _bound(listen: str) -> socket.socket:
    """Bound here, not in the thread: whoever starts the service learns at once that the port is taken."""
    host, _, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise Misuse("listen_invalid", f"{listen!r} is no address to listen on", "write HOST:PORT, as in 127.0.0.1:8000 or [::1]:8000")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, int(port)), family=family, backlog=MOST_CONNECTIONS)
    except OSError as error:
        fact = f"cannot listen on {listen}: {error.strerror or error}"
        raise CannotTell("listen_failed", fact, "see what holds the port, or listen on another one: --listen HOST:PORT") from error


# --- what is asked for ------------------------------------------------------------------------------------------------


class _Metrics:
    """Only hands out what lies ready; where it does not, waits for it in another thread."""

    def __init__(self, board: Board) -> None:
        self._board = board

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        format, compressed = format_wanted(request.headers.get("accept")), accepts_gzip(request.headers.get("accept-encoding"))
        body: Body | None = None
        if self._board.loaded:
            if compressed and self._board.ready(format):
                body = self._board.body(format, compressed=True)
            else:
                body = await asyncio.to_thread(self._board.body, format, compressed=compressed)
        if body is None:
            await _error(503, _not_loaded())(scope, receive, send)
            return
        await _send_body(body, send, with_content=scope["method"] != "HEAD")


async def _send_body(body: Body, send: Send, *, with_content: bool) -> None:
    headers = {"Content-Type": body.format.value, "Content-Length": str(body.length), "Vary": "Accept, Accept-Encoding", **_HEADERS}
    if body.encoding is not None:
        headers["Content-Encoding"] = body.encoding
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 200, "headers": raw})
    if with_content:
        for part in body.parts:
            for first in range(0, len(part), _PIECE):
                await send({"type": "http.response.body", "body": part[first : first + _PIECE], "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _alive(_request: Request) -> Response:
    return _json({"status": "alive"})


def _readiness(board: Board, api: Api) -> Callable[[Request], Awaitable[Response]]:
    async def ready(_request: Request) -> Response:
        reason = await asyncio.to_thread(api.not_ready)
        if reason is None and not board.loaded:
            reason = _not_loaded()
        return _json({"status": "ready"}) if reason is None else _error(503, reason)

    return ready


def _start_drill(api: Api) -> Callable[[Request], Awaitable[Response]]:
    async def start(request: Request) -> Response:
        refusal = _trouble_with_token(request, await asyncio.to_thread(api.token))
        if refusal is not None:
            return refusal
        job = await asyncio.to_thread(api.start_drill, read_wanted(await _body_of(request)))
        return _json({"job": job}, 202)

    return start


def _trouble_with_token(request: Request, token: str | None) -> Response | None:
    if not token:
        fact = Reason("token_not_configured", "no token is configured, so nobody may start a drill over HTTP", "set `api_token`")
        return _error(503, fact)
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not given.strip():
        response = _error(401, Reason("token_missing", "the request bears no token", "send it: Authorization: Bearer TOKEN"))
        response.headers["WWW-Authenticate"] = "Bearer"
        return response
    if not hmac.compare_digest(_digest(given.strip()), _digest(token)):
        logs.logger(__name__).warning("wrong token", client=request.client.host if request.client else None)
        return _error(403, Reason("token_wrong", "the token is not the right one", "send the one that `api_token` refers to"))
    return None


def _digest(token: str) -> bytes:
    """Of one length: comparing them tells nothing, not even how long the right one is."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


async def _body_of(request: Request) -> bytes:
    """Raise Misuse (`request_invalid`) as soon as it is too long or too slow."""
    body = b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > MOST_BODY_BYTES:
                    raise Misuse("request_invalid", f"the body has more than {MOST_BODY_BYTES} bytes", "name one workload, no more")
    except TimeoutError:
        raise Misuse("request_invalid", f"the body did not come within {BODY_SECONDS:.0f} s", "send it at once") from None
    except ClientDisconnect:
        raise Misuse("request_invalid", "the body did not come to its end", "send all of it") from None
    return body


# --- how it is answered -----------------------------------------------------------------------------------------------

_NOT_THERE = ("workload_unknown", "location_unknown", "backup_unknown")


def _json(content: object, status: int = 200) -> JSONResponse:
    return JSONResponse(content, status, _HEADERS)


def _error(status: int, reason: Reason) -> JSONResponse:
    response = _json({"error": {"code": reason.code, "message": reason.message, "hint": reason.hint}}, status)
    # What was refused may still be sending: nobody reads on.
    response.headers["Connection"] = "close"
    return response


def _not_loaded() -> Reason:
    return Reason("not_loaded", "the history is not read yet", "wait: the service is ready when it knows all that was drilled")


async def _our_error(_request: Request, error: RestoreTesterError) -> Response:
    if isinstance(error, Misuse):
        missing = error.reason.code == "secret_missing"
        return _error(503 if missing else 404 if error.reason.code in _NOT_THERE else 400, error.reason)
    return _error(503, error.reason)


async def _refused(_request: Request, error: HTTPException) -> Response:
    if error.status_code == 405:
        reason = Reason("method_not_allowed", "this page does not take that method", "GET it; drills are started with POST /api/v1/drills")
    else:
        reason = Reason("page_unknown", "there is no such page", "see /metrics, /healthz, /readyz, /api/v1/drills")
    response = _error(error.status_code, reason)
    response.headers.update(error.headers or {})
    return response


async def _unforeseen(_request: Request, _error_raised: Exception) -> Response:
    """The traceback goes to the log (uvicorn's), never to who asked."""
    return _error(500, Reason("service_failed", "the service failed to answer", "look in its log, and report this"))
