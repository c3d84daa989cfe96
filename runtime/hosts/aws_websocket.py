"""MCP over WebSockets that API Gateway holds open: each event is one Lambda invocation.

The events are those of "Integrations for WebSocket APIs" in the API Gateway Developer Guide. At
`$connect` the bearer token is checked, and the connection is stored with its user and expiry. A
message (`$default`) is handled as that user's; its answer and progress are posted to the
connection's URL. Invocations share cancellations and disconnects through the stores.
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
from ..logs import log
from ..resource import SCOPE_KEY as RESOURCE_KEY
from ..state import Connection, Session, cancellation, is_cancelled, request_key
from ..stores import aws
from ..websocket_frames import (
    Answer,
    NoMessageError,
    cancelled_by,
    error_frame,
    identity_of,
    message_of,
    objection_to,
    posted,
)
from .aws_invocation import Context, seconds_left
from .bridge import Bridge
from .hosted_application import HostedApplication

LONGEST_SECONDS = 7200
"""API Gateway closes a connection after 2 hours. This and the next limit are from "Quotas for
configuring and running a WebSocket API"."""
LARGEST_BYTES = 128 * 1024
GONE_EVERY_SECONDS = 1.0
"""Interval at which a running call checks for a cancellation or a disconnect."""
LAST_WORDS_SECONDS = 1.0
"""Part of an invocation's time kept free for the error message that its time is over."""
RESOURCE_VARIABLE = "mcpResource"
"""Stage variable with the URL of the function's `/mcp`, where `server.toml` cannot name it."""
Event = Mapping[str, Any]


class Host(Protocol):
    """The application of this process, and the event loop that runs it."""

    application: HostedApplication
    bridge: Bridge


class GoneError(Exception):
    """The client has disconnected; nothing can be sent to it."""


def handle(event: Event, context: Context, host: Host) -> dict[str, Any]:
    """Handle an event; the status of the answer to CONNECT accepts or refuses the connection."""
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
    """Handle `$connect`: 200 accepts the connection, another status refuses it."""
    if host.application.config.protocol.era == "legacy":
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

    await RequireToken(admitted, host.application.parts.tokens)(_opened(event), receive, send)
    if refused:
        return refused[0]
    token = let_in[0]
    assert token.subject is not None
    ends = int(time.time()) + LONGEST_SECONDS
    ends = min(ends, token.expires_at or ends)
    name: str = event["requestContext"]["connectionId"]
    stores = host.application.stores
    session = Session(
        session_id=name,
        user_id=token.subject,
        protocol_version=LATEST_MODERN_VERSION,
        expires_at=ends,
    )
    if not await stores.sessions.open(session, host.application.config.limits.sessions_per_user):
        return 429
    await stores.connections.connect(
        Connection(connection_id=name, user_id=token.subject, expires_at=ends)
    )
    return 200


async def _forget(event: Event, host: Host) -> int:
    name: str = event["requestContext"]["connectionId"]
    await host.application.stores.connections.disconnect(name)
    await host.application.stores.sessions.close(name)
    return 200


class _Message:
    """One message of a client, with the connection on which it arrived."""

    def __init__(self, event: Event, host: Host) -> None:
        self.event = event
        self.host = host
        self.stores = host.application.stores
        self.connection: str = event["requestContext"]["connectionId"]

    async def answer(self, within_seconds: float) -> int:
        """Handle `$default`; returns the status after all answers; clients do not get it."""
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
                recorded = cancellation(named, time.time())
                await self.stores.sessions.cancel(self.connection, recorded)
        elif (objection := objection_to(message)) is not None:
            await self._refuse(identity, *objection)
        else:
            with anyio.move_on_after(within_seconds) as time_given:
                await self._work(message, connection.user_id, identity)
            if time_given.cancelled_caught:
                over = "the request took longer than the host allows"
                await self._refuse(identity, INTERNAL_ERROR, over)

    async def _work(
        self, message: dict[str, Any], subject: str, identity: str | int | None
    ) -> None:
        answer = Answer(identity)
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
            await anyio.sleep_forever()  # a disconnect cancels this task
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
                    await self.host.application.parts.admitted(scope, receive, send)
                except Exception:
                    log.exception("websocket_message_crashed")
                    answer.refusal = "the server failed to handle this message"
            tasks.cancel_scope.cancel()
        if gone:
            raise GoneError
        if answer.refusal is not None:
            await self._refuse(identity, INTERNAL_ERROR, answer.refusal)

    async def _watch(self, work: anyio.CancelScope, named: str | None) -> None:
        """Cancel the work once another invocation has stored a cancellation or a disconnect."""
        started = time.time()
        while True:
            await anyio.sleep(GONE_EVERY_SECONDS)
            recorded = await self.stores.sessions.cancelled(self.connection) or frozenset()
            if (
                is_cancelled(recorded, named, started)
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
    """The client for the connections of one WebSocket API, at that API's URL."""
    return aws.client("apigatewaymanagementapi", endpoint_url=address)


def _opened(event: Event) -> Scope:
    """The ASGI scope of the WebSocket handshake; the events of messages have no headers."""
    place = event["requestContext"]
    headers: Mapping[str, str] = event.get("headers") or {}
    sent = {name.lower(): value for name, value in headers.items()}
    sent.pop("x-forwarded-for", None)  # `sourceIp` is the address, and no client can set it
    source: str | None = place.get("identity", {}).get("sourceIp")
    sent |= {"host": place["domainName"], "x-forwarded-proto": "https"}
    # Tokens are for the function's URL: the stage of the WebSocket API says which one that is.
    stage: Mapping[str, str] = event.get("stageVariables") or {}
    return {
        RESOURCE_KEY: stage.get(RESOURCE_VARIABLE),
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
        "client": (source, 0) if source else None,
        "server": None,
    }
