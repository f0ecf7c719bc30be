"""Which prefixes of a bucket are listed together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from restore_tester.backups.scopes import STRANGERS_FOR_EACH, Scope, scopes

MANY = [f"workload-{number}/" for number in range(10)]
ALLOWED = STRANGERS_FOR_EACH


def test_one_prefix_is_listed_itself() -> None:
    assert scopes(["orders/"], ()) == (Scope("orders/", ("orders/",), None),)


def test_many_beside_each_other_are_listed_by_their_folder() -> None:
    assert scopes([f"prod/{name}" for name in MANY], ()) == (Scope("prod/", tuple(f"prod/{name}" for name in MANY), 10 * ALLOWED),)


def test_a_few_are_listed_one_by_one() -> None:
    assert [scope.prefix for scope in scopes(MANY[:3], ())] == MANY[:3]


def test_what_lies_below_another_needs_no_listing_of_its_own() -> None:
    assert scopes(["orders/", "orders/daily/", "orders/"], ()) == (Scope("orders/", ("orders/", "orders/daily/"), None),)


def test_a_whole_bucket_that_is_configured_has_to_be_read() -> None:
    assert scopes(["", *MANY], ()) == (Scope("", ("", *MANY), None),)


def test_below_a_poor_folder_the_next_are_tried() -> None:
    both = [f"{team}/{name}" for team in ("a", "b") for name in MANY]
    assert [(scope.prefix, len(scope.members)) for scope in scopes(both, ())] == [("", 20)]
    assert [(scope.prefix, len(scope.members)) for scope in scopes(both, {""})] == [("a/", 10), ("b/", 10)]
    assert len(scopes(both, {"", "a/"})) == 11


def test_prefixes_without_a_slash_are_one_by_one_where_nothing_may_be_shared() -> None:
    assert [scope.prefix for scope in scopes(["w-1", "w-2", "w-3", "w-4"], {""})] == ["w-1", "w-2", "w-3", "w-4"]


PREFIXES = st.lists(st.text("ab/", max_size=8), max_size=30)


@given(PREFIXES, st.sets(st.text("ab/", max_size=3)))
def test_each_prefix_is_served_once_by_a_listing_that_shows_it(prefixes: list[str], poor: set[str]) -> None:
    found = scopes(prefixes, poor)
    assert sorted(member for scope in found for member in scope.members) == sorted(set(prefixes))
    assert all(member.startswith(scope.prefix) for scope in found for member in scope.members)


@given(PREFIXES, st.sets(st.text("ab/", max_size=3)))
def test_nothing_is_listed_that_is_not_configured_without_a_bound(prefixes: list[str], poor: set[str]) -> None:
    for scope in scopes(prefixes, poor):
        assert scope.prefix in prefixes or (scope.strangers_allowed is not None and scope.prefix not in poor)
