"""The HTTP server in Azure's Python worker to which the Functions host forwards requests.

Importing this module makes the worker receive requests over HTTP instead of as whole gRPC messages,
so that responses stream and disconnects are noticed ("HTTP streams", Azure Functions Python
developer guide). It replaces `azurefunctions-extensions-http-fastapi`, and uses Starlette and
uvicorn, which the server needs anyway. The worker recognizes the classes by their metaclasses.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import uvicorn
from azurefunctions.extensions import base
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

KEEP_ALIVE_SECONDS = 120
"""Longer than the Functions host keeps idle connections (.NET's `PooledConnectionIdleTimeout`:
1 minute)."""
METHODS = ("GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS")
Endpoint = Callable[[Request], Awaitable[Response]]


class RouteParameters(base.RequestSynchronizer):
    """Does nothing: the application reads path parameters itself."""

    def sync_route_params(self, request: Request, path_params: Mapping[str, str]) -> None:
        """Called by the worker before it calls the function."""


class RequestType(metaclass=base.RequestTrackerMeta):
    """The parameter type of a function with an HTTP trigger."""

    request_type = Request
    synchronizer = RouteParameters()


class ResponseType(metaclass=base.ResponseTrackerMeta):
    """The return type of a function with an HTTP trigger."""

    label = base.ResponseLabels.STANDARD
    response_type = Response


class WebApp(base.WebApp):
    """Routes every path to the worker's one endpoint."""

    def __init__(self) -> None:
        self.endpoint: Endpoint | None = None

    def route(self, func: Endpoint) -> Endpoint:
        """Set the worker's endpoint."""
        self.endpoint = func
        return func

    def get_app(self) -> ASGIApp:
        """The ASGI application for `WebServer`."""
        assert self.endpoint is not None
        return Starlette(routes=[Route("/{path:path}", self.endpoint, methods=list(METHODS))])


class WebServer(base.WebServer):
    """Runs uvicorn in the worker's event loop."""

    def __init__(self, hostname: str, port: int, web_app: WebApp) -> None:
        super().__init__(hostname, port, web_app)  # pyright: ignore[reportUnknownMemberType]
        self.server = uvicorn.Server(
            uvicorn.Config(
                web_app.get_app(),
                host=hostname,
                port=port,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
            )
        )

    async def serve(self) -> None:
        """Serve until the worker ends."""
        await self.server.serve()
