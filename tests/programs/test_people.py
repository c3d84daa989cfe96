"""The roles of people in a platform: exact names, and nothing that leads to more."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from graph.resource_graph import ResourceGraph
from stacks.topologies import TOPOLOGIES
from tests.harness.graph_queries import objects
from tests.harness.topologies import recorded

PEOPLE = {
    "developers": ["oidc:developers"],
    "operators": ["oidc:on-call"],
    "admins": ["oidc:platform", "oidc:platform"],
}
ROLES = ("qudag-mcp-developer", "qudag-mcp-operator", "qudag-mcp-admin")
every_topology = pytest.mark.parametrize("name", TOPOLOGIES)


@cache
def graph(name: str) -> ResourceGraph:
    return recorded(TOPOLOGIES[name], {"kubernetes": {"people": PEOPLE}})


def rules(name: str, role: str) -> list[dict[str, Any]]:
    """The rules of a role, of all namespaces."""
    found = [o["rules"] for o in objects(graph(name), "Role") if o["metadata"]["name"] == role]
    assert len(found) == len(objects(graph(name), "Namespace"))
    return [rule for one in found for rule in one]


def named(name: str, role: str, resource: str) -> set[str]:
    """The names in the rules of a role about a resource."""
    about = [rule for rule in rules(name, role) if resource in rule["resources"]]
    return {each for rule in about for each in rule.get("resourceNames", ())}


def names_of(name: str, kind: str) -> set[str]:
    return {found["metadata"]["name"] for found in objects(graph(name), kind)}


def test_without_groups_there_are_no_roles():
    assert objects(recorded(TOPOLOGIES["monolith"]), "Role") == []


def test_each_role_is_bound_to_its_groups_once():
    bound = {
        found["roleRef"]["name"]: [subject["name"] for subject in found["subjects"]]
        for found in objects(graph("monolith"), "RoleBinding")
    }
    assert bound == dict(
        zip(ROLES, (["oidc:developers"], ["oidc:on-call"], ["oidc:platform"]), strict=True)
    )


@every_topology
def test_operators_scale_the_deployments_and_nodes_of_the_platform_and_no_data_store(name: str):
    stateful = names_of(name, "StatefulSet") - {"postgres", "redis"}
    for role in ROLES[1:]:
        assert named(name, role, "deployments/scale") == names_of(name, "Deployment")
        assert named(name, role, "statefulsets/scale") == stateful


@every_topology
def test_administrators_read_the_secrets_that_the_platform_needs(name: str):
    needed = {secret["name"] for secret in graph(name).outputs["required_secrets"]}
    assert named(name, ROLES[2], "secrets") == needed
    for role in ROLES[:2]:
        assert not [rule for rule in rules(name, role) if "secrets" in rule["resources"]]


@every_topology
@pytest.mark.parametrize("role", ROLES)
def test_no_rule_has_a_wildcard_or_leads_to_more(name: str, role: str):
    for rule in rules(name, role):
        assert "*" not in {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
        assert not {"bind", "escalate", "impersonate", "deletecollection"} & {*rule["verbs"]}
        assert not {"pods/exec", "pods/attach", "pods/portforward"} & {*rule["resources"]}
        if {"roles", "rolebindings"} & {*rule["resources"]}:
            assert set(rule["verbs"]) == {"get", "list", "watch"}
