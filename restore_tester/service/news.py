"""Ledgers as they change in the history → whoever works by them: told of all at first, then of each change. Nobody else polls."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from restore_tester.errors import CannotTell
from restore_tester.history.nouns import Place
from restore_tester.history.records import History
from restore_tester.judgement.ledger import Ledger

Told = Iterable[tuple[Place, Ledger]]
EVERY_SECONDS = 5.0
# Drills that end side by side are told of together.
APART_SECONDS = 0.2


class News:
    """Given a history: `follow` polls it, at once where `hurry` says that something has changed."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._since = 0
        self._hurry = threading.Event()
        self._stopping = threading.Event()

    def everything(self) -> Iterator[tuple[Place, Ledger]]:
        """Return all ledgers; `follow` goes on from here. Hold on to none of them. Raise CannotTell."""
        # First: what is made again counts as changed, and would be told twice.
        self._history.ledgers.refresh()
        self._since = self._history.ledgers.number()
        yield from self._history.ledgers.all()

    def follow(self, tell: Callable[[Told], None], trouble: Callable[[CannotTell], None]) -> None:
        """Tell changes until `stop` is called; why they cannot be read is told too, and they are not lost."""
        while not self._stopping.is_set():
            self._hurry.wait(EVERY_SECONDS)
            self._hurry.clear()
            try:
                number, changes = self._history.ledgers.changed(self._since)
            except CannotTell as error:
                trouble(error)
                continue
            if changes:
                tell(changes)
            # Only now: who is started again after a fault of ours hears of them once more.
            self._since = number
            if changes:
                # There may be more: a portion is told at a time.
                self._hurry.set()
            self._stopping.wait(APART_SECONDS)

    def hurry(self) -> None:
        """Something has changed: look now."""
        self._hurry.set()

    def stop(self) -> None:
        """Let `follow` end."""
        self._stopping.set()
        self._hurry.set()


def portions(told: Told, size: int = 500) -> Iterator[tuple[tuple[Place, Ledger], ...]]:
    """Return the same, so many at a time."""
    rest = iter(told)
    while portion := tuple(islice(rest, size)):
        yield portion
