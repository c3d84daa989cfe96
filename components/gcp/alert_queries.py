"""Queries in PromQL on the metrics of Google Cloud, which alert policies and the dashboard read.

Names follow "Mapping Cloud Monitoring metrics to PromQL". Metrics, resources and labels are those
of "Google Cloud metrics", for Cloud Run, Cloud SQL and Memorystore.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..mcp.cloud_alarms import (
    BurnAlarm,
    CloudThresholds,
    Objective,
    Window,
    burn_alarms,
)
from ..mcp.objectives import Objectives

MEMORY: Final = "container_memory_utilizations"
QUARTER_HOUR: Final = 900
"""Seconds that a use of resources must last."""


@dataclass(frozen=True, kw_only=True)
class AlertQuery:
    """An alert policy's query.

    Attributes:
        role: of the policy, such as cpu.
        query: in PromQL; the alert is raised while it returns anything.
        seconds: that it must return something for.
        description: what it indicates.
        critical: whether somebody must look at once.
    """

    role: str
    query: str
    seconds: int
    description: str
    critical: bool = False


def requests(service: str, more: str = "") -> str:
    """The counter of requests of a service."""
    return f"run_googleapis_com:request_count{{{_of(service)}{more}}}"


def service_metric(service: str, metric: str) -> str:
    """Another metric of a service."""
    return f"run_googleapis_com:{metric}{{{_of(service)}}}"


def _of(service: str) -> str:
    return f'monitored_resource="cloud_run_revision",service_name="{service}"'


def share_failed(service: str, window: str) -> str:
    """The share of requests that fail with 5xx."""
    failed = requests(service, ',response_code_class="5xx"')
    return f"sum(rate({failed}[{window}])) / sum(rate({requests(service)}[{window}]))"


def latency(service: str, quantile: float, window: str) -> str:
    """A quantile of the time of requests, in milliseconds."""
    buckets = service_metric(service, "request_latencies_bucket")
    return f"histogram_quantile({quantile:g}, sum by (le) (rate({buckets}[{window}])))"


def burn_query(service: str, burn: BurnAlarm, objectives: Objectives) -> str:
    """Both windows of any pair have too high a share.

    The bounds of Cloud Run's histogram are Google's. So slow requests are not counted in a bucket:
    more than a share is slow where the quantile of the other requests is above the bound.
    """
    pairs = (
        " and ".join(_too_many(service, burn.objective, window, objectives) for window in pair)
        for pair in burn.pairs
    )
    return " or ".join(f"({pair})" for pair in pairs)


def _too_many(service: str, objective: Objective, window: Window, objectives: Objectives) -> str:
    if objective == "availability":
        return f"{share_failed(service, window.name)} > {window.above:g}"
    milliseconds = objectives.latency_seconds * 1000
    # Shares have six digits.
    return f"{latency(service, round(1 - window.above, 6), window.name)} > {milliseconds:g}"


def of_objectives(service: str, objectives: Objectives) -> Iterator[AlertQuery]:
    """Fast and slow burn of both objectives."""
    for burn in burn_alarms(objectives):
        yield AlertQuery(
            role=burn.name,
            query=burn_query(service, burn, objectives),
            seconds=0,
            description=burn.description,
            critical=burn.severity == "critical",
        )


def of_service(
    service: str, least: int, most: int, limits: CloudThresholds
) -> Iterator[AlertQuery]:
    """Instances near their maximum, requests without an instance, CPU and memory.

    A service that always runs that many instances, or that has one, is not near its maximum.
    """
    instances = service_metric(service, "container_instance_count")
    near = most * limits.concurrency_percent / 100
    if max(least, 1) < near:
        yield AlertQuery(
            role="instances",
            query=f"sum(avg_over_time({instances}[5m])) >= {near:g}",
            seconds=QUARTER_HOUR,
            description=f"nearly as many instances run as there may be: {most}",
        )
    limited = requests(service, ',response_code="429"')
    yield AlertQuery(
        role="throttled",
        query=f"sum(rate({limited}[5m])) > {limits.limited_per_second:g}",
        seconds=300,
        description="requests are refused with 429: by a limit, or because no instance is free",
    )
    for role, metric in (("cpu", "container_cpu_utilizations"), ("memory", MEMORY)):
        yield AlertQuery(
            role=role,
            query=f"{used(service, metric)} > {limits.resource_percent / 100:g}",
            seconds=QUARTER_HOUR,
            description=f"{role} of an instance is nearly used up",
        )


def used(service: str, metric: str) -> str:
    """What nearly all instances use at most, from 0 to 1."""
    buckets = service_metric(service, f"{metric}_bucket")
    return f"histogram_quantile(0.99, sum by (le) (rate({buckets}[5m])))"


def failures_filter(service: str) -> str:
    """The log entries of Cloud Run about an instance that could not start, or has ended."""
    return (
        'resource.type="cloud_run_revision" AND '
        f'resource.labels.service_name="{service}" AND '
        'log_id("run.googleapis.com/varlog/system") AND severity>=ERROR'
    )


def database_metric(project: str, instance: str, metric: str) -> str:
    """A metric of an instance of Cloud SQL."""
    of = f'monitored_resource="cloudsql_database",database_id="{project}:{instance}"'
    return f"cloudsql_googleapis_com:database_{metric}{{{of}}}"


def of_database(
    project: str, instance: str, *, machine: str, replica: bool, limits: CloudThresholds
) -> Iterator[AlertQuery]:
    """CPU, memory, storage, connections, and how far a replica is behind."""

    def metric(name: str) -> str:
        return database_metric(project, instance, name)

    for role, name, percent in (
        ("cpu", "cpu_utilization", limits.resource_percent),
        ("memory", "memory_utilization", limits.storage_percent),
        ("storage", "disk_utilization", limits.storage_percent),
    ):
        yield AlertQuery(
            role=role,
            query=f"max(avg_over_time({metric(name)}[5m])) > {percent / 100:g}",
            seconds=QUARTER_HOUR,
            description=f"{role} is nearly used up",
        )
    if accepted := most_connections(machine):
        most = accepted * limits.connections_percent / 100
        yield AlertQuery(
            role="connections",
            query=f"sum({metric('postgresql_num_backends')}) >= {most:g}",
            seconds=300,
            description=f"connections are near the {accepted} that it accepts",
        )
    if replica:
        lag = f"max({metric('replication_replica_lag')})"
        yield AlertQuery(
            role="replication",
            query=f"{lag} > {limits.replication_lag_seconds:g}",
            seconds=300,
            description="the replica is behind",
        )


def cache_metric(instance: str, metric: str) -> str:
    """A metric of an instance of Memorystore."""
    of = f'monitored_resource="memorystore.googleapis.com/Instance",instance_id="{instance}"'
    return f"memorystore_googleapis_com:instance_{metric}{{{of}}}"


def of_cache(instance: str, *, sessions: bool, limits: CloudThresholds) -> Iterator[AlertQuery]:
    """Memory, CPU, and sessions that are lost."""
    for role in ("memory", "cpu"):
        yield AlertQuery(
            role=role,
            query=f"max({cache_metric(instance, f'{role}_maximum_utilization')})"
            f" > {limits.resource_percent / 100:g}",
            seconds=QUARTER_HOUR,
            description=f"{role} is nearly used up",
        )
    if sessions:
        evicted = cache_metric(instance, "stats_total_evicted_keys_count")
        yield AlertQuery(
            role="evictions",
            query=f"sum(increase({evicted}[5m])) > 0",
            seconds=0,
            description="sessions are evicted",
            critical=True,
        )


_CUSTOM: Final = re.compile(r"db-custom-[0-9]+-(?P<megabytes>[0-9]+)")
_CONNECTIONS: Final = (
    (120, 1000),
    (60, 800),
    (30, 600),
    (15, 500),
    (7.5, 400),
    (6, 200),
    (3.75, 100),
)
"""From how many GB of memory on (Cloud SQL for PostgreSQL, Configure database flags)."""


def most_connections(machine: str) -> int | None:
    """The default of ``max_connections`` of a tier; None: unknown."""
    match = _CUSTOM.fullmatch(machine)
    if match is None:
        return None
    gigabytes = int(match["megabytes"]) / 1024
    return next((most for least, most in _CONNECTIONS if gigabytes >= least), 50)
