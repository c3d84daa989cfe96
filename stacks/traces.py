"""Registers what gets and keeps the traces of a stack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

import pulumi

from components.base.kubernetes_object import Manifest
from components.base.versions import VERSIONS
from components.mcp.timeout_budget import Distance
from components.mcp.traces import TraceReceiver

from .config.pods import SecretKey as Written
from .config.stack import StackConfig
from .config.traces import TraceStore
from .placement import placement
from .pod_settings import pod_settings
from .server_budgets import budget, longest_budget
from .sink_args import external_sink, own_sink, own_store, service_host
from .topologies.topology import Service
from .trace_flows import SPANS, TRACE_COLLECTOR, TRACE_STORE, has_trace_store, sends_spans

STORE: Final = "traces"
"""Name of the component of the store."""

if TYPE_CHECKING:
    from components.observability.trace_collector import TraceCollectorArgs
    from components.observability.trace_store import TraceStoreArgs


def deploy_traces(
    config: StackConfig,
    namespaces: Mapping[str, pulumi.Input[str]],
    options: pulumi.ResourceOptions,
) -> None:
    """Registers the collector, and the store of the platform's own; nothing without `traces`."""
    if store := trace_store_args(config, namespaces):
        from components.observability.trace_store import TraceStore as Store

        Store(STORE, store, opts=options)
    if collector := trace_collector_args(config, namespaces):
        from components.observability.trace_collector import TraceCollector

        TraceCollector(TRACE_COLLECTOR, collector, opts=options)


def trace_manifests(
    config: StackConfig, namespaces: Mapping[str, pulumi.Input[str]]
) -> list[Manifest]:
    """Every object that ``deploy_traces`` registers."""
    found: list[Manifest] = []
    if store := trace_store_args(config, namespaces):
        from components.observability.trace_store import TraceStore as Store

        found += Store.manifests(STORE, store)
    if collector := trace_collector_args(config, namespaces):
        from components.observability.trace_collector import TraceCollector

        found += TraceCollector.manifests(TRACE_COLLECTOR, collector)
    return found


def trace_receiver(config: StackConfig, service: Service) -> TraceReceiver | None:
    """Where a service sends its spans; None: it makes none."""
    if config.observability.traces is None or not sends_spans(config, service):
        return None
    return TraceReceiver(host=service_host(config, TRACE_COLLECTOR))


def trace_store_args(
    config: StackConfig, namespaces: Mapping[str, pulumi.Input[str]]
) -> TraceStoreArgs | None:
    """The args of the store; None without one."""
    traces = config.observability.traces
    if traces is None or not has_trace_store(config):
        return None
    from components.observability.trace_store import TraceStoreArgs

    return TraceStoreArgs(
        image=config.images.trace_store or VERSIONS["images"]["traceStore"],
        limit_image=config.images.server,
        **own_store(config, TRACE_STORE, traces.store or TraceStore(), namespaces),
    )


def trace_collector_args(
    config: StackConfig, namespaces: Mapping[str, pulumi.Input[str]]
) -> TraceCollectorArgs | None:
    """The args of the collector; None without one."""
    traces = config.observability.traces
    if traces is None:
        return None
    from components.observability.trace_collector import TraceCollectorArgs
    from components.observability.trace_collector_config import TraceSampling

    return TraceCollectorArgs(
        namespace=namespaces[placement(config).of(TRACE_COLLECTOR)],
        image=config.images.collector or VERSIONS["images"]["collector"],
        tls_secret=config.secrets.internal_tls_of(TRACE_COLLECTOR),
        sink=(external_sink(traces.sink) if traces.sink else own_sink(config, TRACE_STORE, SPANS)),
        longest_seconds=_longest_seconds(config),
        sampling=TraceSampling(
            sampled_percent=traces.sampled_percent,
            slow_seconds=traces.slow_seconds,
            max_waiting_traces=traces.max_waiting_traces,
        ),
        queue_bytes=traces.queue_bytes,
        ip_families=config.kubernetes.ip_families,
        pods=pod_settings(config, TRACE_COLLECTOR),
    )


def _longest_seconds(config: StackConfig) -> int:
    """The longest that a call of any server takes at the gateway."""
    budgets = [
        longest_budget(config, []),
        *(budget(config, server) for server in config.cluster_servers.values()),
    ]
    return max(each.at(Distance.GATEWAY).timeout for each in budgets)


def trace_sink_keys(config: StackConfig) -> Iterator[Written]:
    """The keys of Secrets that the collector reads to connect to a sink."""
    traces = config.observability.traces
    if traces is not None and traces.sink is not None:
        yield from filter(None, (traces.sink.token, traces.sink.ca))
