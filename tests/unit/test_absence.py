"""A listing in which nothing can be drilled: why, and whose fault that is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from restore_tester.contracts import Listing
from restore_tester.judgement.absence import dead_newest, nothing_eligible
from restore_tester.model import Backup, Blame, Location, Reason

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
HERE = Location("primary", "folder", "file:///backups")


def backup(name: str, hours_ago: float) -> Backup:
    at = NOW - timedelta(hours=hours_ago)
    return Backup(name, f"file:///backups/{name}", at, 1, (), False, taken_at=at, taken_at_basis="name")


def broken(code: str, hours_ago: float = 1, name: str = "b") -> tuple[Backup, Reason]:
    return backup(name, hours_ago), Reason(code, f"{name} is {code}", "cure it")


@pytest.mark.parametrize(
    ("listing", "code", "blame"),
    [
        (Listing(()), "no_backup", Blame.BACKUP),
        (Listing((), unrecognised=("a", "b"), unrecognised_count=2), "nothing_recognised", Blame.OURS),
        (Listing((), (broken("still_growing"),)), "no_backup", Blame.BACKUP),
        (Listing((), (broken("incomplete"),)), "incomplete", Blame.BACKUP),
        (Listing((), (broken("deleted"),)), "deleted", Blame.BACKUP),
        (Listing((), (broken("link_leaves_location"),)), "link_leaves_location", Blame.OURS),
        (Listing((), (broken("still_growing", 0, "a"), broken("incomplete", 9))), "incomplete", Blame.BACKUP),
        (Listing((), (broken("still_growing"),), ("readme",), 1), "no_backup", Blame.BACKUP),
    ],
)
def test_what_is_said_where_nothing_can_be_drilled(listing: Listing, code: str, blame: Blame) -> None:
    facts = nothing_eligible(listing, HERE).facts
    assert facts.trouble is not None
    assert (facts.trouble.code, facts.trouble_blame) == (code, blame)
    assert facts.trouble.hint


def test_the_names_that_nothing_recognised_are_shown_printable() -> None:
    trouble = nothing_eligible(Listing((), unrecognised=("\x1b[31m",), unrecognised_count=1), HERE).facts.trouble
    assert trouble is not None
    assert trouble.message.isprintable()


def test_a_newest_backup_whose_job_died_is_what_a_drill_of_the_newest_is_about() -> None:
    found = dead_newest(Listing((backup("old", 24),), (broken("incomplete", 2, "new"),)))
    assert found is not None
    assert found.backup.id == "new"


@pytest.mark.parametrize(
    "incomplete",
    [
        broken("incomplete", 48),
        broken("still_growing", 2),
        broken("incomplete", 2, "old"),
        (Backup("x", "", None, 0, (), False), broken("deleted")[1]),
    ],
)
def test_what_is_older_growing_superseded_or_undated_stands_in_nobodys_way(incomplete: tuple[Backup, Reason]) -> None:
    assert dead_newest(Listing((backup("old", 24),), (incomplete,))) is None


def test_a_newest_backup_that_somebody_tampered_with_is_not_passed_over_for_an_older_one() -> None:
    found = dead_newest(Listing((backup("old", 24),), (broken("name_unsafe", 2, "new"),)))
    assert found is not None
    assert (found.backup.id, found.facts.trouble_blame) == ("new", Blame.OURS)
