"""The service's health → a request to an address outside every so often, while it is well: who is asked no more calls somebody.

A dead service pages nobody, and neither does a Prometheus that died with it: this is the one alarm that comes from elsewhere.
"""

from __future__ import annotations

import http.client
import threading
import urllib.error
import urllib.request
from collections.abc import Callable

from restore_tester import __version__
from restore_tester.config.nouns import Ping
from restore_tester.config.secrets import Secret
from restore_tester.contracts import Clock
from restore_tester.errors import Misuse
from restore_tester.service import logs
from restore_tester.service.attempts import Attempt
from restore_tester.service.delivery import DEADLINE_SECONDS

_LOOK_SECONDS = 1.0
_log = logs.logger(__name__)


class HeartbeatPing:
    """Given what to ask (asked anew each time, for a reload may change it), and what ails the service (None: nothing; it may hang)."""

    def __init__(self, ping: Callable[[], Ping | None], ails: Callable[[], str | None], clock: Clock) -> None:
        self._ping, self._ails, self._clock = ping, ails, clock
        self._next = clock.elapsed()
        self._said: str | None = None

    def work(self, ended: threading.Event) -> None:
        """Ask, until it is set."""
        while not ended.wait(min(_LOOK_SECONDS, max(0.01, self._next - self._clock.elapsed()))):
            wanted = self._ping()
            if wanted is None or self._clock.elapsed() < self._next:
                continue
            self._next = self._clock.elapsed() + wanted.every_seconds
            self._say(self._asked(wanted.url))

    def _asked(self, url: Secret) -> str | None:
        ails = self._ails()
        return f"the service is not well: {ails}" if ails else Attempt(lambda: ask(url), DEADLINE_SECONDS, self._clock).wait()

    def _say(self, trouble: str | None) -> None:
        """Once, not every few minutes."""
        if trouble == self._said:
            return
        if trouble is not None:
            _log.warning("not pinged", message=trouble, hint="see `ping` in docs/notifications.md; the one outside will call somebody")
        else:
            _log.info("pinged again")
        self._said = trouble


def ask(url: Secret) -> str | None:
    """Ask the address. Return why that failed, without the address; None where it was answered by a success."""
    try:
        address = url.resolve()
    except Misuse as error:
        return error.reason.message
    if not address.lower().startswith(("http://", "https://")):
        return "the address of `ping` is neither http nor https"
    request = urllib.request.Request(address, headers={"User-Agent": f"restore-tester/{__version__}"})  # noqa: S310 - seen above
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS):  # noqa: S310
            return None
    except urllib.error.HTTPError as error:
        return f"it answered {error.code}"
    except (OSError, ValueError, http.client.HTTPException) as error:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        return f"it cannot be reached: {type(cause).__name__}"
