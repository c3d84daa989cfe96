"""Loads the server of the user's own Python code from a function's archive.

An archive that was built from a folder has the folder's files in `server_code/`, and in
`server_code.json` the entry, `module:name`. An archive of the reference server has neither.
"""

from __future__ import annotations

import json
import logging
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from mcp.server import MCPServer
from mcp.server.lowlevel import Server

from ..logs import event
from ..resource import MCP_PATH
from ..toml_config import StartError

ARCHIVE = Path(__file__).parents[2]
CODE_FOLDER = "server_code"
ENTRY_FILE = "server_code.json"


def own_server(archive: Path = ARCHIVE) -> Server[Any] | None:
    """The server that the archive's own code defines; None in an archive of the reference server.

    Its module is imported under its own name, so `if __name__ == "__main__"` does not apply.

    Raises:
        StartError: the module cannot be imported, or the name in it is no server of the SDK.
    """
    if not (archive / ENTRY_FILE).exists():
        return None
    entry: str = json.loads((archive / ENTRY_FILE).read_text())["entry"]
    module, _, name = entry.partition(":")
    # Last: its modules can replace none of the server's, nor of the libraries.
    sys.path.append(str(archive / CODE_FOLDER))
    try:
        found = getattr(import_module(module), name)
    except Exception as error:
        raise StartError(f"{entry}: cannot be loaded: {type(error).__name__}: {error}") from error
    return _lowlevel(entry, found)


def _lowlevel(entry: str, found: object) -> Server[Any]:
    if isinstance(found, Server):
        return cast("Server[Any]", found)
    if not isinstance(found, MCPServer):
        raise StartError(
            f"{entry}: is of type {type(found).__qualname__}, not mcp.server.MCPServer or "
            "mcp.server.lowlevel.Server"
        )
    server = cast("MCPServer[Any]", found)
    if server.settings.auth is not None:
        # Dropping its check without a word could admit calls that it would refuse.
        raise StartError(
            f"{entry}: has settings for auth, but tokens are checked before it is called: remove "
            "auth and token_verifier, and set protocol.issuer and protocol.requiredScopes in the "
            "stack file"
        )
    served = server.streamable_http_app(streamable_http_path=MCP_PATH)
    paths = [path for route in served.routes if (path := getattr(route, "path", "")) != MCP_PATH]
    if paths:
        event("routes_not_served", logging.WARNING, routes=paths)
    return server.session_manager.app
