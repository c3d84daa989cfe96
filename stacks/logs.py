"""Registers what reads and keeps the log lines of a stack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pulumi

from components.base.versions import VERSIONS

from .config.logs import LOGS, LogRetention, LogSink, LogStore
from .config.pods import SecretKey as Written
from .config.stack import StackConfig
from .log_flows import (
    FORWARDER_PORT,
    LOG_COLLECTOR,
    LOG_FORWARDER,
    LOG_RETENTION,
    LOG_STORE,
    STORE_PORT,
    forwarded_sink,
    has_log_store,
)
from .placement import placement
from .pod_settings import pod_settings
from .sink_args import external_sink, key_of, own_sink, own_store
from .topologies.topology import Topology

if TYPE_CHECKING:
    from components.observability.log_collector import LogCollectorArgs
    from components.observability.log_forwarder import LogForwarderArgs, StoreLogin
    from components.observability.log_pipeline import LogSink as Sink
    from components.observability.log_store import LogStoreArgs


def deploy_log_collection(
    config: StackConfig,
    topology: Topology,
    namespaces: Mapping[str, pulumi.Input[str]],
    options: pulumi.ResourceOptions,
) -> None:
    """Registers the collectors, and what they send lines to; nothing without `logs`."""
    if forwarder := log_forwarder_args(config, namespaces):
        from components.observability.log_forwarder import LogForwarder

        LogForwarder("logs", forwarder, opts=options)
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
    logs = config.observability.logs
    if logs is None or not has_log_store(config):
        return None
    from components.observability.log_store import LogStoreArgs

    return LogStoreArgs(
        image=config.images.log_store or VERSIONS["images"]["logStore"],
        **own_store(config, LOG_STORE, logs.store or LogStore(), namespaces),
    )


def log_forwarder_args(
    config: StackConfig, namespaces: Mapping[str, pulumi.Input[str]]
) -> LogForwarderArgs | None:
    """The args of what writes to Elasticsearch or OpenSearch; None for other sinks."""
    sink = forwarded_sink(config)
    if sink is None:
        return None
    from components.observability.log_forwarder import (
        LogForwarderArgs,
        LogIndexes,
        LogRetention,
    )

    assert sink.kind in ("elasticsearch", "opensearch")
    assert sink.retention is not None
    return LogForwarderArgs(
        namespace=namespaces[placement(config).of(LOG_FORWARDER)],
        image=config.images.server,
        store=LogIndexes(
            kind=sink.kind,
            url=sink.url,
            index=sink.index,
            security_index=sink.security_index,
            ca=key_of(sink.ca),
        ),
        login=_login(sink, sink),
        retention=LogRetention(
            login=_login(sink.retention, sink),
            days=sink.retention.days,
            pods=pod_settings(config, LOG_RETENTION),
        ),
        tls_secret=config.secrets.internal_tls_of(LOG_FORWARDER),
        ca_secret=config.secrets.internal_ca,
        ip_families=config.kubernetes.ip_families,
        pods=pod_settings(config, LOG_FORWARDER),
    )


def _login(section: LogSink | LogRetention, sink: LogSink) -> StoreLogin:
    from components.observability.log_forwarder import StoreLogin

    key = key_of(section.password or section.token)
    assert key is not None
    scheme = "ApiKey" if sink.scheme == "ApiKey" else "Bearer"
    return StoreLogin(key=key, user=section.user, scheme=scheme)


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
        queue_bytes=logs.queue_bytes,
        pods=pod_settings(config, LOG_COLLECTOR),
    )


def _sink(config: StackConfig) -> Sink:
    from components.observability.log_pipeline import LogSink as Sink

    assert config.observability.logs is not None
    sink = config.observability.logs.sink
    if sink is None:
        return Sink(kind="log-store", **vars(own_sink(config, LOG_STORE, STORE_PORT)))
    indexes = {"index": sink.index, "security_index": sink.security_index}
    if sink.kind in ("elasticsearch", "opensearch"):
        forwarder = own_sink(config, LOG_FORWARDER, FORWARDER_PORT)
        return Sink(kind="log-forwarder", **indexes, **vars(forwarder))
    return Sink(kind=sink.kind, **indexes, **vars(external_sink(sink)))


def sink_keys(config: StackConfig) -> Iterator[tuple[str, Written]]:
    """The keys of Secrets for a sink, each with the workload that reads it."""
    logs = config.observability.logs
    if logs is None or logs.sink is None:
        return
    sink, retention = logs.sink, logs.sink.retention
    if forwarded_sink(config) is None:
        readers = {LOG_COLLECTOR: (sink.token, sink.ca)}
    else:
        deletes = (retention.password, retention.token) if retention else ()
        readers = {
            LOG_FORWARDER: (sink.password, sink.token, sink.ca),
            LOG_RETENTION: (*deletes, sink.ca),
        }
    for workload, keys in readers.items():
        yield from ((workload, key) for key in keys if key)
