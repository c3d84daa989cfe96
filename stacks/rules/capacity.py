"""How much a platform may ask for at its largest, to hold against the namespace's quota."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from components.base.problems import Problem
from components.base.quantities import UNITS
from components.base.quantities import quantity as amount
from components.kubernetes.container import Resources
from components.kubernetes.core import MIGRATION_RESOURCES
from components.kubernetes.embedded_data import DEFAULT_RESOURCES as DATA_RESOURCES
from components.kubernetes.gateway import SIDECAR_RESOURCES
from components.kubernetes.namespace import ContainerLimits
from components.kubernetes.scaling import Autoscaling

from ..config.stack import ServiceScale, StackConfig
from ..topologies import TOPOLOGIES
from ..topologies.topology import Role, Service


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
    if fewest := scale.min or scale.max:
        usual = service.scaling or Autoscaling(min=fewest, max=fewest)
        return replace(
            service,
            scaling=replace(usual, min=scale.min or usual.min, max=scale.max or usual.max),
        )
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
    yield Ask("migration", 1, (MIGRATION_RESOURCES,))


def the_quota_fits(config: StackConfig) -> Iterator[Problem]:
    """The sum of all workloads at their largest stays within the quota."""
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
                f"set it to at least {needed}, or lower {_lever(largest.workload, config)}",
            )


def _lever(workload: str, config: StackConfig) -> str:
    """What of the configuration makes ``workload`` smaller."""
    for service in services(config):
        if service.name == workload:
            return f"scaling.{workload}.{'max' if service.scaling else 'replicas and limits'}"
    return "the scale of the services"


def _readable(total: Decimal, field: str) -> str:
    if field.startswith("cpu"):
        return f"{total.normalize():f}"
    return f"{-(-total // UNITS['Mi']):f}Mi"


def objects(config: StackConfig) -> dict[str, int]:
    """How many objects of each counted kind the platform has in its namespace."""
    ours = services(config)
    nodes = [service for service in ours if service.role is Role.QUDAG]
    upstream = config.images.qudag_profile == "upstream"
    return {
        # PostgreSQL, Valkey and each service; a node has two, unless it answers no HTTP.
        "services": 2 + len(ours) + (0 if upstream else len(nodes)),
        # Each one's configuration; a monolith also has nginx's; one is the cluster's own CA.
        "configmaps": 3 + len(ours) + sum(s.role is Role.MONOLITH for s in ours),
        "persistentvolumeclaims": 2
        + sum(node.replicas for node in nodes)
        + sum(service.role is Role.CORE for service in ours),
        "secrets": 3 + (config.protocol.jwks_url is None),
    }


def the_quota_counts(config: StackConfig) -> Iterator[Problem]:
    """There is room in the quota for every object of the platform."""
    quota = config.kubernetes.quota
    for kind, count in objects(config).items() if quota else ():
        if (allowed := getattr(quota, kind)) < count:
            yield Problem(
                f"qudag-mcp:kubernetes.quota.{kind}",
                f"is {allowed}, but the topology {config.topology} has {count}",
                "the API server would refuse the rest, and the deployment stop half-way",
                f"set it to at least {count}",
            )


def containers_fit_their_limits(config: StackConfig) -> Iterator[Problem]:
    """No container asks for more than its limit, nor its limit for more than the LimitRange has."""
    bounds = ContainerLimits()
    for service in services(config):
        scale = config.scaling.get(service.name)
        for kind in ("cpu", "memory"):
            if not scale or not (getattr(scale, kind) or getattr(scale, f"{kind}_limit")):
                continue
            asked, limit = (getattr(service.resources, f"{kind}{s}") for s in ("", "_limit"))
            path = f"qudag-mcp:scaling.{service.name}.{kind}"
            refused = "the API server would refuse every pod of it"
            if amount(asked) > amount(limit):
                what = f"asks for {asked}, more than its limit of {limit}"
                yield Problem(path, what, refused, f"lower it, or raise {kind}Limit to {asked}")
            if not config.kubernetes.container_limits:
                continue
            if amount(limit) > amount(bounds.max[kind]):
                fix = f"set at most {bounds.max[kind]}, or kubernetes.containerLimits: false"
                what = f"is {limit}, more than a container may have here ({bounds.max[kind]})"
                yield Problem(f"{path}Limit", what, refused, fix)
            if amount(asked) < amount(bounds.min[kind]):
                fix = f"set at least {bounds.min[kind]}, or kubernetes.containerLimits: false"
                what = f"is {asked}, less than a container must ask for ({bounds.min[kind]})"
                yield Problem(path, what, refused, fix)
