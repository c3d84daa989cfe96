"""Which Secrets a platform mounts: what must exist in the cluster before it can run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from components.kubernetes.pod_settings import SecretKey
from components.kubernetes.valkey_users import PASSWORD

from .alerting import alert_keys
from .audit import audit_passwords
from .backup import backup_jobs, backup_passwords, buckets
from .config.pods import SecretKey as Written
from .config.stack import StackConfig
from .data_kinds import kind_of
from .keda_prometheus import keda_prometheus
from .log_flows import LOG_COLLECTOR, has_log_forwarder, has_log_store
from .logs import sink_keys
from .monitoring import (
    ALERTMANAGER,
    BLACKBOX_EXPORTER,
    GRAFANA,
    has_own_grafana,
    monitoring_workloads,
    own_login,
    own_sign_in,
    probe_keys,
    sign_in_keys,
)
from .placement import placement
from .pod_settings import pod_settings
from .services import topology
from .store_args import PASSWORDS, needs_the_platform_authority
from .topologies.topology import (
    POSTGRES,
    PROMETHEUS,
    VALKEY,
    EgressProxyService,
    GatewayService,
    MonolithService,
    NodeService,
    ServerService,
    Service,
)
from .trace_flows import TRACE_COLLECTOR, has_traces, sends_spans
from .traces import trace_sink_keys
from .user_keys import master_keys_of
from .valkey import exporters, has_replicas, valkey_secrets
from .valkey_args import replica_hosts

CERTIFICATE = ("tls.crt", "tls.key")


def required_secrets(config: StackConfig) -> list[dict[str, Any]]:
    """The Secrets that must exist in the cluster: which keys of which kind, and for which names.

    ``kind`` is passwords or master-keys (random), certificate or internal-certificate (tls.crt and
    tls.key for ``dns_names`` alone), authority (ca.crt), signing-key (jwks.json) or given (only its
    owner knows the values). Their values never pass through the program.
    """
    names, where = config.secrets, placement(config)
    wanted = [
        _secret(names.passwords, "passwords", keys, namespace=namespace)
        for namespace in where.every
        if (keys := _passwords(config, namespace))
    ]
    wanted += [
        _secret(secret, "passwords", [PASSWORD], namespace=namespace)
        for secret, namespace in valkey_secrets(config, topology(config))
    ]
    if POSTGRES in exporters(config, topology(config)):
        namespace = where.of(POSTGRES)
        wanted.append(
            _secret(names.postgres_exporter, "passwords", [PASSWORD], namespace=namespace)
        )
    if has_own_grafana(config):
        keys = ["secret-key"] if own_sign_in(config) else ["password", "secret-key"]
        wanted.append(_secret(names.grafana, "passwords", keys, namespace=where.of(GRAFANA)))
    wanted.append(_secret(names.tls, "certificate", CERTIFICATE, public_names(config)))
    wanted += [
        _secret(names.internal_ca, "authority", ["ca.crt"], namespace=namespace)
        for namespace in where.every
        if namespace == config.namespace
        or _verifies(config, namespace)
        or _signs(config, namespace)
        or where.within(namespace, topology(config).monitoring)
        or (
            (has_log_store(config) or has_log_forwarder(config))
            and namespace == where.of(LOG_COLLECTOR)
        )
        or _sends_spans(config, namespace)
        or _sink_has_the_authority(config, namespace)
        or (namespace == where.of(VALKEY) and has_replicas(config, topology(config)))
    ]
    wanted += [
        _secret(
            names.internal_tls_of(workload),
            "internal-certificate",
            CERTIFICATE,
            dns_names,
            namespace=where.of(workload),
        )
        for workload, dns_names in certified_names(config).items()
    ]
    wanted += _secrets_of_pods(config)
    if config.secrets.issuer_ca:
        wanted.append(_secret(config.secrets.issuer_ca, "given", ["ca.crt"]))
    if config.protocol.jwks_url is None:
        wanted.append(_secret(names.issuer_keys, "signing-key", ["jwks.json"]))
    if names.user_keys and (masters := _master_keys(config)):
        wanted.append(_secret(names.user_keys, "master-keys", masters))
    every = [{**secret, "namespace": secret["namespace"] or config.namespace} for secret in wanted]
    return sorted(every, key=lambda secret: where.every.index(secret["namespace"]))


def _passwords(config: StackConfig, namespace: str) -> list[str]:
    """The keys of passwords that workloads of a namespace read: stores, and those that use them."""
    chosen, where = topology(config), placement(config)
    here = set(where.within(namespace, chosen.workloads))
    found = [
        key
        for store, key in PASSWORDS.items()
        if store in chosen.data
        and kind_of(config, store).password(config) is None
        and kind_of(config, store).token(config) is None
        and not kind_of(config, store).has_users
        and kind_of(config, store).token_cloud is None
        and not here.isdisjoint({store, *chosen.users(store)})
    ]
    if config.data.valkey.shared_password and VALKEY in chosen.stores_in_pods and VALKEY in here:
        found.append(PASSWORDS[VALKEY])
    if not here.isdisjoint({POSTGRES, *backup_jobs(config)}):
        found += backup_passwords(config)
    return found + [
        one.paths.password_key
        for one in audit_passwords(config, chosen)
        if one.key is None and not here.isdisjoint(one.readers)
    ]


def _verifies(config: StackConfig, namespace: str) -> bool:
    """Whether a server in a further namespace connects to a store, and so needs the CA."""
    servers = config.cluster_servers
    here = placement(config).within(namespace, servers)
    return any(needs_the_platform_authority(config, servers[name]) for name in here)


def _sends_spans(config: StackConfig, namespace: str) -> bool:
    """Whether something in the namespace connects to the collector of traces."""
    where = placement(config)
    return has_traces(config) and any(
        where.of(service.name) == namespace and sends_spans(config, service)
        for service in topology(config).services
    )


def _master_keys(config: StackConfig) -> list[str]:
    chosen = topology(config)
    servers = [service for service in chosen.services if isinstance(service, ServerService)]
    return sorted({key for one in servers for key in master_keys_of(one, chosen, config)})


def public_names(config: StackConfig) -> list[str]:
    """The host names that clients connect to, which the public certificate is for."""
    named = [
        *(config.domain, *config.additional_domains),
        *(server.hostname for server in config.exposed_servers.values()),
    ]
    return [name for name in named if name]


def _secrets_of_pods(config: StackConfig) -> list[dict[str, Any]]:
    """Those that pods' settings, servers, KEDA and Alertmanager need; `up` cannot create them."""
    where = placement(config)
    of_buckets = filter(None, (bucket.key for bucket in buckets(config).values()))
    keys = {(key, config.namespace): {"access-key", "secret-key"} for key in of_buckets}
    for namespace, each in _of_stores(config):
        keys.setdefault((each.secret, namespace), set()).add(each.key)
    for store in topology(config).data:
        for name in kind_of(config, store).secrets(config):
            keys.setdefault((name, where.of(store)), set()).update(("username", "password"))
    for server_name, server in config.cluster_servers.items():
        for written in server.secret_env.values():
            name, _, key = written.partition("/")
            if name != config.secrets.internal_ca:
                keys.setdefault((name, where.of(server_name)), set()).add(key)
    for each in _of_keda(config):
        keys.setdefault((each.secret, config.namespace), set()).add(each.key)
    # An AlertmanagerConfig names Secrets of the platform's namespace, where no Alertmanager runs.
    for workload, each in _of_monitoring(config):
        keys.setdefault((each.secret, where.of(workload)), set()).add(each.key)
    for workload in topology(config).workloads:
        settings, namespace = pod_settings(config, workload), where.of(workload)
        for name in settings.image_pull_secrets:
            keys.setdefault((name, namespace), set()).add(".dockerconfigjson")
        for each in settings.secret_env.values():
            keys.setdefault((each.secret, namespace), set()).add(each.key)
    return [
        _secret(name, "given", sorted(wanted), namespace=namespace)
        for (name, namespace), wanted in sorted(keys.items())
    ]


