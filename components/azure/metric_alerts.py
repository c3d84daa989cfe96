"""Metric alerts on container apps and data stores.

Names, units and aggregations are those of "Supported metrics with Azure Monitor".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from ..mcp.cloud_alarms import CloudThresholds
from .monitored import AzureMonitoredApp

APPS: Final = "Microsoft.App/containerApps"
POSTGRES: Final = "Microsoft.DBforPostgreSQL/flexibleServers"
REDIS: Final = "Microsoft.Cache/redisEnterprise"

NANO: Final = 1_000_000_000
"""Nanocores in a core."""
MIB: Final = 1_048_576

Aggregation = Literal["Average", "Maximum", "Minimum", "Total"]
Operator = Literal["GreaterThan", "GreaterThanOrEqual", "LessThan"]


@dataclass(frozen=True, kw_only=True)
class MetricAlert:
    """A metric alert's criterion.

    Attributes:
        role: of the alert, such as cpu.
        metric: its name in the REST API.
        aggregation: of its values in the window.
        operator: how it is compared with ``threshold``.
        minutes: the window.
        every: minutes between two evaluations; not less than the metric's time grain.
        description: what it indicates.
        critical: whether somebody must look at once.
        dimensions: values of dimensions that count.
    """

    role: str
    metric: str
    aggregation: Aggregation
    operator: Operator
    threshold: float
    minutes: Literal[5, 15]
    every: Literal[1, 5]
    description: str
    critical: bool = False
    dimensions: Mapping[str, str] = field(default_factory=dict[str, str])


def of_app(app: AzureMonitoredApp, limits: CloudThresholds) -> Iterator[MetricAlert]:
    """CPU, memory, replicas, restarts and refused requests of a container app."""
    share = limits.resource_percent / 100
    for role, metric, whole in (
        ("cpu", "UsageNanoCores", app.cpu * NANO),
        ("memory", "WorkingSetBytes", app.memory_mb * MIB),
    ):
        yield MetricAlert(
            role=role,
            metric=metric,
            aggregation="Average",
            operator="GreaterThan",
            threshold=round(whole * share),
            minutes=15,
            every=5,
            description=f"{role} of the replicas is nearly used up",
        )
    if app.max_instances > app.min_instances:
        yield MetricAlert(
            role="replicas",
            metric="Replicas",
            aggregation="Average",
            operator="GreaterThanOrEqual",
            threshold=app.max_instances,
            minutes=15,
            every=5,
            description=f"as many replicas run as there may be: {app.max_instances}",
        )
    if app.min_instances:
        yield MetricAlert(
            role="missing",
            metric="Replicas",
            aggregation="Maximum",
            operator="LessThan",
            threshold=app.min_instances,
            minutes=5,
            every=1,
            description=f"fewer replicas run than wanted: {app.min_instances}",
            critical=True,
        )
    yield MetricAlert(
        role="restarts",
        metric="RestartCount",
        aggregation="Maximum",
        operator="GreaterThan",
        threshold=0,
        minutes=5,
        every=1,
        description="a container of a replica has ended and was started again",
    )
    yield MetricAlert(
        role="throttled",
        metric="Requests",
        aggregation="Total",
        operator="GreaterThan",
        threshold=limits.limited_per_second * 300,
        minutes=5,
        every=1,
        description="requests are refused with 429",
        dimensions={"statusCode": "429"},
    )


def of_database(machine: str, *, replica: bool, limits: CloudThresholds) -> Iterator[MetricAlert]:
    """CPU, memory, storage, connections, whether it runs, and how far a replica is behind."""
    for role, metric, percent in (
        ("cpu", "cpu_percent", limits.resource_percent),
        ("memory", "memory_percent", limits.storage_percent),
        ("storage", "storage_percent", limits.storage_percent),
    ):
        yield MetricAlert(
            role=role,
            metric=metric,
            aggregation="Average",
            operator="GreaterThan",
            threshold=percent,
            minutes=15,
            every=5,
            description=f"{role} is nearly used up",
        )
    yield MetricAlert(
        role="alive",
        metric="is_db_alive",
        aggregation="Maximum",
        operator="LessThan",
        threshold=1,
        minutes=5,
        every=1,
        description="PostgreSQL does not run",
        critical=True,
    )
    if accepted := most_connections(machine):
        yield MetricAlert(
            role="connections",
            metric="active_connections",
            aggregation="Average",
            operator="GreaterThanOrEqual",
            threshold=round(accepted * limits.connections_percent / 100),
            minutes=5,
            every=1,
            description=f"connections are near the {accepted} that it accepts",
        )
    if replica:
        yield MetricAlert(
            role="replication",
            metric="physical_replication_delay_in_seconds",
            aggregation="Maximum",
            operator="GreaterThan",
            threshold=limits.replication_lag_seconds,
            minutes=5,
            every=1,
            description="the replica is behind",
        )


def of_cache(*, sessions: bool, limits: CloudThresholds) -> Iterator[MetricAlert]:
    """Memory, CPU, and sessions that are lost. Its metrics have a time grain of five minutes."""
    for role, metric in (("memory", "usedmemorypercentage"), ("cpu", "percentProcessorTime")):
        yield MetricAlert(
            role=role,
            metric=metric,
            aggregation="Maximum",
            operator="GreaterThan",
            threshold=limits.resource_percent,
            minutes=15,
            every=5,
            description=f"{role} is nearly used up",
        )
    if sessions:
        yield MetricAlert(
            role="evictions",
            metric="evictedkeys",
            aggregation="Total",
            operator="GreaterThan",
            threshold=0,
            minutes=5,
            every=5,
            description="sessions are evicted",
            critical=True,
        )


_SKU: Final = re.compile(r"Standard_(?P<family>[BDE])(?P<cores>[0-9]+)(?P<kind>[a-z]*)(_v[0-9]+)?")
_GIB: Final = {"D": 4, "E": 8, "B": 4}
"""Memory for each vCore."""
_SMALL: Final = {"Standard_B1ms": 2, "Standard_B2s": 4}
_CONNECTIONS: Final = ((48, 5000), (32, 3437), (16, 1718), (8, 859), (4, 429), (2, 50))
"""From how many GiB of memory on (Azure Database for PostgreSQL, Limits, Maximum connections)."""
RESERVED: Final = 15
"""Connections that Azure keeps for replication and monitoring (the same page)."""


def most_connections(machine: str) -> int | None:
    """The default of connections that a SKU accepts from users; None: unknown."""
    match = _SKU.fullmatch(machine)
    if match is None:
        return None
    gib = _SMALL.get(machine) or int(match["cores"]) * _GIB[match["family"]]
    return next((most - RESERVED for least, most in _CONNECTIONS if gib >= least), None)
