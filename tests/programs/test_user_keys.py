"""Master keys in a platform: which pods mount which of them, and the flows that only they need."""

from __future__ import annotations

import json
import tomllib
from functools import cache
from typing import Any, Final

import pytest

from components.base.problems import ProblemReport
from components.kubernetes.server import McpService
from components.mcp.server_config import Database
from graph.recorder import record
from graph.resource_graph import ResourceGraph
from runtime.config import Config
from runtime.toml_config import validated
from runtime.tools import tools_of
from stacks.topologies import TOPOLOGIES
from tests.harness.graph_queries import objects, pods
from tests.harness.minimal_args import config, server
from tests.harness.topologies import recorded

USER, VAULT = "user-master-key", "vault-master-key"
MOUNTED: Final[dict[str, dict[str, set[str]]]] = {
    "monolith": {"mcp-server": {USER, VAULT}},
    "microservices": {"mcp-crypto": {USER}, "qudag-integration": {VAULT}},
    "single-server": {"mcp-server": {USER}},
}
"""By topology: which pods hold which master key. No other pod may, of any topology."""
OFF: Final[dict[str, Any]] = {"secrets": {"userKeys": None}}
RELEASED: Final[dict[str, Any]] = {
    "images": {"qudagProfile": "upstream", "qudagNode": "ghcr.io/qudag/node:1"}
}


@cache
def _platform(topology: str, changes: str) -> ResourceGraph:
    return recorded(TOPOLOGIES[topology], json.loads(changes))


def platform(topology: str = "microservices", **changes: Any) -> ResourceGraph:
    """The stack with this topology and these sections."""
    return _platform(topology, json.dumps(changes))


def mounted(graph: ResourceGraph, secret: str = "mcp-user-keys") -> dict[str, set[str]]:
    """The keys of the Secret in each pod's volumes and variables, by workload."""
    found: dict[str, set[str]] = {}
    for each in pods(graph):
        for volume in each.spec["volumes"]:
            if volume.get("secret", {}).get("secretName") == secret:
                keys = {item["key"] for item in volume["secret"]["items"]}
                found.setdefault(each.name, set()).update(keys)
        assert f'"name": "{secret}"' not in json.dumps(each.spec["containers"])
    return found


def tools(graph: ResourceGraph, workload: str) -> set[str]:
    """The tools that the reference server offers with the configuration of these pods."""
    (text,) = [
        c["data"]["server.toml"]
        for c in objects(graph, "ConfigMap")
        if c["metadata"]["name"] == f"{workload}-config"
    ]
    read = validated(workload, tomllib.loads(text), Config)
    return set(tools_of(read))


def to_the_database(graph: ResourceGraph) -> set[str]:
    """The workloads from which the database's policy accepts connections."""
    (policy,) = [
        one
        for one in objects(graph, "NetworkPolicy")
        if one["spec"]["podSelector"].get("matchLabels", {}).get("app") == "postgres"
    ]
    sources = [peer for rule in policy["spec"]["ingress"] for peer in rule["from"]]
    return {peer["podSelector"]["matchLabels"]["app"] for peer in sources}


def test_the_table_names_topologies_that_are_there():
    assert MOUNTED.keys() <= TOPOLOGIES.keys()


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_a_master_key_is_in_the_pods_that_use_it_and_in_no_others(name: str):
    graph = platform(name)
    expected = MOUNTED.get(name, {})
    assert mounted(graph) == expected
    required = {one["name"]: one for one in graph.outputs["required_secrets"]}
    keys = {key for held in expected.values() for key in held}
    if keys:
        assert required["mcp-user-keys"]["kind"] == "master-keys"
        assert set(required["mcp-user-keys"]["keys"]) == keys
    assert ("mcp-user-keys" in required) == bool(keys)


def test_only_the_server_of_a_pod_sees_the_master_keys():
    """The gateway in a monolith's pods is what clients reach first."""
    (found,) = [one for one in pods(platform("monolith")) if one.name == "mcp-server"]
    (volume,) = [
        one["name"]
        for one in found.spec["volumes"]
        if one.get("secret", {}).get("secretName") == "mcp-user-keys"
    ]
    mounts = {c["name"]: {one["name"] for one in c["volumeMounts"]} for c in found.containers}
    assert len(mounts) > 1
    assert [name for name, mounted_ones in mounts.items() if volume in mounted_ones] == ["server"]


def test_servers_with_a_master_key_offer_the_tools_that_use_it():
    graph = platform()
    assert {"seal", "open_sealed", "sign"} <= tools(graph, "mcp-crypto")
    assert not tools(graph, "mcp-crypto") & {"vault_read", "vault_write"}
    assert {"vault_read", "vault_write", "node_identity"} <= tools(graph, "qudag-integration")
    assert not tools(graph, "qudag-integration") & {"sign", "open_sealed"}
    dev = platform("monolith")
    assert {"sign", "vault_read"} <= tools(dev, "mcp-server")


def test_without_the_secret_there_are_no_such_tools_and_no_flow_to_the_database():
    graph = platform(**OFF)
    assert mounted(graph) == {}
    assert "master-keys" not in {one["kind"] for one in graph.outputs["required_secrets"]}
    assert tools(graph, "qudag-integration") == {"echo", "node_identity"}
    assert tools(graph, "mcp-crypto") == {"echo"}
    assert "qudag-integration" in to_the_database(platform())
    assert to_the_database(graph) == to_the_database(platform()) - {"qudag-integration"}
    assert "database-password" not in mounted(graph, "mcp-server-secrets").get(
        "qudag-integration", ()
    )


def test_released_nodes_have_no_vault_and_no_flow_to_the_database():
    graph = platform(**RELEASED)
    assert mounted(graph) == {"mcp-crypto": {USER}}
    assert "qudag-integration" not in to_the_database(graph)
    (required,) = [o for o in graph.outputs["required_secrets"] if o["kind"] == "master-keys"]
    assert required["keys"] == [USER]


def test_the_secret_has_the_configured_name():
    graph = platform(secrets={"userKeys": "acme-keys"})
    assert mounted(graph, "acme-keys") == MOUNTED["microservices"]
    assert mounted(graph) == {}


@pytest.mark.parametrize("role", ["core", "tools", "auth", "state", "federation", "qudag"])
def test_a_server_that_uses_no_master_key_is_refused_one(role: Any):
    """A server of the role qudag uses one for its vault, which needs a database."""
    database = Database(host="db") if role != "qudag" else None
    given = config(name="one", role=role, database=database, user_keys_secret="keys")
    with pytest.raises(ProblemReport, match=r"one\.config\.user_keys_secret"):
        record(lambda: McpService("one", server(config=given)))
