"""Runs the gateway with routes: nginx, the reference server as authorizer, two users' servers."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from components.kubernetes.gateway import Upstream
from components.kubernetes.routes import Route

from .certificates import Authority
from .network import port
from .nginx_gateway import BEHIND, NAME, RunningGateway, gateway_pod, is_open
from .recording_server import RecordingServer, Request, recording_server
from .running_pod import run_container
from .server import MODERN, RunningServer, free_port, modern_request, serving, until
from .tokens import ISSUER, Issuer

DOMAIN, OWN_HOST = "mcp.example.com", "weather.example.com"
WEATHER, FILES = 8445, 8446
"""Ports of the users' servers."""
PATH = "/servers/weather/mcp"
RESOURCES = {
    "weather": f"https://{DOMAIN}{PATH}",
    "files": f"https://{DOMAIN}/servers/files/mcp",
    "own host": f"https://{OWN_HOST}/mcp",
    "platform": f"https://{DOMAIN}/mcp",
}
SCOPE = "weather.read"
FORGED = {
    "x_user": "root",
    "X-User": "root",
    "x-user-scopes": "admin",
    "x-user-client": "admin",
    "x-resource-path": "/servers/files/mcp",
    "x-resource-host": "evil.test",
    "x-refusal": "none",
    "origin": f"https://{DOMAIN}",
}
"""Headers by which a client could name another user or another server."""


def route(name: str, number: int, **fields: Any) -> Route:
    """The route of a server on this machine."""
    to = Upstream(host="127.0.0.1", port=number, certificate_name=f"{name}.any.svc")
    return Route(name=name, upstream=to, **fields)


@dataclass
class RoutedGateway(RunningGateway):
    """A running gateway with its authorizer and two servers behind it."""

    behind: Any
    authorizer: RunningServer
    weather: RecordingServer
    files: RecordingServer
    issuer: Issuer

    def token(self, resource: str = "weather", **claims: Any) -> str:
        """A token for one of `RESOURCES`, with the scope that weather wants."""
        given: dict[str, Any] = {"scope": SCOPE, **claims}
        return self.issuer.token(aud=RESOURCES[resource], **given)

    def call(
        self,
        path: str = PATH,
        *,
        token: str | None = "",
        host: str = DOMAIN,
        method: str = "POST",
        **headers: str,
    ) -> httpx2.Response:
        """List tools in the modern era; `token` "" is a valid one for weather, None is none."""
        sent = {
            "host": host,
            "accept": "application/json, text/event-stream",
            "content-type": "application/json",
            "mcp-protocol-version": MODERN,
            "mcp-method": "tools/list",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        if token is not None:
            sent["authorization"] = f"Bearer {token or self.token()}"
        content = json.dumps(modern_request("tools/list")).encode()
        return self.ask(path, method, headers=sent, content=content)

    def passed(self, **options: Any) -> Request:
        """What weather received of a `call`, which must pass."""
        before = len(self.weather.received)
        assert self.call(**options).status_code == 200
        assert len(self.weather.received) == before + 1
        return self.weather.received[-1]

    @contextlib.asynccontextmanager
    async def client(
        self, era: str, path: str = PATH, host: str = DOMAIN, token: str | None = None
    ) -> AsyncGenerator[Client]:
        """The official client."""
        headers = {"host": host, "authorization": f"Bearer {token or self.token()}"}
        url = f"https://127.0.0.1:{port(8443)}{path}"
        async with httpx2.AsyncClient(headers=headers, verify=self.trust, timeout=30) as http:
            transport = streamable_http_client(url, http_client=http)
            async with Client(transport, mode=MODERN if era == "modern" else era) as client:
                yield client


@contextlib.contextmanager
def routed(
    directory: Path,
    authority: Authority,
    issuer: Issuer,
    *,
    routes: list[Route] | None = None,
    resources: Sequence[dict[str, Any]] = (),
    auth: dict[str, Any] | None = None,
    **given: Any,
) -> Generator[RoutedGateway]:
    """Run all of it in the network of the caller; `given` are arguments of the gateway.

    Args:
        directory: for files.
        authority: of all certificates.
        issuer: of all tokens.
        routes: of the gateway, if not those of weather and files.
        resources: that the authorizer knows besides weather and files.
        auth: the authorizer's settings of tokens.
    """
    certificate, key = authority.issue("core", [NAME])
    server = {
        "port": free_port(),
        "tls_port": port(BEHIND),
        "tls_cert": str(certificate),
        "tls_key": str(key),
    }
    checks = {"issuer": ISSUER, "jwks_file": str(issuer.jwks_file)}
    known: list[Any] = [
        {"path": PATH, "hostname": OWN_HOST, "scopes": [SCOPE]},
        {"path": "/servers/files/mcp"},
        *resources,
    ]
    routes = routes or [
        route("weather", WEATHER, hostname=OWN_HOST),
        route("files", FILES, path="/api/mcp"),
    ]
    pod = gateway_pod(
        directory,
        authority,
        authorizer=Upstream(host="127.0.0.1", port=BEHIND, certificate_name=NAME),
        routes=routes,
        domain=given.pop("domain", DOMAIN),
        **given,
    )
    certificates = {
        name: authority.issue(name, [f"{name}.any.svc"]) for name in ("weather", "files")
    }
    with (
        serving(
            directory,
            issuer,
            authority.trust(),
            server=server,
            auth=checks | (auth or {"resource_url": RESOURCES["platform"]}),
            protected_resources=known,
        ) as authorizer,
        recording_server("weather", port(WEATHER), certificates["weather"]) as weather,
        recording_server("files", port(FILES), certificates["files"], "/api/mcp") as files,
        run_container(pod, "gateway") as running,
    ):
        gateway = RoutedGateway(
            running, None, authority.trust(), authorizer, weather, files, issuer
        )
        until(lambda: is_open(gateway))
        yield gateway
