"""Which namespace each workload of a platform runs in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .config.logs import LOGS
from .config.observability import MONITORING
from .config.stack import StackConfig
from .data_kinds import kind_of
from .log_flows import LOG_COLLECTOR, LOG_RETENTION, has_log_collector, has_log_forwarder
from .monitoring import monitoring_workloads
from .topologies import TOPOLOGIES
from .trace_flows import TRACE_COLLECTOR, has_traces


@dataclass(frozen=True, kw_only=True)
class Placement:
    """The namespaces of a platform: its own, and the further ones of some of its workloads.

    Attributes:
        namespace: of the gateway, and of every workload that is not in ``places``.
        namespaces: the further namespaces, by their keys in ``kubernetes.namespaces``.
        places: the key of the namespace of each workload that runs in a further one.
    """

    namespace: str
    namespaces: Mapping[str, str]
    places: Mapping[str, str]

    @property
    def every(self) -> list[str]:
        """All namespaces, the platform's own first."""
        return [self.namespace, *self.namespaces.values()]

    def of(self, workload: str) -> str:
        """The namespace of a workload."""
        place = self.places.get(workload)
        return self.namespace if place is None else self.namespaces[place]

    def within(self, namespace: str, workloads: Iterable[str]) -> list[str]:
        """Those of the workloads that run in the namespace."""
        return [workload for workload in workloads if self.of(workload) == namespace]

    def host(self, workload: str, *, seen_from: str) -> str:
        """The name of a workload's Service, as pods of another workload call it."""
        short = f"{workload}-service"
        there = self.of(workload)
        return short if there == self.of(seen_from) else f"{short}.{there}.svc"


def placement(config: StackConfig) -> Placement:
    """The namespaces of the configured platform."""
    chosen = TOPOLOGIES[config.topology]
    places = {
        workload: place
        for workload, place in chosen.places.items()
        if workload not in chosen.data or kind_of(config, workload).tier.in_namespaces
    }
    for name, server in config.cluster_servers.items():
        if server.namespace is not None:
            places[name] = server.namespace
    places |= {workload.name: MONITORING for workload in monitoring_workloads(config)}
    if has_log_forwarder(config):
        places[LOG_RETENTION] = MONITORING
    if has_log_collector(config):
        places[LOG_COLLECTOR] = LOGS
    if has_traces(config):
        places[TRACE_COLLECTOR] = MONITORING
    named = config.kubernetes.namespaces
    return Placement(
        namespace=config.namespace,
        namespaces={
            place: named.get(place, f"{config.namespace}-{place}")
            for place in dict.fromkeys(places.values())
        },
        places=places,
    )
