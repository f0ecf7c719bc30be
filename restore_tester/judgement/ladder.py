"""The proof ladder's rungs, and what may speak against one of them: the words that the rest of the judgement is written in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from restore_tester.model import Blame, Reason


class Rung(IntEnum):
    """The proof ladder, level by level; names as in `model.Levels`, in capitals."""

    INVENTORY = 0
    BYTES = 1
    STRUCTURE = 2
    RESTORED = 3
    COMPLETE = 4
    INTACT = 5
    FRESH = 6
    USABLE = 7


@dataclass(frozen=True, slots=True)
class Finding:
    """What decides a verdict: whose it is, why, and the rung that it contradicts (theirs) or leaves unproven (ours)."""

    blame: Blame
    reason: Reason
    rung: Rung | None = None
