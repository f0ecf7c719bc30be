"""What happened at a place → what is known of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from restore_tester.judgement.advance import kind_of, not_below, with_acceptance, with_cycles, with_drill, with_drills, with_sight
from restore_tester.judgement.ledger import Cycle, Ledger, Sight, SightedBackup
from restore_tester.judgement.standing import Drilled, place_drilled
from restore_tester.model import Drill, Reason, RecoveryPoint, Verdict, from_json, to_json
from tests.histories import a_drill, of_backup

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
EMPTY = Ledger(first_seen=NOW - timedelta(days=40))
ABANDONED = (Reason("abandoned", "the process is gone", "drill again"),)
RTO_MISSED = (Reason("rto_missed", "recovery took too long", "see which stage"),)


def at(hours: float) -> datetime:
    return NOW + timedelta(hours=hours)


def of(id: str, taken: float, verdict: Verdict = Verdict.PASSED, hours: float | None = None) -> Drill:
    """A drill of a backup that was taken so many hours after `NOW`, begun one hour later or when it is said."""
    began = at(taken + 1 if hours is None else hours)
    drill = of_backup(a_drill(f"drill-of-{id}-{began:%d%H%M}", verdict=verdict), id, at(taken))
    point = RecoveryPoint(at(taken) - timedelta(minutes=1), at(taken), "heartbeat")
    return replace(drill, began_at=began, ended_at=began + timedelta(minutes=5), recovery_point=point)


def learned(*drills: Drill, ledger: Ledger = EMPTY, newest: bool = True) -> Ledger:
    for drill in drills:
        ledger = with_drill(ledger, drill, newest, kind_of(drill))
    return ledger


# --- drills -----------------------------------------------------------------------------------------------------------


def test_a_drill_is_counted_by_its_verdict_and_its_duration() -> None:
    ledger = learned(of("a", 0), of("b", 24, Verdict.FAILED), of("c", 48, Verdict.INCONCLUSIVE))
    assert (ledger.passed, ledger.failed, ledger.inconclusive) == (1, 1, 1)
    assert sum(ledger.durations) == 3
    assert ledger.durations[3] == 3
    assert ledger.durations_sum_seconds == 900


def test_the_last_drill_is_the_one_that_ended_last_however_they_arrive() -> None:
    early, late = of("a", 0), of("b", 24)
    ledger = learned(late, early)
    assert ledger.last is not None
    assert ledger.last.drill == late.drill


def test_a_drill_that_looked_for_a_good_backup_is_not_the_last_one() -> None:
    bad = of("b", 24, Verdict.FAILED)
    found = replace(of("a", 0, hours=30), trigger="find_good")
    ledger = learned(found, ledger=learned(bad), newest=False)
    assert ledger.last is not None
    assert ledger.last.drill == bad.drill
    assert ledger.known_good is not None
    assert ledger.known_good.drill == found.drill


def test_a_search_that_finds_the_newest_bad_is_the_last_word_though_an_older_one_then_passes() -> None:
    bad = replace(of("b", 24, Verdict.FAILED), trigger="find_good")
    older = replace(of("a", 0, hours=30), trigger="find_good")
    ledger = learned(older, ledger=learned(bad), newest=False)
    assert ledger.last is not None
    assert ledger.last.drill == bad.drill
    assert [doubt.drill for doubt in ledger.doubts] == [bad.drill]
    assert (ledger.last_passed, ledger.proof) == (None, None)
    assert ledger.known_good is not None
    assert ledger.known_good.drill == older.drill


def test_what_an_abandoned_drill_really_saw_takes_the_place_of_the_guess() -> None:
    real = of("a", 0)
    guess = replace(
        real,
        verdict=Verdict.INCONCLUSIVE,
        reasons=ABANDONED,
        recovery_time_seconds=None,
        recovery_point_lag_seconds=None,
        ended_at=real.ended_at + timedelta(hours=1),
    )
    ledger = learned(guess, real)
    assert ledger.last == learned(real).last
    assert ledger.measured == learned(real).measured
    assert ledger.good == learned(real).good


def test_counters_keep_an_abandoned_drill_that_came_back_and_time_only_the_real_one() -> None:
    real = of("a", 0)
    guess = replace(real, verdict=Verdict.INCONCLUSIVE, reasons=ABANDONED, ended_at=at(500))
    ledger = learned(guess, real)
    assert (ledger.passed, ledger.inconclusive) == (1, 1)
    assert ledger.durations_sum_seconds == 300


def test_a_ledger_made_again_has_counters_that_do_not_go_back() -> None:
    real = of("a", 0)
    before = learned(replace(real, verdict=Verdict.INCONCLUSIVE, reasons=ABANDONED), real)
    after = not_below(learned(real), before)
    assert (after.passed, after.inconclusive) == (1, 1)


def test_a_drill_that_measured_nothing_is_not_compared() -> None:
    empty = replace(of("a", 0, Verdict.INCONCLUSIVE), recovery_time_seconds=None, recovery_point_lag_seconds=None)
    assert learned(empty).measured == ()


def test_a_damaged_backup_and_an_older_one_are_not_compared() -> None:
    assert learned(of("a", 0, Verdict.FAILED)).measured == ()
    assert learned(of("a", 0), newest=False).measured == ()


def test_a_drill_that_missed_its_objective_is_compared() -> None:
    slow = replace(of("a", 0, Verdict.FAILED), reasons=RTO_MISSED)
    assert len(learned(slow).measured) == 1


def test_a_ledger_survives_the_way_through_json() -> None:
    ledger = learned(*(of(str(day), day * 24, Verdict.FAILED if day == 9 else Verdict.PASSED) for day in range(10)))
    assert from_json(Ledger, to_json(ledger)) == ledger


@given(order=st.permutations(range(12)), verdicts=st.lists(st.sampled_from(list(Verdict)), min_size=12, max_size=12))
def test_the_order_of_arrival_changes_nothing(order: list[int], verdicts: list[Verdict]) -> None:
    drills = [of(str(number), number * 24, verdict) for number, verdict in enumerate(verdicts)]
    in_order, arrived = learned(*drills), learned(*(drills[number] for number in order))
    assert replace(arrived, worst_of_days=()) == replace(in_order, worst_of_days=())


# --- comparable -------------------------------------------------------------------------------------------------------


def test_drills_are_of_one_kind_where_profile_engine_major_and_environment_are_alike() -> None:
    drill = a_drill()
    alike = replace(drill, environment=replace(drill.environment, memory_bytes=(1 << 30) - (20 << 20), engine_version="15.19"))
    assert kind_of(alike) == kind_of(drill) == "faithful postgresql-15 process 2cpu 1GiB"
    for other in (
        replace(drill.environment, cpus=4),
        replace(drill.environment, memory_bytes=2 << 30),
        replace(drill.environment, sandbox="docker"),
        replace(drill.environment, engine_version="16.1"),
    ):
        assert kind_of(replace(drill, environment=other)) != kind_of(drill)


def test_what_a_machine_of_eight_gib_shows_is_always_rounded_to_eight() -> None:
    drill = a_drill()
    shown = {kind_of(replace(drill, environment=replace(drill.environment, memory_bytes=mib << 20))) for mib in range(7500, 8193, 20)}
    assert shown == {"faithful postgresql-15 process 2cpu 8GiB"}


# --- good and bad -----------------------------------------------------------------------------------------------------


def test_the_damage_lies_between_the_youngest_good_and_the_first_bad_after_it() -> None:
    nights = [of("mon", 0), of("tue", 24), of("wed", 48, Verdict.FAILED), of("thu", 72, Verdict.FAILED)]
    for arrived in permutations(nights):
        ledger = learned(*arrived)
        assert (ledger.known_good is not None) and (ledger.first_bad is not None)
        assert (ledger.known_good.backup, ledger.first_bad.backup) == ("tue", "wed")


def test_a_good_backup_between_two_bad_ones_moves_the_window() -> None:
    ledger = learned(of("mon", 0), of("tue", 24, Verdict.FAILED), of("thu", 72, Verdict.FAILED), of("wed", 48, hours=90))
    assert ledger.first_bad is not None
    assert ledger.first_bad.backup == "thu"


def test_a_good_backup_younger_than_all_bad_ones_ends_the_damage() -> None:
    assert learned(of("mon", 0), of("tue", 24, Verdict.FAILED), of("wed", 48)).first_bad is None


def test_a_backup_whose_data_is_intact_is_good_though_its_objective_was_missed() -> None:
    slow = replace(of("mon", 0, Verdict.FAILED), reasons=RTO_MISSED)
    ledger = learned(slow)
    assert ledger.known_good is not None
    assert ledger.first_bad is None


def test_what_only_missed_an_objective_before_we_failed_is_neither_good_nor_bad() -> None:
    unclear = replace(of("mon", 0, Verdict.FAILED), reasons=(*RTO_MISSED, Reason("deadline", "too long", "give it longer")))
    ledger = learned(unclear)
    assert (ledger.known_good, ledger.first_bad) == (None, None)


def test_a_bad_backup_whose_header_names_the_year_9999_is_over_once_a_good_one_follows() -> None:
    spoiled = of_backup(of("mon", 0, Verdict.FAILED), "mon", datetime(9999, 12, 31, tzinfo=UTC))
    assert learned(spoiled, of("tue", 24)).first_bad is None


def test_that_no_backup_was_there_is_no_damage() -> None:
    absent = replace(of("", 0, Verdict.FAILED), reasons=(Reason("no_backup", "nothing lies there", "look"),))
    assert learned(absent).first_bad is None


def test_a_good_backup_that_rotted_is_good_no_more_and_the_one_before_it_is() -> None:
    ledger = learned(of("mon", 0), of("tue", 24), of("tue", 24, Verdict.FAILED, hours=60))
    assert ledger.known_good is not None
    assert ledger.known_good.backup == "mon"
    assert ledger.first_bad is not None
    assert ledger.first_bad.backup == "tue"


def test_a_failed_drill_whose_repeat_passes_leaves_no_damage() -> None:
    ledger = learned(of("mon", 0, Verdict.FAILED), of("mon", 0, hours=2))
    assert ledger.first_bad is None
    assert ledger.known_good is not None


def test_what_could_not_be_told_changes_neither() -> None:
    before = learned(of("mon", 0))
    after = learned(of("tue", 24, Verdict.INCONCLUSIVE), ledger=before)
    assert (after.good, after.bad) == (before.good, before.bad)


def test_once_damage_is_over_the_worst_day_says_what_it_would_have_cost() -> None:
    ledger = learned(of("mon", 0), of("tue", 24, Verdict.FAILED), of("wed", 48, Verdict.FAILED), of("thu", 72))
    (day,) = ledger.worst_of_days
    assert day[1] >= 72 * 3600


# --- sights and cycles ------------------------------------------------------------------------------------------------


def a_sight(newest: SightedBackup | None, hours: float = 0) -> Sight:
    return Sight(at(hours), None, newest, None if newest is None else newest.taken_at, 1, 1000, 0, 0)


def sighted(name: str, taken: float, usable: float | None = None) -> SightedBackup:
    return SightedBackup(name, at(taken), at(taken + 0.5 if usable is None else usable), 1000)


def test_the_first_listing_ends_no_cycle() -> None:
    newest = sighted("b", 24)
    ledger = with_sight(EMPTY, a_sight(newest), (sighted("a", 0), newest), None, at(25))
    assert ledger.cycles == ()
    assert ledger.sight is not None


def test_a_cycle_lasts_from_the_recovery_point_before_until_the_backup_is_usable() -> None:
    before = replace(EMPTY, measured=learned(of("x", -50)).measured)
    ledger = with_sight(before, a_sight(sighted("b", 24)), (sighted("b", 24),), sighted("a", 0), at(25))
    (cycle,) = ledger.cycles
    assert cycle.achieved_seconds == 24 * 3600 + 60
    assert (cycle.at, cycle.at_least) == (at(24.5), False)


def test_without_a_measured_lag_a_cycle_counts_from_the_stamp_and_says_so() -> None:
    ledger = with_sight(EMPTY, a_sight(sighted("b", 24)), (sighted("b", 24),), sighted("a", 0), at(25))
    (cycle,) = ledger.cycles
    assert cycle.achieved_seconds == 24.5 * 3600
    assert cycle.at_least


def test_several_new_backups_end_one_cycle_each_in_the_order_in_which_they_became_usable() -> None:
    new = (sighted("d", 72), sighted("b", 24), sighted("c", 48))
    ledger = with_sight(EMPTY, a_sight(new[0]), new, sighted("a", 0), at(80))
    assert [cycle.backup for cycle in ledger.cycles] == ["b", "c", "d"]


def test_an_old_backup_that_is_copied_in_later_ends_no_cycle() -> None:
    ledger = with_sight(EMPTY, a_sight(sighted("b", 24)), (sighted("a0", -24, usable=30),), sighted("b", 24), at(31))
    assert ledger.cycles == ()


def test_backups_whose_names_tell_only_the_day_end_a_cycle_each() -> None:
    new = (sighted("b", 0, usable=7), sighted("c", 0, usable=13))
    ledger = with_sight(EMPTY, a_sight(new[1]), new, sighted("a", 0, usable=1), at(14))
    assert [cycle.backup for cycle in ledger.cycles] == ["b", "c"]


def test_a_backup_that_is_written_over_under_one_name_ends_a_cycle() -> None:
    ledger = with_sight(EMPTY, a_sight(sighted("latest", 24)), (sighted("latest", 24),), sighted("latest", 0), at(25))
    assert ledger.cycles[0].achieved_seconds == 24.5 * 3600


def test_a_store_whose_clock_is_ahead_makes_no_backup_usable_later_than_now() -> None:
    ledger = with_sight(EMPTY, a_sight(sighted("b", 24)), (sighted("b", 24, usable=100),), sighted("a", 0), at(25))
    assert ledger.cycles[0].at == at(25)


def test_the_days_keep_the_worst_of_each_for_a_month() -> None:
    ledger, before = EMPTY, sighted("0", 0)
    for day in range(1, 60):
        backup = sighted(str(day), day * 24)
        ledger = with_sight(ledger, a_sight(backup), (backup,), before, at(day * 24 + 1))
        before = backup
    assert len(ledger.worst_of_days) == 31
    assert len(ledger.cycles) == 40


@given(order=st.permutations(range(12)), seconds=st.lists(st.floats(0, 1e6), min_size=12, max_size=12))
def test_cycles_may_arrive_in_any_order_and_twice(order: list[int], seconds: list[float]) -> None:
    cycles = tuple(Cycle(f"b{number}", at(number * 24), achieved) for number, achieved in enumerate(seconds))
    arrived = EMPTY
    for number in order:
        arrived = with_cycles(arrived, (cycles[number],))
    assert with_cycles(arrived, cycles) == arrived == with_cycles(EMPTY, cycles)


# --- acceptance -------------------------------------------------------------------------------------------------------


def test_what_was_measured_before_an_acceptance_is_compared_no_more() -> None:
    ledger = learned(*(of(str(day), day * 24) for day in range(12)))
    before = next(trend for trend in ledger.trends if trend.quantity == "recovery_time")
    accepted = with_acceptance(ledger, at(11 * 24), "the new region")
    after = next(trend for trend in accepted.trends if trend.quantity == "recovery_time")
    assert (before.state, before.compared) == ("steady", 12)
    assert (after.state, after.compared) == ("learning", 1)


def test_an_acceptance_older_than_the_last_one_changes_nothing() -> None:
    accepted = with_acceptance(EMPTY, at(5), "later")
    assert with_acceptance(accepted, at(1), "earlier") == accepted


# --- doubts -----------------------------------------------------------------------------------------------------------


def test_a_younger_backup_that_passes_later_lays_a_doubt_to_rest_and_an_older_one_does_not() -> None:
    failed = learned(of("b", 48, Verdict.FAILED))
    assert [doubt.drill for doubt in failed.doubts] == [of("b", 48).drill]
    assert learned(of("a", 0, hours=72), ledger=failed).doubts == failed.doubts
    assert learned(of("c", 96), ledger=failed).doubts == ()


_DRILLS = st.lists(st.tuples(st.sampled_from(Verdict), st.integers(0, 20), st.integers(0, 20), st.booleans()), max_size=14)


@given(_DRILLS)
def test_without_a_doubt_no_drill_stands_against_a_place(happened: list[tuple[Verdict, int, int, bool]]) -> None:
    """What `status` reads off a ledger is what it would make of the drills, whatever their backups' headers say within a day."""
    drills, listed = [], []
    for number, (verdict, began, age, shifted) in enumerate(happened):
        drill = of(f"{number}", (began - age) * 24, verdict, hours=began * 24 + number / 10)
        taken = at((began - age) * 24 + (12 if shifted else 0))
        drills.append(drill)
        listed.append(Drilled(drill.drill, verdict, drill.began_at, drill.ended_at, drill.backup.id, taken))
    ledger = learned(*drills)
    found = place_drilled(listed)
    if not ledger.doubts:
        assert found.decisive is None or found.decisive.verdict is Verdict.PASSED
    if ledger.last_passed is not None:
        assert found.last_passed_at == ledger.last_passed.began_at


@given(_DRILLS)
def test_drills_told_together_make_the_ledger_that_each_after_the_other_makes(happened: list[tuple[Verdict, int, int, bool]]) -> None:
    drills = [of(f"{number}", began - age, verdict, began) for number, (verdict, began, age, _) in enumerate(happened)]
    told = [(drill, True, kind_of(drill)) for drill in drills]
    assert with_drills(EMPTY, told) == learned(*drills)