def _of_monitoring(config: StackConfig) -> Iterator[tuple[str, Written]]:
    """The keys that workloads of monitoring and collectors mount, besides certificates."""
    yield from ((ALERTMANAGER, key) for key in alert_keys(config))
    yield from ((BLACKBOX_EXPORTER, key) for key in probe_keys(config))
    yield from ((GRAFANA, key) for key in sign_in_keys(config))
    for workload, key in _of_sinks(config):
        if key.secret != config.secrets.internal_ca:
            yield workload, key
    if login := own_login(config):
        yield from (
            (PROMETHEUS, Written(secret=login, key=key))
            for key in ("web.yml", "username", "password")
        )


def _of_sinks(config: StackConfig) -> Iterator[tuple[str, Written]]:
    """The keys for sinks of log lines and traces, each with the workload that reads it."""
    yield from sink_keys(config)
    yield from ((TRACE_COLLECTOR, key) for key in trace_sink_keys(config))


def _sink_has_the_authority(config: StackConfig, namespace: str) -> bool:
    """Whether what sends to a sink from the namespace trusts the platform's own CA."""
    return any(
        key.secret == config.secrets.internal_ca and placement(config).of(workload) == namespace
        for workload, key in _of_sinks(config)
    )


def _of_keda(config: StackConfig) -> Iterator[SecretKey]:
    """The keys by which KEDA queries a Prometheus, but for the platform's own CA."""
    if asked := keda_prometheus(config):
        for _, key in asked.credentials:
            if key.secret != config.secrets.internal_ca:
                yield key


