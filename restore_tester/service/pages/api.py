"""Requests of programs → what is known, as JSON; and the document that says how to ask (OpenAPI).

Instants are ISO 8601 in UTC, durations seconds, sizes bytes; unknown is null. A drill's record is given byte for byte as it was written.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from restore_tester.clock import SystemClock
from restore_tester.errors import Misuse
from restore_tester.history.nouns import Remembered, Search
from restore_tester.model import Reason, Verdict
from restore_tester.service.pages.access import Access
from restore_tester.service.pages.rows import PlaceNow, WorkloadNow
from restore_tester.service.pages.site import Knowledge, asked_of, instant_of, number_of
from restore_tester.service.pages.workload import LocationShown, workload_shown
from restore_tester.service.redaction import redacted, redacted_value

WORKLOADS_SCHEMA = "restore-tester/workloads/v1"
WORKLOAD_SCHEMA = "restore-tester/workload/v1"
DRILLS_SCHEMA = "restore-tester/drills/v1"
RUNNING_SCHEMA = "restore-tester/running-drill/v1"
OPENAPI = Path(__file__).parent / "openapi.json"
MOST_DRILLS = 200
_OTHERWISE = 50
# What a process is called is nobody's business; `newest` is for our own rules, and no part of the document.
_OWN = ("slot", "owner", "lease_until", "newest")
Refuse = Callable[[int, Reason], Response]
Work = Callable[[Request], Response]


@dataclass(frozen=True, slots=True)
class PagesApi:
    """Given what is known, who may read it, and how a refusal is answered, the routes under `/api/v1`."""

    knowledge: Knowledge
    access: Access
    refuse: Refuse

    def routes(self) -> list[Route]:
        works: tuple[tuple[str, Work], ...] = (
            ("/api/v1/openapi.json", self.document),
            ("/api/v1/workloads", self.workloads),
            ("/api/v1/workloads/{workload:path}", self.workload),
            ("/api/v1/drills/{drill:path}", self.drill),
        )
        return [Route(path, self.guarded(work), methods=["GET"]) for path, work in works]

    def guarded(self, work: Work) -> Callable[[Request], Awaitable[Response]]:
        """Return what answers who may read, and refuses who may not."""

        def answered(request: Request) -> Response:
            refused = self.access.refusal(request)
            if refused is None:
                return work(request)
            answer = self.refuse(*refused)
            if answer.status_code == 401:
                answer.headers["WWW-Authenticate"] = "Bearer"
            return answer

        async def answer(request: Request) -> Response:
            return await run_in_threadpool(answered, request)

        return answer

    def document(self, _request: Request) -> Response:
        return Response(OPENAPI.read_bytes(), media_type="application/json", headers=_HEADERS)

    def workloads(self, request: Request) -> Response:
        found = self.knowledge.index().search(asked_of(request))
        told = {"schema": WORKLOADS_SCHEMA, "at": found.at, "matching": found.matching, "page": found.page, "pages": found.pages}
        return _json(told | {"tally": dict(found.tally), "workloads": [_workload(each) for each in found.workloads]})

    def workload(self, request: Request) -> Response:
        name = request.path_params["workload"]
        workload = next((one for one in self.knowledge.configuration().workloads if one.name == name), None)
        if workload is None:
            raise Misuse("workload_unknown", "no workload of that name is configured", "GET /api/v1/workloads")
        now = SystemClock().now()
        shown = workload_shown(workload, self.knowledge.history(), instant_of(request, "before"), now)
        starts = self.knowledge.next_start(name)
        told = {"schema": WORKLOAD_SCHEMA, "at": now, **_workload(shown.now)}
        more = {"next_drill_at": None if starts is None or starts[1] else starts[0], "paused": starts is not None and starts[1]}
        places = [_place(one.now) | _location(one) for one in shown.locations]
        return _json(told | more | {"locations": places, "drills": [_brief(drill) for drill in shown.drills], "older": shown.older})

    def drills(self, request: Request) -> Response:
        said = request.query_params
        verdict = said.get("verdict") or None
        if verdict is not None and verdict not in list(Verdict):
            raise Misuse("request_invalid", "there is no such verdict", "use one of: passed, failed, inconclusive")
        limit = number_of(request, "limit", _OTHERWISE, MOST_DRILLS)
        search = Search(
            workload=said.get("workload") or None,
            location=said.get("location") or None,
            verdict=Verdict(verdict) if verdict is not None else None,
            before=instant_of(request, "before"),
            limit=limit + 1,
        )
        found = self.knowledge.history().drills(search)
        older = found[limit - 1].began_at if len(found) > limit else None
        return _json({"schema": DRILLS_SCHEMA, "drills": [_brief(drill) for drill in found[:limit]], "older": older})

    def drill(self, request: Request) -> Response:
        name, history = request.path_params["drill"], self.knowledge.history()
        record = history.record(name)
        if record is not None:
            return Response(record.json, media_type="application/json", headers=_HEADERS)
        brief = history.drill(name)
        if brief is None:
            raise Misuse("drill_unknown", "no drill of that name is remembered", "GET /api/v1/drills")
        running = self.knowledge.progress().of(name)
        event = None if running is None else asdict(running.event) | {"at": running.heard_at}
        return _json({"schema": RUNNING_SCHEMA, **_brief(brief), "here": running is not None, "event": event})


_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin"}


def _json(told: object) -> JSONResponse:
    return JSONResponse(json.loads(json.dumps(told, default=_plain)), headers=_HEADERS)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _workload(each: WorkloadNow) -> dict[str, Any]:
    workload = each.workload
    return {
        "workload": workload.name,
        "owner": workload.owner,
        "criticality": workload.criticality,
        "mode": workload.mode.value,
        "state": each.state.value,
        "exposed": each.exposed,
        "exposure_seconds": each.exposure_seconds,
        "recovery_time_seconds": each.recovery_seconds,
        "recovery_time_objective_seconds": workload.objectives.recovery_time_seconds,
        "recovery_point_objective_seconds": workload.objectives.recovery_point_seconds,
        "page": f"/workloads/{quote(workload.name, safe='')}",
        "locations": [_place(place) for place in each.places],
    }


def _place(place: PlaceNow) -> dict[str, Any]:
    row = place.row
    point = row.point if row is not None else None
    return {
        "location": place.location,
        "state": place.state.value,
        "reason": row.code if row is not None else None,
        "decided_by": row.drilled.decisive.drill if row is not None and row.drilled.decisive is not None else None,
        "last_passed_at": row.drilled.last_passed_at if row is not None else None,
        "recovery_point_at": point.at if point is not None else None,
        "recovery_point_basis": None if point is None else "proven" if point.proven else "at_most" if point.at_most else "estimated",
        "exposure_seconds": place.exposure_seconds,
        "recovery_time_seconds": row.recovery_seconds if row is not None else None,
        "said": list(row.said) if row is not None else [],
    }


def _location(one: LocationShown) -> dict[str, Any]:
    found = [{"code": finding.code, "message": finding.message, "hint": finding.hint} for finding in one.findings]
    good = one.good
    known = {"drill": good.drill, "backup": redacted(good.backup), "taken_at": good.taken_at} if good is not None else None
    return {"findings": redacted_value(found), "known_good": known, "commands": redacted_value(one.commands)}


def _brief(drill: Remembered) -> dict[str, Any]:
    told = {key: value for key, value in asdict(drill).items() if key not in _OWN}
    told["backup"] = redacted_value(drill.backup)
    return told | {"page": f"/drills/{quote(drill.drill, safe='')}"}
