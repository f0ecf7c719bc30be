"""HTTP → what the board has rendered, whether the service lives and is ready, and a drill that somebody asks for.

The one room that knows starlette and uvicorn. It runs in a thread of its own: signals stay with the main thread. Everything
that a stranger can make large or slow has a bound: headers, bodies, the time of a request, the number of connections.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from restore_tester.clock import SystemClock
from restore_tester.errors import CannotTell, Misuse, RestoreTesterError
from restore_tester.model import Reason
from restore_tester.service import logs
from restore_tester.service.bodies import body_of
from restore_tester.service.connections import BoundedConnection
from restore_tester.service.credentials import IN_ADDRESS, MISSING, token_in, trouble_with_bearer
from restore_tester.service.metrics import Board, Body
from restore_tester.service.negotiation import Wanted, accepts_gzip, format_wanted, read_wanted
from restore_tester.service.pages.access import Access
from restore_tester.service.pages.api import PagesApi
from restore_tester.service.pages.site import Knowledge, Site

MOST_CONNECTIONS = 128
MOST_HEADER_BYTES = 16 * 1024
MOST_ADDRESS_BYTES = 4 * 1024
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
def serve_http(listen: str, board: Board, api: Api, knowledge: Knowledge | None = None) -> Iterator[Listening]:
    """Given `HOST:PORT`, and what pages read (None: there are none), serve until the block ends. Raise Misuse (`listen_invalid`),
    CannotTell (`listen_failed`)."""
    bound = _bound(listen)
    with bound:
        server = uvicorn.Server(_settings(application(board, api, _pages(str(bound.getsockname()[0]), api, knowledge))))
        thread = threading.Thread(target=server.run, args=([bound],), name="http", daemon=True)
        thread.start()
        try:
            yield Listening(*bound.getsockname()[:2])
        finally:
            server.should_exit = True
            thread.join(2 * STOPPING_SECONDS)


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages of people, and the same for programs."""

    site: Site
    api: PagesApi


def _pages(host: str, api: Api, knowledge: Knowledge | None) -> Pages | None:
    if knowledge is None:
        return None
    access = Access(host, api.token, lambda: knowledge.configuration().open_pages, SystemClock())
    return Pages(Site(knowledge, access), PagesApi(knowledge, access, _error))


def application(board: Board, api: Api, pages: Pages | None = None) -> Starlette:
    """Return what answers: each route is one function of what it is given."""
    routes = [
        Route("/metrics", _Metrics(board), methods=["GET"]),
        Route("/healthz", _alive, methods=["GET"]),
        Route("/readyz", _readiness(board, api), methods=["GET"]),
        Route("/api/v1/drills", _start_drill(api), methods=["POST"]),
    ]
    if pages is not None:
        routes += [Route("/api/v1/drills", pages.api.guarded(pages.api.drills), methods=["GET"])]
        routes += [*pages.api.routes(), *pages.site.routes()]
    handlers = {HTTPException: _refused(pages), RestoreTesterError: _our_error, Exception: _unforeseen}
    # Starlette's own type asks for handlers of exactly `Exception`.
    app = Starlette(routes=routes, exception_handlers=handlers, middleware=[Middleware(_Guard)])  # type: ignore[arg-type]
    # A redirect would be to whatever host the request names.
    app.router.redirect_slashes = False
    return app


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
            # A connection that is closed on what was not read is reset, and whoever sent it may never see why it was refused.
            with suppress(RestoreTesterError):
                await body_of(request)
            return refusal
        job = await asyncio.to_thread(api.start_drill, read_wanted(await body_of(request)))
        return _json({"job": job}, 202)

    return start


def _trouble_with_token(request: Request, token: str | None) -> Response | None:
    if not token:
        fact = Reason("token_not_configured", "no token is configured, so nobody may start a drill over HTTP", "set `api_token`")
        return _error(503, fact)
    reason = trouble_with_bearer(request.headers.get("authorization"), token)
    if reason is None:
        return None
    if reason is MISSING:
        response = _error(401, reason)
        response.headers["WWW-Authenticate"] = "Bearer"
        return response
    logs.logger(__name__).warning("wrong token", client=request.client.host if request.client else None)
    return _error(403, reason)


class _Guard:
    """Refuses whatever is asked for by an address that nobody should have: too long, or with a token in it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = scope.get("query_string", b"")
        answer: ASGIApp = self._app
        if len(scope.get("raw_path") or b"") + len(query) > MOST_ADDRESS_BYTES:
            answer = _error(414, Reason("address_too_long", "the address is too long", "ask for less at once"))
        elif token_in(query.decode("ascii", "replace")):
            answer = _error(400, IN_ADDRESS)
        await answer(scope, receive, send)


# --- how it is answered -----------------------------------------------------------------------------------------------

_NOT_THERE = ("workload_unknown", "location_unknown", "backup_unknown", "drill_unknown")
_GET_IT = "GET it; drills are started with POST /api/v1/drills"


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


def _refused(pages: Pages | None) -> Callable[[Request, HTTPException], Awaitable[Response]]:
    async def refused(request: Request, error: HTTPException) -> Response:
        if error.status_code == 405:
            reason = Reason("method_not_allowed", "this page does not take that method", _GET_IT)
        else:
            reason = Reason("page_unknown", "there is no such page", "see /metrics, /healthz, /readyz, /api/v1/drills")
        for_people = pages is not None and "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")
        response = pages.site.error(error.status_code, reason) if pages is not None and for_people else _error(error.status_code, reason)
        response.headers.update(error.headers or {})
        return response

    return refused


async def _unforeseen(_request: Request, _error_raised: Exception) -> Response:
    """The traceback goes to the log (uvicorn's), never to who asked."""
    return _error(500, Reason("service_failed", "the service failed to answer", "look in its log, and report this"))
