"""The smallest server of the SDK that offers `echo`, to compare with: no tokens, logs or limits."""

from __future__ import annotations

import sys

import uvicorn
from mcp.server.mcpserver import MCPServer


def echo(text: str) -> str:
    """Return the text unchanged."""
    return text


def main() -> None:
    """Serve on the port of the first argument."""
    server = MCPServer("bare", log_level="WARNING")
    server.add_tool(echo, structured_output=False)
    app = server.streamable_http_app()
    port = int(sys.argv[1])
    uvicorn.run(app, host="127.0.0.1", port=port, access_log=False, log_level="warning", ws="none")


if __name__ == "__main__":
    main()
