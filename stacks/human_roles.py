"""The args of the roles of people, with the names of a platform's workloads and Secrets."""

from __future__ import annotations

import pulumi

from components.kubernetes.human_roles import HumanRolesArgs

from .config.stack import StackConfig
from .placement import placement
from .required_secrets import required_secrets
from .topologies.topology import NodeService, Topology


def human_roles_args(
    config: StackConfig, topology: Topology, namespace: str, made: pulumi.Input[str]
) -> HumanRolesArgs | None:
    """The args for a namespace, which ``made`` names too; None where no group is configured."""
    people = config.kubernetes.people
    if not (people.developers or people.operators or people.admins):
        return None
    here = placement(config).within(namespace, [service.name for service in topology.services])
    nodes = [s.name for s in topology.services if isinstance(s, NodeService) and s.name in here]
    secrets = [one for one in required_secrets(config) if one["namespace"] == namespace]
    return HumanRolesArgs(
        namespace=made,
        developers=people.developers,
        operators=people.operators,
        admins=people.admins,
        deployments=[name for name in here if name not in nodes],
        stateful_sets=nodes,  # a second pod of a data store would have data of its own
        secrets=sorted({secret["name"] for secret in secrets}),
    )
