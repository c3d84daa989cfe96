"""Vertical scaling of a workload: bounds between which requests of CPU and memory follow use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

from ..base.arg_types import ByteSize, CpuQuantity, DnsLabel
from ..base.problems import Problem, nearest
from ..base.quantities import quantity
from .container import Container
from .scaling import Autoscaling

ResizeMode = Literal["Off", "Initial", "Recreate", "InPlaceOrRecreate"]
EVICTING: Final = ("Recreate", "InPlaceOrRecreate")
"""Modes in which a running pod may be evicted for other requests."""


@dataclass(frozen=True, kw_only=True)
class CpuBounds:
    """Smallest and largest CPU request.

    Attributes:
        min: smallest request.
        max: largest request.
    """

    min: CpuQuantity
    max: CpuQuantity

    def refusals(self) -> Iterator[Problem]:
        """A min above max."""
        return _crossed(self.min, self.max)


@dataclass(frozen=True, kw_only=True)
class MemoryBounds:
    """Smallest and largest memory request.

    Attributes:
        min: smallest request.
        max: largest request.
    """

    min: ByteSize
    max: ByteSize

    def refusals(self) -> Iterator[Problem]:
        """A min above max."""
        return _crossed(self.min, self.max)


@dataclass(frozen=True, kw_only=True)
class ContainerBounds:
    """Bounds of one container.

    Attributes:
        cpu: of its CPU request; None: it stays as it is.
        memory: of its memory request; None: it stays as it is.
    """

    cpu: CpuBounds | None = None
    memory: MemoryBounds | None = None

    def of_resources(self) -> dict[str, CpuBounds | MemoryBounds]:
        """The bounds that are given, by Kubernetes' name of the resource."""
        both = {"cpu": self.cpu, "memory": self.memory}
        return {name: bounds for name, bounds in both.items() if bounds}


@dataclass(frozen=True, kw_only=True)
class VerticalScaling:
    """A VerticalPodAutoscaler, which sets requests from what the pods have used.

    The controllers of the Vertical Pod Autoscaler must run in the cluster. A container without
    bounds keeps its requests.

    Attributes:
        mode: Off: recommendations in its status only. Initial: for new pods. Recreate: running
            pods are evicted too. InPlaceOrRecreate: they are resized in place, and evicted where
            that fails (Kubernetes 1.33).
        cpu, memory: bounds of the requests of the main container; None: they stay as they are.
        main: name of the main container; None: the first one.
        containers: bounds of further containers, by name.
        controlled_values: RequestsOnly: limits stay as they are. RequestsAndLimits: limits keep
            their ratio to the requests.
        evict_single_pod: whether the only pod of a workload may be evicted, which interrupts the
            service. It is needed where there is one pod, and running pods are to be changed.
    """

    mode: ResizeMode
    cpu: CpuBounds | None = None
    memory: MemoryBounds | None = None
    main: DnsLabel | None = None
    containers: Mapping[DnsLabel, ContainerBounds] = field(
        default_factory=dict[str, ContainerBounds]
    )
    controlled_values: Literal["RequestsOnly", "RequestsAndLimits"] = "RequestsOnly"
    evict_single_pod: bool = False

    def by_container(self, first: str) -> dict[str, ContainerBounds]:
        """The bounds of each container; ``first`` is the name of the first one."""
        own = ContainerBounds(cpu=self.cpu, memory=self.memory)
        bounded = {self.main or first: own, **self.containers}
        return {name: bounds for name, bounds in bounded.items() if bounds.of_resources()}


class Resized(NamedTuple):
    """What the checks need to know of a container.

    Attributes:
        name: of the container.
        sidecar: whether it is an init container that runs on.
        requests, limits: by Kubernetes' name of the resource.
    """

    name: str
    sidecar: bool
    requests: Mapping[str, str]
    limits: Mapping[str, str]

    def limit_at(self, resource: str, request: str, controlled: str) -> Decimal:
        """The limit that the container has beside ``request``; see ``controlled_values``."""
        limit = quantity(self.limits[resource])
        if controlled == "RequestsOnly":
            return limit
        return quantity(request) * limit / quantity(self.requests[resource])


def resized(container: Container) -> Resized:
    """The container as the checks need it."""
    return Resized(container.name, container.sidecar, *container.resources.spec().values())


def vertical_spec(
    target: str, kind: str, vertical: VerticalScaling, containers: Sequence[Container]
) -> dict[str, Any]:
    """The spec of the VerticalPodAutoscaler of the ``kind`` (Deployment, StatefulSet) ``target``.

    Every container is named: those that are not would be resized without bounds.
    """
    bounded = vertical.by_container(containers[0].name)
    policy: dict[str, Any] = {"updateMode": vertical.mode}
    if vertical.evict_single_pod:
        policy["minReplicas"] = 1
    return {
        "targetRef": {"apiVersion": "apps/v1", "kind": kind, "name": target},
        "updatePolicy": policy,
        "resourcePolicy": {
            "containerPolicies": [
                _policy(one.name, bounded.get(one.name), vertical.controlled_values)
                for one in containers
            ]
        },
    }


