"""What `AzureMonitoring` monitors: ids by which Azure Monitor knows an app, its logs or a store."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from ..base.arg_types import DnsLabel
from .arg_types import DatabaseMachine, ResourceId


@dataclass(frozen=True, kw_only=True)
class AzureMonitoredApp:
    """A container app, as `AzureContainerApp` has it in ``monitored``.

    Attributes:
        name: in the names of its alert rules.
        app: id of the container app.
        workspace: id of the Log Analytics workspace that has its console logs.
        cpu: CPUs of a replica, over all its containers.
        memory_mb: MiB of a replica, over all its containers.
        min_instances: fewest replicas.
        max_instances: most replicas.
    """

    name: DnsLabel
    app: pulumi.Input[ResourceId]
    workspace: pulumi.Input[ResourceId]
    cpu: float
    memory_mb: int
    min_instances: int
    max_instances: int


@dataclass(frozen=True, kw_only=True)
class AzureMonitoredFunction:
    """A function app, as `AzureFunction` has it in ``monitored``.

    Attributes:
        name: in the names of its alert rules.
        app: id of the function app.
        workspace: id of the Log Analytics workspace that its Application Insights writes to.
        max_instances: most instances.
    """

    name: DnsLabel
    app: pulumi.Input[ResourceId]
    workspace: pulumi.Input[ResourceId]
    max_instances: int


@dataclass(frozen=True, kw_only=True)
class AzureMonitoredDatabase:
    """A PostgreSQL Flexible Server, as `AzurePostgresqlDataTier` has it in
    ``monitored_databases``.

    Attributes:
        name: in the names of its alert rules.
        server: id of the server.
        machine: its SKU, which determines how many connections it accepts.
        replica: whether it is a read replica of another server.
    """

    name: DnsLabel
    server: pulumi.Input[ResourceId]
    machine: DatabaseMachine
    replica: bool = False


@dataclass(frozen=True, kw_only=True)
class AzureMonitoredCache:
    """An Azure Managed Redis, as `AzurePostgresqlDataTier` has it in ``monitored_caches``.

    Attributes:
        name: in the names of its alert rules.
        cluster: id of the Redis cluster.
        sessions: whether a key that is evicted is a lost session.
    """

    name: DnsLabel
    cluster: pulumi.Input[ResourceId]
    sessions: bool = True
