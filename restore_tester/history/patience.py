"""A connection to PostgreSQL that waits for an answer no longer than is sensible.

The kernel gives up on a peer that does not acknowledge (`tcp_user_timeout`). A proxy, a balancer or a frozen server acknowledges, and
then says nothing: that only who waits can notice. Neither may hold a drill, or the service, for more than about a minute.
"""

from __future__ import annotations

from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

SECONDS = 30.0
# How often a wait looks up, so that Ctrl-C is heard: as psycopg has it.
_INTERVAL = 0.1
_Value = TypeVar("_Value")


class PatientConnection(psycopg.Connection[Any]):
    """`patience` is how long a command may take, seconds; None waits for ever. What waited in vain is closed: nobody knows what the
    server made of it, or will still say."""

    patience: float | None = SECONDS

    def wait(self, gen: PQGen[_Value], interval: float = _INTERVAL, timeout: float | None = None) -> _Value:
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise
