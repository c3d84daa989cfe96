"""The `[upstream]` section of server.toml: a program on this machine that serves MCP."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .server_config import Port
from .toml_config import Section


class UpstreamSection(Section):
    """The `[upstream]` section: the program that this server checks tokens for.

    Attributes:
        port: where the program serves plain HTTP, at 127.0.0.1 or ::1.
        path: where it serves MCP.
        health: path that answers 2xx or 3xx while the program can serve; without it, it is enough
            that the program accepts connections.
        forward_token: pass the token on, which is otherwise removed.
    """

    port: Port
    path: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._~-]+)+$")] = "/mcp"
    health: Annotated[str, Field(pattern=r"^/[A-Za-z0-9._~/-]*$")] | None = None
    forward_token: bool = False
