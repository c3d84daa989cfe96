"""A stand-in for AWS Lambda with its HTTP endpoints: turns requests into events for real runtimes.

The events are those of tests/runtime/events with the request's values; the Runtime API is that of
"Using the Lambda runtime API for custom runtimes". Responses are changed as AWS changes them: API
Gateway and function URLs rename `WWW-Authenticate`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import threading
import time
import uuid
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message

from .server import free_port

EVENTS = Path(__file__).resolve().parents[1] / "runtime" / "events"
ENDS_AFTER_SECONDS = 30
"""Timeout of API Gateway ("Quotas for configuring and running an HTTP API"), used for all."""
PAYLOAD_BYTES = 6_291_556
"""Largest event or response ("Lambda quotas", Invocation payload: 6 MB)."""
RENAMED = {"www-authenticate": "x-amzn-remapped-www-authenticate"}
API = "/2018-06-01/runtime"


@dataclass
class Invocation:
    """An event and its response: `parts` carries the head, the pieces of the body, and None."""

    event: dict[str, Any]
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    deadline: float = field(default_factory=lambda: time.time() + ENDS_AFTER_SECONDS)
    parts: asyncio.Queue[Any] = field(default_factory=asyncio.Queue[Any])


class LambdaService:
    """A function: the Runtime API for its instances, and its HTTP endpoints.

    Attributes:
        failures: errors that runtimes reported.
        idle: instances that wait for an event.
    """

    def __init__(self, *endpoints: str) -> None:
        self.waiting: asyncio.Queue[Invocation | None] = asyncio.Queue()
        self.under_way: dict[str, Invocation] = {}
        self.failures: list[dict[str, Any]] = []
        self.idle = 0
        self.api_port = free_port()
        self.ports = {endpoint: free_port() for endpoint in endpoints}
        self.runtime_api = Starlette(
            routes=[
                Route(f"{API}/invocation/next", self._next),
                Route(f"{API}/invocation/{{id}}/response", self._response, methods=["POST"]),
                Route(f"{API}/invocation/{{id}}/error", self._error, methods=["POST"]),
                Route(f"{API}/init/error", self._error, methods=["POST"]),
            ]
        )

    async def invoke(self, event: dict[str, Any]) -> Invocation:
        """Queue an event for the next idle instance."""
        invocation = Invocation(event)
        self.under_way[invocation.request_id] = invocation
        await self.waiting.put(invocation)
        return invocation

    def endpoint(self, kind: str) -> Starlette:
        """An HTTP API or a function URL; `kind` is the name of its recorded event."""
        template = json.loads((EVENTS / f"{kind}.json").read_text())

        async def enter(request: Request) -> Response:
            event = await _event(template, request)
            if len(json.dumps(event)) > PAYLOAD_BYTES:
                return JSONResponse({"message": "Request Entity Too Large"}, 413)
            return await self._answer(await self.invoke(event))

        methods = ["GET", "POST", "DELETE", "PUT"]
        return Starlette(routes=[Route("/{path:path}", enter, methods=methods)])

    async def _answer(self, invocation: Invocation) -> Response:
        try:
            async with asyncio.timeout(ENDS_AFTER_SECONDS):
                head = await invocation.parts.get()
        except TimeoutError:
            return JSONResponse({"message": "Service Unavailable"}, 503)
        if head is None:
            return JSONResponse({"message": "Internal Server Error"}, 500)

        async def pieces() -> AsyncIterator[bytes]:
            while (piece := await invocation.parts.get()) is not None:
                yield piece

        response = StreamingResponse(pieces(), head["statusCode"])
        headers: dict[str, str] = head["headers"]
        for name, value in headers.items():
            response.headers[RENAMED.get(name, name)] = value
        return response

    async def _next(self, request: Request) -> Response:
        self.idle += 1
        invocation = await self.waiting.get()
        self.idle -= 1
        if invocation is None:
            return Response(status_code=410)
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-central-1:123456789012:f:mcp",
            "Lambda-Runtime-Trace-Id": "Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e",
        }
        return JSONResponse(invocation.event, headers=headers)

    async def _response(self, request: Request) -> Response:
        invocation = self.under_way.pop(request.path_params["id"])
        if request.headers.get("lambda-runtime-function-response-mode") == "streaming":
            await _relay(request, invocation)
        else:
            payload = json.loads(await request.body())
            body = payload.get("body", "")
            whole = base64.b64decode(body) if payload.get("isBase64Encoded") else body.encode()
            for part in (payload, whole, None):
                invocation.parts.put_nowait(part)
        return JSONResponse({}, 202)

    async def _error(self, request: Request) -> Response:
        self.failures.append(await request.json())
        invocation = self.under_way.pop(request.path_params.get("id", ""), None)
        if invocation is not None:
            invocation.parts.put_nowait(None)
        return JSONResponse({}, 202)

    @contextlib.contextmanager
    def serving(self) -> Generator[None]:
        """Serve the Runtime API and all endpoints on loopback, in a thread."""
        apps = {self.api_port: self.runtime_api}
        apps |= {port: self.endpoint(kind) for kind, port in self.ports.items()}
        servers = [
            uvicorn.Server(
                uvicorn.Config(
                    app, port=port, log_config=None, lifespan="off", timeout_keep_alive=60
                )
            )
            for port, app in apps.items()
        ]

        loop = asyncio.new_event_loop()

        async def serve() -> None:
            await asyncio.gather(*(server._serve() for server in servers))  # pyright: ignore[reportPrivateUsage]

        thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
        thread.start()
        try:
            while not all(server.started for server in servers):
                time.sleep(0.01)
            yield
        finally:
            for _ in range(self.idle):
                loop.call_soon_threadsafe(self.waiting.put_nowait, None)
            for server in servers:
                server.should_exit = server.force_exit = True
            thread.join()


async def _event(template: dict[str, Any], request: Request) -> dict[str, Any]:
    body = await request.body()
    host = request.headers["host"]
    http = template["requestContext"]["http"] | {
        "method": request.method,
        "path": request.url.path,
    }
    event = template | {
        "rawPath": request.url.path,
        "rawQueryString": request.url.query,
        "headers": {name: ", ".join(request.headers.getlist(name)) for name in request.headers}
        | {"x-forwarded-proto": "http", "host": host},
        "requestContext": template["requestContext"] | {"http": http, "domainName": host},
        "body": base64.b64encode(body).decode()
        if template["isBase64Encoded"]
        else body.decode("utf-8", "replace"),
    }
    event.pop("cookies", None)
    return event


async def _relay(request: Request, invocation: Invocation) -> None:
    """Parse a streamed response: JSON head, eight zero bytes, pieces of the body."""
    assert request.headers["transfer-encoding"] == "chunked"
    kind = "application/vnd.awslambda.http-integration-response"
    assert request.headers["content-type"] == kind
    seen, head = b"", False
    while (part := await _part(request))["type"] == "http.request":
        seen += part.get("body", b"")
        if not head and bytes(8) in seen:
            prelude, _, seen = seen.partition(bytes(8))
            invocation.parts.put_nowait(json.loads(prelude))
            head = True
        if head and seen:
            invocation.parts.put_nowait(seen)
            seen = b""
        if not part.get("more_body", False):
            break
    invocation.parts.put_nowait(None)


async def _part(request: Request) -> Message:
    return await request.receive()
