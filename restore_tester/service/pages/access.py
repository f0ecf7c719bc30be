"""A request → whether its sender may read the pages: they are a map of what cannot be recovered.

On loopback everybody on this machine may, but only by a name of this machine: a page of the web whose name was made to lead here is
refused. Elsewhere a token or a session is asked for, unless `open_pages` says that somebody else does that.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request

from restore_tester.contracts import Clock
from restore_tester.model import Reason
from restore_tester.service.credentials import MISSING, is_session, trouble_with_bearer

_HOSTS_FILE_NAMES = ("localhost", "localhost.localdomain", "ip6-localhost")
HOST_UNKNOWN = Reason("host_unknown", "the request asks for a host that is not this machine", "open http://127.0.0.1 or http://localhost")
CLOSED = Reason(
    "pages_closed",
    "pages are closed here: no token is configured, and the port is not on loopback",
    "set `api_token`, or `open_pages: true` where an authenticating proxy stands before it",
)


@dataclass(frozen=True, slots=True)
class Access:
    """Given where the server listens, how the token and `open_pages` are known now. Every method may be called from any thread."""

    host: str
    token: Callable[[], str | None]
    is_open: Callable[[], bool]
    clock: Clock

    def refusal(self, request: Request) -> tuple[int, Reason] | None:
        """Return the status and the reason why this request may not read; None where it may. Raise Misuse (`secret_missing`)."""
        if self.is_open():
            return None
        if is_loopback(self.host):
            return None if is_local_name(request.headers.get("host", "")) else (421, HOST_UNKNOWN)
        token = self.token()
        if not token:
            return 403, CLOSED
        if is_session(request.headers.get("cookie"), token, self.clock.now()):
            return None
        trouble = trouble_with_bearer(request.headers.get("authorization"), token)
        return None if trouble is None else (401 if trouble is MISSING else 403, trouble)

    @property
    def asks(self) -> bool:
        """Whether somebody has to sign in here."""
        return not self.is_open() and not is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Given an address that a socket is bound to, return whether only this machine reaches it."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def is_local_name(host: str) -> bool:
    """Given a header `Host`, return whether it is a name or address of the loopback."""
    if "@" in host:
        # To `urlsplit` all before it would be a user's name, to others the host.
        return False
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name.rstrip(".") in _HOSTS_FILE_NAMES or is_loopback(name)
