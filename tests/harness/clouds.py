"""Regions, an archive and a configuration for cloud components, and queries on their graphs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pulumi

from components.aws.location import AwsLocation
from components.aws.network import AwsNetwork
from components.azure.backup_storage import AzureWorkloadIdentity
from components.azure.location import AzureLocation
from components.azure.secrets import AzureSecrets
from components.gcp.access import GcpAccess
from components.gcp.location import GcpLocation
from components.mcp.archive import Archive
from components.mcp.server_config import Auth, CloudServerConfig

from . import Resource, ResourceGraph, record
from .minimal_args import ISSUER

ARCHIVE: Final = Archive(path="build/function.zip", digest="0123456789abcdef" * 4)
AWS: Final = AwsLocation(account="123456789012", region="eu-central-1")
AWS_NETWORK: Final = AwsNetwork(
    vpc="vpc-0123456789abcdef0",
    vpc_cidr="10.0.0.0/16",
    private_subnets=["subnet-0aaaaaaaaaaaaaaaa", "subnet-0bbbbbbbbbbbbbbbb"],
    public_subnets=["subnet-0cccccccccccccccc", "subnet-0dddddddddddddddd"],
)
AWS_SECRET: Final = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:qudag-mcp/api-a1B2c3"
AWS_TOPIC: Final = "arn:aws:sns:eu-central-1:123456789012:on-call"
AWS_CERTIFICATE: Final = (
    "arn:aws:acm:eu-central-1:123456789012:certificate/0a1b2c3d-0000-4000-8000-0123456789ab"
)
GCP: Final = GcpLocation(project="acme-prod", region="europe-west1")
GCP_PRIVATE: Final = replace(
    GCP,
    network="projects/acme-prod/global/networks/own",
    subnetwork="projects/acme-prod/regions/europe-west1/subnetworks/own",
)
AZURE: Final = AzureLocation(
    subscription="00000000-0000-4000-8000-000000000001",
    tenant="00000000-0000-4000-8000-000000000002",
    region="westeurope",
    tags={"project": "qudag-mcp", "stack": "dev"},
)
AGENT: Final = "serviceAccount:agent@acme-prod.iam.gserviceaccount.com"
GCP_SECRETS: Final = {
    "DATABASE_PASSWORD": "projects/acme-prod/secrets/qudag-database/versions/3",
    "REDIS_PASSWORD": "projects/acme-prod/secrets/qudag-redis/versions/1",
}
_VAULT: Final = "https://qudag-keys.vault.azure.net/secrets"
AZURE_SECRETS: Final = AzureSecrets(
    vault=f"/subscriptions/{AZURE.subscription}/resourceGroups/keys/providers"
    "/Microsoft.KeyVault/vaults/qudag-keys",
    versions={
        "API_KEY": f"{_VAULT}/api-key/{'0' * 32}",
        "OTHER_KEY": f"{_VAULT}/other/{'1' * 32}",
    },
)
SUBNET: Final = (
    f"/subscriptions/{AZURE.subscription}/resourceGroups/network/providers"
    "/Microsoft.Network/virtualNetworks/main/subnets/apps"
)
_ZONES: Final = (
    f"/subscriptions/{AZURE.subscription}/resourceGroups/network/providers"
    "/Microsoft.Network/privateDnsZones"
)
DNS_ZONE: Final = f"{_ZONES}/own.postgres.database.azure.com"
CACHE_DNS_ZONE: Final = f"{_ZONES}/privatelink.redis.azure.net"
AWS_WRITER: Final = "arn:aws:iam::123456789012:role/qudag-backup"
GCP_WRITER: Final = "backup@acme-prod.iam.gserviceaccount.com"
AZURE_WRITER: Final = AzureWorkloadIdentity(
    issuer="https://oidc.example.com/cluster", namespace="qudag-mcp-prod", service_account="backup"
)
NAMED: Final = GcpAccess(allowed_principals=[AGENT])


def cloud_config(**changes: Any) -> CloudServerConfig:
    """A server configuration whose issuer has a JWKS URL, as every server in a cloud needs."""
    jwks = Auth(issuer=ISSUER, jwks_url=f"{ISSUER}/jwks.json")
    given: dict[str, Any] = {"name": "mcp-core", "role": "core", "auth": jwks}
    return CloudServerConfig(**given | changes)


def on_aws(program: Callable[[pulumi.ResourceOptions], object]) -> ResourceGraph:
    """Record ``program`` with the account and region of ``AWS``."""

    def run() -> None:
        provider = pulumi.ProviderResource(
            "aws", "aws", {"region": AWS.region, "allowedAccountIds": [AWS.account]}
        )
        program(pulumi.ResourceOptions(providers=[provider]))

    return record(run)


def rights(graph: ResourceGraph) -> dict[str, set[tuple[str, str]]]:
    """The actions and ARNs that each AWS role allows, by the role's name without its suffix.

    Random suffixes of names in ARNs are removed too.
    """
    found: dict[str, set[tuple[str, str]]] = {
        _plain(role.inputs["name"]): set() for role in graph.all("aws:iam/role:Role")
    }
    for policy in graph.all("aws:iam/rolePolicy:RolePolicy"):
        for statement in json.loads(policy.inputs["policy"])["Statement"]:
            if statement["Effect"] != "Allow":
                continue
            found[_plain(policy.inputs["role"])] |= {
                (action, _plain(arn))
                for action in statement["Action"]
                for arn in statement["Resource"]
            }
    return found


def _plain(name: str) -> str:
    return re.sub(r"-[0-9a-f]{8}(?=$|[/:])", "", name)


def granted(graph: ResourceGraph) -> set[tuple[str, str, str]]:
    """All role grants on Google Cloud: member, role and resource."""
    roles = [r for r in graph.resources if r.type.startswith("gcp:") and "role" in r.inputs]
    return {(_member(r), r.inputs["role"], _target(r)) for r in roles}


def _member(grant: Resource) -> str:
    """The account's name without its project."""
    return grant.inputs["member"].partition("@")[0]


def _target(grant: Resource) -> str:
    given = grant.inputs
    named = next((given[k] for k in ("bucket", "repository", "secretId", "name") if k in given), "")
    condition = given.get("condition", {}).get("expression", "")
    return named or (f"project if {condition}" if condition else "project")


def on_azure() -> pulumi.ResourceOptions:
    """Options with a provider for the test subscription; call it inside a program."""
    named = {"subscriptionId": AZURE.subscription, "location": AZURE.region}
    return pulumi.ResourceOptions(
        providers=[pulumi.ProviderResource("azure-native", "azure", named)]
    )


def assigned(graph: ResourceGraph) -> set[tuple[str, str]]:
    """All role assignments on Azure: role id, and scope from the resource provider on."""
    return {
        (
            given.inputs["roleDefinitionId"].rpartition("/")[2],
            given.inputs["scope"].partition("/providers/")[2],
        )
        for given in graph.all("azure-native:authorization:RoleAssignment")
    }
