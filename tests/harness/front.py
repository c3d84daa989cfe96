"""Runs a server of the role `front` before a program, as a deployed one is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.harness.server import PLAIN, serving
from tests.harness.tokens import ISSUER, Issuer

HERE = "https://weather.example.com/mcp"


SCOPES = "base weather.read"


def in_front(directory: Path, issuer: Issuer, port: int, **sections: Any) -> Any:
    """Run a front of the program at that port, with the address and scopes of a deployed one."""
    upstream: dict[str, Any] = {"port": port} | sections.pop("upstream", {})
    auth = {
        "issuer": ISSUER,
        "resource_url": HERE,
        "jwks_file": str(issuer.jwks_file),
        "required_scopes": SCOPES.split(),
    } | sections.pop("auth", {})
    server = {"role": "front", "name": "weather"} | sections.pop("server", {})
    trust = sections.pop("trust", PLAIN)
    return serving(
        directory, issuer, trust, server=server, auth=auth, upstream=upstream, **sections
    )


def admitted(issuer: Issuer, **claims: Any) -> str:
    return issuer.token(aud=HERE, scope=SCOPES, **claims)


class Made:
    """An upstream that answers as a test wants."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": f"{message['type']}.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        response: ASGIApp = await self.answer(Request(scope, receive))
        await response(scope, receive, send)
