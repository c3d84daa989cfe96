"""Sends the head and the body of a response in one system call, and with TLS in one record.

uvicorn writes them one after the other. To send is the most expensive single step of a call.
"""

from __future__ import annotations

import asyncio
from typing import Any

HELD_BYTES = 4096
"""A longer write is sent at once."""


class JoinedWrites:
    """A transport that holds back a short write until the next one, which is sent with it.

    Without a next one, it is sent in the same turn of the event loop. So never more than
    `HELD_BYTES` are held, and the flow control of the real transport counts everything else.

    Attributes:
        joins_all: hold back all short writes of a turn, and not only the first, up to `HELD_BYTES`.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.transport = transport
        self.loop = loop
        self.held = b""
        self.scheduled = False
        self.joins_all = False
        self.is_closing = transport.is_closing

    def __getattr__(self, name: str) -> Any:
        """Everything but to write and to close is the real transport's."""
        return getattr(self.transport, name)

    def write(self, data: bytes) -> None:
        """As `asyncio.WriteTransport.write`."""
        if not data:
            return
        if self.joins_all and len(data) <= HELD_BYTES:
            if len(self.held) + len(data) > HELD_BYTES:
                self._send_held()
            self._hold(self.held + data)
        elif self.held:
            data, self.held = self.held + data, b""
            self.transport.write(data)
        elif len(data) > HELD_BYTES:
            self.transport.write(data)
        else:
            self._hold(data)

    def close(self, last: bytes = b"") -> None:
        """As `asyncio.BaseTransport.close`; what is held and `last` are sent before, joined."""
        self.held += last
        self._send_held()
        self.transport.close()

    def released(self) -> asyncio.Transport:
        """The real transport, for another protocol; what is held is sent before."""
        self._send_held()
        return self.transport

    def _hold(self, data: bytes) -> None:
        self.held = data
        if not self.scheduled:
            self.scheduled = True
            self.loop.call_soon(self._end_of_turn)

    def _end_of_turn(self) -> None:
        self.scheduled = False
        self._send_held()

    def _send_held(self) -> None:
        held, self.held = self.held, b""
        if held and not self.transport.is_closing():
            self.transport.write(held)
