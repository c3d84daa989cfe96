"""The smallest server of the SDK that offers `echo`, to compare with: no tokens, logs or limits."""

from __future__ import annotations

import sys

import uvicorn
from mcp.server.mcpserver import MCPServer


async def echo(text: str) -> str:
    """Return the text unchanged; async as in the reference server, so that no thread runs it."""
    return text


def main() -> None:
    """Serve on the port of the first argument, with uvicorn's h11 as in the reference server."""
    server = MCPServer("bare", log_level="WARNING")
    server.add_tool(echo, structured_output=False)
    uvicorn.run(
        server.streamable_http_app(),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        http="h11",
        loop="asyncio",
        access_log=False,
        log_level="warning",
        ws="none",
    )


if __name__ == "__main__":
    main()
