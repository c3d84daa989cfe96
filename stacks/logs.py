"""Registers what reads and keeps the log lines of a stack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pulumi

from components.base.versions import VERSIONS

from .config.logs import LOGS, LogStore
from .config.pods import SecretKey as Written
from .config.stack import StackConfig
from .log_flows import LOG_COLLECTOR, LOG_STORE, STORE_PORT, has_log_store
from .placement import placement
from .pod_settings import pod_settings
from .topologies.topology import Topology

if TYPE_CHECKING:
    from components.observability.log_collector import LogCollectorArgs
    from components.observability.log_pipeline import LogSink
    from components.observability.log_store import LogStoreArgs


def collect_logs(
    config: StackConfig,
    topology: Topology,
    namespaces: Mapping[str, pulumi.Input[str]],
    options: pulumi.ResourceOptions,
) -> None:
    """Registers the collectors, and the store of the platform's own; nothing without `logs`."""
    if args := log_store_args(config, namespaces):
        from components.observability.log_store import LogStore as Store

        Store("logs", args, opts=options)
    if collector := log_collector_args(config, topology, namespaces):
        from components.observability.log_collector import LogCollector

        LogCollector("log-collector", collector, opts=options)


def log_store_args(
    config: StackConfig, namespaces: Mapping[str, pulumi.Input[str]]
) -> LogStoreArgs | None:
    """The args of the store; None without one."""
    if not has_log_store(config):
        return None
    from components.observability.log_store import LogStoreArgs

    assert config.observability.logs is not None
    section = config.observability.logs.store or LogStore()
    return LogStoreArgs(
        namespace=namespaces[placement(config).of(LOG_STORE)],
        image=config.images.log_store or VERSIONS["images"]["logStore"],
        tls_secret=config.secrets.internal_tls_of(LOG_STORE),
        retention_days=section.retention_days,
        size=section.size,
        storage_class=config.data.storage_class,
        protect=config.data.protect,
        ip_families=config.kubernetes.ip_families,
        pods=pod_settings(config, LOG_STORE),
    )


def log_collector_args(
    config: StackConfig, topology: Topology, namespaces: Mapping[str, pulumi.Input[str]]
) -> LogCollectorArgs | None:
    """The args of the collectors; None without any."""
    logs = config.observability.logs
    if logs is None:
        return None
    from components.observability.log_collector import LogCollectorArgs
    from components.observability.log_fields import LogMasking

    where = placement(config)
    own = where.of(LOG_COLLECTOR)
    places = {"platform": where.namespace, **where.namespaces}
    return LogCollectorArgs(
        namespace=namespaces[own],
        # A collector does not read its own lines: each would make another one.
        namespaces={place: namespaces[there] for place, there in places.items() if place != LOGS},
        image=config.images.collector or VERSIONS["images"]["collector"],
        services=[name for name in topology.workloads if name != LOG_COLLECTOR],
        sink=_sink(config),
        masking=LogMasking(addresses=logs.addresses, subjects=logs.subjects),
        queue=logs.queue,
        pods=pod_settings(config, LOG_COLLECTOR),
    )


def _sink(config: StackConfig) -> LogSink:
    from components.kubernetes.pod_settings import SecretKey
    from components.observability.log_pipeline import LogSink

    assert config.observability.logs is not None
    sink = config.observability.logs.sink
    if sink is None:
        host = f"{LOG_STORE}-service.{placement(config).of(LOG_STORE)}.svc"
        ca = SecretKey(secret=config.secrets.internal_ca, key="ca.crt")
        return LogSink(kind="log-store", url=f"https://{host}:{STORE_PORT}", ca=ca)

    def key(written: Written | None) -> SecretKey | None:
        return SecretKey(secret=written.secret, key=written.key) if written else None

    return LogSink(
        kind=sink.kind,
        url=sink.url,
        index=sink.index,
        security_index=sink.security_index,
        token=key(sink.token),
        header=sink.header,
        scheme=sink.scheme,
        ca=key(sink.ca),
    )


def sink_keys(config: StackConfig) -> Iterator[Written]:
    """The keys of Secrets that collectors read to connect to a sink."""
    logs = config.observability.logs
    if logs is not None and logs.sink is not None:
        yield from filter(None, (logs.sink.token, logs.sink.ca))
