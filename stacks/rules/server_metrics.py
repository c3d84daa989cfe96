"""Rules for `servers.<name>.metrics`: someone may read them, and the image has them there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydantic.alias_generators import to_camel

from components.base.problems import Problem
from components.kubernetes.image_metrics import IMAGE_METRICS
from components.mcp.server_config import HTTPS

from ..config.server_metrics import ServerMetrics
from ..config.stack import StackConfig
from .rule import Rule, at, path_of


def metrics_of_servers_are_read(config: StackConfig) -> Iterator[Problem]:
    """Some Prometheus may connect to the server, which runs in the cluster."""
    for name, server in config.servers.items():
        if server.metrics is None:
            continue
        if not server.in_cluster:
            yield at(
                path_of("servers", name, "metrics"),
                "is set, and targets has no kubernetes",
                "it would have no effect: Prometheus reads pods of the cluster",
                "leave it out, or add kubernetes to targets",
            )
        elif config.scraper is None:
            yield at(
                path_of("servers", name, "metrics"),
                "is set, and network.prometheus is missing",
                "network policies would let no one read them",
                "set network.prometheus or observability.kind: standalone, or leave it out",
            )


def metrics_of_servers_are_there(config: StackConfig) -> Iterator[Problem]:
    """Ports at which nothing else listens; of the bridge only what it has."""
    for name, server in config.cluster_servers.items():
        if server.metrics is None:
            continue
        passed_on = {IMAGE_METRICS: "nginx passes on the metrics"}
        taken = {HTTPS: "nginx accepts TLS", **passed_on}
        if server.bridged:
            taken[server.port] = "the bridge serves MCP"
        for steps, port, others in (
            (("port",), server.port, passed_on),
            (("metrics", "port"), server.metrics.port, taken),
        ):
            if port in others:
                yield at(
                    path_of("servers", name, *steps),
                    f"is {port}, where {others[port]} in the same pods",
                    "one of the two could not start",
                    "write another port",
                )
        if server.bridged:
            yield from _not_of_the_bridge(name, server.metrics)


def _not_of_the_bridge(name: str, metrics: ServerMetrics) -> Iterator[Problem]:
    stated = ["path"] if metrics.path != "/metrics" else []
    for field in (*stated, *metrics.named):
        yield at(
            path_of("servers", name, "metrics", to_camel(field)),
            "is set, and the bridge has the metrics",
            "it exports those of docs/reference/metrics.md at /metrics, and no others",
            "leave it out",
        )


SERVER_METRIC_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("servers", "network.prometheus", "observability.kind"), metrics_of_servers_are_read),
    (("servers",), metrics_of_servers_are_there),
]
"""Each rule with what it reads."""
