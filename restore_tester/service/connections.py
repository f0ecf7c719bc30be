"""A connection that somebody opened → one that is closed in time, however slowly the other side writes or reads."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

# A request, from its first byte to the last one of its answer: the largest body over a slow line takes a while.
REQUEST_SECONDS = 60.0
# Until the first byte of the first request.
FIRST_BYTE_SECONDS = 10.0


class BoundedConnection(H11Protocol):
    """uvicorn bounds how long a connection may be idle between two requests; this bounds the rest: none yet, half a header, a body that
    trickles, an answer that nobody reads. It is aborted, not closed: closing would wait for what was not read."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._end_within(FIRST_BYTE_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_within(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._in_request:
            self._in_request = True
            self._end_within(REQUEST_SECONDS)
        super().data_received(data)

    def on_response_complete(self) -> None:
        self._in_request = False
        # Idle from here on, or with an answer that still waits in the buffer: both end by then.
        self._end_within(self.timeout_keep_alive + REQUEST_SECONDS)
        super().on_response_complete()

    _in_request = False

    def _end_within(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)
