"""The server as an Azure Functions app: one HTTP trigger for every path under the prefix `api`."""

from __future__ import annotations

import logging
from typing import cast

import azure.functions as func
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .azure_web import METHODS
from .hosted_application import HostedApplication

PREFIX = "/api"
"""`extensions.http.routePrefix` of host.json."""


class Prefixed:
    """Removes the route prefix that the Functions host adds, and restores the client's `Host`.

    The host's forwarder (YARP with its default transforms) puts it into `X-Forwarded-Host`.
    """

    def __init__(self, application: HostedApplication) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope = {**scope, "path": scope["path"].removeprefix(PREFIX), "root_path": PREFIX}
        headers = MutableHeaders(scope=scope)
        if (host := headers.get("x-forwarded-host")) is not None:
            headers["host"] = host
        await self.application(scope, receive, send)


app = func.FunctionApp()
# The host collects log lines only from the worker's own handler.
_served = Prefixed(HostedApplication.of_environment(logging.getLogger().handlers))


# Anonymous for Azure: a function key would be a second secret for each client. The application
# checks bearer tokens, and clients without one must be able to read the metadata.
@app.route(route="{*path}", methods=METHODS, auth_level=func.AuthLevel.ANONYMOUS)
async def mcp(req: Request) -> Response:  # noqa: ARG001 - a trigger binds by this name
    """Handle every path and method; the worker takes an ASGI application as the response."""
    return cast("Response", _served)
