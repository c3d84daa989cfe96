"""Rules for `scaling.<service>.vertical`: what the autoscaler, the namespace and nodes allow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from components.base.arguments import camel
from components.base.problems import Problem
from components.base.quantities import quantity
from components.kubernetes.core import MONOLITH_SERVER
from components.kubernetes.namespace import ContainerLimits
from components.kubernetes.vertical_scaling import Resized, VerticalScaling, vertical_problems
from components.mcp.timeout_budget import TimeoutBudget

from ..config.stack import StackConfig
from ..platform_args import Addresses, PlatformArgs
from ..pod_settings import minor_version
from ..services import topology
from ..topologies.topology import MonolithService, Service
from .rule import Rule, at

IN_PLACE_SINCE: Final = 33
"""Minor version of Kubernetes 1 in which nodes resize running pods."""


def vertical_scaling_can_work(config: StackConfig) -> Iterator[Problem]:
    """Bounds are of containers of the service, and within what the namespace admits."""
    for service in topology(config).services:
        if service.vertical is None:
            continue
        path = f"scaling.{service.name}.vertical"
        containers = _containers(service, config)
        vertical = service.vertical
        if isinstance(service, MonolithService):
            vertical = replace(vertical, main=MONOLITH_SERVER)
        fewest = service.scaling.min if service.scaling else service.replicas
        for found in (
            *vertical_problems(vertical, containers, service.scaling, fewest, camel),
            *_crossed(vertical),
            *(_outside_the_limits(vertical, containers) if _has_limits(config) else ()),
        ):
            yield at(f"{path}.{found.path}", found.what, found.consequence, found.fix)


def nodes_resize_in_place(config: StackConfig) -> Iterator[Problem]:
    """The mode InPlaceOrRecreate needs a Kubernetes that can resize running pods."""
    version = config.kubernetes.pod_security_version
    if minor_version(version) >= IN_PLACE_SINCE:
        return
    for service in topology(config).services:
        if service.vertical and service.vertical.mode == "InPlaceOrRecreate":
            yield at(
                f"scaling.{service.name}.vertical.mode",
                f"is InPlaceOrRecreate, and kubernetes.podSecurityVersion is {version}",
                "pods are resized in place by Kubernetes 1.33 or newer",
                "write Recreate, or raise kubernetes.podSecurityVersion to the cluster's version",
            )


def _has_limits(config: StackConfig) -> bool:
    return config.kubernetes.container_limits


def _containers(service: Service, config: StackConfig) -> list[Resized]:
    """The containers of the service's pods, from the component's own function."""
    args = PlatformArgs(config, topology(config), TimeoutBudget())
    component, wanted = args.component(service, Addresses(namespace=config.namespace))
    pods = next(
        made.fields["spec"]["template"]["spec"]
        for made in component.manifests(service.name, wanted)
        if made.role == "pods"
    )
    return [
        Resized(one["name"], sidecar, one["resources"]["requests"], one["resources"]["limits"])
        for sidecar, kind in ((False, "containers"), (True, "initContainers"))
        for one in pods.get(kind, ())
    ]


def _crossed(vertical: VerticalScaling) -> Iterator[Problem]:
    given = {"": vertical, **{f"containers.{n}.": one for n, one in vertical.containers.items()}}
    for at_, bounds in given.items():
        for resource in ("cpu", "memory"):
            if one := getattr(bounds, resource):
                yield from (
                    replace(found, path=f"{at_}{resource}.{found.path}") for found in one.refusals()
                )


def _outside_the_limits(vertical: VerticalScaling, containers: list[Resized]) -> Iterator[Problem]:
    """Requests and limits that the LimitRange of the namespace does not admit."""
    admitted = ContainerLimits()
    main = vertical.main or containers[0].name
    known = {one.name: one for one in containers if not one.sidecar}
    for name, bounds in vertical.by_container(main).items():
        if name not in known:
            continue
        at_ = "" if name == main else f"containers.{name}."
        for resource, one in bounds.of_resources().items():
            if quantity(one.min) < quantity(admitted.min[resource]):
                yield Problem(
                    f"{at_}{resource}.min",
                    f"is {one.min}, less than a container must request here "
                    f"({admitted.min[resource]})",
                    "the LimitRange allows no request as small as min",
                    f"set at least {admitted.min[resource]}, or kubernetes.containerLimits: false",
                )
            limit = known[name].limit_at(resource, one.max, vertical.controlled_values)
            if limit > quantity(admitted.max[resource]):
                yield Problem(
                    f"{at_}{resource}.max",
                    f"is {one.max}, and the limit that follows it would be larger than a container "
                    f"may have here ({admitted.max[resource]})",
                    "the LimitRange allows no request as large as max",
                    f"lower max, set {camel('controlled_values')} to RequestsOnly, or "
                    "kubernetes.containerLimits: false",
                )


VERTICAL_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("scaling", "topology", "kubernetes.containerLimits"), vertical_scaling_can_work),
    (("scaling", "topology", "kubernetes.podSecurityVersion"), nodes_resize_in_place),
]
"""Each rule with what it reads."""
