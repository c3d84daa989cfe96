"""No servers of this project's own: the user's, behind the gateway.

The one reference server has no tools: it checks the tokens of the gateway's requests, and offers
the tools of the user's servers in one list.
"""

from typing import Final

from components.kubernetes.resources import Resources

from .one_server import flows_of
from .topology import (
    Front,
    GatewayService,
    ServerService,
    Topology,
)

GATEWAY: Final = "mcp-gateway"
SERVER: Final = "mcp-core"

NONE: Final = Topology(
    name="none",
    front=Front(service=GATEWAY, upstream=SERVER),
    authorizer=SERVER,
    services=[
        GatewayService(name=GATEWAY),
        ServerService(
            name=SERVER,
            role="federation",
            resources=Resources(cpu="100m", memory="192Mi", cpu_limit="1", memory_limit="1Gi"),
        ),
    ],
    flows=flows_of(GATEWAY, SERVER, stores=False),
)
