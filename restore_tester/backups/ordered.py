"""Pieces that arrive side by side → the same pieces in their order, in bounded memory.

A ring of buffers: as many pieces are under way as there are buffers, and a buffer is filled anew only when whoever
takes the pieces has come back for the next. So memory is `lanes` times `piece_bytes`, however large the whole is.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from restore_tester.contracts import CountBytes

PROGRESS_SECONDS = 0.2

Piece = TypeVar("Piece")
Told = TypeVar("Told")


@dataclass(slots=True)
class Lane:
    """A buffer that is being filled: how far it is, and whether anyone still wants it."""

    buffer: memoryview
    stop: threading.Event
    arrived: int = field(default=0)


@dataclass(frozen=True, slots=True)
class Arrival(Generic[Piece, Told]):
    """A piece, its bytes (valid until the next is taken), and what the store told with it."""

    piece: Piece
    content: memoryview
    told: Told


class Stopped(Exception):
    """Raised by a reader whose lane nobody wants any more: somebody else failed, and this one need not go on."""


def in_order(pieces: Sequence[Piece], read: Callable[[Piece, Lane], Told], ring: Ring, count: CountBytes) -> Iterator[Arrival[Piece, Told]]:
    """Given what to read and how, yield every piece in order; `count` is told bytes as they arrive. Raise what `read` raises.

    `read` fills `lane.buffer` from its start, and keeps `lane.arrived` at what is there."""
    stop = threading.Event()
    lanes = [Lane(memoryview(bytearray(ring.piece_bytes)), stop) for _ in range(min(ring.lanes, len(pieces)))]
    pool = ThreadPoolExecutor(max(1, len(lanes)), thread_name_prefix="fetch")
    told = _Counted(count)
    waiting: deque[tuple[Piece, Lane, Future[Told]]] = deque()
    upcoming = iter(pieces)

    def send(lane: Lane) -> None:
        piece = next(upcoming, None)
        if piece is not None:
            lane.arrived = 0
            waiting.append((piece, lane, pool.submit(read, piece, lane)))

    try:
        for lane in lanes:
            send(lane)
        while waiting:
            piece, lane, future = waiting[0]
            said = _wait(future, lambda: told.now(lane.arrived for _, lane, _ in waiting))
            told.passed(lane.arrived)
            waiting.popleft()
            yield Arrival(piece, lane.buffer[: lane.arrived], said)
            send(lane)
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Ring:
    """How many pieces are under way at once, and how large one may be (bytes)."""

    lanes: int
    piece_bytes: int


class _Counted:
    """Tells every byte once, though a piece may be read anew after a broken connection."""

    def __init__(self, count: CountBytes) -> None:
        self._count, self._told, self._passed = count, 0, 0

    def now(self, arrived: Iterator[int]) -> None:
        self._tell(self._passed + sum(arrived))

    def passed(self, size: int) -> None:
        self._passed += size
        self._tell(self._passed)

    def _tell(self, total: int) -> None:
        if total > self._told:
            self._count(total - self._told)
            self._told = total


def _wait(future: Future[Told], meanwhile: Callable[[], None]) -> Told:
    while True:
        try:
            return future.result(timeout=PROGRESS_SECONDS)
        except NotYet:
            if future.done():
                return future.result()
            meanwhile()
