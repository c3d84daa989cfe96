"""Posts JSON-RPC messages to another server, and reads its answers within limits."""

from __future__ import annotations

import contextlib
import json
import math
import ssl
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import anyio
import httpcore2
import httpx2

from ..toml_config import StartError
from ..tool_servers_config import ToolServerSection
from .answers import LARGEST_ANSWER, Message, TooManyValuesError, parse
from .events import EventData, TooLongError
from .failures import InvalidAnswerError, UnreachableError
from .network import Network

CONNECT_SECONDS = 3.0
SEND_SECONDS = 30.0
END_SECONDS = 0.2
"""From an answer to the end of its stream."""
_TOO_LONG = f"it is longer than {LARGEST_ANSWER} bytes"
KEPT_CONNECTIONS = 20
KEPT_SECONDS = 5.0
_ACCEPTED = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
# A call has a deadline already, so reading has no timeout.
_TIMEOUTS = {"connect": CONNECT_SECONDS, "read": None, "write": SEND_SECONDS, "pool": None}
_ABSENT = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.TimeoutException,
    httpcore2.UnsupportedProtocol,
    OSError,
)

OtherMessage = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True)
class Reply:
    """An HTTP answer: its status, headers, and the JSON-RPC answer in it, if there is one."""

    status: int
    headers: Mapping[str, str]
    message: Message | None


class Connections:
    """Connections to one server. They keep no cookies, and follow no redirects."""

    def __init__(self, section: ToolServerSection) -> None:
        self.server = section.name
        url = httpx2.URL(section.url)
        self.url = httpcore2.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        self.host = url.netloc
        self.pool = httpcore2.AsyncConnectionPool(
            ssl_context=_trust(section),
            max_connections=None,
            max_keepalive_connections=KEPT_CONNECTIONS,
            keepalive_expiry=KEPT_SECONDS,
            retries=1,
            network_backend=Network(),
        )

    async def post(
        self, message: Message, headers: Mapping[str, str], other: OtherMessage | None = None
    ) -> Reply:
        """Post a message and return the answer to it.

        Args:
            other: gets the messages that come before the answer, such as progress.

        Raises:
            UnreachableError: there is no answer.
            InvalidAnswerError: the answer is not JSON, or too large.
        """
        content = json.dumps(message, separators=(",", ":")).encode()
        request = self._request("POST", {**_ACCEPTED, **headers}, content)
        response: httpcore2.Response | None = None
        try:
            response = await self.pool.handle_async_request(request)
            return await self._reply(response, message.get("id"), other)
        except TooLongError:
            raise InvalidAnswerError(self.server, _TOO_LONG) from None
        except TooManyValuesError:
            raise InvalidAnswerError(self.server, "it has too many values") from None
        except _ABSENT as error:
            raise UnreachableError(self.server, type(error).__name__) from None
        except (ValueError, RecursionError):
            raise InvalidAnswerError(self.server, "it is not JSON") from None
        finally:
            if response is not None:
                await response.aclose()

    async def delete(self, headers: Mapping[str, str]) -> None:
        """Send a DELETE request; its outcome does not matter."""
        request = self._request("DELETE", headers, b"")
        with contextlib.suppress(*_ABSENT):
            await (await self.pool.handle_async_request(request)).aclose()

    def _request(
        self, method: str, headers: Mapping[str, str], content: bytes
    ) -> httpcore2.Request:
        sent = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        if "host" not in headers:
            sent.insert(0, (b"host", self.host))
        sent.append((b"content-length", b"%d" % len(content)))
        extensions = {"timeout": _TIMEOUTS}
        return httpcore2.Request(
            method, self.url, headers=sent, content=content, extensions=extensions
        )

    async def _reply(
        self, response: httpcore2.Response, expected: Any, other: OtherMessage | None
    ) -> Reply:
        headers = _headers(response)
        if headers.get("content-encoding", "identity") != "identity":
            # A short answer could unpack to a very long one.
            raise InvalidAnswerError(self.server, "it is compressed, which was not asked for")
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        message: Message | None = None
        if response.status == 202:
            await self._body(response)  # so that the connection can be used again
        elif kind == "application/json":
            message = parse(await self._body(response))
        elif kind == "text/event-stream" and response.status == 200:
            message = await self._last(response, expected, other)
        return Reply(response.status, headers, message)

    async def _body(self, response: httpcore2.Response) -> bytearray:
        body = bytearray()  # a part can be a single byte
        async for part in _parts(response):
            body += part
            if len(body) > LARGEST_ANSWER:
                raise TooLongError
        return body

    async def _last(
        self, response: httpcore2.Response, expected: Any, other: OtherMessage | None
    ) -> Message:
        found: Message | None = None
        events = EventData(LARGEST_ANSWER)
        with anyio.move_on_after(math.inf) as reading:
            async for part in _parts(response):
                for data in events.feed(part) if found is None else ():
                    message = parse(data)
                    if message is None:
                        raise InvalidAnswerError(self.server, "an event is not a JSON-RPC message")
                    if "method" not in message and message.get("id") == expected:
                        found = message
                        # Read to the end, so that the connection can be used again.
                        reading.deadline = anyio.current_time() + END_SECONDS
                        break
                    if "method" in message and other is not None:
                        await other(message)
        if found is None:
            raise UnreachableError(self.server, "EndOfStream")
        return found


def _parts(response: httpcore2.Response) -> AsyncIterable[bytes]:
    return cast("AsyncIterable[bytes]", response.stream)


def _headers(response: httpcore2.Response) -> dict[str, str]:
    """The headers by their names in lower case; of a repeated one, the last."""
    return {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
    }


def _trust(section: ToolServerSection) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=section.ca_file)
    except OSError as error:
        raise StartError(
            f"tool_servers.{section.name}: {section.ca_file} cannot be read: {error}"
        ) from None
