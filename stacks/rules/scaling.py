"""Rules for the section `scaling`: services, bounds and pace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem, nearest

from ..config.stack import StackConfig
from ..services import topology
from ..topologies import TOPOLOGIES
from ..topologies.topology import NodeService
from .rule import Rule, at, path_of


def scaling_names_services(config: StackConfig) -> Iterator[Problem]:
    """Every entry is a service of the topology, scaled in one of the two ways."""
    names = [service.name for service in TOPOLOGIES[config.topology].services]
    for name, scale in config.scaling.items():
        path = path_of("scaling", name)
        if name not in names:
            guess = nearest(name, names)
            own = f"set servers.{name}.scale or replicas" if name in config.servers else None
            yield at(
                path,
                f"the topology {config.topology} has no such service",
                "it would have no effect",
                own or (f"write {guess}" if guess else f"one of: {', '.join(names)}"),
            )
        if scale.replicas is not None and (scale.min is not None or scale.max is not None):
            yield at(
                path,
                "has replicas and also min or max",
                "each deployment would overwrite the number of pods that the autoscaler has set",
                "leave out replicas, or min and max",
            )
        if (scale.min is None) != (scale.max is None):
            lacking = "min" if scale.min is None else "max"
            yield at(
                f"{path}.{lacking}",
                "is missing",
                "the autoscaler needs both bounds",
                f"set {lacking} as well",
            )
        elif scale.min is not None and scale.max is not None and scale.min > scale.max:
            yield at(
                path,
                f"min is {scale.min}, max is {scale.max}",
                "the API server refuses the autoscaler",
                "raise max, or lower min",
            )


def paces_are_of_an_autoscaler(config: StackConfig) -> Iterator[Problem]:
    """A pace has `percent` or `pods`, and its service an autoscaler."""
    for service in topology(config).services:
        scale = config.scaling.get(service.name)
        for name in ("up", "down") if scale else ():
            pace = getattr(scale, name)
            path = f"scaling.{service.name}.{name}"
            if pace and service.scaling is None:
                yield at(
                    path,
                    "is set, and the service has a fixed number of pods",
                    "it would have no effect",
                    "set min and max, or leave it out",
                )
            elif pace and pace.percent is None and pace.pods is None:
                yield at(
                    path,
                    "has neither percent nor pods",
                    "the API server refuses the autoscaler",
                    "set percent, pods or both",
                )


def targets_are_of_an_autoscaler(config: StackConfig) -> Iterator[Problem]:
    """Targets are given to a service with an autoscaler, and are not empty."""
    for service in topology(config).services:
        scale = config.scaling.get(service.name)
        if scale is None or scale.targets is None:
            continue
        path = f"scaling.{service.name}.targets"
        if service.scaling is None:
            yield at(
                path,
                "is set, and the service has a fixed number of pods",
                "it would have no effect",
                "set min and max, or leave it out",
            )
        elif not service.scaling.has_a_target:
            yield at(
                path,
                "has neither cpu nor memory",
                "the API server would set a target of 80 % of the requested CPU",
                "set cpu, memory or both, or leave it out",
            )


def nodes_are_not_autoscaled(config: StackConfig) -> Iterator[Problem]:
    """A consensus network has a fixed number of nodes."""
    for service in TOPOLOGIES[config.topology].services:
        scale = config.scaling.get(service.name)
        if isinstance(service, NodeService) and scale and (scale.min or scale.max):
            yield at(
                f"scaling.{service.name}",
                "has min or max, but it is a node of a consensus network",
                "each change of the number of nodes would start an election",
                "leave min and max out, and set replicas",
            )


SCALING_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("topology",), scaling_names_services),
    (("scaling", "topology"), paces_are_of_an_autoscaler),
    (("scaling", "topology"), targets_are_of_an_autoscaler),
    (("topology",), nodes_are_not_autoscaled),
]
"""Each rule with what it reads."""
