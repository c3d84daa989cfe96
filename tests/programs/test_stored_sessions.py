"""In the shipped stacks with sessions, these are in Valkey: no Service ties a client to a pod."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from runtime.config import Config
from tests.harness.graph_queries import objects
from tests.harness.stacks import stack

USERS = {"dev": ["mcp-server"], "staging": ["mcp-core", "mcp-state"]}
"""The servers with a flow to Valkey."""
REACHED = {
    "dev": ["mcp-gateway-service"],
    "staging": ["mcp-gateway-service", "mcp-core-service", "mcp-state-service"],
}


def server_toml(name: str, workload: str) -> dict[str, Any]:
    (found,) = [
        each["data"]["server.toml"]
        for each in objects(stack(name), "ConfigMap")
        if "server.toml" in each["data"]
        and tomllib.loads(each["data"]["server.toml"])["server"]["name"] == workload
    ]
    return tomllib.loads(found)


@pytest.mark.parametrize(
    ("name", "workload"), [(name, workload) for name in USERS for workload in USERS[name]]
)
def test_each_server_with_a_flow_to_valkey_keeps_its_sessions_there(name: str, workload: str):
    config = Config.model_validate(server_toml(name, workload))
    assert config.protocol.era == "dual"
    assert config.state is not None
    assert (config.state.kind, config.state.key_prefix) == ("valkey", f"{workload}:")
    assert config.redis is not None
    assert config.redis.host == "redis-service"


@pytest.mark.parametrize(("name", "services"), REACHED.items())
def test_a_client_of_a_stack_with_valkey_may_reach_any_pod(name: str, services: list[str]):
    found = {each["metadata"]["name"]: each["spec"] for each in objects(stack(name), "Service")}
    assert not [service for service in services if "sessionAffinity" in found[service]]


def test_a_server_of_prod_has_no_sessions():
    assert "state" not in server_toml("prod", "mcp-core")
