"""Which Secrets a platform mounts: what must exist in the cluster before it can run."""

from __future__ import annotations

from typing import Any

from .config.stack import StackConfig
from .pod_settings import pod_settings
from .services import topology
from .store_args import PASSWORDS
from .topologies.topology import (
    GatewayService,
    MonolithService,
    NodeService,
    ServerService,
    Service,
)
from .user_keys import master_keys_of

CERTIFICATE = ("tls.crt", "tls.key")


def required_secrets(config: StackConfig) -> list[dict[str, Any]]:
    """The Secrets that must exist in the cluster: which keys of which kind, and for which names.

    ``kind`` is passwords or master-keys (random), certificate or internal-certificate (tls.crt and
    tls.key for ``dns_names`` alone), authority (ca.crt), signing-key (jwks.json) or given (only its
    owner knows the values). Their values never pass through the program.
    """
    names = config.secrets
    wanted: list[dict[str, Any]] = []
    if stores := topology(config).data:
        keys = [key for store, key in PASSWORDS.items() if store in stores]
        wanted.append(_secret(names.passwords, "passwords", keys))
    wanted.append(_secret(names.tls, "certificate", CERTIFICATE, public_names(config)))
    wanted.append(_secret(names.internal_ca, "authority", ["ca.crt"]))
    wanted += [
        _secret(names.internal_tls_of(workload), "internal-certificate", CERTIFICATE, dns_names)
        for workload, dns_names in certified_names(config).items()
    ]
    wanted += _secrets_of_pods(config)
    if config.secrets.issuer_ca:
        wanted.append(_secret(config.secrets.issuer_ca, "given", ["ca.crt"]))
    if config.protocol.jwks_url is None:
        wanted.append(_secret(names.issuer_keys, "signing-key", ["jwks.json"]))
    if names.user_keys and (masters := _master_keys(config)):
        wanted.append(_secret(names.user_keys, "master-keys", masters))
    return [{"namespace": config.namespace, **secret} for secret in wanted]


def _master_keys(config: StackConfig) -> list[str]:
    chosen = topology(config)
    servers = [service for service in chosen.services if isinstance(service, ServerService)]
    return sorted({key for one in servers for key in master_keys_of(one, chosen, config)})


def public_names(config: StackConfig) -> list[str]:
    """The host names that clients connect to, which the public certificate is for."""
    named = [
        *(config.domain, *config.additional_domains),
        *(server.hostname for server in config.cluster_servers.values()),
    ]
    return [name for name in named if name]


def _secrets_of_pods(config: StackConfig) -> list[dict[str, Any]]:
    """The Secrets that pods' settings, servers and KEDA need; `up` cannot create their values."""
    keys: dict[str, set[str]] = {}
    for server in config.cluster_servers.values():
        for written in server.secret_env.values():
            name, _, key = written.partition("/")
            if name != config.secrets.internal_ca:
                keys.setdefault(name, set()).add(key)
    if asked := config.observability.prometheus:
        for each in filter(None, (asked.token, asked.ca)):
            keys.setdefault(each.secret, set()).add(each.key)
    for workload in topology(config).workloads:
        settings = pod_settings(config, workload)
        for name in settings.image_pull_secrets:
            keys.setdefault(name, set()).add(".dockerconfigjson")
        for each in settings.secret_env.values():
            keys.setdefault(each.secret, set()).add(each.key)
    return [_secret(name, "given", sorted(wanted)) for name, wanted in sorted(keys.items())]


def certified_names(config: StackConfig) -> dict[str, list[str]]:
    """The DNS names of each workload that other pods reach over TLS; no two share a name."""
    chosen, namespace = topology(config), config.namespace
    named = {
        service.name: _names(service, namespace)
        for service in chosen.services
        if _shows_a_certificate(service, config)
    }
    return named | {store: _service_names(store, namespace) for store in chosen.data}


def _shows_a_certificate(service: Service, config: StackConfig) -> bool:
    if isinstance(service, NodeService):
        return config.images.qudag_profile == "seed"  # the released program has no TLS port
    return not isinstance(service, GatewayService)  # whose certificate is the public one


def _names(service: Service, namespace: str) -> list[str]:
    if isinstance(service, MonolithService):
        # Only the gateway in the same pod reaches it, by an address: it verifies this name.
        return [f"{service.name}.{namespace}.svc"]
    return _service_names(service.name, namespace)


def _service_names(workload: str, namespace: str) -> list[str]:
    suffixes = ("", f".{namespace}.svc")
    return [f"{workload}-service{suffix}" for suffix in suffixes]


def _secret(name: str, kind: str, keys: Any, dns_names: Any = ()) -> dict[str, Any]:
    return {"name": name, "kind": kind, "keys": list(keys), "dns_names": list(dns_names)}
