"""A word that is not known, turned into the one that was probably meant."""

from __future__ import annotations

import difflib
from functools import lru_cache

from restore_tester.config.secrets import is_plain_word


@lru_cache(maxsize=1024)
def hint(word: str, known: tuple[str, ...]) -> str:
    """Given what was written and what could have been, return one instruction."""
    near = difflib.get_close_matches(word[:100].lower(), known, 1, 0.6)
    if near:
        return f"did you mean `{near[0]}`?"
    return f"use one of: {', '.join(sorted(known)[:40])}"


def quoted(word: str) -> str:
    """Return the word in quotes after a colon where it is plainly a word, else nothing: what is written there may be a secret."""
    return f": `{word}`" if is_plain_word(word) else ""
