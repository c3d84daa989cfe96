"""Which Secrets a platform mounts: what must exist in the cluster before it can run."""

from __future__ import annotations

from typing import Any

from .config.stack import StackConfig
from .rules.capacity import services
from .topologies.topology import POSTGRES, VALKEY


def required_secrets(config: StackConfig) -> list[dict[str, Any]]:
    """The Secrets that must exist in the cluster: which keys of which kind, and for which names.

    ``kind`` is passwords (random), certificate (tls.crt, tls.key, ca.crt for ``dns_names``) or
    signing-key (jwks.json). Their values never pass through the program.
    """
    names, namespace = config.secrets, config.namespace
    servers = [s.name for s in services(config)]
    inside = [
        *(f"{name}.{namespace}.svc" for name in servers),
        *(
            f"{name}-service{suffix}"
            for name in [*servers, POSTGRES, VALKEY]
            for suffix in ("", f".{namespace}.svc", f".{namespace}.svc.cluster.local")
        ),
    ]
    certificate = ["tls.crt", "tls.key", "ca.crt"]
    wanted: list[dict[str, Any]] = [
        {
            "name": names.passwords,
            "kind": "passwords",
            "keys": ["database-password", "redis-password"],
            "dns_names": [],
        },
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
