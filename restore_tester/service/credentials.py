"""What a request bears → whether it may: a token in its header, or a session that somebody opened with that token. Pure.

A session is a signed instant, made from the token: every replica knows it, a restart keeps it, and a new token ends them all.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from urllib.parse import parse_qsl

from restore_tester.model import Reason

COOKIE = "restore_tester_session"
SESSION_SECONDS = 12 * 3600
# An address is written down by every proxy, browser and log on its way.
_TOKEN_NAMES = frozenset({"token", "access_token", "api_token", "auth_token", "bearer", "authorization", "api_key", "apikey"})

MISSING = Reason("token_missing", "the request bears no token", "send it: Authorization: Bearer TOKEN")
WRONG = Reason("token_wrong", "the token is not the right one", "send the one that `api_token` refers to")
IN_ADDRESS = Reason(
    "token_in_url", "a token stood in the address, which others write down", "make a new one, and send it: Authorization: Bearer"
)


def is_same(given: str, token: str) -> bool:
    """Return whether both are the same; how long that takes tells nothing, not even how long the right one is."""
    return hmac.compare_digest(_digest(given), _digest(token))


def trouble_with_bearer(authorization: str | None, token: str) -> Reason | None:
    """Given a header `Authorization`, return why it does not let anybody in."""
    scheme, _, given = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not given.strip():
        return MISSING
    return None if is_same(given.strip(), token) else WRONG


def new_session(token: str, now: datetime) -> str:
    """Return the value of a cookie that is good for half a day."""
    until = int(now.timestamp()) + SESSION_SECONDS
    return f"{until}.{_signature(token, until)}"


def is_session(cookies: str | None, token: str, now: datetime) -> bool:
    """Given a header `Cookie`, return whether it holds a session that is still good."""
    # Python's own reader of cookies takes half a second for a header full of quotes, before anybody is known to be let in.
    held = dict(one.strip().partition("=")[::2] for one in (cookies or "").split(";"))
    until, _, signature = held.get(COOKIE, "").partition(".")
    if not until.isascii() or not until.isdigit() or len(until) > 12 or not now.timestamp() < int(until):
        return False
    return is_same(signature, _signature(token, int(until)))


def token_in(query: str) -> bool:
    """Given what stands behind the `?` of an address, return whether a token does."""
    # All fields are read, however many: an address has a bound of its own, and one that is not read could hold the token.
    return any(name.lower() in _TOKEN_NAMES for name, _ in parse_qsl(query, keep_blank_values=True))


def _signature(token: str, until: int) -> str:
    return hmac.new(_digest(f"session {token}"), str(until).encode(), hashlib.sha256).hexdigest()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
