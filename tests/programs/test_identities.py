"""Identities of the stack file reach the pods that they name, and their flows no others."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.harness.graph_queries import objects, pods
from tests.harness.network_policy_model import Endpoint, Enforcement
from tests.programs.test_cluster_settings import program

NAMESPACE: Final = "qudag-mcp-prod"
ROLE: Final = "arn:aws:iam::123456789012:role/mcp-core"
AWS: Final = {"aws": {"role": ROLE}}
AZURE: Final = {
    "azure": {
        "clientId": "0a1b2c3d-0000-4000-8000-0123456789ab",
        "tenantId": "0a1b2c3d-0000-4000-8000-ba9876543210",
    }
}
GOOGLE: Final = {"gcp": {"serviceAccount": "mcp-core@acme-prod.iam.gserviceaccount.com"}}
METADATA: Final = (("169.254.169.252", 988), ("169.254.169.254", 80))
TOKENS: Final = "10.40.7.0/24"


def enforced(identity: dict[str, Any], **kubernetes: Any) -> Enforcement:
    given = {"identities": {"mcp-core": identity}, **kubernetes}
    return Enforcement(objects(program("prod", {"kubernetes": given}), "NetworkPolicy"))


def pod(name: str) -> Endpoint:
    return Endpoint.pod(NAMESPACE, app=name)


def test_the_named_service_and_job_have_their_identities_and_no_others():
    other = f"{ROLE}-migration"
    identities = {"mcp-core": AWS, "mcp-migration": {"aws": {"role": other}}}
    made = program(
        "prod", {"kubernetes": {"identities": identities, "tokenNetworks": ["10.40.7.0/24"]}}
    )
    annotation = "eks.amazonaws.com/role-arn"
    roles = {
        account["metadata"]["name"]: found
        for account in objects(made, "ServiceAccount")
        if (found := account["metadata"].get("annotations", {}).get(annotation))
    }
    assert roles == {"mcp-core-sa": ROLE, "mcp-migration-sa": other}
    accounts = {each.name: each.spec["serviceAccountName"] for each in pods(made)}
    assert accounts["mcp-core"] == "mcp-core-sa"


@pytest.mark.parametrize("identity", [AWS, AZURE], ids=["aws", "azure"])
def test_pods_with_an_identity_reach_the_token_service_alone(identity: dict[str, Any]):
    made = enforced(identity, tokenNetworks=[TOKENS])
    there = Endpoint.address("10.40.7.9")
    assert made.leaves(pod("mcp-core"), there, "TCP", 443)
    assert not made.leaves(pod("mcp-core"), there, "TCP", 80)
    assert not made.leaves(pod("mcp-gateway"), there, "TCP", 443)
    for address, port in METADATA:
        assert not made.leaves(pod("mcp-core"), Endpoint.address(address), "TCP", port)


def test_pods_with_an_identity_of_google_reach_the_metadata_server_alone():
    made = enforced(GOOGLE)
    for address, port in METADATA:
        assert made.leaves(pod("mcp-core"), Endpoint.address(address), "TCP", port)
        assert not made.leaves(pod("mcp-gateway"), Endpoint.address(address), "TCP", port)
        assert not made.leaves(pod("mcp-core"), Endpoint.address(address), "TCP", 443)
    assert not made.leaves(pod("mcp-core"), Endpoint.address("169.254.169.252"), "TCP", 80)
