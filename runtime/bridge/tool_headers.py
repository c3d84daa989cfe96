"""The tools of the program, and which have arguments in HTTP headers (`x-mcp-header`)."""

from __future__ import annotations

import json
import logging
from typing import Any, cast

import anyio
from mcp import MCPError

from ..logs import event
from ..request_filters import object_or_empty
from .conversation import Params
from .eras import discovery
from .shared import Shared, nowhere

MOST_PAGES = 100
MOST_NAMES = 10_000
ASKED_WITHIN_SECONDS = 30


class ToolHeaders:
    """Input schemas by tool name, for comparing headers with arguments (SEP-2243).

    Attributes:
        names: of all tools that the program has listed, up to a number.
    """

    def __init__(self) -> None:
        self.schemas: dict[str, Params] = {}
        self.names: set[str] = set()

    def schema(self, name: str) -> Params | None:
        """The schema of a tool that has arguments in headers."""
        return self.schemas.get(name)

    def note(self, listed: Params) -> None:
        """Read a result of `tools/list`."""
        tools = listed.get("tools")
        named = cast("list[object]", tools) if isinstance(tools, list) else []
        for tool in map(object_or_empty, named):
            if not isinstance(name := tool.get("name"), str):
                continue
            if len(self.names) < MOST_NAMES:
                self.names.add(name)
            schema = object_or_empty(tool.get("inputSchema"))
            if "x-mcp-header" in json.dumps(schema):
                self.schemas[name] = schema
            else:
                self.schemas.pop(name, None)

    async def read(self, shared: Shared) -> None:
        """Ask the program for its tools."""
        if "tools" not in shared.capabilities:
            return
        cursor: dict[str, Any] = {}
        try:
            with anyio.fail_after(ASKED_WITHIN_SECONDS):
                for _ in range(MOST_PAGES):
                    listed = await shared.request("tools/list", discovery() | cursor, nowhere, None)
                    self.note(listed)
                    if not isinstance(after := listed.get("nextCursor"), str):
                        return
                    cursor = {"cursor": after}
        except (MCPError, TimeoutError):
            event("program_tools_unknown", logging.WARNING, child=shared.conversation.child.number)
