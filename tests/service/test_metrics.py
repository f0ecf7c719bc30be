"""What the board tells of places: real bodies, read back by the parsers of prometheus-client and by promtool."""

from __future__ import annotations

import gzip
import subprocess
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from restore_tester.history.nouns import Place
from restore_tester.judgement.ledger import DrillInBrief, Ledger
from restore_tester.model import Verdict
from restore_tester.service.exposition import Format
from restore_tester.service.metrics import Board, FleetFigures, Plan, Refusal
from restore_tester.service.series import detail_of
from tests.service.ledgers import DAY, NOW, StoppedClock, a_board, a_configuration, a_drill, a_full_ledger, a_workload

ORDERS = Place("orders", "primary")
EMPTY = Ledger(first_seen=NOW - 90 * DAY)
PREFIX = "restore_tester_"
PLAN = Plan("orders", NOW + DAY, refused=(Refusal("primary", "daily_budget"),))


def text_of(board: Board, format: Format = Format.TEXT) -> str:
    body = board.body(format, compressed=True)
    assert body is not None
    return gzip.decompress(b"".join(body.parts)).decode()


def samples(text: str) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Name without prefix → labels → value; a sample that stands there twice is an error."""
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in read_text(text):
        for one in family.samples:
            labels = tuple(sorted(one.labels.items()))
            assert labels not in found.setdefault(one.name.removeprefix(PREFIX), {})
            found[one.name.removeprefix(PREFIX)][labels] = one.value
    return found


def value(board: Board, name: str, **labels: str) -> float | None:
    """The one value of a metric, of all or of those with these labels; None where there is none."""
    of = samples(text_of(board)).get(name, {})
    matching = [number for key, number in of.items() if set(labels.items()) <= set(key)]
    assert len(matching) <= 1
    return matching[0] if matching else None


def series_of_places(text: str) -> Counter[str]:
    """How many series each workload has."""
    found: Counter[str] = Counter()
    for of in samples(text).values():
        found.update(workload for key in of for name, workload in key if name == "workload")
    return found


@pytest.mark.parametrize(("metrics", "most"), [("full", 40), ("lean", 12)])
@pytest.mark.parametrize("paused", [True, False])
@pytest.mark.parametrize("checks", [0, 1, 200])
def test_a_place_of_which_everything_is_known_and_wrong_keeps_within_its_series(metrics: str, most: int, paused: bool, checks: int) -> None:
    board = a_board(a_configuration(metrics=metrics), [(ORDERS, a_full_ledger(checks))])
    board.plan([replace(PLAN, paused=paused)])
    count = series_of_places(text_of(board))["orders"]
    assert count <= most
    # A worst case that is far from the bound would prove nothing.
    assert count >= most - 2 - (checks == 0)


def test_several_locations_keep_within_their_series_together() -> None:
    names = ("primary", "offsite", "archive")
    configuration = a_configuration(a_workload(locations=names), metrics="full")
    board = a_board(configuration, [(Place("orders", name), a_full_ledger()) for name in names])
    board.plan([replace(PLAN, refused=tuple(Refusal(name, "daily_budget") for name in names))])
    assert 100 < series_of_places(text_of(board))["orders"] <= 120


@pytest.mark.parametrize("metrics", ["full", "lean"])
@pytest.mark.parametrize("format", list(Format))
def test_no_ledger_that_is_known_in_part_breaks_a_format(metrics: str, format: Format) -> None:
    full = a_full_ledger()
    ledgers = [EMPTY, full, replace(full, sight=None), replace(full, last=None), replace(full, trends=(), cycles=(), worst_of_days=())]
    workloads = [a_workload(f"w{number}") for number in range(len(ledgers) + 1)]
    board = a_board(
        a_configuration(*workloads, metrics=metrics), [(Place(f"w{number}", "primary"), one) for number, one in enumerate(ledgers)]
    )
    read = read_text if format is Format.TEXT else read_openmetrics
    assert {family.name for family in read(text_of(board, format))} >= {f"{PREFIX}drills", f"{PREFIX}drill_duration_seconds"}


@pytest.mark.parametrize("metrics", ["full", "lean"])
def test_promtool_has_nothing_to_say(metrics: str) -> None:
    board = a_board(a_configuration(metrics=metrics, stage_metrics=True), [(ORDERS, a_full_ledger())])
    board.plan([PLAN])
    board.tell(FleetFigures(config_reloaded_at=NOW))
    asked = subprocess.run(["promtool", "check", "metrics"], input=text_of(board), capture_output=True, text=True, timeout=60, check=False)
    assert (asked.returncode, asked.stdout, asked.stderr) == (0, "", "")


def test_what_is_unknown_is_absent_and_nothing_is_ever_nan() -> None:
    text = text_of(a_board(a_configuration(), [(ORDERS, EMPTY)]))
    told = {name for name, of in samples(text).items() if any(("workload", "orders") in key for key in of)}
    objectives = {"recovery_time_objective_seconds", "recovery_point_objective_seconds"}
    assert told == objectives | {"workload_info", "drill_interval_seconds", "first_seen_timestamp_seconds", "drills_total"}
    assert "NaN" not in text


def test_drills_are_counted_from_zero_for_each_verdict_before_the_first() -> None:
    counts = samples(text_of(a_board(a_configuration(), [])))["drills_total"]
    assert sorted((dict(key)["verdict"], count) for key, count in counts.items()) == [("failed", 0), ("inconclusive", 0), ("passed", 0)]


def test_a_workload_that_is_removed_vanishes_and_the_fleet_still_counts_its_drills() -> None:
    board = a_board(a_configuration(a_workload("orders"), a_workload("users")), [(ORDERS, a_full_ledger())])
    assert value(board, "drill_duration_seconds_count") == 44
    board.configure(a_configuration(a_workload("users")))
    board.load([(ORDERS, a_full_ledger())])
    assert "orders" not in series_of_places(text_of(board, Format.OPENMETRICS).replace("# EOF\n", ""))
    assert 'workload="users"' in text_of(board)
    assert value(board, "drill_duration_seconds_count") == 44


def test_a_page_stays_as_it_was_until_a_new_configuration_is_loaded() -> None:
    clock = StoppedClock()
    board = a_board(a_configuration(), [(ORDERS, a_full_ledger())], clock)
    before = value(board, "drills_total", verdict="passed")
    board.configure(a_configuration(replace(a_workload(), owner="somebody-else")))
    assert (before, value(board, "drills_total", verdict="passed")) == (41, 41)


def test_a_drill_that_ends_shows_in_the_next_rendering_and_nowhere_else() -> None:
    places = [(Place(f"w{number}", "primary"), EMPTY) for number in range(300)]
    board = a_board(a_configuration(*(a_workload(place.workload) for place, _ in places)), places)
    before = samples(text_of(board))
    board.update([(Place("w7", "primary"), replace(EMPTY, failed=1, last=a_drill("d", Verdict.FAILED, "no_backup")))])
    with board.rendering():
        while value(board, "last_drill_reason", code="no_backup") is None:
            pass
    after = samples(text_of(board))
    ours = {name for name in before if not name.startswith(("process_", "python_"))}
    changed = {key for name in ours for key in {*before[name], *after[name]} if before[name].get(key) != after[name].get(key)}
    assert {dict(key).get("workload") for key in changed} == {"w7"}


def test_the_estimated_recovery_point_is_the_arrival_of_the_newest_backup_less_the_last_lag() -> None:
    ledger = replace(a_full_ledger(), last_newest=None, good=(), bad=())
    board = a_board(a_configuration(), [(ORDERS, ledger)])
    assert value(board, "estimated_recovery_point_timestamp_seconds") == (NOW - timedelta(hours=2, minutes=54)).timestamp()


def test_a_listing_that_failed_says_so_and_keeps_what_was_known() -> None:
    board = a_board(a_configuration(), [(ORDERS, a_full_ledger())])
    assert (value(board, "listing_success"), value(board, "backups"), value(board, "newest_backup_size_bytes")) == (0, 14, 1000)


def test_a_location_that_could_never_be_listed_has_no_number_of_backups() -> None:
    sight = a_full_ledger().sight
    assert sight is not None
    board = a_board(a_configuration(), [(ORDERS, replace(EMPTY, sight=replace(sight, newest=None, backups=0)))])
    assert (value(board, "listing_success"), value(board, "backups")) == (0, None)


def a_failure_still_open(last: DrillInBrief) -> Board:
    """The newest backup was found damaged, and then `last` ended."""
    full = a_full_ledger()
    return a_board(a_configuration(), [(ORDERS, replace(full, last=replace(last, ended_at=NOW)))])


def test_an_older_backup_that_passes_does_not_hide_that_the_newest_is_damaged() -> None:
    board = a_failure_still_open(replace(a_drill("drill-10"), backup="older.dump", taken_at=NOW - 9 * DAY, newest=False))
    assert (value(board, "last_drill_verdict", verdict="failed"), value(board, "last_drill_verdict", verdict="passed")) == (1, None)
    assert value(board, "last_drill_reason", code="check_failed") == 1
    assert value(board, "last_drill_timestamp_seconds") == NOW.timestamp()


def test_a_drill_that_told_nothing_answers_no_failure() -> None:
    board = a_failure_still_open(a_drill("drill-10", Verdict.INCONCLUSIVE, "interrupted"))
    told = samples(text_of(board))
    assert [dict(key)["verdict"] for key in told["last_drill_verdict"]] == ["failed"]
    assert "interrupted" not in {dict(key)["code"] for key in told["last_drill_reason"]}


def test_one_that_told_nothing_after_a_failure_was_answered_is_told_with_its_reason() -> None:
    full, failed = a_full_ledger(), a_drill("drill-8", Verdict.FAILED, "check_failed")
    answered = replace(a_drill("drill-9"), ended_at=NOW - timedelta(hours=1))
    untold = replace(a_drill("drill-10", Verdict.INCONCLUSIVE, "check_errored"), ended_at=NOW)
    ledger = replace(full, last=untold, last_newest=failed, last_passed=answered, good=(answered,), bad=())
    board = a_board(a_configuration(), [(ORDERS, ledger)])
    assert (value(board, "last_drill_verdict", verdict="inconclusive"), value(board, "last_drill_verdict", verdict="failed")) == (1, None)
    assert value(board, "last_drill_reason") == value(board, "last_drill_reason", code="check_errored") == 1


def test_the_worst_case_is_of_the_last_thirty_days_only() -> None:
    assert value(a_board(a_configuration(), [(ORDERS, a_full_ledger())]), "worst_case_data_loss_seconds") == 90_000


def test_a_forecast_is_told_only_while_it_says_a_date() -> None:
    full = a_full_ledger()
    steady = replace(full, trends=(replace(full.trends[0], line=None),))
    dated, dateless = (a_board(a_configuration(), [(ORDERS, ledger)]) for ledger in (full, steady))
    assert (value(dated, "recovery_time_breach_timestamp_seconds") or 0) > NOW.timestamp()
    assert value(dateless, "recovery_time_breach_timestamp_seconds") is None


def test_a_recovery_time_that_is_never_judged_has_no_forecast() -> None:
    full = a_full_ledger()
    fast = replace(full, measured=(full.measured[0]._replace(kind="fast postgresql 16 process"),))
    assert value(a_board(a_configuration(), [(ORDERS, fast)]), "recovery_time_breach_timestamp_seconds") is None


def test_the_size_of_the_fleet_chooses_lean() -> None:
    many = [a_workload(f"w{number}", ("primary", "offsite")) for number in range(2501)]
    chosen = [detail_of(a_configuration(*workloads)) for workloads in (many[:2500], many)]
    assert [(detail.name, detail.chosen_by) for detail in chosen] == [("full", "size"), ("lean", "size")]


@pytest.mark.parametrize(("metrics", "detail", "chosen_by"), [("auto", "full", "size"), ("lean", "lean", "configuration")])
def test_the_page_says_how_much_it_tells(metrics: str, detail: str, chosen_by: str) -> None:
    assert value(a_board(a_configuration(metrics=metrics), []), "metrics_detail_info", detail=detail, chosen_by=chosen_by) == 1


def test_lean_counts_the_drills_of_the_fleet() -> None:
    board = a_board(a_configuration(metrics="lean"), [(ORDERS, a_full_ledger()), (Place("gone", "x"), replace(EMPTY, passed=9))])
    assert value(board, "drills_total", verdict="passed") == 50


def test_drills_are_exemplars_in_openmetrics_and_nowhere_in_text() -> None:
    board = a_board(a_configuration(), [(ORDERS, a_full_ledger())])
    found = [one for family in read_openmetrics(text_of(board, Format.OPENMETRICS)) for one in family.samples if one.exemplar]
    assert {(one.name, one.exemplar.labels["drill"]) for one in found if one.exemplar} == {
        (f"{PREFIX}drills_total", "drill-9"),
        (f"{PREFIX}drill_duration_seconds_bucket", "drill-9"),
    }
    assert "drill-9" not in text_of(board)


def test_the_gravest_check_is_named_and_the_rest_counted_where_there_is_room() -> None:
    full = a_full_ledger(20)
    young = replace(full, trends=())
    told = [samples(text_of(a_board(a_configuration(), [(ORDERS, ledger)])))["check_problems"] for ledger in (full, young)]
    assert [dict(key)["check"] for key in told[0]] == ["check_019"]
    assert [dict(key)["check"] for key in told[1]] == [*(f"check_{19 - number:03}" for number in range(7)), "(others)"]
    assert sum(told[1].values()) == sum(one + 1 for one in range(20))


def test_a_paused_workload_says_so_and_has_no_next_drill() -> None:
    board = a_board(a_configuration(), [(ORDERS, EMPTY)])
    board.plan([Plan("orders", NOW + DAY)])
    assert (value(board, "paused"), value(board, "next_drill_timestamp_seconds")) == (None, (NOW + DAY).timestamp())
    board = a_board(a_configuration(), [(ORDERS, EMPTY)])
    board.plan([Plan("orders", NOW + DAY, paused=True)])
    assert (value(board, "paused"), value(board, "next_drill_timestamp_seconds")) == (1, None)


def test_stages_are_told_by_choice() -> None:
    boards = [a_board(a_configuration(stage_metrics=choice), [(ORDERS, a_full_ledger())]) for choice in (False, True)]
    assert [len(samples(text_of(board)).get("stage_seconds", {})) for board in boards] == [0, 11]


def test_nothing_is_told_before_the_history_was_loaded() -> None:
    board = Board(StoppedClock())
    board.configure(a_configuration())
    assert (board.loaded, board.body(Format.TEXT, compressed=True)) == (False, None)


@settings(max_examples=25)
@given(name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_any_name_that_an_operator_writes_comes_back_as_it_was(name: str) -> None:
    workload = replace(a_workload(name), owner=f'{name} # {{drill="x"}} 1')
    board = a_board(a_configuration(workload), [(Place(name, "primary"), a_full_ledger())])
    for format, read in ((Format.TEXT, read_text), (Format.OPENMETRICS, read_openmetrics)):
        found = [one for family in read(text_of(board, format)) for one in family.samples if one.name == f"{PREFIX}workload_info"]
        assert [(one.labels["workload"], one.labels["owner"]) for one in found] == [(name, workload.owner)]
