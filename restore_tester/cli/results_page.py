"""Drills, what each was expected to say, and how that came about → one HTML page that needs nothing beside itself.

It looks like the pages of the service, and is made by the same templates: what comes out of a backup is made harmless there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from restore_tester.model import Drill, Verdict
from restore_tester.service.pages.rendering import page


@dataclass(frozen=True, slots=True)
class Result:
    """A drill, how its backup came about, and the verdict that it was expected to get."""

    drill: Drill
    story: str
    expected: Verdict
    as_expected: bool


def results_page(title: str, results: Sequence[Result]) -> str:
    """Return the page, as text that is to be stored in UTF-8."""
    verdicts = [(verdict, sum(each.drill.verdict is verdict for each in results)) for verdict in Verdict]
    right = sum(each.as_expected for each in results)
    return page("results_page.html", {"title": title, "results": results, "verdicts": verdicts, "right": right})
