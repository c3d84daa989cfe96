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
from .resident import Resident

PREFIX = "/api"
"""`extensions.http.routePrefix` of host.json."""


class Prefixed:
    """The application where the host has it: below a prefix, behind a forwarder.

    The forwarder (YARP, with its default transforms) puts the client's Host into X-Forwarded-Host.
    """

    def __init__(self, resident: Resident) -> None:
        self.resident = resident

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope = {**scope, "path": scope["path"].removeprefix(PREFIX), "root_path": PREFIX}
        headers = MutableHeaders(scope=scope)
        if (host := headers.get("x-forwarded-host")) is not None:
            headers["host"] = host
        await self.resident(scope, receive, send)


app = func.FunctionApp()
# The worker hands the lines of its own handler to the host, which knows of no other.
_served = Prefixed(Resident.of_environment(logging.getLogger().handlers))


# Anonymous to Azure, whose keys would be a second secret of each client: what authorizes is the
# bearer token, which the application checks, and who has none must be able to read where to get it.
@app.route(route="{*path}", methods=METHODS, auth_level=func.AuthLevel.ANONYMOUS)
async def mcp(req: Request) -> Response:  # noqa: ARG001 - a trigger binds by this name
    """Every path and method; a response is whatever answers as ASGI, and the application does."""
    return cast("Response", _served)
