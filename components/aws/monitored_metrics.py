"""The metrics of CloudWatch that objectives and thresholds are measured by.

Names and dimensions are those of AWS's documents: "Viewing metrics for Lambda functions",
"Monitor HTTP APIs with CloudWatch metrics", "CloudWatch metrics for your Application Load
Balancer", "Amazon ECS Container Insights metrics", "Amazon CloudWatch metrics for Amazon RDS" and
"Metrics for Valkey and Redis OSS".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import pulumi

from ..mcp.cloud_alarms import CloudThresholds
from .alarms import BELOW, Alarm
from .monitored import (
    AwsMonitoredCache,
    AwsMonitoredContainer,
    AwsMonitoredDatabase,
    AwsMonitoredFunction,
)

Dimensions = Mapping[str, pulumi.Input[str]]
LAMBDA: Final = "AWS/Lambda"
API_GATEWAY: Final = "AWS/ApiGateway"
BALANCERS: Final = "AWS/ApplicationELB"
ECS: Final = "AWS/ECS"
INSIGHTS: Final = "ECS/ContainerInsights"
RDS: Final = "AWS/RDS"
ELASTICACHE: Final = "AWS/ElastiCache"
QUARTER_HOUR: Final = 3
"""Periods of five minutes that a use of resources must last."""


@dataclass(frozen=True, kw_only=True)
class Requests:
    """How the requests of a server are counted and timed.

    Attributes:
        namespace, dimensions: of its metrics.
        count: metrics whose sum is the number of requests.
        failed: metrics whose sum is the number of those that failed with 5xx.
        latency: metric of their time.
        per_second: units of ``latency`` in a second.
    """

    namespace: str
    dimensions: Dimensions
    count: tuple[str, ...]
    failed: tuple[str, ...]
    latency: str
    per_second: int


def requests_of(server: AwsMonitoredFunction | AwsMonitoredContainer) -> Requests:
    """What clients see: at the load balancer, the HTTP API or the function URL."""
    if isinstance(server, AwsMonitoredContainer):
        return Requests(
            namespace=BALANCERS,
            dimensions={"LoadBalancer": server.load_balancer},
            # RequestCount has no requests that the load balancer answers with 5xx itself.
            count=("RequestCount", "HTTPCode_ELB_5XX_Count"),
            failed=("HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count"),
            latency="TargetResponseTime",
            per_second=1,
        )
    if server.api is not None:
        return Requests(
            namespace=API_GATEWAY,
            dimensions={"ApiId": server.api},
            count=("Count",),
            failed=("5xx",),
            latency="Latency",
            per_second=1000,
        )
    return Requests(
        namespace=LAMBDA,
        dimensions={"FunctionName": server.function},
        count=("UrlRequestCount",),
        failed=("Url5xxCount",),
        latency="UrlRequestLatency",
        per_second=1000,
    )


@dataclass(frozen=True, kw_only=True)
class Measured:
    """An alarm with a threshold, and what it is on.

    Attributes:
        role: of the alarm, such as forecast-cpu.
        alarm: the metric and its threshold.
        dimensions: of the metric.
    """

    role: str
    alarm: Alarm
    dimensions: Dimensions


def of_function(server: AwsMonitoredFunction, limits: CloudThresholds) -> Iterator[Measured]:
    """Calls at once near those that are reserved; `AwsLambda` has alarms on the rest."""
    most = server.concurrency * limits.concurrency_percent / 100
    yield Measured(
        role=f"{server.name}-concurrency",
        alarm=Alarm(
            LAMBDA,
            "ConcurrentExecutions",
            "Maximum",
            most,
            f"{server.name}: calls at once are near the {server.concurrency} that are reserved",
        ),
        dimensions={"FunctionName": server.function},
    )


def of_container(server: AwsMonitoredContainer, limits: CloudThresholds) -> Iterator[Measured]:
    """Tasks that ended, as many tasks as there may be, CPU and memory."""
    service: Dimensions = {"ClusterName": server.cluster, "ServiceName": server.service}
    fewest, most = server.min_instances, server.max_instances
    alarms = {
        "tasks": Alarm(
            INSIGHTS,
            "RunningTaskCount",
            "Minimum",
            fewest,
            f"{server.name}: a task has ended, and fewer than {fewest} ran",
            comparison=BELOW,
            without_data="breaching",
        ),
        "cpu": Alarm(
            ECS,
            "CPUUtilization",
            "Average",
            limits.resource_percent,
            f"{server.name}: CPU is nearly used up",
            periods=QUARTER_HOUR,
        ),
        "memory": Alarm(
            ECS,
            "MemoryUtilization",
            "Maximum",
            limits.resource_percent,
            f"{server.name}: a task may be ended for its memory",
            periods=QUARTER_HOUR,
        ),
    }
    if most > fewest:
        alarms["most-tasks"] = Alarm(
            INSIGHTS,
            "DesiredTaskCount",
            "Minimum",
            most,
            f"{server.name}: as many tasks run as there may be",
            periods=QUARTER_HOUR,
        )
    for role, alarm in alarms.items():
        yield Measured(role=f"{server.name}-{role}", alarm=alarm, dimensions=service)


def of_database(database: AwsMonitoredDatabase, limits: CloudThresholds) -> Iterator[Measured]:
    """CPU, storage, connections, and how far a replica is behind."""
    name = database.name
    free = round(database.storage_gb * 2**30 * (1 - limits.storage_percent / 100))
    alarms = {
        "cpu": Alarm(
            RDS,
            "CPUUtilization",
            "Average",
            limits.resource_percent,
            f"{name}: CPU is nearly used up",
            periods=QUARTER_HOUR,
        ),
        # RDS makes it larger when a tenth is free; below that it has not.
        "storage": Alarm(
            RDS,
            "FreeStorageSpace",
            "Minimum",
            free,
            f"{name}: storage is nearly used up, and did not grow",
            periods=QUARTER_HOUR,
            comparison=BELOW,
        ),
    }
    if accepted := most_connections(database.machine):
        alarms["connections"] = Alarm(
            RDS,
            "DatabaseConnections",
            "Maximum",
            round(accepted * limits.connections_percent / 100),
            f"{name}: connections are near the {accepted} that it accepts",
        )
    if database.replica:
        alarms["replication"] = Alarm(
            RDS,
            "ReplicaLag",
            "Maximum",
            limits.replication_lag_seconds,
            f"{name}: the replica is behind",
            without_data="breaching",
        )
    for role, alarm in alarms.items():
        dimensions: Dimensions = {"DBInstanceIdentifier": database.instance}
        yield Measured(role=f"{name}-{role}", alarm=alarm, dimensions=dimensions)


def of_cache(cache: AwsMonitoredCache, limits: CloudThresholds) -> Iterator[Measured]:
    """Memory, CPU, and sessions that are lost or would be lost with the primary."""
    name = cache.name
    alarms = {
        "memory": Alarm(
            ELASTICACHE,
            "DatabaseMemoryUsagePercentage",
            "Maximum",
            limits.resource_percent,
            f"{name}: memory is nearly used up",
        ),
        "cpu": Alarm(
            ELASTICACHE,
            "EngineCPUUtilization",
            "Average",
            limits.resource_percent,
            f"{name}: CPU is nearly used up",
            periods=QUARTER_HOUR,
        ),
    }
    if cache.sessions:
        alarms["evictions"] = Alarm(
            ELASTICACHE, "Evictions", "Sum", 1, f"{name}: sessions are evicted"
        )
    if cache.replica:
        alarms["replication"] = Alarm(
            ELASTICACHE,
            "ReplicationLag",
            "Maximum",
            limits.replication_lag_seconds,
            f"{name}: the replica is behind",
        )
    for role, alarm in alarms.items():
        dimensions: Dimensions = {"CacheClusterId": cache.node}
        yield Measured(role=f"{name}-{role}", alarm=alarm, dimensions=dimensions)


_CLASS: Final = re.compile(
    r"db\.(?P<family>[tmrx])[0-9][a-z0-9]*\.((?P<small>micro|small|medium)|(?P<times>[0-9]*)(?P<x>x?)large)"
)
_SMALL: Final = {"micro": 1, "small": 2, "medium": 4}
_PER_LARGE: Final = {"t": 8, "m": 8, "r": 16, "x": 32}
_BYTES_EACH: Final = 9_531_392


def most_connections(machine: str) -> int | None:
    """About how many connections PostgreSQL accepts on an instance class; None: unknown.

    RDS's default is ``LEAST(DBInstanceClassMemory / 9531392, 5000)`` (Amazon RDS User Guide,
    Quotas and constraints). DBInstanceClassMemory is the memory without what the system uses, here
    0.3 GiB and 5 %, which is rather too much: the alarm comes rather early.
    """
    match = _CLASS.fullmatch(machine)
    if match is None:
        return None
    large = _PER_LARGE[match["family"]]
    memory = _SMALL.get(match["small"] or "")
    if memory is None:
        memory = large * (2 * int(match["times"] or 1) if match["x"] else 1)
    usable = (memory - 0.3) * 0.95 * 2**30
    return min(int(usable / _BYTES_EACH), 5000)
