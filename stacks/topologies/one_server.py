"""The flows that every topology with one kind of server has."""

from __future__ import annotations

from components.kubernetes.core import MIGRATION
from components.kubernetes.gateway_metrics import MONOLITH_METRICS
from components.kubernetes.party import Flow
from components.mcp.server_config import HTTPS, METRICS

from .topology import CLIENTS, ISSUER, POSTGRES, PROMETHEUS, VALKEY


def flows_of(
    front: str, server: str, *, stores: bool, migration: str = MIGRATION, port: int = HTTPS
) -> list[Flow]:
    """Clients to the front, the front to the server, and the server to what it needs.

    Args:
        front: what clients connect to; the server itself, where both are in the same pods.
        server: the server behind it.
        stores: whether it has PostgreSQL, with a migration, and Valkey.
        migration: name of the migration.
        port: on which the server has MCP.
    """
    return [
        Flow(source=CLIENTS, target=front, port=8443, why="MCP over TLS"),
        Flow(source=CLIENTS, target=front, port=8080, why="redirect to TLS"),
        *([Flow(source=front, target=server, port=port, why="MCP")] if front != server else []),
        *(
            [
                Flow(source=server, target=POSTGRES, port=5432, why="texts of users"),
                Flow(source=server, target=VALKEY, port=6379, why="sessions"),
            ]
            if stores
            else []
        ),
        Flow(source=server, target=ISSUER, port=443, why="signing keys"),
        *([Flow(source=migration, target=POSTGRES, port=5432, why="schema")] if stores else []),
        Flow(source=PROMETHEUS, target=server, port=9090, why="metrics"),
        Flow(
            source=PROMETHEUS,
            target=front,
            port=MONOLITH_METRICS if front == server else METRICS,
            why="metrics of the gateway",
        ),
    ]
