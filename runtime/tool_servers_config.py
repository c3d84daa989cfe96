"""The entries of `[[tool_servers]]` in server.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from .auth_config import ScopeName
from .toml_config import Section


class ToolServerSection(Section):
    """An entry of `[[tool_servers]]`: an MCP server whose tools this server offers as well.

    Attributes:
        name: what the names of its tools begin with, followed by two underscores.
        url: its MCP endpoint.
        ca_file: CA of its certificate, whose name is verified.
        era: MCP revisions that it speaks; `dual`: the newest that it answers.
        scopes: that the caller's token must have; without them its tools are not listed.
        send_user: name the caller in headers, in place of sending the caller's token.
        longest_tool_seconds: a longer call is ended; `protocol.longest_tool_seconds` limits it too.
    """

    name: Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,43}[a-z0-9])?$")]
    url: Annotated[str, Field(pattern=r"^https?://")]
    ca_file: Path | None = None
    era: Literal["modern", "legacy", "dual"] = "dual"
    scopes: tuple[ScopeName, ...] = ()
    send_user: bool = False
    longest_tool_seconds: Annotated[float, Field(gt=0, le=3600)] | None = None


def _differ(servers: tuple[ToolServerSection, ...]) -> tuple[ToolServerSection, ...]:
    names = [server.name for server in servers]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"each entry needs a name of its own: {', '.join(twice)} is there twice")
    return servers


ToolServerSections = Annotated[tuple[ToolServerSection, ...], AfterValidator(_differ)]
