"""Lets the body of a request arrive before the request is refused."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ARRIVES_WITHIN_SECONDS: Final = 1.0
"""How long a refusal waits at most for the rest of the body."""
SMALL_BYTES: Final = 64 * 1024
"""A client sends a body of this size at once, without waiting for an answer."""


class BodyBeforeRefusal:
    """ASGI middleware: a refusal (a status from 400) is sent once a small body has arrived.

    The gateway's nginx passes a body on while it arrives. An answer that comes earlier has a head
    that says that the connection stays open, yet nginx closes it, and drops the request that the
    client sends next: after a 401 that is the one for the metadata. Clients send the head and
    the body of a request in two packets, so this happens to small bodies too.

    Larger bodies are not awaited. Their clients are still sending when the answer arrives, and use
    the connection for nothing else. Nor is a body that the client sends only once it is asked to
    (`Expect: 100-continue`).

    Args:
        body_seconds: after this time a listener answers 408; the refusal comes before.
    """

    def __init__(self, app: ASGIApp, body_seconds: float) -> None:
        self.app = app
        self.waits_seconds = min(ARRIVES_WITHIN_SECONDS, body_seconds / 2)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_small_body(Headers(scope=scope)):
            await self.app(scope, receive, send)
            return
        left, whole = SMALL_BYTES, False

        async def counted() -> Message:
            nonlocal left, whole
            message = await receive()
            left -= len(message.get("body", b""))
            whole = whole or not message.get("more_body", False)  # a disconnect has none either
            return message

        async def after_body(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                try:
                    async with asyncio.timeout(self.waits_seconds):
                        while not whole and left > 0:
                            await counted()
                except TimeoutError:
                    pass
            await send(message)

        await self.app(scope, counted, after_body)


def _has_small_body(headers: Headers) -> bool:
    if "expect" in headers:
        return False
    if "transfer-encoding" in headers:
        return True
    declared = headers.get("content-length", "0")
    return declared.isdecimal() and 0 < int(declared) <= SMALL_BYTES
