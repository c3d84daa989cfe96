"""The entries of `[[tool_servers]]` in server.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from .toml_config import Section


class ToolServerSection(Section):
    """An entry of `[[tool_servers]]`: an MCP server whose tools this server offers as well.

    Attributes:
        name: what the names of its tools begin with, followed by two underscores.
        url: its MCP endpoint.
        ca_file: authority of its certificate, whose name is verified.
    """

    name: Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,43}[a-z0-9])?$")]
    url: Annotated[str, Field(pattern=r"^https?://")]
    ca_file: Path | None = None
