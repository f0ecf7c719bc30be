"""Which backup to drill next on the way back to one that is good: newest first, in growing steps, then closing in. Pure.

What was lost mostly stays lost: the backups after the damage have it, those before do not. So the walk takes the newest, then
goes back 1, 2, 4, 8 … backups until one is good, and halves what lies between the oldest bad and that good one. Thirty nightly dumps
take at most ten drills instead of thirty. Where the oldest is not good either, the rest is tried one by one, newest first.
"""

from __future__ import annotations

from collections.abc import Mapping


def next_to_try(count: int, tried: Mapping[int, bool | None]) -> int | None:
    """Given how many backups there are (0 is the newest) and what came of those tried (None: nobody can tell), return the next;
    None where nothing is left to find out: a good one was found and what lies just before it in time is known, or all were tried."""
    good = newest_good(tried)
    if good is None:
        return _further_back(count, tried)
    bad = last_bad_before(good, tried)
    between = [index for index in range(bad + 1, good) if index not in tried]
    return between[len(between) // 2] if between else None


def newest_good(tried: Mapping[int, bool | None]) -> int | None:
    """Return the newest one that is good; None: none was found yet."""
    return min((index for index, good in tried.items() if good), default=None)


def last_bad_before(good: int, tried: Mapping[int, bool | None]) -> int:
    """Return the oldest bad one that is newer than the good one; -1: there is none."""
    return max((index for index, verdict in tried.items() if verdict is False and index < good), default=-1)


def _further_back(count: int, tried: Mapping[int, bool | None]) -> int | None:
    untried = [index for index in range(count) if index not in tried]
    if not untried:
        return None
    oldest = max(tried, default=-1)
    step = 1 << max(0, len(tried) - 1)
    further = min(oldest + step, count - 1) if tried else 0
    return further if further not in tried else untried[0]
