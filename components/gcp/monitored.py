"""What `GcpMonitoring` monitors: the names by which Cloud Monitoring knows a service or a store."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from ..base.arg_types import DnsLabel, Line


@dataclass(frozen=True, kw_only=True)
class GcpMonitoredService:
    """A service of Cloud Run or a function, as `CloudRun` and `GcpFunction` have it in
    ``monitored``.

    Attributes:
        name: in the names of its alert policies.
        service: the service's name; a function is a service of its own name.
        max_instances: most instances.
        min_instances: instances that always run. If they are near ``max_instances``, there is no
            alert on the number of instances.
    """

    name: DnsLabel
    service: pulumi.Input[Line]
    max_instances: int
    min_instances: int = 0


@dataclass(frozen=True, kw_only=True)
class GcpMonitoredDatabase:
    """An instance of Cloud SQL, as `CloudSqlDataTier` has it in ``monitored_databases``.

    Attributes:
        name: in the names of its alert policies.
        instance: the instance's name.
        machine: its tier, whose memory determines how many connections it accepts.
        replica: whether it follows another instance.
    """

    name: DnsLabel
    instance: pulumi.Input[Line]
    machine: Line
    replica: bool = False


@dataclass(frozen=True, kw_only=True)
class GcpMonitoredCache:
    """An instance of Memorystore, as `CloudSqlDataTier` has it in ``monitored_caches``.

    Attributes:
        name: in the names of its alert policies.
        instance: the instance's id.
        sessions: whether a key that is evicted is a lost session.
    """

    name: DnsLabel
    instance: pulumi.Input[Line]
    sessions: bool = True
