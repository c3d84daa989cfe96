"""A stack with every program that is given a secret, and a canary in each of its Secrets."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from graph.resource_graph import ResourceGraph

from .bridge import FAULTS
from .canaries import Canary
from .certificates import Authority
from .secret_inputs import PUBLIC
from .tokens import Issuer
from .user_servers import NETWORK, recorded

VARIABLE: Final = "OWN_VARIABLE"
"""A variable of every container, from a Secret of the user."""
BUCKET: Final = {
    "url": "s3://qudag-backups/dev",
    "endpoint": "https://s3.example.com:9000",
    "key": "backup-bucket",
    "networks": ["10.60.1.0/24"],
}
CONFIG: Final[Mapping[str, Any]] = {
    "topology": "monolith",
    "domain": "mcp.example.com",
    "network": NETWORK,
    "audit": {
        "enabled": True,
        "bucket": {**BUCKET, "url": "s3://qudag-audit/dev", "key": "audit-bucket"},
    },
    "backup": {"bucket": BUCKET},
    "data": {"databaseExporter": True, "valkey": {"exporter": True, "sharedPassword": True}},
    "secrets": {"issuerCa": "issuer-ca"},
    "kubernetes": {
        "pods": {
            "imagePullSecrets": ["registry"],
            "secretEnv": {VARIABLE: {"secret": "own", "key": "value"}},
        }
    },
    "servers": {
        "notes": {
            "image": "ghcr.io/acme/notes-mcp:1.0.0",
            "transport": "stdio",
            "command": [sys.executable, str(FAULTS)],
            "secretEnv": {"NOTES_KEY": "notes-credentials/notes-key"},
        }
    },
}


@cache
def graph() -> ResourceGraph:
    """The stack, recorded once."""
    return recorded(CONFIG)


def canary(secret: str, key: str) -> Canary:
    """The canary of a key of a Secret that holds any text."""
    return Canary.of(f"{secret}/{key}")


def planted(
    stack: ResourceGraph, authority: Authority, issuer: Issuer
) -> tuple[dict[str, dict[str, str]], list[Canary]]:
    """Every Secret that a stack requires, with canaries; and these, private keys among them."""
    secrets: dict[str, dict[str, str]] = {}
    canaries: list[Canary] = []
    for required in stack.outputs["required_secrets"]:
        name, kind = required["name"], required["kind"]
        values: dict[str, str] = {}
        if kind.endswith("certificate"):
            names = [*required["dns_names"], "localhost"]
            certificate, key = authority.issue(name, names)
            values = {"tls.crt": certificate.read_text(), "tls.key": key.read_text()}
        for key in required["keys"]:
            if key == "ca.crt":
                values[key] = authority.ca_file.read_text()
            elif key == "jwks.json":
                values[key] = issuer.jwks_file.read_text()
            else:
                values.setdefault(key, canary(name, key).text)
            if key not in PUBLIC:
                canaries.append(Canary(f"{name}/{key}", values[key]))
        secrets.setdefault(name, {}).update(values)
    return secrets, list(dict.fromkeys(canaries))
