"""Configuration of the collector of traces: the OpenTelemetry Collector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from ..base.arg_types import ByteSize
from ..base.constraints import Range
from ..base.quantities import quantity
from ..mcp.server_config import INTERNAL_TLS_PATH
from ..mcp.traces import OTLP_HTTP
from .otel_collector import ALL_ADDRESSES, HEALTH_CHECK, own_telemetry
from .otlp_sink import OtlpSink, authenticator, base_url, connection

AFTER_CALL_SECONDS: Final = 5
"""From the end of the longest call until all of its spans have arrived."""
LARGEST_BODY: Final = 4 * 1024 * 1024
LARGEST_TRACE: Final = 2 * 1024 * 1024
"""Bytes: a larger one is not kept, so a client that puts all its calls into one fills no memory."""

Percent = Annotated[
    float,
    Range(least=0, most=100, whole=False, consequence="the collector would not start with it"),
]
SlowSeconds = Annotated[
    float,
    Range(
        least=0.001,
        most=3600,
        whole=False,
        consequence="no call, or every call, would be a slow one",
    ),
]
TraceCount = Annotated[
    int,
    Range(least=100, most=100_000, consequence="traces would be lost, or the memory be full"),
]


@dataclass(frozen=True, kw_only=True)
class TraceSampling:
    """Which traces are kept, once all their spans have arrived.

    Attributes:
        sampled_percent: share that is kept of the traces without an error that are not slow.
        slow_seconds: a trace that lasts at least this long is kept.
        max_waiting_traces: most traces that wait for the decision whether they are kept; above it
            the oldest is lost.
    """

    sampled_percent: Percent = 10
    slow_seconds: SlowSeconds = 2
    max_waiting_traces: TraceCount = 20_000


def trace_collector_config(
    sampling: TraceSampling,
    sink: OtlpSink,
    *,
    longest_seconds: float,
    queue_bytes: ByteSize = "64Mi",
) -> dict[str, Any]:
    """The configuration of a collector that keeps traces by error, time and share.

    Args:
        sampling: what is kept.
        sink: where that is sent.
        longest_seconds: of a call. The decision waits for longer: spans arrive when they end, and
            the one of a call ends last.
        queue_bytes: most bytes of kept traces that wait in memory while the sink is away.
    """
    wait = int(longest_seconds) + AFTER_CALL_SECONDS
    login = authenticator(sink)
    return {
        "extensions": {**HEALTH_CHECK, **login},
        "receivers": {
            "otlp": {
                "protocols": {
                    "http": {
                        "endpoint": f"{ALL_ADDRESSES}:{OTLP_HTTP}",
                        "max_request_body_size": LARGEST_BODY,
                        "tls": {
                            "cert_file": f"{INTERNAL_TLS_PATH}/tls.crt",
                            "key_file": f"{INTERNAL_TLS_PATH}/tls.key",
                            "min_version": "1.3",
                            "reload_interval": "1h",
                        },
                    }
                }
            }
        },
        "processors": {
            # First, so that it refuses what no memory is left for: senders drop it.
            "memory_limiter": {
                "check_interval": "1s",
                "limit_percentage": 80,
                "spike_limit_percentage": 20,
            },
            "tail_sampling": {
                "decision_wait": f"{wait}s",
                "decision_wait_after_root_received": f"{AFTER_CALL_SECONDS}s",
                "num_traces": sampling.max_waiting_traces,
                "maximum_trace_size_bytes": LARGEST_TRACE,
                "decision_cache": {
                    "sampled_cache_size": 10 * sampling.max_waiting_traces,
                    "non_sampled_cache_size": 10 * sampling.max_waiting_traces,
                },
                "policies": _policies(sampling),
            },
            "batch": {"timeout": "1s", "send_batch_size": 512, "send_batch_max_size": 1024},
        },
        "exporters": {"otlphttp": _exporter(sink, queue_bytes)},
        "service": {
            "extensions": [*HEALTH_CHECK, *login],
            "pipelines": {
                "traces": {
                    "receivers": ["otlp"],
                    "processors": ["memory_limiter", "tail_sampling", "batch"],
                    "exporters": ["otlphttp"],
                }
            },
            "telemetry": own_telemetry("info"),
        },
    }


def _policies(sampling: TraceSampling) -> list[Mapping[str, Any]]:
    """A trace is kept if one of them says so."""
    return [
        {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
        {
            "name": "slow",
            "type": "latency",
            "latency": {"threshold_ms": max(1, int(sampling.slow_seconds * 1000))},
        },
        {
            "name": "share",
            "type": "probabilistic",
            "probabilistic": {"sampling_percentage": sampling.sampled_percent},
        },
    ]


def _exporter(sink: OtlpSink, queue_bytes: ByteSize) -> dict[str, Any]:
    return {
        "endpoint": base_url(sink),
        "compression": "gzip",
        "timeout": "10s",
        **connection(sink),
        # A full queue refuses new traces, which are counted: waiting would stop the sampling.
        "sending_queue": {"sizer": "bytes", "queue_size": int(quantity(queue_bytes))},
    }
