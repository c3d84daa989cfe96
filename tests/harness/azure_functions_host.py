"""A stand-in for the Azure Functions host, around Azure's own Python worker library.

Usage: `azure_functions_host.py <folder of the app> <port>`. It runs in the worker's event loop. It
initializes the worker, reads the routes of its functions, and for each request sends an invocation
and forwards the request to the worker's HTTP server as YARP does by default: `Host` becomes
`X-Forwarded-Host`, and a disconnect cancels the forwarded request. The worker library expects
protobuf messages; here they are plain objects with the same fields.
"""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime as worker  # pyright: ignore[reportMissingTypeStubs]
import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

LOOPBACK = "127.0.0.1"


class Message:
    """A stand-in for a protobuf message: fields by name, one of which can be a oneof."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def WhichOneof(self, _: str) -> str | None:
        """The name of the field that is set in the oneof."""
        return next(iter(self.__dict__), None)


class StatusResult(Message):
    """The status of a response of the worker."""

    Failure, Success = 0, 1


class BindingInfo(Message):
    """A binding of a function; its direction is `in`, `out` or both."""

    out, inout, undefined = 1, 2, 0


setattr(BindingInfo, "in", 0)


class Protos:
    """The message classes that the worker uses for its responses."""

    BindingInfo = BindingInfo
    StatusResult = StatusResult

    def __getattr__(self, _: str) -> type[Message]:
        return Message


class FunctionsHost:
    """The host of one function app, whose worker is this process."""

    def __init__(self, app: Path) -> None:
        self.app = app
        self.prefix: str = json.loads((app / "host.json").read_text())["extensions"]["http"][
            "routePrefix"
        ]
        self.address = ""
        self.function_id = ""
        self.client = httpx2.AsyncClient(timeout=None, trust_env=False)

    async def begin(self) -> list[Route]:
        """Initialize the worker and load its functions; returns their routes."""
        asking: Any = worker
        init = Message(capabilities={}, function_app_directory=str(self.app))
        properties = {"host": LOOPBACK, "protos": Protos()}
        request = SimpleNamespace(request=Message(worker_init_request=init), properties=properties)
        begun = await asking.worker_init_request(request)
        if begun.result.status != StatusResult.Success:
            sys.exit(f"the worker did not begin: {vars(begun.result.exception)}")
        self.address = begun.capabilities["HttpUri"]
        listed = await asking.functions_metadata_request(request)
        (function,) = listed.function_metadata_results
        self.function_id = function.function_id
        trigger = next(
            b for b in map(json.loads, function.raw_bindings) if b["type"] == "httpTrigger"
        )
        assert trigger["authLevel"].lower() == "anonymous", trigger
        path = trigger["route"].removeprefix("{*").removesuffix("}")
        methods = [method.upper() for method in trigger["methods"]]
        return [Route(f"/{self.prefix}/{{{path}:path}}", self.forward, methods=methods)]

    async def invoke(self, invocation_id: str, request: Request) -> None:
        """Send an invocation to the worker for a request that follows over HTTP."""
        http = Message(
            method=request.method,
            url=str(request.url),
            headers={},
            params={},
            query={},
            body=Message(),
        )
        invocation = Message(
            invocation_id=invocation_id,
            function_id=self.function_id,
            input_data=[Message(data=Message(http=http), name="req")],
            trigger_metadata={},
            trace_context=Message(trace_parent="", trace_state="", attributes={}),
            retry_context=Message(retry_count=0, max_retry_count=0, exception=None),
        )
        asking: Any = worker
        done = await asking.invocation_request(
            SimpleNamespace(request=Message(invocation_request=invocation), properties={})
        )
        if done.result.status != StatusResult.Success:
            print(f"invocation failed: {vars(done.result.exception)}", file=sys.stderr, flush=True)

    async def forward(self, request: Request) -> Response:
        """Forward a request to the worker's server and stream the response back."""
        invocation_id = str(uuid.uuid4())
        invocation = asyncio.create_task(self.invoke(invocation_id, request))
        headers = {name: value for name, value in request.headers.items() if name != "host"}
        headers |= {
            "x-ms-invocation-id": invocation_id,
            "x-forwarded-host": request.headers["host"],
            "x-forwarded-proto": request.url.scheme,
        }
        url = self.address + request.url.path
        body = await request.body()
        sent = self.client.build_request(request.method, url, headers=headers, content=body)
        sending = asyncio.create_task(self.client.send(sent, stream=True))
        leaving = asyncio.ensure_future(request.receive())
        await asyncio.wait([sending, leaving], return_when=asyncio.FIRST_COMPLETED)
        leaving.cancel()
        if not sending.done():
            sending.cancel()
            await asyncio.wait([sending, invocation])
            return Response(status_code=499)
        answer = sending.result()

        async def pieces() -> AsyncIterator[bytes]:
            try:
                async for piece in answer.aiter_raw():
                    yield piece
            finally:
                await answer.aclose()
                await invocation

        kept = {
            name: value for name, value in answer.headers.items() if name != "transfer-encoding"
        }
        return StreamingResponse(pieces(), answer.status_code, headers=kept)


async def main(app: Path, port: int) -> None:
    """Serve until the process ends."""
    sys.path.insert(0, str(app))
    host = FunctionsHost(app)
    routes = await host.begin()
    plain = Route("/ready", lambda _: PlainTextResponse("ready"))  # pyright: ignore
    server = uvicorn.Config(Starlette(routes=[*routes, plain]), port=port, log_config=None)
    await uvicorn.Server(server).serve()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
