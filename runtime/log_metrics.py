"""The metrics of the forwarder of log lines, and of the last run of the retention."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""A request to the store ends after 20 s at the latest, unless it is configured otherwise."""


class LogMetrics:
    """The metrics of one forwarder, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.requests = Counter(
            "mcp_log_requests", "Requests of collectors answered.", ["status"], registry=registry
        )
        self.unanswered = Gauge(
            "mcp_log_requests_unanswered",
            "Requests of collectors that are being stored, or wait for others.",
            registry=registry,
        )
        self.lines = Counter(
            "mcp_log_lines",
            "Lines that the store has stored, or has refused for good.",
            ["outcome"],
            registry=registry,
        )
        for outcome in ("stored", "refused"):
            self.lines.labels(outcome)
        self.store_seconds = Histogram(
            "mcp_log_store_duration_seconds",
            "From a request with lines to the answer of the store or to a timeout or error.",
            buckets=SECONDS,
            registry=registry,
        )
        self.store_up = Gauge(
            "mcp_log_store_up",
            "1 if the store answered the last request without an error in time, else 0.",
            registry=registry,
        )
        self.store_up.set(1)
        self.retention = RetentionAge()
        registry.register(self.retention)


class RetentionAge(Collector):
    """The age of the last successful run of `log-retention`; no series before the first one."""

    def __init__(self) -> None:
        self.ended: float | None = None

    def end(self) -> None:
        """A run has succeeded just now."""
        self.ended = time.time()

    def collect(self) -> Iterator[Metric]:
        """As `Collector.collect`; the age is computed at each scrape."""
        if self.ended is not None:
            yield GaugeMetricFamily(
                "mcp_log_retention_age_seconds",
                "Since the last run of log-retention that succeeded.",
                value=max(0.0, time.time() - self.ended),
            )
