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
    trickles, an answer that nobody reads. It is aborted, not closed: closing would wait for what was not read.

    uvicorn also bounds how many there are, by refusing requests of the newest; here the one that has waited longest for its next
    request makes room, so that who only holds connections open keeps nobody out."""

    _deadline: asyncio.TimerHandle | None = None
    _waits_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._waits_since = self.loop.time()
        self._make_room()
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
        self._waits_since = self.loop.time()
        # Idle from here on, or with an answer that still waits in the buffer: both end by then.
        self._end_within(self.timeout_keep_alive + REQUEST_SECONDS)
        super().on_response_complete()

    _in_request = False

    def _make_room(self) -> None:
        # uvicorn refuses when the limit is reached, not when it is passed.
        if self.limit_concurrency is None or len(self.connections) + 1 < self.limit_concurrency:
            return
        # Half a request is none yet: whoever sends no more than that waits as well.
        waiting = (one for one in self.connections if isinstance(one, BoundedConnection) and one._is_waiting)
        longest = min(waiting, key=lambda one: one._waits_since, default=None)
        if longest is not None:
            # Others may come before the loop tells that it is gone.
            self.connections.discard(longest)
            longest.transport.abort()

    @property
    def _is_waiting(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _end_within(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)
