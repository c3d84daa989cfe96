"""An orchestration engine and four role agents in namespaces of their own, with their data.

Names, scale, resources and probes are those of the document on role-constrained agents. The engine
is the core server: it lists and calls the tools of the agents, which clients do not reach. An agent
is one entry, here or in a stack file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import yaml

from components.kubernetes.container import Probe
from components.kubernetes.resources import Resources
from components.kubernetes.scaling import Autoscaling, Pace

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
ENGINE: Final = "orchestration-engine"
HTTP: Final = 8000
WEBSOCKET: Final = 8001
"""Port for WebSockets and MCP, over TLS. The document's port 8000 serves only probes here."""
AGENTS: Final = "agents"
FILE: Final = "/app/config/role.yaml"
MODEL: Final = "gpt-4o-mini"
ROLES: Final = ("business-analyst", "technical-architect", "developer", "qa-tester")
PROVIDER: Final[Mapping[str, Any]] = {
    "secretEnv": {"OPENAI_API_KEY": "llm-secrets/openai-api-key"},
    "egress": {"hosts": ["api.openai.com:443"]},
}
"""For agents with an image: the key of the model provider, and its host, the only one allowed."""


@dataclass(frozen=True, kw_only=True)
class AgentRole:
    """The content of role.yaml; the model is the variable LLM_MODEL.

    Attributes:
        role: identifier of the role.
        title: its name for people.
        instructions: what an agent of this role does, for the model that plays it.
    """

    role: str
    title: str
    instructions: str

    @classmethod
    def named(cls, role: str) -> AgentRole:
        """The role of an agent for which the document gives only a name."""
        title = role.replace("-", " ")
        return cls(
            role=role.replace("-", "_"),
            title=title,
            instructions=f"You are the {title} of a team; decline work of other roles.",
        )

    def text(self) -> str:
        """The content of the file role.yaml."""
        return yaml.safe_dump(asdict(self), sort_keys=False)


def agent(role: str) -> Mapping[str, Any]:
    """The entry of an agent, with its role and the file that describes it."""
    described = AgentRole.named(role)
    return {
        "namespace": AGENTS,
        "exposed": False,
        "port": 3001,
        "health": "/health",
        "replicas": 2,
        "resources": {"cpu": "250m", "memory": "256Mi", "cpuLimit": "1", "memoryLimit": "1Gi"},
        "env": {
            "ROLE_ID": described.role,
            "MCP_PORT": "3001",
            "LLM_MODEL": MODEL,
            "ROLE_CONFIG": FILE,
        },
        "files": {FILE: described.text()},
    }


SCALED: Final[Mapping[str, Any]] = {"min": 2, "max": 8, "cpu": 75, "memory": 85}
"""Of the business analyst; the document scales no other agent."""
_AGENTS: Final = {f"{role}-agent": agent(role) for role in ROLES}
_FIRST: Final = f"{ROLES[0]}-agent"

ORCHESTRATION: Final = Topology(
    name="orchestration",
    front=Front(service=GATEWAY, upstream=ENGINE),
    authorizer=ENGINE,
    services=[
        GatewayService(name=GATEWAY),
        CoreService(
            name=ENGINE,
            http=HTTP,
            https=WEBSOCKET,
            form="global-config",
            replicas=3,
            scaling=Autoscaling(
                min=3,
                max=10,
                cpu=70,
                memory=80,
                up=Pace(window=60, percent=50),
                down=Pace(window=300, percent=25),
            ),
            resources=Resources(cpu="500m", memory="512Mi", cpu_limit="2", memory_limit="2Gi"),
            health=Probe(delay=30, period=10),
            readiness=Probe(delay=5, period=5),
        ),
    ],
    data=[POSTGRES, VALKEY],
    jobs=[Migration(service=ENGINE, name="database-migration")],
    flows=flows_of(GATEWAY, ENGINE, stores=True, migration="database-migration", port=WEBSOCKET),
    places={POSTGRES: "database", VALKEY: "cache"},
    servers={**_AGENTS, _FIRST: {**_AGENTS[_FIRST], "replicas": None, "scale": SCALED}},
    with_image=dict.fromkeys(_AGENTS, PROVIDER),
)
