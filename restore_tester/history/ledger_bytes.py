"""A ledger ↔ the bytes that a history keeps of it: MessagePack, compressed.

Twenty thousand of them are read whenever the service starts: as JSON they were seven times as large, most of it the names of the same
fields and stages again and again.
"""

from __future__ import annotations

import zlib

import msgspec

from restore_tester.judgement.ledger import Ledger

# More than the default costs twice the time for one byte in a hundred.
_LEVEL = 6
_DECODER = msgspec.msgpack.Decoder(Ledger)
_ENCODER = msgspec.msgpack.Encoder()


def packed(ledger: Ledger) -> bytes:
    """Return the bytes to keep."""
    return zlib.compress(_ENCODER.encode(ledger), _LEVEL)


def unpacked(data: object) -> Ledger | None:
    """Given what was kept, return the ledger; None where it is none that this version reads."""
    if not isinstance(data, bytes):
        return None
    try:
        return _DECODER.decode(zlib.decompress(data))
    except (zlib.error, msgspec.DecodeError, UnicodeDecodeError):
        return None
