"""What a topology is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from components.kubernetes.container import Probe, Resources
from components.kubernetes.flow import Flow
from components.kubernetes.scaling import Autoscaling
from components.kubernetes.server import HEALTH, READINESS
from components.kubernetes.workload import Rollout


class Role(Enum):
    """What a service does; decides which component makes it and which tools it has."""

    MONOLITH = "monolith"
    GATEWAY = "gateway"
    CORE = "core"
    QUDAG = "qudag"
    AUTH = "auth"
    TOOLS = "tools"
    CONFIG = "config"
    STATE = "state"
    CONSENSUS = "consensus"
    CRYPTO = "crypto"


CLIENTS: Final = "clients"
ISSUER: Final = "issuer"
PEERS: Final = "qudag-peers"
PROMETHEUS: Final = "prometheus"
OPTIONAL_PARTIES: Final = (CLIENTS, ISSUER, PEERS, PROMETHEUS)
"""Parties outside the platform; their flows exist where the configuration says where they are."""

POSTGRES: Final = "postgres"
VALKEY: Final = "redis"


@dataclass(frozen=True, kw_only=True)
class Service:
    """One service of a topology.

    Attributes:
        name: physical name of the workload, and what flows call it.
        role: see Role.
        replicas: pods, where no ``scaling`` is given.
        scaling: autoscaling by default.
        rollout: surge and unavailability.
        resources: requests and limits of its main container.
        uses_database, uses_cache: whether it gets their address and password.
        health, readiness: probe times.
    """

    name: str
    role: Role
    replicas: int = 2
    scaling: Autoscaling | None = None
    rollout: Rollout = field(default_factory=Rollout)
    resources: Resources = field(default_factory=Resources)
    uses_database: bool = False
    uses_cache: bool = False
    health: Probe = HEALTH
    readiness: Probe = READINESS


@dataclass(frozen=True, kw_only=True)
class Topology:
    """Services and the flows between them, and from and to the parties outside.

    Attributes:
        name: as it is configured.
        services: in the order in which a reader wants them.
        flows: all that may pass. Ports are the containers'.
    """

    name: str
    services: Sequence[Service]
    flows: Sequence[Flow]

    def service(self, role: Role) -> Service:
        """The one service with ``role``.

        Raises:
            KeyError: there is none.
        """
        for service in self.services:
            if service.role is role:
                return service
        raise KeyError(role)
