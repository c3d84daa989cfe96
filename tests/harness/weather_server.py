"""An MCP server of the SDK with a tool, resource, prompt and completion of each sort."""

from __future__ import annotations

from typing import Annotated, Any

import anyio
from mcp.server.mcpserver import Context, MCPServer
from mcp_types import Completion, ResourceLink
from pydantic import Field


def weather() -> MCPServer:
    server = MCPServer("weather")

    @server.tool()
    async def forecast(city: str) -> str:
        """What the weather will be."""
        return f"rain in {city}"

    @server.tool()
    async def wait(seconds: float) -> str:
        await anyio.sleep(seconds)
        return "done"

    @server.tool()
    async def steps(context: Context) -> str:
        """Report progress, and log."""
        await context.report_progress(1, 2, "half")
        await context.info("halfway")  # pyright: ignore[reportDeprecated]
        await context.report_progress(2, 2, "all")
        return "done"

    @server.tool()
    async def broken() -> str:
        raise ValueError("no data")

    @server.tool()
    async def at(place: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Place"})]) -> str:
        """Say which header came with the argument."""
        return place

    @server.tool()
    async def map_link() -> list[ResourceLink]:
        return [ResourceLink(type="resource_link", uri="map://bern", name="bern")]

    @server.resource("map://world")
    async def world() -> str:
        return "the world"

    @server.resource("map://{city}")
    async def city_map(city: str) -> str:
        return f"a map of {city}"

    @server.prompt()
    async def plan(city: str) -> str:
        """Plan a day."""
        return f"Plan a day in {city}"

    @server.completion()
    async def complete(ref: Any, argument: Any, context: Any) -> Completion:
        return Completion(values=[f"{argument.value}ern"])

    return server
