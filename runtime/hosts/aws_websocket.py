"""MCP over a WebSocket that API Gateway holds: each of its events is an invocation of its own.

The events are those of "Integrations for WebSocket APIs" in the API Gateway Developer Guide. At
$connect the bearer token is checked as ever, and the connection is kept with its subject and its
end; a message on it ($default) is worked on as that subject's, and its answer and progress are sent
by the connection's own address. What two invocations must know of each other is in the stores: a
cancellation, or that the client has gone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cache, partial
from typing import Any, Protocol

import anyio
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp_types import INTERNAL_ERROR
from mcp_types.version import LATEST_MODERN_VERSION
from starlette.authentication import AuthCredentials
from starlette.types import Message, Receive, Scope, Send

from ..auth import RequireToken
from ..framing import (
    Answer,
    NoMessageError,
    cancelled_by,
    error_frame,
    identity_of,
    message_of,
    objection_to,
    posted,
)
from ..logs import log
from ..state import Connection, Session, request_key
from ..stores import aws
from .aws_invocation import Context, seconds_left
from .bridge import Bridge
from .resident import Resident

LONGEST_SECONDS = 7200
"""API Gateway ends a connection after 2 hours; from "Quotas for configuring and running a WebSocket
API", as is the next."""
LARGEST_BYTES = 128 * 1024
GONE_EVERY_SECONDS = 1.0
"""How often a running call looks whether it was cancelled, or its client has gone."""
LAST_WORDS_SECONDS = 1.0
"""Of an invocation's time, what is kept to say that it is over."""
Event = Mapping[str, Any]


class Host(Protocol):
    """The application of this process, and the event loop that runs it."""

    resident: Resident
    bridge: Bridge


class GoneError(Exception):
    """The client has gone: nothing can be sent any more."""


def handle(event: Event, context: Context, host: Host) -> dict[str, Any]:
    """The answer to API Gateway, by whose status a connection is let in or not."""
    left = seconds_left(context)
    match event["requestContext"]["eventType"]:
        case "CONNECT":
            status = host.bridge.run(_connect(event, host), left)
        case "DISCONNECT":
            status = host.bridge.run(_forget(event, host), left)
        case _:
            message = _Message(event, host)
            status = host.bridge.run(message.answer(left - LAST_WORDS_SECONDS), left)
    return {"statusCode": status}


async def _connect(event: Event, host: Host) -> int:
    """The status for $connect; 200 lets the client in."""
    if host.resident.config.protocol.era == "legacy":
        return 404
    let_in: list[AccessToken] = []
    refused: list[int] = []

    async def admitted(scope: Scope, _receive: Receive, _send: Send) -> None:
        let_in.append(scope["user"].access_token)

    async def receive() -> Message:
        raise AssertionError("a token is in the headers")

    async def send(part: Message) -> None:
        if part["type"] == "http.response.start":
            refused.append(part["status"])

    await RequireToken(admitted, host.resident.parts.tokens)(_opened(event), receive, send)
    if refused:
        return refused[0]
    token = let_in[0]
    assert token.subject is not None
    ends = int(time.time()) + LONGEST_SECONDS
    ends = min(ends, token.expires_at or ends)
    name: str = event["requestContext"]["connectionId"]
    stores = host.resident.stores
    await stores.sessions.open(
        Session(
            session_id=name,
            user_id=token.subject,
            protocol_version=LATEST_MODERN_VERSION,
            expires_at=ends,
        )
    )
    await stores.connections.connect(
        Connection(connection_id=name, user_id=token.subject, expires_at=ends)
    )
    return 200


async def _forget(event: Event, host: Host) -> int:
    name: str = event["requestContext"]["connectionId"]
    await host.resident.stores.connections.disconnect(name)
    await host.resident.stores.sessions.close(name)
    return 200


