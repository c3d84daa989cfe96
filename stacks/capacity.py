"""How much a platform may ask for at its largest, to hold against the namespace's quota."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from components.container import Resources
from components.data_tier import DEFAULT_RESOURCES as DATA_RESOURCES
from components.gateway import SIDECAR_RESOURCES
from components.scaling import Autoscaling

from .config import ServiceScale, StackConfig
from .problems import Problem
from .topologies import TOPOLOGIES
from .topologies.topology import Role, Service

UNITS: Final = {
    "m": Decimal("0.001"),
    "k": Decimal(1000),
    "M": Decimal(1000) ** 2,
    "G": Decimal(1000) ** 3,
    "T": Decimal(1000) ** 4,
    "Ki": Decimal(1024),
    "Mi": Decimal(1024) ** 2,
    "Gi": Decimal(1024) ** 3,
    "Ti": Decimal(1024) ** 4,
}


def amount(quantity: str) -> Decimal:
    """A Kubernetes quantity as a number: ``250m`` is 0.25, ``1Gi`` is 1073741824."""
    digits = quantity.rstrip("".join(UNITS))
    return Decimal(digits) * UNITS.get(quantity[len(digits) :], Decimal(1))


@dataclass(frozen=True)
class Ask:
    """What ``pods`` pods of one workload ask for, each with ``containers``."""

    workload: str
    pods: int
    containers: tuple[Resources, ...]

    def total(self, field: str) -> Decimal:
        """The sum of one field of Resources."""
        each = sum((amount(getattr(r, field)) for r in self.containers), Decimal(0))
        return self.pods * each


def scaled(service: Service, scale: ServiceScale | None) -> Service:
    """The service as the configuration changes its scale and resources."""
    if scale is None:
        return service
    changes = {
        name: value
        for name in ("cpu", "memory", "cpu_limit", "memory_limit")
        if (value := getattr(scale, name)) is not None
    }
    service = replace(service, resources=replace(service.resources, **changes))
    if scale.replicas is not None:
        return replace(service, replicas=scale.replicas, scaling=None)
    if scale.min is not None and scale.max is not None:
        behaviour = service.scaling or Autoscaling(min=scale.min, max=scale.max)
        return replace(service, scaling=replace(behaviour, min=scale.min, max=scale.max))
    return service


def services(config: StackConfig) -> list[Service]:
    """The services of the configured topology, at the configured scale."""
    topology = TOPOLOGIES[config.topology]
    return [scaled(service, config.scaling.get(service.name)) for service in topology.services]


def asks(config: StackConfig) -> Iterator[Ask]:
    """What every workload asks for at its largest: at most pods, with those that surge."""
    for service in services(config):
        pods = service.scaling.max if service.scaling else service.replicas
        surge = 0 if service.role is Role.QUDAG else service.rollout.surge
        containers = (service.resources,)
        if service.role is Role.MONOLITH:
            containers += (SIDECAR_RESOURCES,)
        yield Ask(service.name, pods + surge, containers)
    yield Ask("postgres and redis", 2, (DATA_RESOURCES,))
    yield Ask("migration", 1, (Resources(cpu="50m", memory="128Mi"),))


def the_quota_fits(config: StackConfig) -> Iterator[Problem]:
    """The sum of all workloads at their largest stays within the quota (B11)."""
    quota = config.kubernetes.quota
    if quota is None:
        return
    wanted = list(asks(config))
    for limit, field in (
        ("requests_cpu", "cpu"),
        ("requests_memory", "memory"),
        ("limits_cpu", "cpu_limit"),
        ("limits_memory", "memory_limit"),
    ):
        allowed = amount(getattr(quota, limit))
        total = sum((ask.total(field) for ask in wanted), Decimal(0))
        if total > allowed:
            largest = max(wanted, key=lambda ask, f=field: ask.total(f))
            needed, alone = _readable(total, field), _readable(largest.total(field), field)
            yield Problem(
                f"qudag-mcp:kubernetes.quota.{type(quota).model_fields[limit].alias}",
                f"is {getattr(quota, limit)}, but the workloads at their largest ask for "
                f"{needed} ({largest.workload} alone for {alone})",
                "pods would be refused just when load is highest",
                f"set it to at least {needed}, or lower scaling.{largest.workload}.max",
            )


def _readable(total: Decimal, field: str) -> str:
    if field.startswith("cpu"):
        return f"{total.normalize():f}"
    return f"{-(-total // UNITS['Mi']):f}Mi"
