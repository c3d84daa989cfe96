"""Jaeger of the platform's own, which keeps the traces that the collector sends."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Final

import pulumi

from ..base.arg_types import Image
from ..base.component import Component
from ..base.constraints import Range
from ..base.kubernetes_object import Manifest
from ..base.problems import Problem
from ..base.quantities import quantity
from ..kubernetes.container import Container, Files, Port, Probe, Probes, SecretFiles
from ..kubernetes.exposure import Exposure
from ..kubernetes.resources import EXPORTER_RESOURCES
from ..kubernetes.workload import Workload, WorkloadArgs, WorkloadKind
from ..mcp.server_config import INTERNAL_TLS_PATH, PROGRAM
from ..mcp.traces import OTLP_HTTP
from .otel_collector import METRICS, own_telemetry
from .single_pod import data_volume
from .store_args import StoreArgs
from .store_sizes import TRACES

TRACE_STORE: Final = "trace-store"
TRACE_QUERY: Final = 16686
"""Port of Jaeger's pages and of its API."""
HEALTH: Final = 13133
HEALTH_PATH: Final = "/status"
LIMIT: Final = "trace-store-limit"
"""Name of the container that deletes all traces when they are too large."""
LIMIT_PORT: Final = 13134
"""Port on which it tells whether Jaeger may run on."""
MOST_PERCENT: Final = 90
"""Of the volume, which traces may have."""
LEAST_FREE_PERCENT: Final = 5
"""Of the volume's size, which must be free."""
CONFIG: Final = "/etc/jaeger"
DATA: Final = "/data"
FOLDERS: Final = (f"{DATA}/keys", f"{DATA}/values")
_STORAGE: Final = "badger"
TraceDays = Annotated[
    int, Range(least=1, most=365, consequence="traces would be deleted at once, or never")
]


@dataclass(frozen=True, kw_only=True)
class TraceStoreArgs(StoreArgs):
    """Args of ``TraceStore``.

    Attributes:
        image: Jaeger 2.
        tls_secret: Secret with ``tls.crt`` and ``tls.key`` for the name
            ``trace-store-service.<namespace>.svc``.
        retention_days: after which traces are deleted.
        size: of the volume. When traces have 90 % of it, or less than 5 % are free, Jaeger is
            restarted without them.
        limit_image: with ``qudag-mcp-server``, such as the servers' image, which does this; None:
            Jaeger ends when the volume is full, and cannot start again.
    """

    retention_days: TraceDays = 7
    limit_image: pulumi.Input[Image] | None = None

    def refusals(self) -> list[Problem]:
        """Problems of the size."""
        return list(TRACES.problems("size", self.size))


class TraceStore(Component[TraceStoreArgs]):
    """A Jaeger with a volume and its Service.

    It takes OTLP over TLS on port 4318, and has its pages and API over TLS on port 16686. It asks
    for no login: network policies must say who may connect.

    Attributes:
        host: DNS name of its Service.
    """

    args_type = TraceStoreArgs

    host: pulumi.Output[str]

    def build(self, args: TraceStoreArgs) -> None:
        self.host = Workload(self.named(TRACE_STORE), _workload(args), opts=self.owned()).host

    @classmethod
    def manifests(cls, name: str, args: TraceStoreArgs) -> list[Manifest]:
        """Every object that a component of this name and args registers."""
        return Workload.manifests(f"{name}-{TRACE_STORE}", _workload(args))


