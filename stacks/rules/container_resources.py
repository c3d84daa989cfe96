"""Requests and limits of one container against each other and against the LimitRange."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from components.base.arguments import camel
from components.base.problems import Problem
from components.base.quantities import quantity
from components.kubernetes.namespace import ContainerLimits
from components.kubernetes.resources import COUNTED, Resources

from ..config.cloudnative_pg import PoolerResources, PostgresResources
from ..config.servers import ServerResources
from ..config.stack import StackConfig
from .rule import at

_REFUSED = "the API server would refuse every pod of it"


def resource_problems(
    path: str,
    resources: Resources | ServerResources | PostgresResources | PoolerResources,
    config: StackConfig,
    kinds: Iterable[str] = COUNTED,
) -> Iterator[Problem]:
    """No request is above its limit, and neither is outside of what the namespace admits.

    Args:
        path: of the mapping with the fields, without the prefix.
        resources: with all fields.
        config: of the stack.
        kinds: which of ``COUNTED``.
    """
    bounds = ContainerLimits()
    for kind in kinds:
        resource, field = COUNTED[kind], f"{path}.{camel(kind)}"
        asked, limit = getattr(resources, kind), getattr(resources, f"{kind}_limit")
        if quantity(asked) > quantity(limit):
            what = f"asks for {asked}, more than its limit of {limit}"
            yield at(field, what, _REFUSED, f"lower it, or raise {camel(kind)}Limit to {asked}")
        if not config.kubernetes.container_limits:
            continue
        if quantity(limit) > quantity(bounds.max[resource]):
            what = f"is {limit}, more than a container may have here ({bounds.max[resource]})"
            fix = f"set at most {bounds.max[resource]}, or kubernetes.containerLimits: false"
            yield at(f"{field}Limit", what, _REFUSED, fix)
        if quantity(asked) < quantity(bounds.min[resource]):
            what = f"is {asked}, less than a container must ask for ({bounds.min[resource]})"
            fix = f"set at least {bounds.min[resource]}, or kubernetes.containerLimits: false"
            yield at(field, what, _REFUSED, fix)
