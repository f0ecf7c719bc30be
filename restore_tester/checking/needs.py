"""What a check needs (`amcheck, major >= 17`) → whether the restored data has it, and in words what is missing.

Features are the words by which a restorer says what its data can be asked; a word that nobody knows is a mistake at start.
"""

from __future__ import annotations

import operator
import re

from restore_tester.contracts import RestoredData

FEATURES = {
    "amcheck": "the server has PostgreSQL's extension amcheck, and the restorer has prepared it",
    "physical": "the files of the data directory were restored, not statements that build it anew",
}

_COMPARISONS = {"<": operator.lt, "<=": operator.le, "==": operator.eq, ">=": operator.ge, ">": operator.gt}
_MAJOR = re.compile(r"major (<=|>=|==|<|>) ([1-9][0-9]{0,3})")


def read_needs(text: str) -> tuple[str, ...]:
    """Given the words of a header, with commas between, return them one by one. Raise ValueError for one that nobody knows."""
    needs = tuple(" ".join(part.split()) for part in text.split(","))
    for need in needs:
        if need not in FEATURES and not _MAJOR.fullmatch(need):
            raise ValueError(f"{need!r} is not known; known: {', '.join(FEATURES)}, major >= 17 (also <, <=, ==, >)")
    return needs


def unmet(needs: tuple[str, ...], restored: RestoredData) -> tuple[str, ...]:
    """Return those needs that the restored data does not meet."""
    return tuple(need for need in needs if not _met(need, restored))


def _met(need: str, restored: RestoredData) -> bool:
    wanted = _MAJOR.fullmatch(need)
    if wanted is None:
        return need in restored.features
    major = re.match(r"[0-9]+", restored.engine_version)
    return major is not None and bool(_COMPARISONS[wanted[1]](int(major[0]), int(wanted[2])))
