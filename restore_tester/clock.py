"""Time, injected: aware UTC for stamps, monotonic seconds for durations; the two never mix."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's clocks. Implements `contracts.Clock`."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def elapsed(self) -> float:
        return time.monotonic()