class _Message:
    """One message of a client, and the connection on which it came."""

    def __init__(self, event: Event, host: Host) -> None:
        self.event = event
        self.host = host
        self.stores = host.resident.stores
        self.connection: str = event["requestContext"]["connectionId"]

    async def answer(self, within_seconds: float) -> int:
        """The status for $default, which its client never sees, once all is said."""
        try:
            await self._answer(within_seconds)
        except GoneError:
            await _forget(self.event, self.host)
            return 410
        return 200

    async def _answer(self, within_seconds: float) -> None:
        try:
            message = message_of(self.event.get("body") or "")
        except NoMessageError as none:
            await self._refuse(None, none.code, str(none))
            return
        identity = identity_of(message.get("id"))
        connection = await self.stores.connections.find(self.connection)
        if connection is None:
            await self._refuse(identity, INTERNAL_ERROR, "the token has expired: connect again")
        elif message.get("method") == "notifications/cancelled":
            if (named := request_key(cancelled_by(message))) is not None:
                await self.stores.sessions.cancel(self.connection, named)
        elif (objection := objection_to(message)) is not None:
            await self._refuse(identity, *objection)
        else:
            with anyio.move_on_after(within_seconds) as time_given:
                await self._work(message, connection.user_id, identity)
            if time_given.cancelled_caught:
                over = "the host's time for a request is over"
                await self._refuse(identity, INTERNAL_ERROR, over)

    async def _work(
        self, message: dict[str, Any], subject: str, identity: str | int | None
    ) -> None:
        answer = Answer()
        body = (self.event.get("body") or "").encode()
        token = AccessToken(token="", client_id=subject, scopes=[], subject=subject)
        scope = {
            **posted(_opened(self.event), message),
            "user": AuthenticatedUser(token),
            "auth": AuthCredentials(),
        }
        gone = False
        work = anyio.CancelScope()

        async def receive() -> Message:
            if not answer.asked:
                answer.asked = True
                return {"type": "http.request", "body": body, "more_body": False}
            await anyio.sleep_forever()  # the client goes by the cancellation of this task
            raise AssertionError

        async def send(part: Message) -> None:
            nonlocal gone
            try:
                for text in answer.frames(part):
                    await self._send(identity, text)
            except GoneError:
                gone = True
                work.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch, work, request_key(identity))
            with work:
                try:
                    await self.host.resident.parts.admitted(scope, receive, send)
                except Exception:
                    log.exception("websocket_message_crashed")
                    answer.refusal = "the server failed at this message"
            tasks.cancel_scope.cancel()
        if gone:
            raise GoneError
        if answer.refusal is not None:
            await self._refuse(identity, INTERNAL_ERROR, answer.refusal)

    async def _watch(self, work: anyio.CancelScope, named: str | None) -> None:
        """End the work once another invocation was told that nobody waits for it."""
        while True:
            await anyio.sleep(GONE_EVERY_SECONDS)
            if (
                named in await self.stores.sessions.cancelled(self.connection)
                or await self.stores.connections.find(self.connection) is None
            ):
                work.cancel()

    async def _refuse(self, identity: str | int | None, code: int, why: str) -> None:
        await self._post(error_frame(identity, code, why))

    async def _send(self, identity: str | int | None, text: str) -> None:
        if (size := len(text.encode())) > LARGEST_BYTES:
            why = f"the answer has {size} bytes, and API Gateway sends at most {LARGEST_BYTES}"
            text = error_frame(identity, INTERNAL_ERROR, why)
        await self._post(text)

    async def _post(self, text: str) -> None:
        place = self.event["requestContext"]
        client = _client(f"https://{place['domainName']}/{place['stage']}")
        post = partial(client.post_to_connection, ConnectionId=self.connection, Data=text.encode())
        try:
            await aws.in_thread(post)
        except client.exceptions.GoneException:
            raise GoneError from None


@cache
def _client(address: str) -> Any:
    """The connections of one API, at its own address."""
    return aws.client("apigatewaymanagementapi", endpoint_url=address)


def _opened(event: Event) -> Scope:
    """The connection's opening as an ASGI scope; a message's event has no headers of its own."""
    place = event["requestContext"]
    headers: Mapping[str, str] = event.get("headers") or {}
    sent = {name.lower(): value for name, value in headers.items()}
    sent = {"host": place["domainName"], "x-forwarded-proto": "https"} | sent
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https",
        "path": "/ws",
        "raw_path": b"/ws",
        "query_string": b"",
        "root_path": "",
        "headers": [(n.encode("latin-1"), v.encode("latin-1")) for n, v in sent.items()],
        "client": None,
        "server": None,
    }