def _policy(name: str, bounds: ContainerBounds | None, controlled: str) -> dict[str, Any]:
    if bounds is None:
        return {"containerName": name, "mode": "Off"}
    given = bounds.of_resources()
    return {
        "containerName": name,
        "mode": "Auto",
        "controlledResources": list(given),
        "controlledValues": controlled,
        "minAllowed": {resource: one.min for resource, one in given.items()},
        "maxAllowed": {resource: one.max for resource, one in given.items()},
    }


def vertical_problems(
    vertical: VerticalScaling,
    containers: Sequence[Resized],
    scaling: Autoscaling | None,
    fewest: int,
    spelled: Callable[[str], str] = str,
) -> Iterator[Problem]:
    """Problems of a VerticalPodAutoscaler for these containers, with paths below ``vertical``.

    Args:
        vertical: the bounds.
        containers: of the pods.
        scaling: the horizontal scaling of the same workload.
        fewest: the smallest number of pods.
        spelled: converts a name of a field to how it was written.
    """
    main = vertical.main or containers[0].name
    bounded = vertical.by_container(main)
    if not bounded:
        yield Problem(
            "cpu",
            "is missing, and so is memory",
            "the autoscaler would change no container",
            "set min and max of cpu, memory or both",
        )
    known = {one.name: one for one in containers}
    if main not in known:
        yield Problem(
            spelled("main"),
            f"is {main}, which is no container of these pods",
            "its bounds would have no effect",
            f"write one of: {', '.join(known)}",
        )
    elif known[main].sidecar and main in bounded:
        yield _of_a_sidecar("cpu" if vertical.cpu else "memory")
    for name, bounds in vertical.containers.items():
        yield from _misplaced(name, bounds, main, known)
    for name, bounds in bounded.items():
        if name not in known or known[name].sidecar:
            continue
        at = "" if name == main else f"containers.{name}."
        for resource, one in bounds.of_resources().items():
            if vertical.mode != "Off" and _follows(scaling, resource, name):
                yield _two_autoscalers(f"{at}{resource}", resource, spelled)
            limit = known[name].limits.get(resource)
            kept = vertical.controlled_values == "RequestsOnly"
            if limit and kept and quantity(one.max) > quantity(limit):
                yield Problem(
                    f"{at}{resource}.max",
                    f"is {one.max}, and the container's limit is {limit}",
                    "the autoscaler never requests more than the limit",
                    f"set at most {limit}, raise the limit, or set "
                    f"{spelled('controlled_values')} to RequestsAndLimits",
                )
    yield from _eviction(vertical, fewest, spelled)


def _misplaced(
    name: str, bounds: ContainerBounds, main: str, known: Mapping[str, Resized]
) -> Iterator[Problem]:
    at = f"containers.{name}"
    if name == main:
        yield Problem(
            at,
            "is the main container, whose bounds are cpu and memory themselves",
            "one of the two would have no effect",
            "write its bounds one level higher",
        )
    elif name not in known:
        others = [one.name for one in known.values() if one.name != main and not one.sidecar]
        guess = nearest(name, others)
        yield Problem(
            at,
            "is no container of these pods",
            "it would have no effect",
            f"write {guess}" if guess else f"write one of: {', '.join(others) or 'none'}",
        )
    elif known[name].sidecar:
        yield _of_a_sidecar(at)
    elif not bounds.of_resources():
        yield Problem(
            at,
            "has neither cpu nor memory",
            "the autoscaler would not change it",
            "set min and max of cpu, memory or both, or leave it out",
        )


def _of_a_sidecar(at: str) -> Problem:
    return Problem(
        at,
        "is of an init container that runs on (a sidecar)",
        "the Vertical Pod Autoscaler reads and changes containers only",
        "leave it out, and set its resources",
    )


def _follows(scaling: Autoscaling | None, resource: str, container: str) -> bool:
    """Whether the number of pods follows the use of this request."""
    if scaling is None or getattr(scaling, resource) is None:
        return False
    return scaling.container in (None, container)


def _two_autoscalers(at: str, resource: str, spelled: Callable[[str], str]) -> Problem:
    return Problem(
        at,
        f"is set, and the number of pods follows the use of {resource}",
        "both autoscalers would react to one change of load: requests and pods would oscillate",
        f"leave it out, set {spelled('mode')} to Off, or scale the pods by something else than "
        f"{resource}",
    )


def _eviction(
    vertical: VerticalScaling, fewest: int, spelled: Callable[[str], str]
) -> Iterator[Problem]:
    evicts = vertical.mode in EVICTING
    if evicts and fewest == 1 and not vertical.evict_single_pod:
        yield Problem(
            "mode",
            f"is {vertical.mode}, and there may be one pod only",
            "the updater leaves a single pod as it is, so requests would not follow use",
            "run at least 2 pods, set mode to Initial, or accept interruptions with "
            f"{spelled('evict_single_pod')}",
        )
    if vertical.evict_single_pod and not (evicts and fewest == 1):
        reason = f"mode is {vertical.mode}" if not evicts else f"there are {fewest} pods or more"
        yield Problem(
            spelled("evict_single_pod"),
            f"is set, and {reason}",
            "it would have no effect",
            "leave it out",
        )


def _crossed(least: str, most: str) -> Iterator[Problem]:
    if quantity(least) > quantity(most):
        yield Problem(
            "min",
            f"is {least}, and max is {most}",
            "the autoscaler would have no request to choose",
            "lower min, or raise max",
        )
