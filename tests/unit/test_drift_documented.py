"""docs/drift.md says each parameter as it is in force."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from restore_tester.judgement import drift, forecast

PAGE = (Path(__file__).parents[2] / "docs" / "drift.md").read_text()
ROWS = dict(re.findall(r"^\| `([A-Z_]+)` \| ([0-9.]+) \|", PAGE, re.MULTILINE))
NOT_FOR_OPERATORS = {"DAY_SECONDS", "MEDIAN_TO_MEAN", "UNKNOWN", "NOT_WITHIN_A_YEAR"}


def parameters() -> dict[str, float]:
    both = {**vars(drift), **vars(forecast)}
    return {name: value for name, value in both.items() if name.isupper() and name[0] != "_" and name not in NOT_FOR_OPERATORS}


def test_every_parameter_is_documented_and_none_that_is_gone() -> None:
    assert set(ROWS) == set(parameters())


@pytest.mark.parametrize("name", sorted(parameters()))
def test_the_page_says_the_value_in_force(name: str) -> None:
    assert float(ROWS[name]) == parameters()[name]
