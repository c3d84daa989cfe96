"""The labels that every scraped series of a platform has; scrape configurations set them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal

NAMESPACE: Final = "namespace"
"""Namespace of the pod."""
JOB: Final = "job"
"""Name of the workload: the label ``app`` of its pods."""
POD: Final = "pod"
"""Name of the pod."""
EXPORTER: Final = "exporter"
"""Which program of the pod exports it, see ``ExporterName``: a monolith has two in a pod."""
TARGET_LABELS: Final = frozenset({NAMESPACE, JOB, POD, EXPORTER, "instance"})

ExporterName = Literal[
    "server",
    "gateway",
    "valkey",
    "postgres",
    "image",
    "egress",
    "log-collector",
    "log-forwarder",
    "trace-collector",
    "trace-store",
    "prometheus",
    "alertmanager",
]
"""Values of the label ``exporter``: an MCP server (with one process or several) or the bridge, the
exporter beside nginx, redis_exporter, postgres_exporter, a user's image with metrics of its own,
the egress proxy, a collector of log lines, what forwards them to Elasticsearch or OpenSearch, the
collector of traces, Jaeger, and the platform's own Prometheus and Alertmanager."""


def down(target: str) -> str:
    """That a pod of a target does not answer, or that the target has none.

    Args:
        target: matchers for its series of ``up``.
    """
    return f"up{{{target}}} == 0 or absent(up{{{target}}})"


def one_of(label: str, values: Collection[str]) -> str:
    """A matcher for series whose label has one of the values, which need no escaping."""
    texts = sorted(values)
    return f'{label}="{texts[0]}"' if len(texts) == 1 else f'{label}=~"{"|".join(texts)}"'
