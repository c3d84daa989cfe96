"""The configuration of the collector that reads the log files of a node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from ..base.arg_types import ByteSize, DnsLabel, Word
from ..base.quantities import quantity
from ..mcp.otlp_problems import LOKI_PATHS, PATHS
from .log_fields import SECURITY, LogMasking, masking_statements, normalizing_statements
from .otel_collector import HEALTH_CHECK, own_telemetry
from .otlp_sink import OtlpSink, authenticator, base_url, connection

PODS: Final = "/var/log/pods"
"""Where a node has the log files of its pods, by namespace, pod and container."""
STATE: Final = "/var/lib/otelcol"
"""Where the collector keeps how far it has read each file, and what it has not yet delivered."""
_MEBIBYTE: Final = 1024**2
LONGEST_LINE: Final = _MEBIBYTE // 2
"""Bytes of a line, after which its rest is another line. A batch has room for a line whose fields
have its message again: one line larger than a batch would be dropped, with those read with it."""
LARGEST_BATCH: Final = 2 * _MEBIBYTE
"""Bytes of a request to the forwarder, in Protocol Buffers."""
JSON_GROWTH: Final = 8
"""A byte of OTLP in Protocol Buffers is at most eight in JSON: a control character becomes six, an
empty list of 4 bytes 29."""
_NO_FIRST_LINE: Final = r"^([ \t]|[A-Za-z_.]+(Error|Exception)(:|$))"
"""Further lines of a statement of PostgreSQL, and of a traceback of Python or Go."""
LogSinkKind = Literal["log-store", "log-forwarder", "loki", "otlp"]
_PATHS: Final[Mapping[LogSinkKind, str]] = {
    "log-store": "/insert/opentelemetry/v1/logs",
    "log-forwarder": "/v1/logs",
    "loki": "/otlp/v1/logs",
    "otlp": "/v1/logs",
}
"""Where each kind takes OTLP, below its URL."""


@dataclass(frozen=True, kw_only=True)
class LogSink(OtlpSink):
    """Where the collector sends log lines, by OTLP over TLS.

    Attributes:
        kind: ``log-store``: VictoriaLogs, with security events in a tenant of their own;
            ``loki``: Grafana Loki, the same; ``log-forwarder``: a LogForwarder, in front of
            Elasticsearch or OpenSearch; ``otlp``: any other that takes OTLP, with the attribute
            ``log.index`` of the resource.
        url: its URL, without the path of the kind.
        index: of all lines but security events: the tenant of Loki (``X-Scope-OrgID``), the value
            of ``log.index``. VictoriaLogs has them in project 0.
        security_index: the same of security events. VictoriaLogs has them in project 1.
    """

    kind: LogSinkKind
    index: Word = "qudag-mcp-logs"
    security_index: Word = "qudag-mcp-security"

    @property
    def refused_paths(self) -> Sequence[str]:
        """Those of Loki as well, if it is one."""
        return LOKI_PATHS if self.kind == "loki" else PATHS


def log_pipeline(
    namespaces: Sequence[str],
    services: Sequence[DnsLabel],
    sink: LogSink,
    masking: LogMasking,
    *,
    queue_bytes: ByteSize,
    memory: ByteSize,
) -> dict[str, Any]:
    """The collector's configuration.

    Args:
        namespaces: whose pods' files are read, and no others.
        services: names of the workloads in them.
        sink: where lines are sent.
        masking: what becomes of personal data.
        queue_bytes: most bytes of undelivered lines on the disk of a node, in each of two queues.
        memory: limit of the container.
    """
    indexes = {"main": sink.index, "security": sink.security_index}
    dropped = {"main": "==", "security": "!="}
    return {
        "extensions": {
            "file_storage": {
                "directory": STATE,
                "compaction": {"on_rebound": True, "directory": STATE},
            },
            **HEALTH_CHECK,
            **authenticator(sink),
        },
        "receivers": {"filelog": _files(namespaces)},
        "processors": {
            "memory_limiter": {
                "check_interval": "1s",
                "limit_mib": int(quantity(memory) * 4 / 5) // _MEBIBYTE,
                "spike_limit_mib": int(quantity(memory) / 5) // _MEBIBYTE,
            },
            # A statement that does not fit a line leaves the line as it is.
            "transform/form": {
                "error_mode": "silent",
                "log_statements": normalizing_statements(services),
            },
            # A line that could not be masked is not delivered.
            "transform/mask": {
                "error_mode": "propagate",
                "log_statements": masking_statements(masking),
            },
            **{
                f"filter/{name}": {
                    "error_mode": "propagate",
                    "logs": {"log_record": [f'log.attributes["category"] {compared} "{SECURITY}"']},
                }
                for name, compared in dropped.items()
            },
            **{
                f"resource/{name}": {
                    "attributes": [{"key": "log.index", "value": index, "action": "upsert"}]
                }
                for name, index in indexes.items()
            },
        },
        "connectors": {"forward": {}},
        "exporters": {
            f"otlphttp/{name}": _exporter(sink, name, index, queue_bytes)
            for name, index in indexes.items()
        },
        "service": {
            "extensions": ["file_storage", "health_check", *authenticator(sink)],
            "telemetry": own_telemetry("warn"),
            "pipelines": {
                "logs/read": {
                    "receivers": ["filelog"],
                    "processors": ["memory_limiter", "transform/form", "transform/mask"],
                    "exporters": ["forward"],
                },
                **{
                    f"logs/{name}": {
                        "receivers": ["forward"],
                        "processors": [f"filter/{name}", f"resource/{name}"],
                        "exporters": [f"otlphttp/{name}"],
                    }
                    for name in indexes
                },
            },
        },
    }


def _files(namespaces: Sequence[str]) -> dict[str, Any]:
    """Reads the files from their beginning, and continues after a restart where it was."""
    return {
        "include": [f"{PODS}/{namespace}_*/*/*.log" for namespace in namespaces],
        "start_at": "beginning",
        "include_file_path": True,
        "include_file_name": False,
        "storage": "file_storage",
        # Lines that no queue takes are tried again, not dropped.
        "retry_on_failure": {"enabled": True, "max_elapsed_time": "0s"},
        "operators": [
            # The file format of container runtimes: joins parts of long lines, and names the pod.
            {
                "type": "container",
                "id": "container",
                "max_log_size": LONGEST_LINE,
                "on_error": "send",
            },
            {
                "type": "router",
                "id": "lines",
                "default": "multiline",
                "routes": [{"expr": 'body startsWith "{"', "output": "end"}],
            },
            {
                "type": "recombine",
                "id": "multiline",
                "combine_field": "body",
                "combine_with": "\n",
                "is_first_entry": f'not (body matches "{_NO_FIRST_LINE}")',
                "source_identifier": 'attributes["log.file.path"]',
                "force_flush_period": "5s",
                "max_log_size": "256KiB",
                "on_error": "send",
            },
            {"type": "remove", "id": "end", "field": 'attributes["log.file.path"]'},
        ],
    }


def _exporter(sink: LogSink, name: str, index: str, queue_bytes: ByteSize) -> dict[str, Any]:
    headers: Mapping[LogSinkKind, Mapping[str, str]] = {
        "log-store": {"AccountID": "0", "ProjectID": "1" if name == "security" else "0"},
        "loki": {"X-Scope-OrgID": index},
    }
    return {
        "logs_endpoint": base_url(sink) + _PATHS[sink.kind],
        "headers": dict(headers.get(sink.kind, {})),
        # What the forwarder reads.
        **({"encoding": "json", "compression": "none"} if sink.kind == "log-forwarder" else {}),
        **connection(sink),
        "timeout": "30s",
        "sending_queue": {
            "storage": "file_storage",
            "sizer": "bytes",
            "queue_size": int(quantity(queue_bytes)),
            # Reading stops when the queue is full, until there is room again.
            "block_on_overflow": True,
            "num_consumers": 4,
            **({"batch": _PARTS} if sink.kind == "log-forwarder" else {}),
        },
    }


_PARTS: Final = {"sizer": "bytes", "min_size": 0, "max_size": LARGEST_BATCH}
"""What is read at once is sent at once, in parts that the forwarder takes."""
