"""Network backend for `httpcore2` whose streams take little memory while they wait for data.

A federating server has one stream for each call that another server has not answered yet. A
stream of `anyio`, the default of `httpcore2`, takes more than twice as much.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import anyio
import httpcore2

MOST_UNREAD = 256 * 1024
"""Unread bytes after which receiving pauses."""
NEXT_ADDRESS_SECONDS = 0.25
"""Delay until the next address of a name is tried in parallel (RFC 8305)."""

Result = TypeVar("Result")


class Network(httpcore2.AsyncNetworkBackend):
    """Opens connections with the event loop of asyncio."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,  # noqa: ARG002 - the interface of httpcore2
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to `host`; `local_address` and `socket_options` are not supported."""
        loop = asyncio.get_running_loop()
        try:
            with anyio.fail_after(timeout):
                _, stream = await loop.create_connection(
                    NetworkStream, host, port, happy_eyeballs_delay=NEXT_ADDRESS_SECONDS
                )
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore2.ConnectError(str(error)) from error
        return stream

    async def sleep(self, seconds: float) -> None:
        """Wait before the next attempt to connect."""
        await anyio.sleep(seconds)


class NetworkStream(asyncio.Protocol, httpcore2.AsyncNetworkStream):
    """One connection, with TLS after `start_tls`."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport  # from `connection_made`
        self._tls: ssl.SSLObject | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing: ssl.MemoryBIO | None = None
        self._ended = False
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._incoming.write(data)
        if self._incoming.pending > MOST_UNREAD:
            self._transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> None:
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._end()
        _wake(self._writer)

    def pause_writing(self) -> None:
        self._writer = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        _wake(self._writer)
        self._writer = None

    # What `httpcore2` calls.

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Do the TLS handshake."""
        self._outgoing = ssl.MemoryBIO()
        self._tls = ssl_context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=server_hostname
        )
        try:
            with anyio.fail_after(timeout):
                await self._done(self._tls.do_handshake)
        except TimeoutError as error:
            await self.aclose()
            raise httpcore2.ConnectTimeout(str(error)) from error
        except OSError as error:
            await self.aclose()
            raise httpcore2.ConnectError(str(error)) from error
        except BaseException:
            await self.aclose()
            raise
        return self

    async def read(
        self,
        max_bytes: int,
        timeout: float | None = None,  # noqa: ARG002 - a call has a deadline already
    ) -> bytes:
        """Some bytes; none at the end."""
        if self._tls is None:
            while not self._incoming.pending and not self._ended:
                await self._more()
            return self._received(self._incoming.read(max_bytes))
        try:
            return self._received(await self._done(self._tls.read, max_bytes))
        except ssl.SSLEOFError:
            return b""  # what is missing is seen in the message
        except OSError as error:
            raise httpcore2.ReadError(str(error)) from error

    async def write(
        self,
        buffer: bytes,
        timeout: float | None = None,
    ) -> None:
        """Send all bytes, as fast as the server takes them."""
        if not buffer:
            return
        try:
            with anyio.fail_after(timeout):
                if self._transport.is_closing():
                    raise ConnectionResetError("the server has closed the connection")
                if self._tls is None:
                    self._transport.write(buffer)
                else:
                    await self._done(self._tls.write, buffer)
                if self._writer is not None:
                    await self._writer
        except TimeoutError as error:
            raise httpcore2.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore2.WriteError(str(error)) from error

    async def aclose(self) -> None:
        """Close the connection at once."""
        self._transport.abort()

    def get_extra_info(self, info: str) -> Any:
        """What `httpcore2` asks for: `ssl_object`, and whether there is something to read."""
        match info:
            case "ssl_object":
                return self._tls
            case "is_readable":
                return self._ended or self._incoming.pending > 0
            case _:
                return None

    async def _done(self, step: Callable[..., Result], *given: object) -> Result:
        """The result of a step of TLS, once enough has been received for it."""
        while (done := self._tried(step, given)) is None:
            await self._more()
        return done[0]

    def _tried(self, step: Callable[..., Result], given: tuple[object, ...]) -> list[Result] | None:
        """The result of a step of TLS in a list; None if it needs more bytes.

        Not awaited in an `except` clause: there, the exception and its frames stay in memory.
        """
        assert self._tls is not None
        try:
            done = [step(*given)]
        except ssl.SSLWantReadError:
            if self._ended:
                raise ssl.SSLEOFError from None
            if step == self._tls.read:
                # Frees 16 KiB, which OpenSSL keeps until the next write once it has got the
                # session tickets of TLS 1.3. It sends nothing.
                self._tls.write(b"")
            done = None
        finally:
            self._flush()
        return done

    def _flush(self) -> None:
        if self._outgoing is not None and self._outgoing.pending:
            self._transport.write(self._outgoing.read())

    async def _more(self) -> None:
        """Wait until more has been received, or until the end."""
        self._reader = asyncio.get_running_loop().create_future()
        try:
            await self._reader
        finally:
            self._reader = None

    def _received(self, data: bytes) -> bytes:
        if self._incoming.pending <= MOST_UNREAD:
            self._transport.resume_reading()
        return data

    def _end(self) -> None:
        self._ended = True
        self._incoming.write_eof()
        _wake(self._reader)


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
