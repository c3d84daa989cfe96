"""Traffic for a running stack that makes each of its metrics have values: calls, errors, refusals.

Most of it is sent by the driver of ``qudag-mcp load``.
"""

from __future__ import annotations

import contextlib
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import anyio
import httpx2
from mcp.shared.exceptions import MCPError
from mcp_types.version import LATEST_HANDSHAKE_VERSION as LEGACY
from websockets.asyncio.client import connect

from delivery.load_run import Load, LoadAmount, LoadResult
from delivery.load_run import run as run_load
from delivery.mcp_client import Endpoint, Era, connected
from runtime.mcp_resources import memory_uri

from .client_load import ClientLoad
from .server import MODERN, initialize_request, modern_request
from .tokens import Issuer

DOMAIN: Final = "mcp.example.com"
PROMPT: Final = "summarize_memory"
"""A prompt of the server behind the gateway."""
MEMORIES: Final = 2
"""That a user of the stack may keep: a limit that a slow machine reaches as well."""
PORT: Final = 8443
"""Of the gateway's pods."""


@dataclass(frozen=True)
class Client:
    """Who sends the traffic.

    Attributes:
        issuer: signs the tokens.
        name: of the issuer, in the tokens.
        ca_file: authority of the gateway's certificate.
    """

    issuer: Issuer
    name: str
    ca_file: str

    def url(self, path: str = "/mcp") -> str:
        return f"https://{DOMAIN}:{PORT}{path}"

    def token(self, subject: str, path: str = "/mcp", **claims: Any) -> str:
        audience = f"https://{DOMAIN}{path}"
        return self.issuer.token(iss=self.name, aud=audience, sub=subject, **claims)

    def endpoint(self, subject: str, path: str = "/mcp") -> Endpoint:
        return Endpoint(
            url=self.url(path), token=self.token(subject, path), ca_file=self.ca_file, seconds=15
        )

    async def post(self, http: httpx2.AsyncClient, body: Any, **headers: str) -> int:
        """POST to the gateway; the status."""
        sent = {
            "accept": "application/json, text/event-stream",
            "content-type": "application/json",
            "mcp-protocol-version": MODERN,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return (await http.post(self.url(), content=content, headers=sent)).status_code


@dataclass
class Traffic:
    """What was sent, by its name; for each Load what came of it."""

    client: Client
    seconds: float
    measured: dict[str, LoadResult]

    async def run(self, loads: Mapping[str, tuple[str, str | None, dict[str, Any], float]]) -> None:
        """Send all at the same time.

        Args:
            loads: by a name the path, the tool, its arguments, and requests a second.
        """
        listening = ClientLoad(iter([self.client.endpoint(f"listener-{n}") for n in range(2)]))
        async with anyio.create_task_group() as group:
            for name, (path, tool, arguments, rate) in loads.items():
                group.start_soon(self._load, name, path, tool, arguments, rate)
            group.start_soon(listening.listen)
            group.start_soon(self._websocket)
            group.start_soon(self._reads)
            group.start_soon(self._refused)
            await anyio.sleep(self.seconds)
            listening.stop.set()

    async def _load(
        self, name: str, path: str, tool: str | None, arguments: dict[str, Any], rate: float
    ) -> None:
        amount = LoadAmount(rate=rate, clients=2, seconds=self.seconds)
        load = Load(tool=tool, arguments=arguments, amount=amount)
        endpoints = [self.client.endpoint(f"{name}-{n}", path) for n in range(amount.clients)]
        self.measured[name] = LoadResult()
        await run_load(load, endpoints, Era.MODERN, self.measured[name])

    async def _websocket(self) -> None:
        """Hold a WebSocket open and send requests over it."""
        trust = ssl.create_default_context(cafile=self.client.ca_file)
        bearer = {"authorization": f"Bearer {self.client.token('socket')}"}
        url = self.client.url("/ws").replace("https", "wss")
        async with connect(url, additional_headers=bearer, proxy=None, ssl=trust) as connection:
            with anyio.move_on_after(self.seconds):
                while True:
                    await connection.send(json.dumps(modern_request("tools/list")))
                    await connection.recv()
                    await anyio.sleep(1)

    async def _reads(self) -> None:
        """Read resources and prompts, and some that are not there; remember too much."""
        async with connected(self.client.endpoint("reader"), Era.MODERN) as client:
            await client.list_tools()
            await client.call_tool("remember", {"name": "plan", "text": "hello"})
            (first, *_) = (await client.list_resources()).resources
            with anyio.move_on_after(self.seconds):
                while True:
                    await client.read_resource(first.uri)
                    await client.get_prompt(PROMPT, {"name": "plan"})
                    for number in range(MEMORIES):
                        await client.call_tool("remember", {"name": f"{number}", "text": "more"})
                    for ask in (
                        lambda: client.read_resource(memory_uri("no-such")),
                        lambda: client.get_prompt(PROMPT, {"name": "no-such"}),
                    ):
                        with contextlib.suppress(MCPError):
                            await ask()
                    await anyio.sleep(0.5)

    async def _refused(self) -> None:
        """Send no token, a wrong one, too many messages, an ended session, and too large a body."""
        trust = ssl.create_default_context(cafile=self.client.ca_file)
        body = modern_request("tools/list")
        bearer = f"Bearer {self.client.token('busy')}"
        async with httpx2.AsyncClient(verify=trust, timeout=30) as http:
            with anyio.move_on_after(self.seconds):
                while True:
                    await self.client.post(http, body)
                    await self.client.post(http, body, authorization="Bearer none")
                    async with anyio.create_task_group() as group:
                        for _ in range(60):
                            send = partial(
                                self.client.post, authorization=bearer, mcp_method="tools/list"
                            )
                            group.start_soon(send, http, body)
                    session = {"mcp_session_id": "no-such", "mcp_protocol_version": LEGACY}
                    await self.client.post(
                        http,
                        initialize_request() | {"method": "ping"},
                        authorization=bearer,
                        **session,
                    )
                    large = b"x" * (5 * 2**20)
                    await self.client.post(http, large, authorization=bearer)
                    await anyio.sleep(3)
