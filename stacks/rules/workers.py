"""Rules for services with several server processes in each pod."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem
from components.mcp.era import has_sessions
from components.mcp.workers import worker_problems

from ..config.stack import StackConfig
from ..services import topology
from ..topologies.topology import VALKEY, MonolithService, NodeService, ServerService
from .rule import Rule, at


def workers_share_no_state(config: StackConfig) -> Iterator[Problem]:
    """Only a server can have several processes, and only where none needs another's memory."""
    chosen = topology(config)
    for service in chosen.services:
        scale = config.scaling.get(service.name)
        if scale is None or scale.workers in (None, 1):
            continue
        path = f"scaling.{service.name}.workers"
        if isinstance(service, ServerService):
            yield from worker_problems(
                f"qudag-mcp:{path}",
                service.workers,
                cpu_limit=service.resources.cpu_limit,
                sessions_in_memory=has_sessions(config.protocol.era)
                and not chosen.uses(service.name, VALKEY),
                is_node=isinstance(service, NodeService | MonolithService),
            )
        else:
            yield at(
                path,
                f"is {scale.workers}, but {service.name} is no MCP server",
                "it would have no effect",
                "leave it out: nginx has several processes already",
            )


WORKER_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("scaling", "topology", "protocol.era"), workers_share_no_state),
]
