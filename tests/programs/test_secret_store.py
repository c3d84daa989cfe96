"""A stack with a secret store: every Secret that pods mount has an object that fills it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from components.kubernetes.external_secrets import generated_name
from graph.resource_graph import Resource, ResourceGraph
from tests.harness.containers import ROOT
from tests.harness.topologies import NETWORK
from tests.harness.user_servers import example_sections, recorded

pytestmark = pytest.mark.slow

ID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
VAULT = {"store": "vault", "vault": {"address": "https://openbao.example.com", "role": "mcp"}}
STORES: dict[str, dict[str, Any]] = {
    "vault": VAULT,
    "aws": {
        "store": "aws",
        "aws": {"region": "eu-central-1", "role": "arn:aws:iam::123456789012:role/reader"},
    },
    "gcp": {
        "store": "gcp",
        "gcp": {
            "project": "qudag-prod",
            "serviceAccount": "reader@qudag-prod.iam.gserviceaccount.com",
        },
    },
    "azure": {
        "store": "azure",
        "azure": {
            "vaultUrl": "https://qudag.vault.azure.net",
            "clientId": ID,
            "tenantId": ID,
        },
    },
}
SERVERS = {
    "weather": {
        "image": "ghcr.io/acme/weather:1",
        "secretEnv": {"API_KEY": "llm-credentials/api-key"},
    }
}
PODS = {"imagePullSecrets": ["registry-login"]}


def stack(topology: str, secrets: Mapping[str, Any]) -> ResourceGraph:
    """A stack with a server that has a credential, and with pull secrets."""
    return recorded(
        {
            "topology": topology,
            "network": NETWORK,
            "secrets": dict(secrets),
            "servers": SERVERS,
            "kubernetes": {"pods": PODS},
        }
    )


def of(graph: ResourceGraph, kind: str) -> list[Resource]:
    return [one for one in graph.resources if one.inputs.get("kind") == kind]


def keys(external: Resource) -> tuple[str, str, frozenset[str]]:
    spec = external.inputs["spec"]
    mounted = frozenset(one["secretKey"] for one in spec["data"])
    return external.inputs["metadata"]["namespace"], spec["target"]["name"], mounted


@pytest.mark.parametrize("topology", ["microservices", "orchestration"])
def test_each_required_secret_is_read_with_its_keys(topology: str):
    graph = stack(topology, VAULT)
    required = {
        (one["namespace"], one["name"], frozenset(one["keys"]))
        for one in graph.outputs["required_secrets"]
    }
    read = [one for one in of(graph, "ExternalSecret") if "data" in one.inputs["spec"]]
    assert {keys(one) for one in read} == required
    assert {"llm-credentials", "registry-login"} <= {name for _, name, _ in required}


def test_each_namespace_has_a_store_of_its_own():
    graph = stack("orchestration", VAULT)
    namespaces = set(graph.outputs["namespaces"])
    stores = {one.inputs["metadata"]["namespace"] for one in of(graph, "SecretStore")}
    assert stores == namespaces
    assert of(graph, "ClusterSecretStore") == []


def test_passwords_of_several_namespaces_are_created_once_with_all_keys():
    graph = stack("orchestration", VAULT)
    wanted: dict[str, list[str]] = {}
    spaces: dict[str, int] = {}
    for one in graph.outputs["required_secrets"]:
        if one["kind"] == "passwords":
            wanted.setdefault(one["name"], []).extend(one["keys"])
            spaces[one["name"]] = spaces.get(one["name"], 0) + 1
    assert max(spaces.values()) > 1
    for name, every in wanted.items():
        (created,) = [
            one
            for one in of(graph, "ExternalSecret")
            if one.inputs["metadata"]["name"] == generated_name(name)
        ]
        assert len(created.inputs["spec"]["dataFrom"]) == len(set(every))
        entries = {
            one["remoteRef"]["key"]
            for external in of(graph, "ExternalSecret")
            if external.inputs["metadata"]["name"] == name
            for one in external.inputs["spec"]["data"]
        }
        assert entries == {f"qudag-mcp-dev/{name}"}


def test_only_random_values_are_created():
    """A random certificate, or a random key of a server that someone else runs, is of no use."""
    graph = stack("microservices", VAULT)
    created = {
        one.inputs["metadata"]["name"]
        for one in of(graph, "ExternalSecret")
        if "dataFrom" in one.inputs["spec"]
    }
    kinds = {one["name"]: one["kind"] for one in graph.outputs["required_secrets"]}
    random = {name for name, kind in kinds.items() if kind in ("passwords", "master-keys")}
    assert created == {generated_name(name) for name in random}
    assert {"mcp-server-secrets", "mcp-user-keys"} <= random


def test_certificates_of_the_cluster_are_copied_into_the_store():
    graph = stack("microservices", {**VAULT, "certificateSource": "cluster"})
    certified = {
        one["name"]
        for one in graph.outputs["required_secrets"]
        if one["kind"] in ("certificate", "internal-certificate", "authority", "signing-key")
    }
    copied = {
        one.inputs["spec"]["selector"]["secret"]["name"]
        for one in of(graph, "PushSecret")
        if one.inputs["spec"]["updatePolicy"] == "Replace"
    }
    assert copied == certified
    read = {one.inputs["metadata"]["name"] for one in of(graph, "ExternalSecret")}
    assert read.isdisjoint(certified)


def test_a_running_platform_is_copied_before_anything_is_read():
    """A store that is read first would replace master keys by random ones."""
    graph = stack("microservices", {**VAULT, "source": "cluster"})
    assert of(graph, "ExternalSecret") == []
    copied = {one.inputs["metadata"]["name"] for one in of(graph, "PushSecret")}
    assert copied == {one["name"] for one in graph.outputs["required_secrets"]}


def test_workloads_wait_for_their_secrets():
    graph = stack("microservices", VAULT)
    read = [one.urn for one in of(graph, "ExternalSecret") if "data" in one.inputs["spec"]]
    for kind in ("Deployment", "StatefulSet", "Job"):
        for workload in of(graph, kind):
            assert set(read) <= set(workload.dependencies)
    waits = {
        one.inputs["metadata"]["annotations"]["pulumi.com/waitFor"]
        for one in of(graph, "ExternalSecret")
        if "data" in one.inputs["spec"]
    }
    assert waits == {"condition=Ready"}


@pytest.mark.parametrize("name", STORES)
def test_no_store_is_read_with_a_stored_credential(name: str):
    from policies import findings

    graph = stack("microservices", STORES[name])
    assert [one for one in findings(graph) if one.rule.startswith("k8s-store")] == []
    assert [one for one in findings(graph) if one.rule == "any-type-001"] == []


def test_without_a_store_nothing_is_made():
    graph = recorded({"topology": "microservices", "network": NETWORK})
    made = {str(one.inputs.get("apiVersion")) for one in graph.resources}
    assert not any("external-secrets" in version for version in made)


def test_the_example_is_a_stack():
    graph = recorded(example_sections(ROOT / "examples/secrets/Pulumi.openbao.yaml"))
    names = {one.inputs["metadata"]["name"] for one in of(graph, "ExternalSecret")}
    assert {"mcp-server-secrets", "mcp-user-keys"} <= names
