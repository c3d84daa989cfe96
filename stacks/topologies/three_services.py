"""An API, a learning system and a compute server behind one gateway, with PostgreSQL and Valkey.

Names, ports, paths, scale and resources are those of the document with a TypeScript, a Python and a
Rust service. Flows separate the tiers: clients reach the gateway alone, the API calls the learning
system, and the three of them reach the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from components.mcp.server_config import HTTPS

from .none import GATEWAY, NONE, SERVER
from .one_server import flows_of
from .topology import POSTGRES, VALKEY, Front, Topology

LEARNING: Final = "mcp-learning-system"

_EACH: Final[Mapping[str, Any]] = {
    "health": "/health",
    "user": 1001,
    "uses": [POSTGRES, VALKEY],
    "resources": {"cpu": "250m", "memory": "512Mi", "cpuLimit": "1", "memoryLimit": "2Gi"},
}

THREE_SERVICES: Final = Topology(
    name="three-services",
    front=Front(service=GATEWAY, upstream=SERVER),
    authorizer=SERVER,
    services=NONE.services,
    data=[POSTGRES, VALKEY],
    flows=flows_of(GATEWAY, SERVER, stores=False),
    servers={
        "mcp-typescript-api": {
            **_EACH,
            "port": 3000,
            "pathPrefix": "/api/v1",
            "replicas": 3,
            "calls": [LEARNING],
            "env": {"LEARNING_SYSTEM_URL": f"https://{LEARNING}-service:{HTTPS}/mcp"},
        },
        LEARNING: {
            **_EACH,
            "port": 8001,
            "pathPrefix": "/ml",
            "replicas": 2,
            "volumes": {"mcp-data": "/data", "mcp-models": "/models"},
        },
        "mcp-rust-server": {**_EACH, "port": 8002, "pathPrefix": "/compute", "replicas": 3},
    },
)