def _signs(config: StackConfig, namespace: str) -> bool:
    """Whether a store in the namespace gives the CA to its operator."""
    where = placement(config)
    return any(
        kind_of(config, store).reads_authority and where.of(store) == namespace
        for store in topology(config).data
    )


def _of_stores(config: StackConfig) -> Iterator[tuple[str, SecretKey]]:
    """The passwords and CAs of stores outside, in each namespace that connects to them."""
    chosen, where = topology(config), placement(config)
    for store in chosen.data:
        kind = kind_of(config, store)
        wanted = [key for key in (kind.password(config), kind.authority(config)) if key]
        for namespace in {where.of(flow.source) for flow in chosen.flows if flow.target == store}:
            yield from ((namespace, key) for key in wanted)
    for one in audit_passwords(config, chosen):
        if one.key is not None:
            for namespace in {where.of(reader) for reader in one.readers}:
                yield namespace, one.key


def certified_names(config: StackConfig) -> dict[str, list[str]]:
    """The DNS names of each workload that other pods reach over TLS; no two share a name."""
    chosen, where = topology(config), placement(config)
    named = {
        service.name: _names(service, where.of(service.name))
        for service in chosen.services
        if _shows_a_certificate(service, config)
    }
    services = {store: kind_of(config, store).services(config) for store in chosen.data}
    stores = {
        store: [name for one in names for name in _host_names(one, where.of(store))]
        for store, names in services.items()
        if names
    }
    if has_replicas(config, chosen):
        stores[VALKEY] += replica_hosts(stores[VALKEY][-1], config.data.valkey.replicas)
    observing = [
        *(one.name for one in monitoring_workloads(config) if one.serves),
        *([TRACE_COLLECTOR] if has_traces(config) else []),
    ]
    monitoring = {name: _service_names(name, where.of(name)) for name in observing}
    return named | stores | monitoring


def _shows_a_certificate(service: Service, config: StackConfig) -> bool:
    if isinstance(service, NodeService):
        return config.images.qudag_profile == "seed"  # the released program has no TLS port
    # The gateway's is the public one, and servers send the egress proxy CONNECT in clear.
    return not isinstance(service, GatewayService | EgressProxyService)


def _names(service: Service, namespace: str) -> list[str]:
    if isinstance(service, MonolithService):
        # Only the gateway in the same pod reaches it, by an address: it verifies this name.
        return [f"{service.name}.{namespace}.svc"]
    return _service_names(service.name, namespace)


def _service_names(workload: str, namespace: str) -> list[str]:
    return _host_names(f"{workload}-service", namespace)


def _host_names(service: str, namespace: str) -> list[str]:
    return [service, f"{service}.{namespace}.svc"]


def _secret(
    name: str, kind: str, keys: Any, dns_names: Any = (), *, namespace: str | None = None
) -> dict[str, Any]:
    return {
        "namespace": namespace,
        "name": name,
        "kind": kind,
        "keys": list(keys),
        "dns_names": list(dns_names),
    }
