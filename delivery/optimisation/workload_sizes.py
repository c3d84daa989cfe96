"""The workloads whose size a stack file states, and where it states it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from components.kubernetes.namespace import ContainerLimits
from components.kubernetes.resources import COUNTED
from components.kubernetes.user_server import SERVER
from stacks.config.stack import StackConfig
from stacks.placement import placement
from stacks.services import topology
from stacks.topologies.topology import (
    EgressProxyService,
    GatewayService,
    MonolithService,
    NodeService,
    Service,
    UserService,
)

LEAST_PODS: Final = 2
"""A single pod is down while its node is drained."""
_MEASURED: Final = ("cpu", "memory")


@dataclass(frozen=True, kw_only=True)
class SizedWorkload:
    """A workload whose requests, limits and pods the stack file may state.

    Attributes:
        name: of the workload.
        namespace: where its pods are.
        container: the container that the values are for.
        path: of the resources in the stack file, by steps: ``("scaling", "mcp-core")``.
        pods_path: of what states the number of pods.
        now: cpu, memory, cpu_limit and memory_limit as quantities.
        pods: its fixed number of pods; None with an autoscaler.
        least, most: the bounds of its autoscaler.
        cpu_target, memory_target: share of the requests at which the autoscaler adds pods.
        fewest: fewest pods that may be proposed; None: their number stays.
        one_process: whether the metrics of the server's process are those of the container.
        resized: whether the Vertical Pod Autoscaler sets the requests.
        floor: smallest requests that the namespace admits.
    """

    name: str
    namespace: str
    container: str
    path: tuple[str, ...]
    pods_path: tuple[str, ...]
    now: Mapping[str, str]
    pods: int | None
    least: int | None = None
    most: int | None = None
    cpu_target: float | None = None
    memory_target: float | None = None
    fewest: int | None = LEAST_PODS
    one_process: bool = False
    resized: bool = False
    floor: Mapping[str, str]

    @property
    def usual_pods(self) -> int:
        """The pods that run while nothing needs more."""
        return self.pods or self.least or 1


def sized_workloads(config: StackConfig) -> Iterator[SizedWorkload]:
    """Each service of the platform and each server of the user in the cluster."""
    for service in topology(config).services:
        if not isinstance(service, EgressProxyService):
            yield _sized(service, config)


def _sized(service: Service, config: StackConfig) -> SizedWorkload:
    scaling, is_users = service.scaling, isinstance(service, UserService)
    server = config.servers[service.name] if is_users else None
    bounds: Mapping[str, str] = (
        ContainerLimits().min if config.kubernetes.container_limits else dict[str, str]()
    )
    usual = {"cpu": "10m", "memory": "16Mi"}
    one_process = not isinstance(service, GatewayService | UserService | NodeService)
    stays = isinstance(service, NodeService) or (server is not None and server.storage is not None)
    top = ("servers", service.name) if is_users else ("scaling", service.name)
    return SizedWorkload(
        name=service.name,
        namespace=placement(config).of(service.name),
        container=SERVER if is_users or isinstance(service, MonolithService) else service.name,
        path=(*top, "resources") if is_users else top,
        pods_path=(*top, "scale") if is_users and scaling else top,
        now={
            field: getattr(service.resources, field)
            for field in (*_MEASURED, *(f"{field}_limit" for field in _MEASURED))
        },
        pods=None if scaling else service.replicas,
        least=scaling.min if scaling else None,
        most=scaling.max if scaling else None,
        cpu_target=scaling.cpu / 100 if scaling and scaling.cpu else None,
        memory_target=scaling.memory / 100 if scaling and scaling.memory else None,
        fewest=None if stays else LEAST_PODS,
        one_process=one_process and _workers(service) == 1,
        resized=service.vertical is not None and service.vertical.mode != "Off",
        floor={field: bounds.get(COUNTED[field], usual[field]) for field in _MEASURED},
    )


def _workers(service: Any) -> int:
    return getattr(service, "workers", 1) or 1
