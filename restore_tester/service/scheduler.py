"""When a workload is to be looked at again → a call at that time. APScheduler lives here, and says only when.

Its store is memory: what is due is history's to say, so nothing of it is worth keeping. Its triggers are ours (its cron has
Monday as 0), it forgives any lateness, and it is woken by the monotonic clock, for it would sleep through a wall clock that jumps.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from apscheduler.executors.debug import DebugExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

# Given the workload's name and the time, when to look at it again: after that time.
LookAgain = Callable[[str, datetime], datetime]
Ring = Callable[[str], None]


class _Trigger(BaseTrigger):  # type: ignore[misc] # APScheduler says nothing of its types
    """Asks the rules; however long it slept, it rings once."""

    def __init__(self, workload: str, look_again: LookAgain) -> None:
        self._workload, self._look_again = workload, look_again

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        return self._look_again(self._workload, now.astimezone(UTC))


class Alarms:
    """Given who knows when to look at a workload again, and who is to be called then (in one thread, so briefly)."""

    def __init__(self, look_again: LookAgain, ring: Ring) -> None:
        self._look_again, self._ring = look_again, ring
        # One line a second of what it does is nobody's interest; what goes wrong is.
        logging.getLogger("apscheduler").setLevel(logging.WARNING)
        defaults = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        self._scheduler = BackgroundScheduler(executors={"default": DebugExecutor()}, job_defaults=defaults, timezone=UTC)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Alarms ring while the block lasts."""
        self._scheduler.start()
        try:
            yield
        finally:
            self._scheduler.shutdown(wait=False)

    @property
    def lives(self) -> bool:
        """Return whether alarms can ring: an error in the rules would end the scheduler's thread for good."""
        thread = self._scheduler._thread
        return thread is not None and thread.is_alive()

    def set(self, workload: str) -> None:
        """Set a workload's alarm, or set it anew because what it depends on has changed."""
        trigger = _Trigger(workload, self._look_again)
        self._scheduler.add_job(self._ring, trigger, args=(workload,), id=workload, replace_existing=True)

    def forget(self, workload: str) -> None:
        """A workload that has none is forgotten already."""
        try:
            self._scheduler.remove_job(workload)
        except JobLookupError:
            return

    def look(self) -> None:
        """See what time it is: called at least each minute of the monotonic clock."""
        self._scheduler.wakeup()
