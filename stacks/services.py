"""The services of a stack: those of its topology, at the scale that the configuration gives."""

from __future__ import annotations

from dataclasses import replace

from components.kubernetes.resources import COUNTED
from components.kubernetes.scaling import Autoscaling

from .config.scaling import ServiceScale
from .config.stack import StackConfig
from .topologies import TOPOLOGIES
from .topologies.topology import Service, Topology


def topology(config: StackConfig) -> Topology:
    """The configured topology, at the configured scale."""
    chosen = TOPOLOGIES[config.topology]
    return replace(
        chosen,
        services=[scaled(service, config.scaling.get(service.name)) for service in chosen.services],
    )


def scaled(service: Service, scale: ServiceScale | None) -> Service:
    """The service as the configuration changes its scale and resources."""
    if scale is None:
        return service
    changes = {
        name: value
        for name in (*COUNTED, *(f"{name}_limit" for name in COUNTED))
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
