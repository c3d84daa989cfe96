"""Which servers of a topology have keys of users or a vault, and the flows that only these use."""

from __future__ import annotations

from collections.abc import Sequence

from components.kubernetes.flow import Flow
from components.mcp.master_keys import master_keys
from components.mcp.roles import ROLES_WITH_VAULT

from .config.stack import StackConfig
from .topologies.topology import POSTGRES, MonolithService, ServerService, Topology


def master_keys_of(service: ServerService, topology: Topology, config: StackConfig) -> list[str]:
    """The master keys that the pods of a service mount."""
    if config.secrets.user_keys is None:
        return []
    database = topology.uses(service.name, POSTGRES)
    return list(master_keys(service.role, database=database).values())


def flows_without_vaults(
    topology: Topology, flows: Sequence[Flow], config: StackConfig
) -> list[Flow]:
    """The flows, without those to the database of servers that would use it for a vault alone."""
    if config.secrets.user_keys is not None:
        return list(flows)
    vaults = {
        service.name
        for service in topology.services
        if isinstance(service, ServerService)
        and not isinstance(service, MonolithService)
        and service.role in ROLES_WITH_VAULT
    }
    return [flow for flow in flows if flow.target != POSTGRES or flow.source not in vaults]
