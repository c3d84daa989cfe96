"""Gateway, core, QuDAG integration and the six services behind them, for production.

Names, scale, resources and probes of gateway and core are those of the deployment patterns
document. The flows are the arrows of its picture, but for those that would carry nothing: docs/adr
0030 says which. A server offers the tools of each server that it has a flow to.
"""

from typing import Final

from components.kubernetes.container import Probe
from components.kubernetes.core import MIGRATION
from components.kubernetes.party import Flow
from components.kubernetes.resources import Resources
from components.kubernetes.scaling import Autoscaling, Pace
from components.kubernetes.workload import Rollout

from .topology import (
    CLIENTS,
    ISSUER,
    PEERS,
    POSTGRES,
    PROMETHEUS,
    VALKEY,
    CoreService,
    Front,
    GatewayService,
    Migration,
    NodeService,
    ServerService,
    Service,
    Topology,
)

GATEWAY: Final = "mcp-gateway"
CORE: Final = "mcp-core"
QUDAG: Final = "qudag-integration"

SMALL: Final = Resources(cpu="50m", memory="128Mi", cpu_limit="250m", memory_limit="512Mi")
"""For the six services that the source names and does not size."""

SERVICES: Final[list[Service]] = [
    GatewayService(
        name=GATEWAY,
        replicas=3,
        scaling=Autoscaling(
            min=2,
            max=10,
            cpu=70,
            memory=80,
            up=Pace(window=60, percent=50),
            down=Pace(window=300, percent=10),
        ),
        rollout=Rollout(surge=1, unavailable=0),
        resources=Resources(cpu="100m", memory="128Mi", cpu_limit="500m", memory_limit="512Mi"),
    ),
    CoreService(
        name=CORE,
        replicas=5,
        scaling=Autoscaling(
            min=3,
            max=20,
            cpu=60,
            memory=70,
        ),
        rollout=Rollout(surge=2, unavailable=1),
        resources=Resources(cpu="200m", memory="512Mi", cpu_limit="1", memory_limit="2Gi"),
        health=Probe(delay=60, period=30, timeout=10),
        readiness=Probe(delay=10, period=10, failures=5),
    ),
    NodeService(name=QUDAG, replicas=2),
    ServerService(name="mcp-auth", role="auth", resources=SMALL),
    ServerService(name="mcp-tools", role="tools", resources=SMALL),
    ServerService(name="mcp-config", role="config", resources=SMALL),
    ServerService(name="mcp-state", role="state", resources=SMALL),
    ServerService(name="mcp-consensus", role="consensus", resources=SMALL),
    ServerService(name="mcp-crypto", role="crypto", resources=SMALL),
]

SERVERS: Final = [service.name for service in SERVICES if service.name != GATEWAY]

MICROSERVICES: Final = Topology(
    name="microservices",
    front=Front(service=GATEWAY, upstream=CORE),
    authorizer="mcp-auth",
    services=SERVICES,
    data=[POSTGRES, VALKEY],
    jobs=[Migration(service=CORE)],
    flows=[
        Flow(source=CLIENTS, target=GATEWAY, port=8443, why="MCP over TLS"),
        Flow(source=CLIENTS, target=GATEWAY, port=8080, why="redirect to TLS"),
        Flow(source=GATEWAY, target=CORE, port=8443, why="MCP"),
        Flow(source=CORE, target="mcp-auth", port=8443, why="tool calls"),
        Flow(source=CORE, target="mcp-tools", port=8443, why="tool calls"),
        Flow(source=CORE, target=QUDAG, port=8443, why="tool calls"),
        Flow(source=QUDAG, target="mcp-consensus", port=8443, why="tool calls"),
        Flow(source="mcp-auth", target="mcp-config", port=8443, why="tool calls"),
        Flow(source="mcp-tools", target="mcp-state", port=8443, why="tool calls"),
        Flow(source="mcp-consensus", target="mcp-crypto", port=8443, why="tool calls"),
        Flow(source=QUDAG, target=QUDAG, port=4001, why="peers"),
        Flow(source=QUDAG, target=PEERS, port=4001, why="peers elsewhere"),
        Flow(source=PEERS, target=QUDAG, port=4001, why="peers elsewhere"),
        *(
            Flow(source=name, target=target, port=port, why=why)
            for name in (CORE, "mcp-state")
            for target, port, why in (
                (POSTGRES, 5432, "state"),
                (VALKEY, 6379, "sessions and cache"),
            )
        ),
        Flow(source=QUDAG, target=POSTGRES, port=5432, why="vault"),
        Flow(source=MIGRATION, target=POSTGRES, port=5432, why="schema"),
        *(Flow(source=s, target=ISSUER, port=443, why="signing keys") for s in SERVERS),
        *(Flow(source=PROMETHEUS, target=s, port=9090, why="metrics") for s in SERVERS),
        Flow(source=PROMETHEUS, target=GATEWAY, port=9090, why="metrics of the gateway"),
    ],
)
