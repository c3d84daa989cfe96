"""The HTTP server in Azure's Python worker to which the Functions host passes requests on.

Importing this makes a worker take requests as HTTP, so that answers stream and a client that goes
is noticed ("HTTP streams", Azure Functions Python developer guide); otherwise they would be whole
gRPC messages. It is to the worker what `azurefunctions-extensions-http-fastapi` is, with the
Starlette and uvicorn that are there anyway in place of FastAPI. What its classes are, the worker
learns from the metaclasses that they are made with.
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
"""Longer than the host keeps an idle connection (.NET's PooledConnectionIdleTimeout: 1 minute)."""
METHODS = ("GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS")
Endpoint = Callable[[Request], Awaitable[Response]]


class RouteParameters(base.RequestSynchronizer):
    """Nothing to carry over: the application reads the path itself."""

    def sync_route_params(self, request: Request, path_params: Mapping[str, str]) -> None:
        """Called by the worker before the function is."""


class RequestType(metaclass=base.RequestTrackerMeta):
    """What a function takes whose trigger is HTTP."""

    request_type = Request
    synchronizer = RouteParameters()


class ResponseType(metaclass=base.ResponseTrackerMeta):
    """What it returns."""

    label = base.ResponseLabels.STANDARD
    response_type = Response


class WebApp(base.WebApp):
    """One endpoint, the worker's, for every path."""

    def __init__(self) -> None:
        self.endpoint: Endpoint | None = None

    def route(self, func: Endpoint) -> Endpoint:
        """Take the worker's endpoint."""
        self.endpoint = func
        return func

    def get_app(self) -> ASGIApp:
        """The ASGI application that the server serves."""
        assert self.endpoint is not None
        return Starlette(routes=[Route("/{path:path}", self.endpoint, methods=list(METHODS))])


class WebServer(base.WebServer):
    """uvicorn, in the worker's own event loop."""

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
        """Serve for as long as the worker lives."""
        await self.server.serve()
