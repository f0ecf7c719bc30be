"""When a workload is proven, and when no more: the rules of `status --check`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from restore_tester.judgement.standing import PlaceDrilled, State, proof_lasts_seconds, state_of, worst
from restore_tester.model import Verdict

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
DAY = 86_400.0


def state(last: Verdict | None, passed_days_ago: float | None, position: int = 0) -> State:
    passed_at = NOW - timedelta(days=passed_days_ago) if passed_days_ago is not None else None
    return state_of(PlaceDrilled(last, passed_at), proof_lasts_seconds(position, DAY), NOW)


@pytest.mark.parametrize(
    ("last", "passed_days_ago", "position", "expected"),
    [
        (Verdict.PASSED, 1.9, 0, State.PROVEN),
        (Verdict.PASSED, 2.1, 0, State.STALE),
        (Verdict.PASSED, 89, 1, State.PROVEN),
        (Verdict.PASSED, 91, 1, State.STALE),
        (Verdict.FAILED, 0.1, 0, State.FAILED),
        (Verdict.INCONCLUSIVE, 0.1, 0, State.INCONCLUSIVE),
        (Verdict.INCONCLUSIVE, None, 0, State.INCONCLUSIVE),
        (None, None, 0, State.NEVER_DRILLED),
        (None, None, 1, State.NEVER_DRILLED),
    ],
)
def test_how_a_location_stands(last: Verdict | None, passed_days_ago: float | None, position: int, expected: State) -> None:
    assert state(last, passed_days_ago, position) is expected


def test_a_workload_is_as_good_as_its_worst_location_and_without_any_nothing() -> None:
    assert worst([State.PROVEN, State.STALE]) is State.STALE
    assert worst([State.STALE, State.FAILED, State.NEVER_DRILLED]) is State.FAILED
    assert worst([]) is State.NEVER_DRILLED
