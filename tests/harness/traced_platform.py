"""A platform of real processes whose programs send spans: gateway, two servers, database, cache."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from components.kubernetes.gateway import GatewayMetrics
from components.mcp.traces import TraceReceiver
from components.observability.trace_collector_config import TraceSampling
from runtime.config import DatabaseSection, MigrationConfig
from runtime.schema import migrate

from . import postgres as databases
from . import valkey as caches
from .certificates import Authority
from .network import can_isolate, port, private_network
from .nginx_gateway import BEHIND, NAME, gateway_pod
from .running_pod import run_container
from .server import MODERN, RunningServer, modern_request, serving, text_of, until
from .tokens import Issuer
from .trace_collector import collecting, program

URL = "https://127.0.0.1:8443/mcp"
METRICS = GatewayMetrics(
    image="ghcr.io/qudag/qudag-mcp-server:0.1.0", traces=TraceReceiver(host="localhost")
)


@dataclass
class TracedPlatform:
    """nginx and its exporter, a server that federates, and a second one with a database."""

    gateway: Any
    exporter: Any
    front: RunningServer
    notes: RunningServer
    authority: Authority
    issuer: Issuer
    start_collector: Callable[..., Any]
    directory: Path

    def headers(self, **more: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.issuer.token()}", **more}

    async def call(self, era: str, tool: str, arguments: dict[str, Any], **headers: str) -> str:
        """Call a tool with the official client."""
        async with httpx2.AsyncClient(
            headers=self.headers(**headers), verify=self.authority.trust(), timeout=30
        ) as http:
            transport = streamable_http_client(URL, http_client=http)
            async with Client(transport, mode=MODERN if era == "modern" else era) as client:
                return text_of(await client.call_tool(tool, arguments))

    def post(self, tool: str, arguments: dict[str, Any], **headers: str) -> httpx2.Response:
        """Call a tool with one request."""
        sent = {
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": MODERN,
            "mcp-method": "tools/call",
            "mcp-name": tool,
        }
        return httpx2.post(
            URL,
            json=modern_request("tools/call", name=tool, arguments=arguments),
            headers=self.headers(**sent, **headers),
            verify=self.authority.trust(),
            timeout=30,
        )

    def access_log(self) -> list[dict[str, Any]]:
        lines = self.gateway.log.splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


Beside = Callable[[contextlib.ExitStack, Path, Authority], Sequence[Mapping[str, Any]]]
"""Starts further servers; returns their tables of `[[tool_servers]]`."""


def none_beside(_: contextlib.ExitStack, __: Path, ___: Authority) -> Sequence[Mapping[str, Any]]:
    """No further servers."""
    return ()


@contextlib.contextmanager
def traced_platform(
    tmp_path_factory: pytest.TempPathFactory, beside: Beside = none_beside
) -> Generator[TracedPlatform]:
    """The processes; what they send spans to is started by each test.

    Args:
        tmp_path_factory: for their files.
        beside: starts servers whose tools the first server offers too.
    """
    program()
    if not can_isolate():
        pytest.skip("it needs a network of its own: run as root on Linux")
    directory = tmp_path_factory.mktemp("traces")
    authority = Authority.at(tmp_path_factory.mktemp("authority"))
    issuer = Issuer.at(tmp_path_factory.mktemp("issuer"))
    traces = {
        "endpoint": "https://localhost:4318/v1/traces",
        "ca_file": str(authority.ca_file),
        "timeout_seconds": 2,
    }
    certificate, key = authority.issue("core", [NAME])
    with contextlib.ExitStack() as stack:
        stack.enter_context(private_network())
        database = stack.enter_context(databases.postgres())
        migrate(MigrationConfig(database=DatabaseSection.model_validate(database.section())), 20)
        cache = stack.enter_context(caches.running(directory / "valkey", authority))
        notes = stack.enter_context(
            serving(
                directory,
                issuer,
                server={"name": "notes", "role": "core"},
                database=database.section(),
                traces=traces,
            )
        )
        front = stack.enter_context(
            serving(
                directory,
                issuer,
                authority.trust(),
                server={
                    "name": "front",
                    "tls_port": port(BEHIND),
                    "tls_cert": str(certificate),
                    "tls_key": str(key),
                },
                redis=cache.section(),
                state={"kind": "valkey"},
                tool_servers=[
                    {"name": "notes", "url": f"{notes.base}/mcp"},
                    *beside(stack, directory, authority),
                ],
                traces=traces,
            )
        )
        pod = gateway_pod(directory, authority, metrics=METRICS)
        exporter = stack.enter_context(run_container(pod, "gateway-metrics"))
        until(_exports, 20)
        gateway = stack.enter_context(run_container(pod, "gateway"))
        until(lambda: _answers(authority), 20)

        def start(name: str, sampling: TraceSampling, *sink: Any) -> Any:
            return collecting(directory / name, authority, sampling, *sink)

        yield TracedPlatform(gateway, exporter, front, notes, authority, issuer, start, directory)


def _exports() -> bool:
    with contextlib.suppress(httpx2.TransportError):
        return "mcp_spans_total" in httpx2.get("http://127.0.0.1:9090/metrics").text
    return False


def _answers(authority: Authority) -> bool:
    with contextlib.suppress(httpx2.TransportError):
        return httpx2.get(f"{URL}/../health", verify=authority.trust()).status_code == 200
    return False
