"""Stacks with a section observability, and the alerts in them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from graph.resource_graph import ResourceGraph
from stacks.topologies import TOPOLOGIES
from tests.harness.graph_queries import objects
from tests.harness.user_servers import NETWORK, recorded

API_SERVER: Final = ["10.96.0.1/32", "192.0.2.10/32"]
ALERTS: Final = {
    "receivers": [
        {"name": "on-call", "pagerduty": {"key": {"secret": "told", "key": "pagerduty"}}},
        {"name": "chat", "slack": {"channel": "#a", "url": {"secret": "told", "key": "slack"}}},
        {
            "name": "mail",
            "email": {
                **{
                    "to": "a@example.com",
                    "sender": "b@example.com",
                    "smarthost": "mx.example.com:587",
                },
                **{"username": "b", "password": {"secret": "told", "key": "smtp"}},
            },
            "teams": ["data"],
        },
        {"name": "hook", "webhook": {"url": {"secret": "told", "key": "hook"}}},
    ],
    "deadMansSwitch": {"url": {"secret": "told", "key": "switch"}, "minutes": 2},
    "thresholds": {"toolLatencySeconds": 7, "errorPercent": 3},
    "objectives": {"latencySeconds": 30, "availabilityPercent": 99.5},
    "disabled": ["MCPServerHighMemoryUsage"],
    "exporters": ["kube-state-metrics"],
    "runbooks": "https://wiki.example.com/runbooks/",
    "grafana": "https://grafana.example.com",
}
OPERATOR: Final = {
    "kind": "operator",
    "operator": {
        "labels": {"release": "kps"},
        "blackboxExporter": "http://blackbox-exporter.monitoring.svc:9115",
    },
    "alerts": ALERTS,
}
EXPORTERS: Final = {"valkey": {"exporter": True}, "databaseExporter": True}
AGENTS: Final = ("business-analyst", "technical-architect", "developer", "qa-tester")
CLOUDNATIVE_PG: Final[Mapping[str, Any]] = {
    "kubernetes": {"apiServer": API_SERVER},
    "data": {
        "kind": "cloudnative-pg",
        "cloudnativePg": {"image": "ghcr.io/cloudnative-pg/postgresql:17.6", "pooler": {}},
    },
}


@cache
def stack(topology: str, kind: str = "operator", database: str = "") -> ResourceGraph:
    own = kind == "standalone"
    config: dict[str, Any] = {
        "topology": topology,
        "domain": "mcp.example.com",
        "network": {k: v for k, v in NETWORK.items() if k != "prometheus"} if own else NETWORK,
        **({"kubernetes": {"apiServer": API_SERVER}} if own else {}),
        "observability": OPERATOR if kind == "operator" else {"kind": kind},
        "servers": {
            "weather": {
                "image": "ghcr.io/acme/weather:1",
                "egress": {"hosts": ["example.com:443"]},
                "metrics": {"accuracy": "weather_accuracy", "activeUsers": "weather_users"},
            },
        },
    }
    if topology == "orchestration":
        config["servers"] = {f"{one}-agent": {"image": "ghcr.io/acme/agent:1"} for one in AGENTS}
    elif topology == "none":
        config["topology"] = "three-services"
    stores = TOPOLOGIES[topology].data
    if database:
        config |= CLOUDNATIVE_PG
    elif stores:
        config["data"] = {
            name: value
            for name, value in EXPORTERS.items()
            if (name == "valkey" and "redis" in stores)
            or (name == "databaseExporter" and "postgres" in stores)
        }
    return recorded(config)


def alerts(graph: ResourceGraph) -> set[str]:
    (made,) = objects(graph, "PrometheusRule")
    return {
        rule["alert"]
        for group in made["spec"]["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
