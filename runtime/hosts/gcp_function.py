"""The server as a Cloud Run function: the Functions Framework serves its ASGI application.

The buildpack starts `functions-framework`, which serves a function of its `aio` module with uvicorn
under gunicorn, so responses stream and disconnects are noticed.
"""

from __future__ import annotations

from typing import cast

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from .hosted_application import HostedApplication

_application = HostedApplication.of_environment()


@functions_framework.aio.http
async def mcp(_: Request) -> Response:
    """Handle every path and method; the framework takes an ASGI application as the response."""
    return cast("Response", _application)
