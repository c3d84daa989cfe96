"""The command `qudag-mcp-server stand-in`: a stdio program in place of an image of a topology.

The bridge serves it, so that a service without a configured image answers on its port.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from mcp.server.mcpserver import MCPServer
from pydantic import BaseModel

from . import __version__
from .agent_role import MODEL_VARIABLE, AgentRole, role_of
from .toml_config import ConfigError
from .tools import count, echo, fail, wait


class About(BaseModel):
    """What the tool `about` answers.

    Attributes:
        service: the service in whose place this program runs.
        stand_in: always true.
    """

    service: str
    stand_in: bool = True


class AboutAgent(About):
    """What the tool `about` answers for an agent.

    Attributes:
        role, title: of its role.yaml.
        model: the model that it would use.
    """

    role: str
    title: str
    model: str | None


def server_of(
    service: str, role: AgentRole | None = None, model: str | None = None
) -> MCPServer[Any]:
    """The server that stands in for `service`, with the tools that exercise a client."""
    own = f"This is not {service}: it stands in for it until its image is configured."
    server: MCPServer[Any] = MCPServer(
        service,
        version=__version__,
        instructions=own if role is None else f"{own} {role.instructions}",
    )

    async def about() -> About:
        """Say which service this program stands in for."""
        return About(service=service)

    async def about_agent() -> AboutAgent:
        """Say which agent this program stands in for, and its role."""
        assert role is not None
        return AboutAgent(service=service, role=role.role, title=role.title, model=model)

    server.add_tool(about if role is None else about_agent, name="about")
    for tool in (echo, wait, count, fail):
        server.add_tool(tool, structured_output=False)
    return server


def stand_in(arguments: list[str]) -> int:
    """Serve on stdin and stdout until stdin ends; exit status 0.

    Of wrong arguments or a wrong role.yaml the exit status is 2.
    """
    parser = argparse.ArgumentParser("qudag-mcp-server stand-in", description=__doc__)
    parser.add_argument("service", help="name of the service")
    service = parser.parse_args(arguments).service
    try:
        role = role_of(os.environ)
    except ConfigError as error:
        for line in str(error).splitlines():
            print(f"qudag-mcp-server stand-in: {line}", file=sys.stderr)
        return 2
    server_of(service, role, os.environ.get(MODEL_VARIABLE)).run("stdio")
    return 0
