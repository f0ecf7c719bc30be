"""What metrics tell of a drill, its place and when it ended → the drill: links on dashboards have nothing else, as no metric has its id."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from restore_tester.errors import Misuse
from restore_tester.history.nouns import Search
from restore_tester.history.records import History

# Metrics tell instants to the millisecond, and Grafana multiplies them.
_NEAR = timedelta(seconds=1)
# So many drills of one place may have been under way when the one that is meant ended.
_MOST = 50


def drill_found(history: History, asked: Mapping[str, str]) -> str:
    """Given `workload`, `location` and `ended_ms` (unix milliseconds; the last drill that ended where it is missing), return the drill's
    id. Raise Misuse (`drill_unknown`, `request_invalid`)."""
    ended_at = _instant(asked.get("ended_ms", ""))
    search = Search(
        workload=asked.get("workload", ""),
        location=asked.get("location", ""),
        before=None if ended_at is None else ended_at + _NEAR,
        limit=_MOST,
    )
    for drill in history.drills(search):
        if drill.ended_at is not None and (ended_at is None or abs(drill.ended_at - ended_at) <= _NEAR):
            return drill.drill
    raise Misuse("drill_unknown", "no drill that ended there and then is remembered", "see the list of all workloads: /")


def _instant(milliseconds: str) -> datetime | None:
    if not milliseconds:
        return None
    try:
        # Within a second of either end of time there is no instant either.
        return datetime.fromtimestamp(float(milliseconds) / 1000, UTC) + _NEAR - _NEAR
    except (ValueError, OverflowError, OSError):
        raise Misuse("request_invalid", "ended_ms is no instant", "write it in milliseconds since 1970") from None
