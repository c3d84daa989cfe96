"""What `AwsMonitoring` monitors: the names by which CloudWatch knows a server or a data store."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from ..base.arg_types import DnsLabel, Line


@dataclass(frozen=True, kw_only=True)
class AwsMonitoredFunction:
    """A function of Lambda, as `AwsLambda` has it in ``monitored``.

    Attributes:
        name: in the names of its alarms.
        function: the function's name.
        api: id of the HTTP API before it; None: a function URL.
        concurrency: calls at once that are reserved for it.
    """

    name: DnsLabel
    function: pulumi.Input[Line]
    api: pulumi.Input[Line] | None = None
    concurrency: int = 50


@dataclass(frozen=True, kw_only=True)
class AwsMonitoredContainer:
    """A service of ECS, as `EcsFargate` has it in ``monitored``.

    Attributes:
        name: in the names of its alarms.
        cluster, service: their names.
        load_balancer: the part of its ARN that CloudWatch names it by, ``app/…/…``.
        min_instances: fewest tasks.
        max_instances: most tasks.
    """

    name: DnsLabel
    cluster: pulumi.Input[Line]
    service: pulumi.Input[Line]
    load_balancer: pulumi.Input[Line]
    min_instances: int
    max_instances: int


@dataclass(frozen=True, kw_only=True)
class AwsMonitoredDatabase:
    """An instance of RDS, as `RdsDataTier` has it in ``monitored``.

    Attributes:
        name: in the names of its alarms.
        instance: its identifier.
        machine: its class, which determines how many connections it accepts.
        storage_gb: storage at first, in GiB.
        replica: whether it follows another instance.
    """

    name: DnsLabel
    instance: pulumi.Input[Line]
    machine: Line
    storage_gb: int
    replica: bool = False


@dataclass(frozen=True, kw_only=True)
class AwsMonitoredCache:
    """A node of ElastiCache, as `RdsDataTier` has it in ``monitored``.

    Attributes:
        name: in the names of its alarms.
        node: id of the node, which ElastiCache calls a cache cluster.
        replica: whether it follows the primary at first.
        sessions: whether a key that is evicted is a lost session.
    """

    name: DnsLabel
    node: pulumi.Input[Line]
    replica: bool = False
    sessions: bool = True
