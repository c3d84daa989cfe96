"""Requests of both MCP eras as raw HTTP, for clients that spend little CPU time on them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from mcp_types.version import LATEST_HANDSHAKE_VERSION, LATEST_MODERN_VERSION

HOST = "127.0.0.1"
_ECHO: dict[str, Any] = {"name": "echo", "arguments": {"text": "bench"}}


def get(path: str) -> str:
    """A GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n"


def call_of_echo(token: str, host: str = HOST) -> str:
    """A call of the tool `echo`, of the modern era."""
    return modern_post("tools/call", token, host, **_ECHO)


def modern_post(
    method: str, token: str, host: str = HOST, *, progress: bool = False, **params: Any
) -> str:
    """A request of the modern era, which can ask for progress."""
    meta: dict[str, Any] = {
        "io.modelcontextprotocol/protocolVersion": LATEST_MODERN_VERSION,
        "io.modelcontextprotocol/clientCapabilities": {},
        **({"progressToken": 1} if progress else {}),
    }
    headers = {
        "MCP-Protocol-Version": LATEST_MODERN_VERSION,
        "Mcp-Method": method,
        **({"Mcp-Name": params["name"]} if "name" in params else {}),
    }
    return _post(
        {"id": 1, "method": method, "params": {"_meta": meta, **params}}, token, host, headers
    )


async def legacy_calls_of_echo(token: str, port: int, count: int) -> list[str]:
    """Calls of the tool `echo` in one new legacy session, with an id each."""
    host = f"{HOST}:{port}"
    client = {"name": "bench", "version": "1"}
    version = {"MCP-Protocol-Version": LATEST_HANDSHAKE_VERSION}
    initialize = {
        "id": 0,
        "method": "initialize",
        "params": {
            "protocolVersion": LATEST_HANDSHAKE_VERSION,
            "capabilities": {},
            "clientInfo": client,
        },
    }
    head = await _head_of_answer(port, _post(initialize, token, host, version))
    session = head.lower().partition("mcp-session-id: ")[2].partition("\r\n")[0]
    inside = {**version, "Mcp-Session-Id": session}
    initialized = {"method": "notifications/initialized"}
    await _head_of_answer(port, _post(initialized, token, host, inside))
    return [
        _post({"id": number, "method": "tools/call", "params": _ECHO}, token, host, inside)
        for number in range(1, count + 1)
    ]


def _post(message: dict[str, Any], token: str, host: str, more: dict[str, str]) -> str:
    body = json.dumps({"jsonrpc": "2.0", **message})
    headers = {
        "Host": host,
        "Authorization": f"Bearer {token}",
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
        "Content-Length": len(body),
        **more,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /mcp HTTP/1.1\r\n{head}\r\n{body}"


async def _head_of_answer(port: int, request: str) -> str:
    """Send the request on a connection of its own; returns the status line and headers.

    Raises:
        ValueError: the server refuses it.
    """
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(request.encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    writer.close()
    if not head.startswith("HTTP/1.1 2"):
        raise ValueError(head)
    return head
