"""Requests of people → pages: the fleet, a workload, a drill, and the way in. Each page is one function of what is known.

They run in a pool of threads: what they read may be far away.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Protocol
from urllib.parse import parse_qs, quote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from restore_tester.clock import SystemClock
from restore_tester.config.nouns import Configuration
from restore_tester.errors import CannotTell, Misuse, RestoreTesterError
from restore_tester.history.records import History
from restore_tester.model import Drill, Reason
from restore_tester.service import logs
from restore_tester.service.bodies import body_of
from restore_tester.service.credentials import COOKIE, SESSION_SECONDS, WRONG, is_same, new_session
from restore_tester.service.pages.access import Access
from restore_tester.service.pages.finding import drill_found
from restore_tester.service.pages.index import STATES, Asked, Index
from restore_tester.service.pages.rendering import page, policy
from restore_tester.service.pages.rows import back_told, losing_told
from restore_tester.service.pages.workload import workload_shown
from restore_tester.service.progress import Progress
from restore_tester.service.totals import FleetFigures

HEADERS = {
    "Content-Security-Policy": f"{policy()}; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
LIVE_SECONDS = 3
_MOST_WORDS = 200
_MOST_FIELDS = 10
_NOT_THERE = ("workload_unknown", "drill_unknown")


class Knowledge(Protocol):
    """What pages read. Every method may be called from any thread, and raises CannotTell while the service does not know enough."""

    def configuration(self) -> Configuration:
        """Return the one in force."""

    def history(self) -> History:
        """Return the open history."""

    def index(self) -> Index:
        """Return the fleet as it stands."""

    def progress(self) -> Progress:
        """Return what runs here."""

    def figures(self) -> FleetFigures:
        """Return what holds for the service as a whole."""

    def next_start(self, workload: str) -> tuple[datetime, bool] | None:
        """Return when the next drill of a workload starts by itself, and whether it is paused; None where nobody knows it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A page: its template and values."""

    template: str
    values: Mapping[str, object]
    status: int = 200


Work = Callable[[Request], Shown]


@dataclass(frozen=True, slots=True)
class Site:
    """Given what is known, and who may read it, the routes of the pages."""

    knowledge: Knowledge
    access: Access

    def routes(self) -> list[Route]:
        pages: tuple[tuple[str, Work], ...] = (
            ("/", self.fleet),
            ("/workloads/{workload:path}", self.workload),
            ("/drills/{drill:path}", self.drill),
        )
        found = [Route(path, self._guarded(work), methods=["GET"]) for path, work in pages]
        ways = (("/login", self.sign_in, "GET"), ("/login", self.signed_in, "POST"), ("/logout", self.signed_out, "POST"))
        return found + [Route(path, way, methods=[method]) for path, way, method in ways]

    # --- pages --------------------------------------------------------------------------------------------------------

    def fleet(self, request: Request) -> Shown:
        asked = asked_of(request)
        found = self.knowledge.index().search(asked)
        addresses = {
            "of_state": lambda state: _address(replace(asked, state=state, page=1)),
            "of_page": lambda number: _address(replace(asked, page=number)),
        }
        values = {"found": found, "asked": asked, "running": self.knowledge.progress().all(), "states": STATES}
        values |= {"service": self.knowledge.figures()}
        return Shown("fleet.html", values | addresses | {"back": back_told, "losing": losing_told})

    def workload(self, request: Request) -> Shown:
        name = request.path_params["workload"]
        workload = next((one for one in self.knowledge.configuration().workloads if one.name == name), None)
        if workload is None:
            raise Misuse("workload_unknown", "no workload of that name is configured", "see the list of all: /")
        shown = workload_shown(workload, self.knowledge.history(), instant_of(request, "before"), SystemClock().now())
        values = {"shown": shown, "workload": workload, "next": self.knowledge.next_start(name), "back": back_told, "losing": losing_told}
        return Shown("workload.html", values)

    def drill(self, request: Request) -> Shown:
        history = self.knowledge.history()
        name = request.path_params["drill"]
        # Where dashboards lead: they know a drill's place and its end.
        name = drill_found(history, request.query_params) if name == "find" else name
        brief = history.drill(name)
        if brief is None:
            raise Misuse("drill_unknown", "no drill of that name is remembered", "see the list of all workloads: /")
        record = history.record(name) if brief.ended_at is not None else None
        unreadable: Reason | None = None
        if record is not None:
            try:
                drill: Drill = record.read()
                return Shown("drill.html", {"drill": drill, "brief": brief})
            except CannotTell as error:
                unreadable = error.reason
        live = request.query_params.get("live") != "off"
        values = {"brief": brief, "running": self.knowledge.progress().of(name), "unreadable": unreadable, "live": live}
        return Shown("drill_in_brief.html", values | {"seconds_between": LIVE_SECONDS})

    # --- the way in ---------------------------------------------------------------------------------------------------

    async def sign_in(self, request: Request) -> Response:
        if not self.access.asks:
            return RedirectResponse("/", 303, HEADERS)
        return self._answer(Shown("login.html", {"next": _inner(request.query_params.get("next")), "wrong": None}))

    async def signed_in(self, request: Request) -> Response:
        said = _form_of(await body_of(request))
        token, back = await run_in_threadpool(self.access.token), _inner(said.get("next", ["/"])[0])
        if not token or not is_same(said.get("token", [""])[0].strip(), token):
            logs.logger(__name__).warning("wrong token", client=request.client.host if request.client else None)
            return self._answer(Shown("login.html", {"next": back, "wrong": WRONG}, 403))
        answer = RedirectResponse(back, 303, HEADERS)
        # There is no TLS here: a proxy that speaks it says so.
        secure = request.headers.get("x-forwarded-proto", "").lower() == "https"
        value = new_session(token, SystemClock().now())
        answer.set_cookie(COOKIE, value, max_age=SESSION_SECONDS, secure=secure, httponly=True, samesite="strict")
        return answer

    async def signed_out(self, _request: Request) -> Response:
        answer = RedirectResponse("/login", 303, HEADERS)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer

    # --- how it is answered -------------------------------------------------------------------------------------------

    def _guarded(self, work: Work) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            return await run_in_threadpool(self._answered, work, request)

        return answer

    def _answered(self, work: Work, request: Request) -> Response:
        try:
            refused = self.access.refusal(request)
            if refused is not None:
                return self._refused(request, *refused)
            return self._answer(work(request))
        except RestoreTesterError as error:
            unknown = error.reason.code in _NOT_THERE
            status = 503 if not isinstance(error, Misuse) or error.reason.code == "secret_missing" else 404 if unknown else 400
            return self.error(status, error.reason)

    def _refused(self, request: Request, status: int, reason: Reason) -> Response:
        if not self.access.asks or status == 403 or "authorization" in request.headers:
            return self.error(status, reason)
        # A link in a message leads here without the cookie, which is for our own pages alone: one step from ourselves brings it.
        if request.headers.get("sec-fetch-site") == "cross-site":
            return self._answer(Shown("again.html", {}))
        asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(asked, safe='')}", 303, HEADERS)

    def error(self, status: int, reason: Reason) -> Response:
        """Return the page that says why there is none."""
        return self._answer(Shown("error.html", {"reason": reason, "title": HTTPStatus(status).phrase}, status))

    def _answer(self, shown: Shown) -> HTMLResponse:
        values = {"told_at": SystemClock().now(), "signed_in": self.access.asks and shown.template not in ("login.html", "again.html")}
        return HTMLResponse(page(shown.template, {**values, **shown.values}), shown.status, HEADERS)


# --- what is asked for ------------------------------------------------------------------------------------------------


def asked_of(request: Request) -> Asked:
    """Return which workloads a request asks for. Raise Misuse (`request_invalid`)."""
    said = request.query_params
    if any(len(said.get(key, "")) > _MOST_WORDS for key in ("name", "owner")):
        raise _invalid(f"a name has more than {_MOST_WORDS} characters", "search for a part of it")
    state = said.get("state", "")
    if state and state not in STATES:
        raise _invalid("there is no such state", f"use one of: {', '.join(STATES)}")
    return Asked(said.get("name", "").strip(), said.get("owner", "").strip(), state, number_of(request, "page", 1, 1_000_000))


def number_of(request: Request, key: str, otherwise: int, most: int) -> int:
    """Return a number from 1 on. Raise Misuse (`request_invalid`)."""
    said = request.query_params.get(key, "")
    if not said:
        return otherwise
    if not said.isascii() or not said.isdigit() or len(said) > 9 or not 1 <= int(said) <= most:
        raise _invalid(f"{key} is no number between 1 and {most}", f"leave {key} out, or write a number")
    return int(said)


def instant_of(request: Request, key: str) -> datetime | None:
    """Return an instant; None where none is given. Raise Misuse (`request_invalid`)."""
    said = request.query_params.get(key, "")
    if not said:
        return None
    try:
        at = datetime.fromisoformat(said)
        return at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise _invalid(f"{key} is no instant", "write it like 2026-11-21T03:00:00Z") from None


def _form_of(body: bytes) -> dict[str, list[str]]:
    try:
        return parse_qs(body.decode("utf-8", "replace"), max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise _invalid(f"the form has more than {_MOST_FIELDS} fields", "send `token`, and `next` where it matters") from None


def _invalid(fact: str, hint: str) -> Misuse:
    return Misuse("request_invalid", fact, hint)


def _address(asked: Asked) -> str:
    said = {"name": asked.name, "owner": asked.owner, "state": asked.state, "page": "" if asked.page == 1 else str(asked.page)}
    return "/?" + urlencode({key: value for key, value in said.items() if value})


def _inner(address: str | None) -> str:
    """An address of this site; anything else leads to the first page."""
    safe = address is not None and address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if safe and address is not None else "/"
