"""Which Secrets a platform mounts: what must exist in the cluster before it can run."""

from __future__ import annotations

from typing import Any

from .config.stack import StackConfig
from .topologies import TOPOLOGIES
from .topologies.topology import POSTGRES, VALKEY


def required_secrets(config: StackConfig) -> list[dict[str, Any]]:
    """The Secrets that must exist in the cluster: which keys of which kind, and for which names.

    ``kind`` is passwords (random), certificate (tls.crt, tls.key, ca.crt for ``dns_names``) or
    signing-key (jwks.json). Their values never pass through the program.
    """
    names, namespace = config.secrets, config.namespace
    topology = TOPOLOGIES[config.topology]
    services = [service.name for service in topology.services]
    inside = [
        *(f"{name}.{namespace}.svc" for name in services),
        *(
            f"{name}-service{suffix}"
            for name in [*services, *topology.data]
            for suffix in ("", f".{namespace}.svc", f".{namespace}.svc.cluster.local")
        ),
    ]
    passwords = {POSTGRES: "database-password", VALKEY: "redis-password"}
    certificate = ["tls.crt", "tls.key", "ca.crt"]
    wanted: list[dict[str, Any]] = [
        {
            "name": names.tls,
            "kind": "certificate",
            "keys": certificate,
            "dns_names": [config.domain] if config.domain else [],
        },
        {
            "name": names.internal_tls,
            "kind": "certificate",
            "keys": certificate,
            "dns_names": inside,
        },
    ]
    if topology.data:
        keys = [key for store, key in passwords.items() if store in topology.data]
        wanted.insert(
            0, {"name": names.passwords, "kind": "passwords", "keys": keys, "dns_names": []}
        )
    if config.protocol.jwks_url is None:
        wanted.append(
            {
                "name": names.issuer_keys,
                "kind": "signing-key",
                "keys": ["jwks.json"],
                "dns_names": [],
            }
        )
    return [{"namespace": namespace, **secret} for secret in wanted]
