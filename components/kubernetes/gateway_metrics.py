"""The exporter of nginx's metrics, a sidecar in the gateway's pods."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

import pulumi

from ..base.arg_types import ContainerPort, Image
from ..base.problems import Problem
from ..mcp.server_config import METRICS, PROGRAM
from .container import Container, Port
from .keda import GATEWAY_SERIES
from .resources import EXPORTER_RESOURCES, Resources

EXPORTER: Final = "gateway-metrics"
"""Name of the container, and of the command that it runs."""
METRICS_LINES: Final = 9514
"""UDP port of loopback on which the exporter takes nginx's lines."""
METRICS_STATUS: Final = 8083
"""Port of loopback on which nginx tells the number of its connections."""
MONOLITH_METRICS: Final = 9091
"""In the pods of a monolith, where the server has METRICS."""


@dataclass(frozen=True, kw_only=True)
class GatewayMetrics:
    """The exporter beside nginx.

    Attributes:
        image: with ``qudag-mcp-server``, such as the servers' image.
        port: of /metrics; another one than the server's in the pods of a monolith.
        resources: of the exporter.
    """

    image: pulumi.Input[Image]
    port: ContainerPort = METRICS
    resources: Resources = EXPORTER_RESOURCES


def exporter(metrics: GatewayMetrics) -> Container:
    """The sidecar. It starts before nginx and ends after it, so that no line is lost."""
    status = f"http://127.0.0.1:{METRICS_STATUS}/status"
    return Container(
        name=EXPORTER,
        image=metrics.image,
        command=[
            *(PROGRAM, EXPORTER, "--port", str(metrics.port)),
            *("--lines", str(METRICS_LINES), "--status", status),
        ],
        ports=[Port(name=EXPORTER, number=metrics.port)],
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
