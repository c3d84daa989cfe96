"""Posts JSON-RPC messages to another server, and reads its answers within limits."""

from __future__ import annotations

import contextlib
import json
import math
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import anyio
import httpx2

from ..toml_config import StartError
from ..tool_servers_config import ToolServerSection
from .failures import InvalidAnswerError, UnreachableError

CONNECT_SECONDS = 3.0
SEND_SECONDS = 30.0
END_SECONDS = 0.2
"""From an answer to the end of its stream."""
LARGEST_ANSWER = 16 * 1024 * 1024
KEPT_CONNECTIONS = 20
_ACCEPTED = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
# A call has a deadline already, so reading has no timeout.
_TIMEOUTS = {"connect": CONNECT_SECONDS, "read": None, "write": SEND_SECONDS, "pool": None}
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")

Message = dict[str, Any]
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
        self.url = httpx2.URL(section.url)
        limits = httpx2.Limits(
            max_connections=None, max_keepalive_connections=KEPT_CONNECTIONS, keepalive_expiry=5
        )
        self.transport = httpx2.AsyncHTTPTransport(
            verify=_trust(section), limits=limits, retries=1, trust_env=False
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
        response: httpx2.Response | None = None
        try:
            response = await self.transport.handle_async_request(request)
            response.request = request
            return await self._reply(response, message.get("id"), other)
        except httpx2.SSEError as error:
            raise InvalidAnswerError(self.server, str(error)) from None
        except (httpx2.TransportError, OSError) as error:
            raise UnreachableError(self.server, type(error).__name__) from None
        except (ValueError, RecursionError):
            raise InvalidAnswerError(self.server, "it is not JSON") from None
        finally:
            if response is not None:
                await response.aclose()

    async def delete(self, headers: Mapping[str, str]) -> None:
        """Send a DELETE request; its outcome does not matter."""
        request = self._request("DELETE", headers, b"")
        with contextlib.suppress(httpx2.TransportError, OSError):
            await (await self.transport.handle_async_request(request)).aclose()

    def _request(self, method: str, headers: Mapping[str, str], content: bytes) -> httpx2.Request:
        extensions = {"timeout": _TIMEOUTS}
        return httpx2.Request(
            method, self.url, headers=dict(headers), content=content, extensions=extensions
        )

    async def _reply(
        self, response: httpx2.Response, expected: Any, other: OtherMessage | None
    ) -> Reply:
        if response.headers.get("content-encoding", "identity") != "identity":
            # A short answer could unpack to a very long one.
            raise InvalidAnswerError(self.server, "it is compressed, which was not asked for")
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        message: Message | None = None
        if response.status_code == 202:
            await self._body(response)  # so that the connection can be used again
        elif kind == "application/json":
            message = _message(await self._body(response))
        elif kind == "text/event-stream" and response.status_code == 200:
            message = await self._last(response, expected, other)
        return Reply(response.status_code, response.headers, message)

    async def _body(self, response: httpx2.Response) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for part in response.aiter_raw():
            size += len(part)
            if size > LARGEST_ANSWER:
                raise InvalidAnswerError(self.server, f"it is longer than {LARGEST_ANSWER} bytes")
            parts.append(part)
        return b"".join(parts)

    async def _last(
        self, response: httpx2.Response, expected: Any, other: OtherMessage | None
    ) -> Message:
        found: Message | None = None
        with anyio.move_on_after(math.inf) as reading:
            async for sent in httpx2.EventSource(response, max_event_size=LARGEST_ANSWER):
                if found is not None or not sent.data:
                    continue  # the first event of a stream that can be resumed has no data
                message = _message(sent.data)
                if message is None:
                    raise InvalidAnswerError(self.server, "an event is not a JSON-RPC message")
                if "method" not in message and message.get("id") == expected:
                    found = message
                    # Read to the end, so that the connection can be used again.
                    reading.deadline = anyio.current_time() + END_SECONDS
                elif "method" in message and other is not None:
                    await other(message)
        if found is None:
            raise UnreachableError(self.server, "EndOfStream")
        return found


def _message(text: str | bytes) -> Message | None:
    """Parse a JSON-RPC message; None for other JSON. Raises `ValueError`, `RecursionError`."""
    if isinstance(text, bytes):
        text = text.decode()  # strictly UTF-8, as JSON between programs is
    parsed = json.loads(text, parse_constant=_no_number, parse_float=_finite)
    if _SURROGATE.search(text):
        # Half of a pair cannot be written as UTF-8: every answer with it would fail.
        json.dumps(parsed, ensure_ascii=False).encode()
    if not isinstance(parsed, dict):
        return None
    message = cast("Message", parsed)
    return message if message.get("jsonrpc") == "2.0" else None


def _no_number(constant: str) -> None:
    """Refuse NaN and the infinities, which clients of this server could not parse."""
    raise ValueError(constant)


def _finite(number: str) -> float:
    """Refuse numbers such as 1e999, which become infinite."""
    parsed = float(number)
    if not math.isfinite(parsed):
        raise ValueError(number)
    return parsed


def _trust(section: ToolServerSection) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=section.ca_file)
    except OSError as error:
        raise StartError(
            f"tool_servers.{section.name}: {section.ca_file} cannot be read: {error}"
        ) from None
