"""The `[upstream]` section of server.toml: the program that the role `front` forwards to."""

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
        health: path that answers 2xx or 3xx while the program is ready; without it, the program is
            ready while it accepts connections.
        forward_token: forward `Authorization`, which is otherwise removed.
    """

    port: Port
    path: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._~-]+)+$")] = "/mcp"
    health: Annotated[str, Field(pattern=r"^/[A-Za-z0-9._~/-]*$")] | None = None
    forward_token: bool = False
