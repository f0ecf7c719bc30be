"""What was expected against what was found: equality with a manifest, survival against a baseline."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore_tester.judgement.comparison import compare, compared_fully, hashed_fully
from restore_tester.model import Difference, Fingerprint, TableContent
from tests.builders import a_fingerprint

ORDERS = "app.public.orders"


def found(orders: int | None, hash: str | None = None) -> Fingerprint:
    return a_fingerprint("restored", orders=orders, customers=5, hash=hash)


def expected(origin: str, orders: int | None, hash: str | None = None) -> Fingerprint:
    return a_fingerprint(origin, orders=orders, customers=5, hash=hash)


def test_a_manifest_wants_the_very_same_rows() -> None:
    assert compare(expected("manifest", 10), found(10)) == ()
    assert compare(expected("manifest", 10), found(9)) == (Difference("rows", ORDERS, 10, 9),)
    assert compare(expected("manifest", 10), found(11)) == (Difference("rows", ORDERS, 10, 11),)


def test_a_manifest_wants_the_very_same_content() -> None:
    kinds = [(each.kind, each.expected, each.found) for each in compare(expected("manifest", 10, "x"), found(10, "y"))]
    assert kinds == [("hash", "x", "y"), ("hash", "x", "y")]


def test_a_table_that_is_not_there_differs_and_one_too_many_is_told() -> None:
    orders = TableContent("app", "public", "orders", 10)
    assert compare(Fingerprint("manifest", (orders,)), Fingerprint("restored", ())) == (Difference("table_missing", ORDERS, 10, None),)
    assert compare(Fingerprint("manifest", ()), Fingerprint("restored", (orders,))) == (Difference("table_extra", ORDERS, None, 10),)


def test_a_baseline_lets_a_living_database_grow_shrink_and_gain_tables() -> None:
    assert compare(expected("baseline", 10, "x"), found(3, "y")) == ()
    assert compare(expected("baseline", 1000), found(901)) == ()
    assert compare(Fingerprint("baseline", ()), found(3)) == ()


def test_against_a_baseline_a_table_may_neither_vanish_nor_become_empty() -> None:
    assert compare(expected("baseline", 10), found(0)) == (Difference("rows", ORDERS, 10, 0),)
    assert compare(expected("baseline", 0), found(0)) == ()
    assert [each.kind for each in compare(expected("baseline", 10), Fingerprint("restored", ()))] == ["table_missing", "table_missing"]


@pytest.mark.parametrize(
    ("before", "now", "kind"),
    [
        (50_000, 20, "rows"),
        (40, 20, "rows"),
        (39, 20, None),
        (1000, 501, "rows_fewer"),
        (200, 180, "rows_fewer"),
        (200, 181, None),
        (100, 95, None),
    ],
)
def test_against_a_baseline_losing_half_differs_and_losing_a_tenth_is_told(before: int, now: int, kind: str | None) -> None:
    assert [each.kind for each in compare(expected("baseline", before), found(now))] == ([kind] if kind else [])


def test_what_was_not_counted_differs_from_nothing_and_proves_nothing() -> None:
    for ours, theirs in ((expected("manifest", None), found(1)), (expected("manifest", 1), found(None))):
        assert compare(ours, theirs) == ()
        assert not compared_fully(ours, theirs)
        assert not hashed_fully(ours, theirs)


def test_without_anything_expected_nothing_was_compared() -> None:
    assert compare(None, found(1)) == ()
    assert not compared_fully(None, found(1))
    assert not compared_fully(Fingerprint("manifest", ()), found(1))
    assert not hashed_fully(expected("manifest", 1), found(1))


def test_names_with_dots_in_them_are_not_mixed_up() -> None:
    ours = Fingerprint("manifest", (TableContent("a.b", "c", "d", 1),))
    theirs = Fingerprint("restored", (TableContent("a", "b.c", "d", 1),))
    assert [each.kind for each in compare(ours, theirs)] == ["table_missing", "table_extra"]


tables = st.builds(TableContent, st.just("d"), st.just("s"), st.sampled_from("abcd"), st.integers(0, 3), st.sampled_from("xy"))
contents = st.lists(tables, max_size=4, unique_by=lambda table: table.name).map(tuple)


@given(contents)
def test_everything_equals_itself(content: tuple[TableContent, ...]) -> None:
    assert compare(Fingerprint("manifest", content), Fingerprint("restored", content[::-1])) == ()


@given(contents, contents)
def test_without_a_difference_the_content_is_the_same(ours: tuple[TableContent, ...], theirs: tuple[TableContent, ...]) -> None:
    differences = compare(Fingerprint("manifest", ours), Fingerprint("restored", theirs))
    assert (differences == ()) == (set(ours) == set(theirs))
