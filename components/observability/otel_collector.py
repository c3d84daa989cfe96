"""What all OpenTelemetry Collectors of a platform have in common."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import pulumi

from ..kubernetes.container import Container, Files, Port, Probe, Probes, SecretFiles
from ..kubernetes.resources import Resources

HEALTH: Final = 13133
METRICS: Final = 8888
ALL_ADDRESSES: Final = ""
"""Every address of the pod, IPv6 and IPv4; network policies decide who may connect."""
CONFIG: Final = "/etc/otelcol"
_FILE: Final = "collector.json"
HEALTH_CHECK: Final[Mapping[str, Any]] = {
    "health_check": {"endpoint": f"{ALL_ADDRESSES}:{HEALTH}"},
}
"""The extension that the probes ask."""


def own_telemetry(level: Literal["warn", "info"]) -> dict[str, Any]:
    """What a collector says about itself: its log from a level on, and metrics for Prometheus."""
    metrics = {"host": ALL_ADDRESSES, "port": METRICS}
    return {
        "logs": {"encoding": "json", "level": level},
        "metrics": {"readers": [{"pull": {"exporter": {"prometheus": metrics}}}]},
    }


def configuration_text(configuration: Mapping[str, Any]) -> str:
    """A configuration as the content of its file."""
    return json.dumps(configuration, indent=1) + "\n"


def collector_container(
    workload: str,
    image: pulumi.Input[str],
    configuration: pulumi.Input[str],
    resources: Resources,
    *,
    receives: Sequence[Port] = (),
    secrets: Sequence[SecretFiles],
    user: int | None = None,
) -> Container:
    """The container of a collector.

    Args:
        workload: whose ConfigMap has the configuration.
        image: OpenTelemetry Collector of the distribution ``contrib``.
        configuration: content of its file.
        resources: of the container.
        receives: ports besides those of metrics and health.
        secrets: its files from Secrets.
        user: id that it runs as; None: that of the pod.
    """
    probe = Probe(port=HEALTH, path="/")
    return Container(
        name="collector",
        image=image,
        command=["/otelcol-contrib", f"--config={CONFIG}/{_FILE}"],
        ports=[
            *receives,
            Port(name="metrics", number=METRICS),
            Port(name="health", number=HEALTH),
        ],
        probes=Probes(
            startup=Probe(port=HEALTH, path="/", period=5, failures=24),
            readiness=probe,
            liveness=probe,
        ),
        resources=resources,
        files=[Files(name=f"{workload}-config", path=CONFIG, content={_FILE: configuration})],
        secrets=secrets,
        user=user,
    )
