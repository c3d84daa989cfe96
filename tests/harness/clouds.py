"""Places, an archive and a configuration for components of the clouds, and what they made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from components.archive import Archive
from components.gcp import GcpAccess, GcpSecret
from components.places import AzurePlace, GcpPlace
from components.server_config import Auth, ServerConfig

from . import Resource, ResourceGraph
from .parts import AUDIENCE, ISSUER, config

ARCHIVE: Final = Archive(path="build/function.zip", digest="0123456789abcdef" * 4)
GCP: Final = GcpPlace(project="acme", region="europe-west1")
GCP_PRIVATE: Final = replace(
    GCP, network="projects/acme/global/networks/own", subnetwork="own-europe-west1"
)
AZURE: Final = AzurePlace(
    subscription="00000000-0000-4000-8000-000000000001",
    tenant="00000000-0000-4000-8000-000000000002",
    location="westeurope",
    tags={"project": "qudag-mcp", "stack": "dev"},
)
AGENT: Final = "serviceAccount:agent@acme.iam.gserviceaccount.com"
GCP_SECRETS: Final = {
    "DATABASE_PASSWORD": GcpSecret(secret="qudag-database", version="3"),
    "REDIS_PASSWORD": GcpSecret(secret="qudag-redis", version="1"),
}
NAMED: Final = GcpAccess(invokers=[AGENT])


def cloud_config(**changes: Any) -> ServerConfig:
    """A server whose issuer publishes its keys, as every server on a cloud needs."""
    jwks = Auth(issuer=ISSUER, audience=AUDIENCE, jwks_url=f"{ISSUER}/jwks.json")
    return config(**{"auth": jwks, **changes})


def granted(graph: ResourceGraph) -> set[tuple[str, str, str]]:
    """Every role that is given on Google Cloud: to whom, which, on what."""
    roles = [r for r in graph.resources if r.type.startswith("gcp:") and "role" in r.inputs]
    return {(_member(r), r.inputs["role"], _target(r)) for r in roles}


def _member(grant: Resource) -> str:
    """The part of an account's name that is not its project's."""
    return grant.inputs["member"].partition("@")[0]


def _target(grant: Resource) -> str:
    given = grant.inputs
    named = next((given[k] for k in ("bucket", "repository", "secretId", "name") if k in given), "")
    condition = given.get("condition", {}).get("expression", "")
    return named or (f"project if {condition}" if condition else "project")
