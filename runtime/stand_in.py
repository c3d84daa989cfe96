"""The command `qudag-mcp-server stand-in`: a stdio program in place of an image of a topology.

The bridge serves it, so that a service without a configured image answers on its port.
"""

from __future__ import annotations

import argparse
from typing import Any

from mcp.server.mcpserver import MCPServer
from pydantic import BaseModel

from . import __version__
from .tools import count, echo, fail, wait


class About(BaseModel):
    """What the tool `about` answers.

    Attributes:
        service: the service in whose place this program runs.
        stand_in: always true.
    """

    service: str
    stand_in: bool = True


def server_of(service: str) -> MCPServer[Any]:
    """The server that stands in for `service`, with the tools that exercise a client."""
    server: MCPServer[Any] = MCPServer(
        service,
        version=__version__,
        instructions=f"This is not {service}: it stands in for it until its image is configured.",
    )

    async def about() -> About:
        """Say which service this program stands in for."""
        return About(service=service)

    server.add_tool(about)
    for tool in (echo, wait, count, fail):
        server.add_tool(tool, structured_output=False)
    return server


def stand_in(arguments: list[str]) -> int:
    """Serve on stdin and stdout until stdin ends; exit status 0, and 2 for wrong arguments."""
    parser = argparse.ArgumentParser("qudag-mcp-server stand-in", description=__doc__)
    parser.add_argument("service", help="name of the service")
    server_of(parser.parse_args(arguments).service).run("stdio")
    return 0
