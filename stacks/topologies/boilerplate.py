"""nginx in front of a server with an autoscaler, with PostgreSQL and Valkey.

It is the Kubernetes deployment of the boilerplate document, with its scale, resources and probes.
"""

from typing import Final

from components.kubernetes.container import Probe
from components.kubernetes.resources import Resources
from components.kubernetes.scaling import Autoscaling, Pace
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

GATEWAY: Final = "mcp-gateway"
SERVER: Final = "mcp-server"

BOILERPLATE: Final = Topology(
    name="boilerplate",
    front=Front(service=GATEWAY, upstream=SERVER),
    authorizer=SERVER,
    services=[
        GatewayService(name=GATEWAY),
        CoreService(
            name=SERVER,
            form="server.yaml",
            replicas=3,
            scaling=Autoscaling(
                min=3,
                max=10,
                cpu=70,
                memory=80,
                up=Pace(window=60, percent=50),
                down=Pace(window=300, percent=10),
            ),
            rollout=Rollout(surge=1, unavailable=0),
            resources=Resources(cpu="100m", memory="128Mi", cpu_limit="500m", memory_limit="512Mi"),
            health=Probe(delay=30, period=10, timeout=5, failures=3),
            readiness=Probe(delay=5, period=5, timeout=3, failures=3),
        ),
    ],
    data=[POSTGRES, VALKEY],
    jobs=[Migration(service=SERVER)],
    flows=flows_of(GATEWAY, SERVER, stores=True),
)
