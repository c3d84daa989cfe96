"""The server as a Cloud Run function: the Functions Framework's ASGI server calls it as it is.

The buildpack starts `functions-framework`, which serves a function of its `aio` module by uvicorn
under gunicorn: answers stream, and a client that goes is noticed.
"""

from __future__ import annotations

from typing import cast

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from .resident import Resident

_resident = Resident.of_environment()


@functions_framework.aio.http
async def mcp(_: Request) -> Response:
    """Every path and method; a response is whatever answers as ASGI, and the application does."""
    return cast("Response", _resident)
