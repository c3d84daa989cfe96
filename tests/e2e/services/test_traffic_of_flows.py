"""Every declared flow between workloads carries traffic on real pods.

A tool of a server that core has no flow to is answered only if each server on the way forwards the
call, because the policies let nothing else through.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from mcp_types import TextContent

from delivery.mcp_client import Era, call_tool, list_tools
from stacks.topologies import TOPOLOGIES
from stacks.topologies.topology import CLIENTS, ISSUER, PEERS, PROMETHEUS
from tests.harness.deployed_platform import Platform

TOPOLOGY = TOPOLOGIES["microservices"]
OUTSIDE = {CLIENTS, ISSUER, PEERS, PROMETHEUS}
DECLARED = {
    (flow.source, flow.target, flow.port)
    for flow in TOPOLOGY.flows
    if not {flow.source, flow.target} & OUTSIDE
}
CORE = ("mcp-gateway", "mcp-core", 8443)
WAYS: dict[str, list[tuple[str, str, int]]] = {
    "remember": [CORE, ("mcp-core", "postgres", 5432), ("mcp-migration", "postgres", 5432)],
    "state__remember": [
        CORE,
        ("mcp-core", "mcp-tools", 8443),
        ("mcp-tools", "mcp-state", 8443),
        ("mcp-state", "postgres", 5432),
    ],
    "config__echo": [
        CORE,
        ("mcp-core", "mcp-auth", 8443),
        ("mcp-auth", "mcp-config", 8443),
    ],
    "crypto__echo": [
        CORE,
        ("mcp-core", "qudag-integration", 8443),
        ("qudag-integration", "mcp-consensus", 8443),
        ("mcp-consensus", "mcp-crypto", 8443),
    ],
    "qudag-integration__vault_write": [
        CORE,
        ("mcp-core", "qudag-integration", 8443),
        ("qudag-integration", "postgres", 5432),
    ],
}
"""By tool, the connections over which its call is answered."""
ARGUMENTS = {"remember": ("name", "text"), "echo": ("text",), "vault_write": ("name", "value")}
PEERS_OF_NODES = [("qudag-integration", "qudag-integration", 4001)]
ASK = r"""
exec 3<>/dev/tcp/127.0.0.1/8080
printf 'GET /ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' >&3
cat <&3
"""
CACHE = [("mcp-core", "redis", 6379), ("mcp-state", "redis", 6379)]


def test_traffic_of_every_declared_flow_is_tested():
    shown = {flow for way in WAYS.values() for flow in way}
    assert shown | {*PEERS_OF_NODES, *CACHE} == DECLARED


@pytest.mark.parametrize("era", list(Era))
@pytest.mark.parametrize("tool", WAYS)
async def test_a_call_is_answered_over_the_flows_between_the_servers(
    services: Platform, tool: str, era: Era
):
    text = uuid.uuid4().hex
    arguments = {name: text for name in ARGUMENTS[tool.rpartition("__")[2]]}
    result = await call_tool(services.endpoint(), era, tool, arguments)
    assert not result.is_error, result
    assert isinstance(result.content[0], TextContent)
    assert text in result.content[0].text


async def test_clients_of_the_gateway_find_the_tools_of_every_server(services: Platform):
    names = {tool.name for tool in await list_tools(services.endpoint(), Era.MODERN)}
    servers = {s.name.removeprefix("mcp-") for s in TOPOLOGY.services} - {"gateway", "core"}
    assert servers <= {name.partition("__")[0] for name in names if "__" in name}


async def test_every_node_proves_its_key_to_its_peers(services: Platform):
    result = await call_tool(
        services.endpoint(), Era.MODERN, "qudag-integration__node_identity", {}
    )
    report: dict[str, Any] = dict(result.structured_content or {})
    assert len(report["peers"]) == len(services.pods("qudag-integration"))
    assert [peer["address"] for peer in report["peers"] if not peer["proven"]] == []


@pytest.mark.parametrize("server", [source for source, _, _ in CACHE])
def test_a_server_reaches_its_cache(services: Platform, server: str):
    pod = services.pods(server)[0]
    answer = services.run_in(pod, "bash", "-c", ASK)
    report = json.loads(answer[answer.index("{") :])
    assert report["dependencies"]["redis"] == "reachable"
