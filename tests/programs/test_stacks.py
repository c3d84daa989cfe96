"""Properties of every stack, independent of its components."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from components.base.tokens import TYPE_TOKENS
from graph.resource_graph import STACK_TYPE, Resource, ResourceGraph
from tests.harness.graph_queries import ancestry, objects, pods
from tests.harness.stacks import stack as recorded

GOLDEN = Path(__file__).parent / "golden"
ACCEPT = "ACCEPT_URNS"
HOW_TO_ACCEPT = f"""
What is gone will be deleted, what is new will be created, and a rename is both. If that is meant,
say so under "State impact" in CHANGELOG.md, run
    {ACCEPT}=1 .venv/bin/pytest tests/programs/test_stacks.py
and commit what it wrote to tests/programs/golden.
"""
PROVIDER = "pulumi:providers:kubernetes"


def kubernetes_objects(stack: ResourceGraph) -> list[Resource]:
    return [resource for resource in stack.resources if resource.is_kubernetes_object]


def test_urns_of_a_stack_equal_the_golden_file(stack: ResourceGraph):
    urns = "".join(f"{resource.urn}\n" for resource in stack.resources)
    golden = GOLDEN / f"{stack.stack}.txt"
    if os.environ.get(ACCEPT):
        golden.write_text(urns)
    accepted = set(golden.read_text().splitlines())
    now = set(urns.splitlines())
    changes = [
        *(f"gone: {urn}" for urn in sorted(accepted - now)),
        *(f"new:  {urn}" for urn in sorted(now - accepted)),
    ]
    assert changes == [], HOW_TO_ACCEPT + "\n".join(changes)


def test_everything_belongs_to_a_component_of_the_stack(stack: ResourceGraph):
    for resource in kubernetes_objects(stack):
        *components, root = ancestry(stack, resource)
        assert root == STACK_TYPE
        assert components
        assert set(components) <= set(TYPE_TOKENS.values())


def test_everything_goes_to_the_cluster_that_the_configuration_names(stack: ResourceGraph):
    provider = stack.one(PROVIDER)
    assert {resource.provider for resource in kubernetes_objects(stack)} == {provider.urn}


def test_no_resource_uses_the_machines_default_cloud_account(stack: ResourceGraph):
    made = [one for one in stack.resources if one.custom and not one.type.startswith("pulumi:")]
    assert [one.name for one in made if one.provider is None] == []
    providers = {one.provider for one in made}
    assert {stack.by_urn(str(urn)).type.rpartition(":")[2] for urn in providers} == {
        one.type.partition(":")[0] for one in made
    }


def test_a_renewed_kubeconfig_replaces_nothing(stack: ResourceGraph):
    identifier = stack.one(PROVIDER).inputs["clusterIdentifier"]
    assert identifier == f"{stack.stack}-qudag-mcp-{stack.stack}"


def test_the_program_makes_no_secret(stack: ResourceGraph):
    assert objects(stack, "Secret") == []


SECRET_LOOKING = {
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY",
    "a token": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ",
    "a password in a URL": r"[a-z]+://[^/\s:@]+:[^/\s:@]+@",
    "an assigned password": r"(?i)(password|secret|token|api_?key)\"? *[:=] *\"?"
    r"(?!(?:elasticache|memorystore|cloud-sql)\")[\w+/-]{8,}",
    "a cloud key": r"\bAKIA[0-9A-Z]{16}\b",
}


SECRET_PLACES = ("url_secret", "read_url_secret")
"""Outputs of data tiers with names such as a password would have."""


def secret_looking(tree: Any) -> list[str]:
    """Every text in a tree that looks like a secret, and what it looks like."""
    return [
        f"{kind}: {text}"
        for text in texts(tree)
        for kind, form in SECRET_LOOKING.items()
        if re.search(form, text)
    ]


def texts(tree: Any) -> Iterator[str]:
    """Every text in a tree; one under a key or next to a name as an assignment."""
    match tree:
        case {"name": str(name), "value": str(value)}:
            yield f"{name}={value}"
        case dict():
            for key, value in cast("dict[str, Any]", tree).items():
                yield from ([f"{key}={value}"] if isinstance(value, str) else texts(value))
        case list():
            for item in cast("list[Any]", tree):
                yield from texts(item)
        case _:
            yield str(tree)


def test_no_value_looks_like_a_secret(stack: ResourceGraph):
    for resource in stack.resources:
        assert secret_looking(resource.inputs) == []
        said = {key: value for key, value in resource.outputs.items() if key not in SECRET_PLACES}
        assert secret_looking(said) == []


def test_outputs_that_say_where_credentials_are_name_required_secrets(stack: ResourceGraph):
    required = {one["name"] for one in stack.one(STACK_TYPE).outputs["required_secrets"]}
    tiers = [one for one in stack.resources if one.outputs.keys() & set(SECRET_PLACES)]
    assert {one.type for one in tiers} == {TYPE_TOKENS["EmbeddedDataTier"]}
    for tier in tiers:
        assert {tier.outputs[place] for place in SECRET_PLACES} <= required


@pytest.mark.parametrize(
    ("tree", "kind"),
    [
        ({"key.pem": "-----BEGIN RSA PRIVATE KEY-----\n"}, "a private key"),
        (["eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIn0.c2ln"], "a token"),
        (
            {"env": [{"name": "DATABASE_URL", "value": "pg://q:hunter2@db"}]},
            "a password in a URL",
        ),
        ({"env": [{"name": "PGPASSWORD", "value": "hunter2hunter2"}]}, "an assigned password"),
        ({"a.toml": 'password = "development"'}, "an assigned password"),
        ({"password": "hunter2hunter2"}, "an assigned password"),
        (["AKIAIOSFODNN7EXAMPLE"], "a cloud key"),
    ],
)
def test_secret_looking_values_are_detected(tree: Any, kind: str):
    assert [said.partition(":")[0] for said in secret_looking(tree)] == [kind]


def counts(stack: ResourceGraph, namespace: str) -> dict[str, int]:
    """What a ResourceQuota counts, at the largest scale; with what Kubernetes itself adds."""
    kinds = Counter(
        resource.inputs.get("kind")
        for resource in stack.resources
        if resource.inputs.get("metadata", {}).get("namespace") == namespace
    )
    return {
        "persistentvolumeclaims": kinds["PersistentVolumeClaim"],
        "services": kinds["Service"],
        "secrets": [one["namespace"] for one in stack.outputs["required_secrets"]].count(namespace),
        "configmaps": kinds["ConfigMap"] + 1,  # kube-root-ca.crt
    }


@pytest.mark.parametrize("name", ["staging", "prod"])
def test_all_objects_fit_into_the_quota(name: str):
    quotas = objects(recorded(name), "ResourceQuota")
    assert len(quotas) == 3
    for quota in quotas:
        hard = quota["spec"]["hard"]
        counted = counts(recorded(name), quota["metadata"]["namespace"])
        assert counted["configmaps"] > 1
        assert {what: n for what, n in counted.items() if n > int(hard[what])} == {}


def waits_for(stack: ResourceGraph, resource: Resource) -> set[str]:
    """Names of the pods that must be there before ``resource``, directly or not."""
    found: set[str] = set()
    for urn in resource.dependencies:
        other = stack.by_urn(urn)
        owner = [p.name for p in pods(stack) if p.owner is other]
        found |= {*owner, *waits_for(stack, other)}
    return found


def test_no_workload_waits_for_another_without_need(stack: ResourceGraph):
    """Only the server with the schema waits: for its migration, and that for the database."""
    migrated = {"dev": "mcp-server"}.get(stack.stack, "mcp-core")
    waiting = {found.name: waits_for(stack, found.owner) for found in pods(stack)}
    assert {name: names for name, names in waiting.items() if names} == {
        migrated: {"mcp-migration", "postgres"},
        "mcp-migration": {"postgres"},
    }


def test_the_outputs_are_those_of_every_target_that_serves_mcp(stack: ResourceGraph):
    assert {"mcp_url", "prm_url", "issuer", "era"} <= stack.outputs.keys()
    assert str(stack.outputs["mcp_url"]).startswith("https://")


def test_stateful_resources_of_prod_are_protected():
    unprotected = [
        resource.name
        for resource in recorded("prod").resources
        if resource.inputs.get("kind") in ("StatefulSet", "PersistentVolumeClaim")
        and not resource.protect
    ]
    assert unprotected == []
