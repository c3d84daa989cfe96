"""Variables that the section kubernetes gives to pods are none that their containers have."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest

from graph.resource_graph import ResourceGraph
from stacks.config.validation import validate
from tests.harness.graph_queries import Pods, objects, pods
from tests.harness.runbook_stacks import STACKS, graph
from tests.harness.topologies import NETWORK
from tests.harness.user_servers import recorded
from tests.invalid.cases import refusals

FROM_CONFIG_MAPS: Final[dict[str, Any]] = {
    "topology": "load-balanced",
    "network": {"clients": NETWORK["clients"], "issuer": NETWORK["issuer"]},
}
"""Its server has variables by envFrom."""
PATH: Final = re.compile(
    r"qudag-mcp:(?:kubernetes\.servicePods|servers)\.([\w-]+)\.(?:env|secretEnv)\.(\w+)"
)
"""Of a refusal; the second form is that of a variable that the topology gives to a server."""
CONFIGS: Final[dict[str, dict[str, Any]]] = {
    **{name: dict(config) for name, config in STACKS.items()},
    "load-balanced": FROM_CONFIG_MAPS,
}
STORES: Final[dict[str, Any]] = {
    "topology": "microservices",
    "servers": {
        "notes": {
            "image": "ghcr.io/acme/notes:1",
            "uses": ["postgres", "redis"],
            "egress": {"hosts": ["api.example.com:443"]},
        }
    },
}
CONFIGS["stores"] = STORES


def of(name: str) -> ResourceGraph:
    return graph(name) if name in STACKS else recorded(CONFIGS[name])


def variables(found: Pods, made: ResourceGraph) -> set[str]:
    """The names of all variables in the containers of a workload."""
    listed = {one["metadata"]["name"]: one.get("data", {}) for one in objects(made, "ConfigMap")}
    direct = {one["name"] for each in found.containers for one in each.get("env", [])}
    sources = [one for each in found.containers for one in each.get("envFrom", [])]
    return direct.union(*(listed[one["configMapRef"]["name"]] for one in sources))


def given_by_users(config: dict[str, Any], name: str) -> set[str]:
    """Variables that a server's own entry has, and those of an SDK, which pods may change."""
    server = config.get("servers", {}).get(name, {})
    return {*server.get("env", {}), *server.get("secretEnv", {})}


@pytest.mark.parametrize("name", CONFIGS)
def test_each_variable_of_each_container_is_refused_in_the_settings_of_its_pods(name: str):
    """With the path in the stack file, before a component refuses it."""
    made, config = of(name), CONFIGS[name]
    given: dict[str, dict[str, str]] = {}
    for found in pods(made):
        for one in variables(found, made) - given_by_users(config, found.name):
            if not one.startswith("OTEL_"):
                given.setdefault(found.name, {})[one] = "a"
    assert given
    settings = {workload: {"env": env} for workload, env in given.items()}
    kubernetes = {**config.get("kubernetes", {}), "servicePods": settings}
    told: set[tuple[str, str]] = set()
    for one in refusals({**config, "kubernetes": kubernetes}):
        path = PATH.fullmatch(one.path)
        assert path, one
        told.add((path[1], path[2]))
    assert told == {(workload, one) for workload, env in given.items() for one in env}


def test_a_variable_for_all_pods_is_refused_once_and_allowed_for_those_without_it():
    def with_proxy(**settings: Any) -> dict[str, Any]:
        return {**STORES, "kubernetes": settings}

    env = {"env": {"HTTPS_PROXY": "http://proxy.example.com:3128", "TZ": "UTC"}}
    (found,) = refusals(with_proxy(pods=env))
    assert found.path == "qudag-mcp:kubernetes.pods.env.HTTPS_PROXY"
    assert "pods of notes" in found.what
    assert validate(with_proxy(servicePods={"mcp-core": env}))


def test_a_secret_variable_is_refused_as_well():
    secret = {"secretEnv": {"REDIS_URL": {"secret": "vendor", "key": "url"}}}
    (found,) = refusals({**STORES, "kubernetes": {"servicePods": {"notes": secret}}})
    assert found.path == "qudag-mcp:kubernetes.servicePods.notes.secretEnv.REDIS_URL"
