"""From inside, look for a way out → the ways that were found, one line each. None: sealed."""

from __future__ import annotations

import socket
from collections.abc import Iterator

# Addresses that exist for documentation only (RFC 5737, RFC 3849): asking for a route to them sends no packet.
_ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
_SECONDS = 2.0


def ways_out(port: int, name: bytes) -> Iterator[bytes]:
    """Given a TCP port of the machine's 127.0.0.1 and an abstract unix socket's name, which we ourselves listen on outside."""
    if _reaches(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", port)):
        yield b"a program of this machine is reachable at 127.0.0.1"
    if _reaches(socket.AF_UNIX, socket.SOCK_STREAM, b"\0" + name):
        yield b"a program of this machine is reachable at an abstract unix socket"
    for family, address in _ELSEWHERE:
        if _reaches(family, socket.SOCK_DGRAM, (address, 9)):
            yield f"there is a route to {address}".encode()


def _reaches(family: int, kind: int, address: tuple[str, int] | bytes) -> bool:
    try:
        with socket.socket(family, kind) as outgoing:
            outgoing.settimeout(_SECONDS)
            outgoing.connect(address)
    except OSError:
        return False
    return True
