"""One workload with gateway, core and QuDAG integration together, for development."""

from typing import Final

from components.kubernetes.core import MIGRATION
from components.kubernetes.party import Flow
from components.kubernetes.resources import Resources

from .topology import (
    CLIENTS,
    ISSUER,
    POSTGRES,
    PROMETHEUS,
    VALKEY,
    Front,
    Migration,
    MonolithService,
    Topology,
)

SERVER: Final = "mcp-server"

MONOLITH: Final = Topology(
    name="monolith",
    front=Front(service=SERVER, upstream=SERVER, service_name="mcp-gateway-service"),
    authorizer=SERVER,
    services=[
        MonolithService(
            name=SERVER,
            replicas=1,
            resources=Resources(cpu="100m", memory="192Mi", cpu_limit="1", memory_limit="1Gi"),
        ),
    ],
    data=[POSTGRES, VALKEY],
    jobs=[Migration(service=SERVER)],
    flows=[
        Flow(source=CLIENTS, target=SERVER, port=8443, why="MCP over TLS"),
        Flow(source=CLIENTS, target=SERVER, port=8080, why="redirect to TLS"),
        Flow(source=SERVER, target=POSTGRES, port=5432, why="state"),
        Flow(source=SERVER, target=VALKEY, port=6379, why="sessions and cache"),
        Flow(source=SERVER, target=ISSUER, port=443, why="signing keys"),
        Flow(source=MIGRATION, target=POSTGRES, port=5432, why="schema"),
        Flow(source=PROMETHEUS, target=SERVER, port=9090, why="metrics"),
        Flow(source=PROMETHEUS, target=SERVER, port=9091, why="metrics of the gateway"),
    ],
)
