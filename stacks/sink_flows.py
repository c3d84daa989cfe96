"""The flows of collectors: to a store of the platform's own, or to a sink outside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from components.kubernetes.party import Flow, Outside

from .config.logs import Logs
from .config.otlp_sink import OtlpSink
from .config.stack import StackConfig
from .config.traces import Traces
from .topologies.topology import PROMETHEUS, Topology

LOG_SINK: Final = "log-sink"
TRACE_SINK: Final = "trace-sink"
"""Names of the sinks outside the platform, in flows."""
COLLECTOR_METRICS: Final = 8888


def has_own_store(config: StackConfig, section: Logs | Traces | None) -> bool:
    """Whether lines or traces go to a store of the platform's own."""
    own = config.observability.kind == "standalone"
    return own and section is not None and section.sink is None


def sink_port(sink: OtlpSink) -> int:
    """The port of its URL, which begins with https."""
    return urlsplit(sink.url).port or 443


def sink_parties(config: StackConfig) -> Iterator[Outside]:
    """Where the sinks are."""
    sections = {LOG_SINK: config.observability.logs, TRACE_SINK: config.observability.traces}
    for name, section in sections.items():
        if section is not None and section.sink is not None:
            yield Outside(name=name, cidrs=section.sink.networks)


def with_collector(
    topology: Topology, collector: str, flows: Sequence[Flow], scheduled: Sequence[str] = ()
) -> Topology:
    """The topology with a collector, whose metrics Prometheus reads.

    Args:
        topology: without it.
        collector: its name.
        flows: to it, and from it to where it sends.
        scheduled: CronJobs of where it sends.
    """
    metrics = Flow(source=PROMETHEUS, target=collector, port=COLLECTOR_METRICS, why="metrics")
    return replace(
        topology,
        collectors=[*topology.collectors, collector],
        scheduled=[*topology.scheduled, *scheduled],
        flows=[*topology.flows, *flows, metrics],
    )