def trace_store_config(retention_days: int) -> dict[str, Any]:
    """Jaeger's configuration.

    Args:
        retention_days: after which traces are deleted.
    """
    tls = {
        "cert_file": f"{INTERNAL_TLS_PATH}/tls.crt",
        "key_file": f"{INTERNAL_TLS_PATH}/tls.key",
        "min_version": "1.2",
        "reload_interval": "1h",
    }
    return {
        "extensions": {
            # Every address, IPv6 and IPv4; network policies decide who may connect.
            "healthcheckv2": {
                "use_v2": True,
                "http": {
                    "endpoint": f":{HEALTH}",
                    "status": {"enabled": True, "path": HEALTH_PATH},
                },
            },
            "jaeger_storage": {
                "backends": {
                    _STORAGE: {
                        "badger": {
                            "directories": dict(zip(("keys", "values"), FOLDERS, strict=True)),
                            "ephemeral": False,
                            "ttl": {"spans": f"{retention_days * 24}h"},
                            # How often it measures the space that is left.
                            "maintenance_interval": "1m",
                        }
                    }
                }
            },
            "jaeger_query": {
                "storage": {"traces": _STORAGE},
                "enable_tracing": False,
                "http": {"endpoint": f":{TRACE_QUERY}", "tls": tls},
                "grpc": {"endpoint": "localhost:16685"},
            },
        },
        "receivers": {
            "otlp": {"protocols": {"http": {"endpoint": f":{OTLP_HTTP}", "tls": tls}}},
        },
        "processors": {
            "memory_limiter": {
                "check_interval": "1s",
                "limit_percentage": 80,
                "spike_limit_percentage": 20,
            },
        },
        "exporters": {"jaeger_storage_exporter": {"trace_storage": _STORAGE}},
        "service": {
            "extensions": ["healthcheckv2", "jaeger_storage", "jaeger_query"],
            "pipelines": {
                "traces": {
                    "receivers": ["otlp"],
                    # Without "batch", which would answer before a span is stored: the collector
                    # keeps what Jaeger refuses, and sends it again.
                    "processors": ["memory_limiter"],
                    "exporters": ["jaeger_storage_exporter"],
                }
            },
            "telemetry": {
                "resource": {"service.name": TRACE_STORE},
                **own_telemetry("info"),
            },
        },
    }


def _workload(args: TraceStoreArgs) -> WorkloadArgs:
    return WorkloadArgs(
        namespace=args.namespace,
        component="tracing",
        containers=[
            _container(args),
            *([_limit(args, args.limit_image)] if args.limit_image is not None else []),
        ],
        name=TRACE_STORE,
        replicas=1,
        kind=WorkloadKind.STATEFUL_SET,
        exposure=Exposure(ip_families=args.ip_families),
        grace=60,
        metrics_port=METRICS,
        pods=args.pods,
    )


def _container(args: TraceStoreArgs) -> Container:
    healthy = Probe(port=HEALTH, path=HEALTH_PATH)
    text = json.dumps(trace_store_config(args.retention_days), indent=1) + "\n"
    return Container(
        name=TRACE_STORE,
        image=args.image,
        command=["/cmd/jaeger/jaeger-linux", f"--config={CONFIG}/jaeger.json"],
        ports=[
            Port(name="otlp", number=OTLP_HTTP, service=OTLP_HTTP),
            Port(name="query", number=TRACE_QUERY, service=TRACE_QUERY),
            Port(name="metrics", number=METRICS),
            Port(name="health", number=HEALTH),
        ],
        probes=Probes(
            startup=Probe(port=HEALTH, path=HEALTH_PATH, period=5, failures=60),
            readiness=healthy,
            # That of the other container: it tells of Jaeger's health, unless the store is full.
            liveness=healthy if args.limit_image is None else Probe(port=LIMIT_PORT, path="/"),
        ),
        resources=args.resources,
        files=[Files(name=f"{TRACE_STORE}-config", path=CONFIG, content={"jaeger.json": text})],
        secrets=[
            SecretFiles(secret=args.tls_secret, path=INTERNAL_TLS_PATH, keys=("tls.crt", "tls.key"))
        ],
        claims=[data_volume(args, DATA)],
    )


def _limit(args: TraceStoreArgs, image: pulumi.Input[str]) -> Container:
    """The sidecar. It starts before Jaeger, which cannot start while the volume is full."""
    size = quantity(args.size)
    return Container(
        name=LIMIT,
        image=image,
        command=[
            *(PROGRAM, "limit-trace-store", *FOLDERS),
            *("--most-bytes", str(int(size * MOST_PERCENT / 100))),
            *("--least-free-bytes", str(int(size * LEAST_FREE_PERCENT / 100))),
            *("--health", f"http://localhost:{HEALTH}{HEALTH_PATH}"),
            *("--port", str(LIMIT_PORT)),
        ],
        ports=[Port(name="limit", number=LIMIT_PORT)],
        probes=Probes(startup=Probe(port=LIMIT_PORT, period=1, failures=120)),
        resources=EXPORTER_RESOURCES,
        claims=[data_volume(args, DATA)],
        sidecar=True,
    )
