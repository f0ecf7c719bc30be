"""A message and where it goes → delivered, or why not, in words that hold no part of the address. The one room that knows apprise."""

from __future__ import annotations

import logging
import re
import warnings
from functools import cache

from restore_tester.config.secrets import Secret
from restore_tester.errors import Misuse
from restore_tester.judgement.announcements import Message
from restore_tester.judgement.changes import Change
from restore_tester.judgement.wording import printable
from restore_tester.service.redaction import REDACTED, redacted

# Of each message and attempt; what apprise does by itself within it takes 4 s to connect and 4 s to be answered.
DEADLINE_SECONDS = 10.0
_TROUBLE_CHARACTERS = 300
_UNKNOWN = "this is no address that apprise knows: see docs/notifications.md"
# Pieces of an address that are shorter say nothing, and would shred every line.
_SHORTEST_PIECE = 6


@cache
def prepare() -> None:
    """Load the library with its hundred services, which takes seconds on a busy machine: that is no delivery's fault."""
    with warnings.catch_warnings():
        # What it says of its own imports concerns nobody here.
        warnings.simplefilter("ignore")
        from apprise import Apprise

        Apprise.instantiate("json://localhost")


def deliver(url: Secret, message: Message) -> str | None:
    """Send a message. Return why it could not be delivered; None where it was. May hang as long as a server lets it: call it in an
    `attempts.Attempt`."""
    try:
        address = url.resolve()
    except Misuse as error:
        return error.reason.message
    return _sent(address, message)


def safe(body: str) -> str:
    """Return a body without secrets, in which what stands in backticks (names and details that others worded) calls nobody and is no
    link, also where a chat knows no code or cuts it in the middle. Piece by piece: a secret that ends one must not take its backtick
    along."""
    pieces = [redacted(piece) for piece in body.split("`")]
    pieces[1::2] = [re.sub(r"[@\]]", "\\g<0>\u200b", piece) for piece in pieces[1::2]]
    return "`".join(pieces)


def _sent(address: str, message: Message) -> str | None:
    from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType, OverflowMode

    _silence()
    kinds = {Change.FAILED: NotifyType.FAILURE, Change.RECOVERED: NotifyType.SUCCESS, None: NotifyType.INFO}
    # Without threads and a limit of its own: whoever calls has both, and nothing of it outlives the service.
    sender = Apprise(
        asset=AppriseAsset(async_mode=False, service_timeout=0, app_id="restore-tester", app_desc="restore-tester", app_url="")
    )
    if not sender.add(address):
        return _UNKNOWN
    for service in sender:
        # A chat that takes less gets the beginning, where the worst stands.
        service.overflow_mode = OverflowMode.TRUNCATE
    kind = kinds.get(message.change, NotifyType.WARNING)
    result = sender.notify(
        safe(message.body), title=redacted(message.title), notify_type=kind, body_format=NotifyFormat.TEXT, log_level=logging.WARNING
    )
    if result:
        return None
    said = " ".join(str(entry.message) for entry in result.logs()) or "it was not taken"
    return printable(_without(address, redacted(said)), _TROUBLE_CHARACTERS)


def _without(address: str, said: str) -> str:
    """Libraries repeat parts of an address, and of a webhook each part is the secret. A host name alone may stay."""
    host = re.sub(r"^\w+://(?:[^@/]*@)?", "", address).partition("/")[0].partition(":")[0]
    pieces = {piece for piece in re.split(r"[^\w.~-]+", address) if len(piece) >= _SHORTEST_PIECE and piece != host}
    for piece in sorted(pieces, key=len, reverse=True):
        said = said.replace(piece, REDACTED)
    return said


def _silence() -> None:
    """Its own lines hold addresses; what matters of them is in the answer."""
    noisy = logging.getLogger("apprise")
    if noisy.propagate:
        noisy.propagate = False
        noisy.addHandler(logging.NullHandler())
