"""An MCP server of a user: the MCP SDK, and the OpenTelemetry SDK configured by its variables only.

`instrumented_server.py PORT` serves Streamable HTTP; without a port it speaks stdio.
"""

from __future__ import annotations

import sys

from mcp.server.mcpserver import MCPServer
from opentelemetry import trace
from opentelemetry.sdk._configuration import (
    _OTelSDKConfigurator,  # pyright: ignore[reportPrivateUsage]
)

server = MCPServer("weather")


@server.tool()
def forecast(city: str) -> str:
    """What the weather will be."""
    with trace.get_tracer("weather").start_as_current_span("ask the model"):
        return f"rain in {city}"


if __name__ == "__main__":
    # As the program `opentelemetry-instrument` does.
    _OTelSDKConfigurator().configure()  # pyright: ignore[reportUnknownMemberType]
    if len(sys.argv) > 1:
        server.run("streamable-http", port=int(sys.argv[1]))
    else:
        server.run("stdio")
