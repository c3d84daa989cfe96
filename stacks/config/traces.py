"""Section `observability.traces`: which traces are kept, and where."""

from __future__ import annotations

from pydantic import Field

from .forms import Bytes
from .otlp_sink import OtlpSink
from .section import Section


class TraceStore(Section):
    """The Jaeger that the stack deploys, with observability.kind standalone and without a sink."""

    retention_days: int = Field(
        default=7, ge=1, le=365, description="Days after which traces are deleted."
    )
    size: Bytes = Field(
        default="10Gi",
        description="Its volume, of the class data.storageClass. Nothing is deleted earlier when "
        "it is full.",
    )


class Traces(Section):
    """Spans of the gateway and of servers, and the collector that keeps some of their traces."""

    sampled_percent: float = Field(
        default=10,
        ge=0,
        le=100,
        description="Share that is kept of the traces that have no error and are not slow. "
        "Traces with an error are kept, except those of more than 2 MiB and those that exceed "
        "maxWaitingTraces or queueBytes.",
    )
    slow_seconds: float = Field(
        default=2, ge=0.001, le=3600, description="A trace that lasts at least this long is kept."
    )
    max_waiting_traces: int = Field(
        default=20_000,
        ge=100,
        le=100_000,
        description="Most traces in the collector's memory that wait for the decision whether they "
        "are kept; above it the oldest is lost.",
    )
    queue_bytes: Bytes = Field(
        default="64Mi",
        description="Most bytes of kept traces in the collector's memory while the store or sink "
        "cannot be reached; above it traces are lost.",
    )
    sink: OtlpSink | None = Field(
        default=None,
        description="Where kept traces are sent; absent with observability.kind standalone: to the "
        "Jaeger that the stack deploys.",
    )
    store: TraceStore | None = Field(
        default=None, description="Options of the Jaeger that the stack deploys; refused with sink."
    )
