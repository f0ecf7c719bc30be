"""A request as bytes on a stream socket: its length, then its fields, with the file descriptors that belong to it.

Fields are joined by NUL bytes, which neither an argument nor an environment variable can contain. Both sides of the jail
use this module, so it imports little.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

HEAD_BYTES = 4
MOST_DESCRIPTORS = 4


def send(channel: socket.socket, fields: Sequence[bytes], descriptors: Sequence[int] = ()) -> None:
    """Given at least one field. Raise OSError where the other side is gone."""
    body = b"\0".join(fields)
    frame = len(body).to_bytes(HEAD_BYTES, "big") + body
    sent = socket.send_fds(channel, [frame], list(descriptors))
    channel.sendall(frame[sent:])


def receive(channel: socket.socket) -> tuple[list[bytes], list[int]] | None:
    """Return fields and descriptors (closed on exec), or None at the end of the stream."""
    head, descriptors, _, _ = socket.recv_fds(channel, HEAD_BYTES, MOST_DESCRIPTORS)
    for descriptor in descriptors:  # recv_fds takes flags and ignores them, so MSG_CMSG_CLOEXEC would not do
        os.set_inheritable(descriptor, False)
    head += _exactly(channel, HEAD_BYTES - len(head)) if head else b""
    if len(head) < HEAD_BYTES:
        return None
    length = int.from_bytes(head, "big")
    body = _exactly(channel, length)
    if len(body) < length:
        for descriptor in descriptors:
            os.close(descriptor)
        return None
    return body.split(b"\0"), descriptors


def _exactly(channel: socket.socket, length: int) -> bytes:
    body = bytearray()
    while len(body) < length:
        block = channel.recv(length - len(body))
        if not block:
            break
        body += block
    return bytes(body)
