"""Asked to stop: once, and never in the middle of the cleaning up."""

from __future__ import annotations

import os
import signal

import pytest

from restore_tester.errors import Interrupted
from restore_tester.service.signals import ASKED_TO_STOP, interruptible


@pytest.mark.parametrize("number", ASKED_TO_STOP)
def test_the_first_request_interrupts_and_a_second_one_does_not_break_the_cleaning_up(number: signal.Signals) -> None:
    cleaned = False
    with pytest.raises(Interrupted), interruptible():
        try:
            os.kill(os.getpid(), number)
        finally:
            os.kill(os.getpid(), number)
            os.kill(os.getpid(), signal.SIGTERM)
            cleaned = True
    assert cleaned


def test_afterwards_the_signals_are_what_they_were() -> None:
    before = [signal.getsignal(number) for number in ASKED_TO_STOP]
    with interruptible():
        assert signal.getsignal(signal.SIGTERM) is not before[1]
    assert [signal.getsignal(number) for number in ASKED_TO_STOP] == before


def test_a_signal_that_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
