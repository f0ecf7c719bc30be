"""A request → its body, or why there is none: as soon as it is too long or too slow."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request

from restore_tester.errors import Misuse

MOST_BODY_BYTES = 64 * 1024
BODY_SECONDS = 10.0


async def body_of(request: Request) -> bytes:
    """Raise Misuse (`request_invalid`) as soon as it is too long or too slow."""
    body = b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > MOST_BODY_BYTES:
                    raise Misuse("request_invalid", f"the body has more than {MOST_BODY_BYTES} bytes", "name one workload, no more")
    except TimeoutError:
        raise Misuse("request_invalid", f"the body did not come within {BODY_SECONDS:.0f} s", "send it at once") from None
    except ClientDisconnect:
        raise Misuse("request_invalid", "the body did not come to its end", "send all of it") from None
    return body
