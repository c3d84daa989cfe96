"""The exporter of nginx's metrics, a sidecar in the gateway's pods."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

import pulumi

from ..base.arg_types import ContainerPort, Image, SecretName
from ..base.problems import Problem
from ..mcp.server_config import INTERNAL_CA_PATH, METRICS, PROGRAM
from ..mcp.traces import TraceReceiver
from .container import Container, Port, Probe, Probes, SecretFiles
from .keda import GATEWAY_SERIES
from .resources import EXPORTER_RESOURCES, Resources

EXPORTER: Final = "gateway-metrics"
"""Name of the container, and of the command that it runs."""
METRICS_LINES: Final = 9514
"""UDP port of loopback on which the exporter takes nginx's lines."""
METRICS_STATUS: Final = 8083
"""Port of loopback on which nginx reports the number of its connections (`stub_status`)."""
TRACES_VARIABLE: Final = "QUDAG_MCP_TRACES"
"""Environment variable with the URL that the exporter sends spans to."""
MONOLITH_METRICS: Final = 9091
"""In the pods of a monolith, where the server has METRICS."""


@dataclass(frozen=True, kw_only=True)
class GatewayMetrics:
    """The exporter beside nginx.

    Attributes:
        image: with ``qudag-mcp-server``, such as the servers' image.
        port: of /metrics; another one than the server's in the pods of a monolith.
        resources: of the exporter.
        traces: what gets a span for each request; None: nginx starts no traces.
    """

    image: pulumi.Input[Image]
    port: ContainerPort = METRICS
    resources: Resources = EXPORTER_RESOURCES
    traces: TraceReceiver | None = None


def exporter(metrics: GatewayMetrics, ca_secret: SecretName) -> Container:
    """The sidecar. It starts before nginx and ends after it, so that no line is lost.

    It takes nginx's lines before it opens its port, and nginx starts when that is open. Once it
    has started nothing asks it again: a pod must not lose clients because its exporter is slow.

    Args:
        metrics: its settings.
        ca_secret: Secret whose ``ca.crt`` signs the certificate of what gets spans.
    """
    status = f"http://127.0.0.1:{METRICS_STATUS}/status"
    authority = SecretFiles(secret=ca_secret, path=INTERNAL_CA_PATH, keys=("ca.crt",))
    traces = ("--traces-ca", f"{INTERNAL_CA_PATH}/ca.crt") if metrics.traces else ()
    return Container(
        name=EXPORTER,
        image=metrics.image,
        command=[
            *(PROGRAM, EXPORTER, "--port", str(metrics.port)),
            *("--lines", str(METRICS_LINES), "--status", status),
            *traces,
        ],
        env={TRACES_VARIABLE: metrics.traces.endpoint} if metrics.traces else {},
        secrets=[authority] if metrics.traces else (),
        ports=[Port(name=EXPORTER, number=metrics.port)],
        probes=Probes(startup=Probe(port=metrics.port, period=1, failures=120)),
        resources=metrics.resources,
        sidecar=True,
    )


def followed_problems(followed: Collection[str], *, has_exporter: bool) -> Iterator[Problem]:
    """Metrics to scale a gateway by that nothing in its pods exports."""
    if followed and not has_exporter:
        yield Problem(
            "scaling.metrics",
            "is set, and metrics is not",
            "the autoscaler would remove no pods",
            "set metrics=GatewayMetrics(image=...), or scale the gateway by cpu and memory",
        )
    for name in followed:
        if name not in GATEWAY_SERIES:
            yield Problem(
                f"scaling.metrics.{name}",
                "is a metric of MCP servers, which a gateway does not export",
                "the autoscaler would remove no pods",
                f"one of: {', '.join(GATEWAY_SERIES)}",
            )
