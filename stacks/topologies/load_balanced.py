"""nginx in front of three servers, with sessions in Valkey and texts in PostgreSQL.

It is the second architecture of the MCP-SSE deployment guide, with the scale, resources and probes
of the guide's Deployment. The guide's audit log in PostgreSQL is `audit.enabled`.
"""

from typing import Final

from components.kubernetes.container import Probe
from components.kubernetes.resources import Resources
from components.kubernetes.workload import Rollout

from .one_server import flows_of
from .topology import (
    POSTGRES,
    VALKEY,
    CoreService,
    Front,
    GatewayService,
    Migration,
    Topology,
)

BALANCER: Final = "nginx-ingress"
"""The name in the guide's network policy."""
SERVER: Final = "qudag-mcp"

LOAD_BALANCED: Final = Topology(
    name="load-balanced",
    front=Front(service=BALANCER, upstream=SERVER),
    authorizer=SERVER,
    services=[
        GatewayService(name=BALANCER),
        CoreService(
            name=SERVER,
            form="environment",
            replicas=3,
            rollout=Rollout(surge=1, unavailable=0),
            resources=Resources(cpu="500m", memory="256Mi", cpu_limit="1", memory_limit="512Mi"),
            health=Probe(delay=10, period=10, failures=3),
            readiness=Probe(delay=5, period=5, failures=2),
        ),
    ],
    data=[POSTGRES, VALKEY],
    jobs=[Migration(service=SERVER)],
    flows=flows_of(BALANCER, SERVER, stores=True),
)
