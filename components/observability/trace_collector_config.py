"""Configuration of the collector of traces: the OpenTelemetry Collector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from ..base.arg_types import Url
from ..base.constraints import Range
from ..base.problems import Problem
from ..mcp.server_config import INTERNAL_TLS_PATH
from ..mcp.traces import OTLP_HTTP

HEALTH: Final = 13133
METRICS: Final = 8888
EVERY: Final = "0.0.0.0"  # noqa: S104 - network policies decide who may connect
TOKEN_VARIABLE: Final = "TRACES_AUTHORIZATION"  # noqa: S105 - a name
"""Environment variable with the value of the header ``Authorization``."""
AFTER_CALL_SECONDS: Final = 5
"""From the end of the longest call until all of its spans have arrived."""
LARGEST_BODY: Final = 4 * 1024 * 1024
LARGEST_TRACE: Final = 2 * 1024 * 1024
"""Bytes: a client that puts all its calls into one trace fills no memory."""
_GIVEN: Final = "${env:" + TOKEN_VARIABLE + "}"

Percent = Annotated[
    float, Range(least=0, most=100, consequence="the collector would not start with it")
]
SlowSeconds = Annotated[
    float, Range(least=0.001, most=3600, consequence="no call, or every call, would be a slow one")
]
TraceCount = Annotated[
    int,
    Range(least=100, most=1_000_000, consequence="traces would be cut, or the memory be full"),
]


@dataclass(frozen=True, kw_only=True)
class TraceSampling:
    """Which traces are kept, once all their spans have arrived.

    Attributes:
        percent: of the traces without an error that are not slow.
        slow_seconds: a trace that lasts as long is kept.
        waiting: most traces that wait for the decision; the oldest is decided early.
    """

    percent: Percent = 10
    slow_seconds: SlowSeconds = 2
    waiting: TraceCount = 20_000


@dataclass(frozen=True, kw_only=True)
class TraceSink:
    """Where traces are sent: an OTLP receiver (HTTP with protobuf) over TLS.

    Attributes:
        endpoint: its URL without ``/v1/traces``.
        ca_file: authorities that have signed its certificate; None: public ones.
        token: whether ``TRACES_AUTHORIZATION`` is sent.
    """

    endpoint: Url
    ca_file: str | None = None
    token: bool = False

    def refusals(self) -> list[Problem]:
        """A problem if tokens or traces would be sent without encryption."""
        if self.endpoint.startswith("https://"):
            return []
        return [
            Problem(
                "endpoint",
                f"{self.endpoint} is not an https:// URL",
                "traces and the token would cross the network unencrypted",
                "use https://, and ca_file for an authority of your own",
            )
        ]


def trace_collector_config(
    sampling: TraceSampling, sink: TraceSink, *, longest_seconds: float
) -> dict[str, Any]:
    """The configuration of a collector that keeps traces by error, time and share.

    Args:
        sampling: what is kept.
        sink: where that is sent.
        longest_seconds: of a call. The decision waits for longer: spans arrive when they end, and
            the one of a call ends last.
    """
    wait = int(longest_seconds) + AFTER_CALL_SECONDS
    exporter: dict[str, Any] = {
        "endpoint": sink.endpoint,
        "compression": "gzip",
        "timeout": "10s",
        "sending_queue": {"enabled": True, "queue_size": 1000},
        "retry_on_failure": {"enabled": True, "max_elapsed_time": "300s"},
    }
    if sink.ca_file:
        exporter["tls"] = {"ca_file": sink.ca_file}
    if sink.token:
        exporter["headers"] = {"Authorization": _GIVEN}
    return {
        "extensions": {"health_check": {"endpoint": f"{EVERY}:{HEALTH}"}},
        "receivers": {
            "otlp": {
                "protocols": {
                    "http": {
                        "endpoint": f"{EVERY}:{OTLP_HTTP}",
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
                "num_traces": sampling.waiting,
                "maximum_trace_size_bytes": LARGEST_TRACE,
                "decision_cache": {
                    "sampled_cache_size": 10 * sampling.waiting,
                    "non_sampled_cache_size": 10 * sampling.waiting,
                },
                "policies": _policies(sampling),
            },
            "batch": {"timeout": "1s", "send_batch_size": 512, "send_batch_max_size": 1024},
        },
        "exporters": {"otlphttp": exporter},
        "service": {
            "extensions": ["health_check"],
            "pipelines": {
                "traces": {
                    "receivers": ["otlp"],
                    "processors": ["memory_limiter", "tail_sampling", "batch"],
                    "exporters": ["otlphttp"],
                }
            },
            "telemetry": {
                "logs": {"encoding": "json", "level": "info"},
                "metrics": {
                    "readers": [
                        {"pull": {"exporter": {"prometheus": {"host": EVERY, "port": METRICS}}}}
                    ]
                },
            },
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
            "probabilistic": {"sampling_percentage": sampling.percent},
        },
    ]
