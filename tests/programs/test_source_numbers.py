"""The numbers that the source documents name, in what is deployed; written down here once more.

Documents: the deployment patterns ("MCP Server Deployment Patterns for QuDAG Systems") and the
orchestration document ("Deployment Architecture - Production Infrastructure").
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import pytest
import yaml

from components.kubernetes.gateway import RateLimits, nginx_conf
from components.kubernetes.scaling import Autoscaling, autoscaler_spec
from graph.resource_graph import ResourceGraph
from graph.stack_files import read_stack_files
from stacks.config.edge import RateLimits as ConfiguredRateLimits
from tests.harness.containers import ROOT
from tests.harness.graph_queries import STACKS, objects, pods
from tests.harness.minimal_args import gateway
from tests.harness.stacks import stack as recorded

RATES: Final = {"api": 10, "websocket": 5, "upload": 2}
"""Requests a second of a client address (orchestration document, Rate Limiting Configuration)."""
BURSTS: Final = {"api": 20, "websocket": 10, "upload": 5}
CONNECTIONS: Final = {"api": 10, "websocket": 5}

BEHAVIOR: Final = {
    "scaleUp": {
        "stabilizationWindowSeconds": 60,
        "policies": [{"type": "Percent", "value": 50, "periodSeconds": 60}],
    },
    "scaleDown": {
        "stabilizationWindowSeconds": 300,
        "policies": [{"type": "Percent", "value": 10, "periodSeconds": 60}],
    },
}
"""How fast pods come and go (both documents, Horizontal Pod Autoscaling)."""

SMALL_SERVICES: Final = ("auth", "tools", "config", "state", "consensus", "crypto")
"""Those that the deployment patterns name and do not size."""
SMALL: Final = {
    "requests": {"cpu": "50m", "memory": "128Mi"},
    "limits": {"cpu": "250m", "memory": "512Mi"},
}
"""Least CPU and usual memory of the patterns' LimitRange; the memory limit of their gateway."""

DATABASE_CLIENTS: Final = {
    *("mcp-core", "mcp-state", "mcp-migration", "mcp-audit-keeper", "qudag-integration"),
}
"""Whom the patterns' picture connects with the database; the nodes, which keep vaults there; and
the job that keeps the audit log."""
CACHE_CLIENTS: Final = {"mcp-core", "mcp-state"}
OPEN_TO_ADDRESSES: Final = {
    "dev": {"mcp-server": {8080, 8443}},
    "staging": {"mcp-gateway": {8080, 8443}},
    "prod": {"mcp-gateway": {8080, 8443}, "qudag-integration": {4001}},
}
"""What may be called from outside the cluster: the gateway, and QuDAG nodes by other nodes."""


def limits(nginx: str) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """Rates, bursts and connections by zone, as an nginx.conf has them."""
    rates = re.findall(r"limit_req_zone \S+ zone=(\w+):\S+ rate=(\d+)r/s;", nginx)
    bursts = re.findall(r"limit_req zone=(\w+) burst=(\d+) nodelay;", nginx)
    connections = re.findall(r"limit_conn (\w+)_connections (\d+);", nginx)
    return (
        {zone: int(rate) for zone, rate in rates},
        {zone: int(burst) for zone, burst in bursts},
        {zone: int(number) for zone, number in connections},
    )


def config_map(stack: ResourceGraph, key: str) -> str:
    (text,) = (one["data"][key] for one in objects(stack, "ConfigMap") if key in one["data"])
    return text


def test_prod_limits_clients_as_the_orchestration_document_says():
    nginx = config_map(recorded("prod"), "nginx.conf")
    assert limits(nginx) == (RATES, BURSTS, CONNECTIONS)


def test_limits_that_are_only_switched_on_are_those_of_the_document():
    assert limits(nginx_conf(gateway(rate_limits=RateLimits()))) == (RATES, BURSTS, CONNECTIONS)
    configured: dict[str, Any] = ConfiguredRateLimits().model_dump()
    for zone, given in configured.items():
        assert given["requests_per_second"] == RATES[zone]
        assert given["burst"] == BURSTS[zone]
        assert given.get("connections") == CONNECTIONS.get(zone)


@pytest.mark.parametrize("name", ["staging", "prod"])
def test_pods_come_and_go_as_fast_as_the_documents_say(name: str):
    scaled = objects(recorded(name), "HorizontalPodAutoscaler")
    assert {one["metadata"]["name"] for one in scaled} == {"mcp-core-hpa", "mcp-gateway-hpa"}
    assert [one["spec"]["behavior"] for one in scaled] == [BEHAVIOR, BEHAVIOR]


