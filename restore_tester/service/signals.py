"""Ctrl-C, SIGTERM and a closed terminal → `Interrupted`, raised once in the main thread, so that what was opened is closed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from restore_tester.errors import Interrupted

ASKED_TO_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interruptible() -> Iterator[None]:
    """In the block, the first request to stop raises Interrupted; later ones are ignored, so that they cannot break the cleaning up."""
    asked = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if not asked:
            asked = True
            raise Interrupted(signal.Signals(number).name)

    before = {number: signal.getsignal(number) for number in ASKED_TO_STOP}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
