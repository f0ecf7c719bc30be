"""The measurement law of DESIGN, section 4: figures, and bounds that never become tighter than their evidence."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore_tester.errors import CouldNotAsk
from restore_tester.judgement.measurement import Measurement, measure
from restore_tester.judgement.recovery_point import bounds, heartbeat_claims, later, latest, outside_claims, taken_at
from restore_tester.model import Bound, DumpStart, RecoveryPointClaim, Stage
from tests.builders import BEGAN, DUMPED, STORED, a_claim, an_order, some_facts, sound_evidence

HEADER_LIMIT = DUMPED + timedelta(seconds=1 + 300)
UNDATED = replace(an_order(), facts=replace(some_facts(), dump_start=None), backup=replace(an_order().backup, stored_at=None))


def minutes_ago(minutes: float) -> datetime:
    return BEGAN - timedelta(minutes=minutes)


def measured(*claims: RecoveryPointClaim) -> Measurement:
    return measure(an_order(), replace(sound_evidence(), claims=claims))


def test_recovery_time_ends_where_the_data_can_serve_and_forensics_are_apart() -> None:
    stages = (Stage("restore", BEGAN, 2.0), Stage("check", BEGAN, 40.0))
    figures = measure(an_order(), replace(sound_evidence(), stages=stages, ready_seconds=3.5))
    assert (figures.recovery_time_seconds, figures.verification_seconds) == (3.5, 40.0)


def test_what_is_unknown_is_none_and_not_zero() -> None:
    evidence = replace(sound_evidence(), facts=UNDATED.facts, stages=(), ready_seconds=None)
    figures = measure(UNDATED, evidence)
    assert figures.recovery_time_seconds is None
    assert figures.verification_seconds is None
    assert figures.data_loss_seconds is None
    assert figures.recovery_point_lag_seconds is None
    assert (figures.recovery_point.not_before, figures.recovery_point.not_after, figures.recovery_point.basis) == (None, None, None)


def test_a_dump_alone_is_bounded_from_above_by_the_tighter_of_header_and_file_time() -> None:
    point = measured().recovery_point
    assert (point.not_before, point.not_after, point.basis) == (None, HEADER_LIMIT, "dump_header")


def test_a_header_without_its_zone_leaves_the_file_time_to_decide() -> None:
    facts = replace(some_facts(), dump_start=DumpStart(DUMPED, 50_400.0))
    point = measure(replace(an_order(), facts=facts), replace(sound_evidence(), facts=facts)).recovery_point
    assert (point.not_after, point.basis) == (STORED + timedelta(seconds=301), "file_time")


def test_an_old_file_under_a_new_time_stamp_is_found_by_its_header() -> None:
    touched = replace(an_order(), backup=replace(an_order().backup, stored_at=BEGAN))
    assert measure(touched, sound_evidence()).recovery_point.not_after == HEADER_LIMIT


def test_a_heartbeat_bounds_from_both_sides_and_needs_no_margin() -> None:
    beat = minutes_ago(45)
    figures = measured(*heartbeat_claims(beat, 300.0))
    assert figures.recovery_point.not_before == beat
    assert figures.recovery_point.not_after == beat + timedelta(minutes=5)
    assert figures.recovery_point.basis == "heartbeat"
    assert figures.data_loss_seconds == 45 * 60
    assert figures.recovery_point_lag_seconds == (STORED - beat).total_seconds()


def test_the_basis_names_both_where_two_decide() -> None:
    assert measured(a_claim(Bound.LOWER, 31)).recovery_point.basis == "commit_time, dump_header"


def test_a_beat_in_another_zone_is_recorded_in_utc() -> None:
    beat = minutes_ago(31).astimezone(timezone(timedelta(hours=5, minutes=45)))
    point = measured(*heartbeat_claims(beat, 300.0)).recovery_point
    assert point.not_before == beat
    assert point.not_before.tzinfo is UTC


def test_a_beat_without_a_zone_cannot_be_placed() -> None:
    with pytest.raises(CouldNotAsk) as raised:
        heartbeat_claims(datetime(2026, 11, 5, 2, 0), 300.0)
    assert raised.value.reason.code == "heartbeat_without_zone"


def test_data_that_never_came_back_in_full_proves_nothing_of_its_age() -> None:
    evidence = replace(sound_evidence(), restored=False, claims=heartbeat_claims(minutes_ago(45), 300.0))
    figures = measure(an_order(), evidence)
    assert (figures.recovery_point.not_before, figures.data_loss_seconds) == (None, None)
    assert figures.recovery_point.not_after == HEADER_LIMIT


def test_the_data_newer_than_its_header_is_a_contradiction_and_yields_no_figure() -> None:
    figures = measured(a_claim(Bound.LOWER, 24.9))
    assert figures.contradiction
    assert (figures.data_loss_seconds, figures.recovery_point_lag_seconds) == (None, None)


def test_clocks_may_disagree_within_the_margin_and_less_than_no_loss_is_none() -> None:
    now = replace(an_order(), backup=replace(an_order().backup, stored_at=BEGAN), facts=replace(some_facts(), dump_start=None))
    evidence = replace(sound_evidence(), facts=now.facts, claims=heartbeat_claims(BEGAN + timedelta(seconds=2), 300.0))
    figures = measure(now, evidence)
    assert not figures.contradiction
    assert (figures.data_loss_seconds, figures.recovery_point_lag_seconds) == (0.0, 0.0)


def test_a_beat_of_the_future_is_a_contradiction_also_where_nothing_else_is_known() -> None:
    evidence = replace(sound_evidence(), facts=UNDATED.facts, claims=heartbeat_claims(BEGAN + timedelta(seconds=301), 300.0))
    assert measure(UNDATED, evidence).contradiction


@pytest.mark.parametrize(("minutes", "behind"), [(34.9, None), (35.1, 5.1 * 60)])
def test_a_beat_is_behind_the_header_where_it_is_older_than_its_tolerance(minutes: float, behind: float | None) -> None:
    figures = measured(*heartbeat_claims(minutes_ago(minutes), 300.0))
    assert figures.heartbeat_behind_seconds == (None if behind is None else pytest.approx(behind))


def test_a_backup_was_taken_when_its_header_says_else_when_its_file_was_stored() -> None:
    assert taken_at(an_order()) == DUMPED
    assert taken_at(replace(an_order(), facts=replace(some_facts(), dump_start=None))) == STORED
    assert taken_at(UNDATED) is None


def test_what_was_learnt_after_the_peek_counts_too() -> None:
    learnt = replace(some_facts(), dump_start=DumpStart(minutes_ago(90), 0.0))
    assert taken_at(UNDATED, learnt) == minutes_ago(90)
    assert [claim.instant for claim in outside_claims(UNDATED, learnt)] == [minutes_ago(90)]


@pytest.mark.parametrize("instant", [datetime.max.replace(tzinfo=UTC), datetime.max.replace(tzinfo=timezone(timedelta(hours=-5)))])
def test_a_spoiled_header_at_the_end_of_time_is_only_late(instant: datetime) -> None:
    assert later(instant, 1e12) == datetime.max.replace(tzinfo=UTC)


# --- whatever is claimed ----------------------------------------------------------------------------------------------

claims = st.builds(
    a_claim, st.sampled_from(Bound), st.floats(-100, 1e5), st.sampled_from(["heartbeat", "dump_header", "x"]), st.floats(0, 1e5)
)
many = st.lists(claims, max_size=6).map(tuple)
ClaimTuple = tuple[RecoveryPointClaim, ...]


@given(many)
def test_a_bound_is_never_tighter_than_the_claim_it_comes_from(given_claims: ClaimTuple) -> None:
    point = bounds(given_claims)
    if point.not_before is not None:
        assert point.not_before in {claim.instant for claim in given_claims if claim.bound is not Bound.UPPER}
    if point.not_after is not None:
        assert any(claim.instant <= point.not_after == latest(claim) for claim in given_claims if claim.bound is not Bound.LOWER)


@given(st.lists(claims, min_size=1, max_size=6).map(tuple), st.integers(0, 5), st.floats(0, 1e5))
def test_a_less_precise_claim_never_tightens_a_bound(given_claims: ClaimTuple, place: int, slack: float) -> None:
    place %= len(given_claims)
    vague = replace(given_claims[place], precision_seconds=given_claims[place].precision_seconds + slack)
    before, after = bounds(given_claims), bounds((*given_claims[:place], vague, *given_claims[place + 1 :]))
    assert after.not_before == before.not_before
    assert before.not_after is None or (after.not_after is not None and after.not_after >= before.not_after)


@given(st.lists(claims, min_size=1, max_size=6).map(tuple), st.integers(0, 5))
def test_a_claim_taken_away_never_tightens_a_bound(given_claims: ClaimTuple, place: int) -> None:
    place %= len(given_claims)
    before, after = bounds(given_claims), bounds(given_claims[:place] + given_claims[place + 1 :])
    assert after.not_before is None or (before.not_before is not None and after.not_before <= before.not_before)
    assert after.not_after is None or (before.not_after is not None and after.not_after >= before.not_after)


@given(many, st.data())
def test_the_order_of_the_claims_decides_nothing(given_claims: ClaimTuple, data: st.DataObject) -> None:
    assert bounds(tuple(data.draw(st.permutations(given_claims)))) == bounds(given_claims)


@given(many)
def test_data_loss_is_never_less_than_nothing_and_comes_from_the_data_alone(given_claims: ClaimTuple) -> None:
    figures = measured(*given_claims)
    assert figures.data_loss_seconds is None or figures.data_loss_seconds >= 0
    if all(claim.bound is Bound.UPPER for claim in given_claims):
        assert figures.data_loss_seconds is None