def test_an_autoscaler_without_a_pace_of_its_own_has_that_of_the_documents():
    assert autoscaler_spec("a", "Deployment", Autoscaling(min=1, max=2))["behavior"] == BEHAVIOR


@pytest.mark.parametrize("name", STACKS)
def test_postgresql_takes_as_many_connections_as_the_orchestration_document_says(name: str):
    text = config_map(recorded(name), "postgresql.conf")
    assert re.findall(r"(?m)^max_connections *= *(\d+)", text) == ["200"]


def test_a_function_on_azure_may_run_five_minutes():
    """As the deployment patterns' host.json says; the longest tool call is a minute."""
    host = json.loads((ROOT / "runtime/hosts/host.json").read_text())
    assert host["functionTimeout"] == "00:05:00"


@pytest.mark.parametrize("name", ["staging", "prod"])
@pytest.mark.parametrize("service", SMALL_SERVICES)
def test_a_service_that_the_patterns_do_not_size_is_a_small_one(name: str, service: str):
    (found,) = (one for one in pods(recorded(name)) if one.name == f"mcp-{service}")
    (resources,) = (container["resources"] for container in found.containers)
    found = {kind: {name: resources[kind][name] for name in SMALL[kind]} for kind in SMALL}
    assert found == SMALL


def sources(stack: ResourceGraph, workload: str) -> list[dict[str, Any]]:
    """All whom the workload's policy lets in."""
    return [peer for peer, _ in peers(stack, workload)]


def peers(stack: ResourceGraph, workload: str) -> list[tuple[dict[str, Any], list[int]]]:
    """All whom the workload's policy lets in, each with the ports."""
    (policy,) = (
        one
        for one in objects(stack, "NetworkPolicy")
        if one["spec"]["podSelector"].get("matchLabels") == {"app": workload}
    )
    return [
        (peer, [port["port"] for port in rule["ports"]])
        for rule in policy["spec"].get("ingress", [])
        for peer in rule["from"]
    ]


def apps(peers: list[dict[str, Any]]) -> set[str]:
    """The workloads of the same namespace that peers stand for; none may be anything else."""
    assert all(peer.keys() == {"podSelector"} for peer in peers), peers
    return {peer["podSelector"]["matchLabels"]["app"] for peer in peers}


@pytest.mark.parametrize("name", ["staging", "prod"])
@pytest.mark.parametrize(
    ("store", "clients"), [("postgres", DATABASE_CLIENTS), ("redis", CACHE_CLIENTS)]
)
def test_only_those_who_keep_state_may_connect_to_a_store(name: str, store: str, clients: set[str]):
    """Prometheus may connect too, to the exporter's port alone."""
    exporter = {"postgres": 9187, "redis": 9121}[store]
    others = [peer for peer, ports in peers(recorded(name), store) if ports != [exporter]]
    assert apps(others) == clients
    (prometheus,) = (peer for peer, ports in peers(recorded(name), store) if ports == [exporter])
    assert prometheus["podSelector"] == {"matchLabels": {"app": "prometheus"}}
    assert prometheus["namespaceSelector"] == {
        "matchLabels": {"kubernetes.io/metadata.name": "monitoring"}
    }


def test_in_dev_the_server_and_its_migration_connect_to_the_stores():
    assert apps(sources(recorded("dev"), "postgres")) == {"mcp-server", "mcp-migration"}
    assert apps(sources(recorded("dev"), "redis")) == {"mcp-server"}


@pytest.mark.parametrize("name", STACKS)
def test_nothing_but_the_gateway_and_nodes_may_be_called_from_outside(name: str):
    opened: dict[str, set[int]] = {}
    for policy in objects(recorded(name), "NetworkPolicy"):
        for rule in policy["spec"].get("ingress", []):
            if any("ipBlock" in peer for peer in rule["from"]):
                workload = policy["spec"]["podSelector"]["matchLabels"]["app"]
                opened.setdefault(workload, set()).update(port["port"] for port in rule["ports"])
    assert opened == OPEN_TO_ADDRESSES[name]


@pytest.mark.parametrize("name", STACKS)
def test_no_resource_can_go_to_a_default_provider(name: str):
    """Pulumi refuses the default provider of every package, and each resource names another."""
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    stated = project["config"]["pulumi:disable-default-providers"]["value"]
    overridden = read_stack_files(ROOT, name).config.get("pulumi:disable-default-providers")
    assert (json.loads(overridden) if overridden else stated) == ["*"]
    made = [one for one in recorded(name).resources if one.custom]
    without = [one.urn for one in made if not one.provider]
    assert [urn for urn in without if "::pulumi:providers:" not in urn] == []
