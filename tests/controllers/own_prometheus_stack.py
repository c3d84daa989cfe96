"""A stack that KEDA scales by the stack's own Prometheus, which requires a login."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from delivery.kubectl import Object
from graph.manifests import manifests
from graph.resource_graph import ResourceGraph
from tests.controllers.scaled_stack import AT_ONCE, CORE, STREAMS, Scaled
from tests.harness.topologies import NETWORK
from tests.harness.user_servers import recorded

NAME: Final = "own-prometheus"
NAMESPACE: Final = "qudag-mcp-own-prometheus"
MONITORING: Final = f"{NAMESPACE}-monitoring"
HOST: Final = f"prometheus-service.{MONITORING}.svc"
ADDRESS: Final = "127.77.0.9"
"""Loopback address of its Prometheus, at the port of its Service."""
LOGIN: Final = "prometheus-login"
SECTIONS: Final[dict[str, Any]] = {
    "topology": "microservices",
    "network": {name: value for name, value in NETWORK.items() if name != "prometheus"},
    "kubernetes": {"namespace": NAMESPACE, "quota": None, "apiServer": ["10.96.0.1/32"]},
    "scaling": {
        "mcp-core": {
            **CORE,
            "up": AT_ONCE,
            "down": AT_ONCE,
            "targets": {},
            "metrics": {"mcp_open_streams": STREAMS},
        }
    },
    "observability": {"kind": "standalone", "standalone": {"login": LOGIN, "keda": {}}},
}


@cache
def graph() -> ResourceGraph:
    """The stack, recorded once."""
    return recorded(SECTIONS)


def rendered(prometheus: str, scaled: Scaled) -> list[Object]:
    """Its manifests, which name its own Prometheus and follow its metrics."""
    del prometheus, scaled
    made = manifests(graph())
    return [made[name] for name in sorted(made)]
