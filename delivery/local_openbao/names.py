"""Names and addresses of the OpenBao and of the External Secrets that ``up`` runs on the node."""

from __future__ import annotations

from typing import Final

NAMESPACE: Final = "secrets"
"""Namespace of OpenBao."""
OPENBAO: Final = "openbao"
"""Name of its workload and of its Service."""
POD: Final = f"{OPENBAO}-0"
PORT: Final = 8200
ADDRESS: Final = f"https://{OPENBAO}.{NAMESPACE}.svc:{PORT}"
"""A stack with this ``secrets.vault.address`` gets this OpenBao on the local node."""
MOUNT: Final = "secret"
"""Path of its key-value engine."""
AUTH_MOUNT: Final = "kubernetes"
"""Path of its Kubernetes authentication."""
CONTROLLER: Final = "external-secrets"
"""Namespace of External Secrets, and name of its workload."""

IMAGES: Final = {
    OPENBAO: "docker.io/openbao/openbao:2.7.2",
    CONTROLLER: "ghcr.io/external-secrets/external-secrets:v0.16.2",
}
"""Image of each workload, in the versions of ``tools/openbao.txt`` and of
``tools/controllers/external_secrets/go.mod``."""

OPERATOR: Final = "qudag-mcp-operator"
"""Role of OpenBao with which ``up`` and people write policies, roles and entries."""
OPERATOR_ACCOUNT: Final = "openbao-operator"
"""The service account that may log in to that role. No pod runs as it."""
AUDIENCE: Final = "openbao"
"""Audience of its tokens."""

SEAL: Final = "openbao-seal"
"""Secret with the key that OpenBao unseals itself with."""
SEAL_KEY: Final = "key"

APPLY_SET: Final = "qudag-mcp.local-openbao"
"""Name of the ApplySet of all objects."""
