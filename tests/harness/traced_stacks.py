"""Stacks whose servers send spans, with a store of their own or a sink outside."""

from __future__ import annotations

import json
import tomllib
from functools import cache
from typing import Any, Final

from graph.resource_graph import ResourceGraph

from .graph_queries import objects, pods
from .network_policy_model import Endpoint
from .user_servers import NETWORK, recorded

PLATFORM: Final = "qudag-mcp-dev"
MONITORING: Final = f"{PLATFORM}-monitoring"
COLLECTOR: Final = Endpoint.pod(MONITORING, app="trace-collector")
STORE: Final = Endpoint.pod(MONITORING, app="trace-store")
RECEIVER: Final = f"https://trace-collector-service.{MONITORING}.svc:4318/v1/traces"
SINK: Final = {
    "url": "https://traces.example.com:4319/intake",
    "networks": ["192.0.2.0/24"],
    "header": "X-Api-Key",
    "scheme": "none",
    "token": {"secret": "trace-sink", "key": "token"},
    "ca": {"secret": "trace-sink", "key": "ca.crt"},
}
WITHOUT_PROMETHEUS: Final = {k: v for k, v in NETWORK.items() if k != "prometheus"}
SERVERS: Final[dict[str, dict[str, Any]]] = {
    "weather": {"image": "ghcr.io/acme/weather:1", "longestToolSeconds": 300},
    "notes": {
        "image": "ghcr.io/acme/notes:1",
        "transport": "stdio",
        "command": ["notes"],
    },
    "traced": {
        "image": "ghcr.io/acme/traced:1",
        "traces": True,
        "namespace": "models",
        "env": {"OTEL_METRICS_EXPORTER": "prometheus"},
    },
    "files": {
        "image": "ghcr.io/acme/files:1",
        "transport": "stdio",
        "command": ["files"],
        "traces": True,
        "secretEnv": {
            "OTEL_RESOURCE_ATTRIBUTES": "files/attributes",
            "OTEL_LOGS_EXPORTER": "files/logs",
        },
    },
}


@cache
def stack(kind: str = "standalone", topology: str = "microservices") -> ResourceGraph:
    """A stack with a store of its own (standalone), or with a sink outside."""
    own = kind == "standalone"
    kept = {"sampledPercent": 1.5, "slowSeconds": 0.5, "queueBytes": "32Mi"}
    traces = {} if own else {"sink": SINK, **kept}
    return recorded(
        {
            "topology": topology,
            "network": NETWORK if kind == "operator" else WITHOUT_PROMETHEUS,
            "kubernetes": {
                "namespaces": {"models": f"{PLATFORM}-models"},
                "servicePods": {"files": {"env": {"OTEL_BSP_SCHEDULE_DELAY": "500"}}},
                **({"apiServer": ["10.96.0.1/32"]} if own else {}),
            },
            "observability": {
                "kind": kind,
                "traces": traces,
                **({"standalone": {"grafana": {}}} if own else {}),
            },
            "servers": SERVERS,
        }
    )


def configuration(graph: ResourceGraph) -> dict[str, Any]:
    """That of the collector of spans."""
    (found,) = [
        one["data"]["collector.json"]
        for one in objects(graph, "ConfigMap")
        if one["metadata"]["name"] == "trace-collector-config"
    ]
    return json.loads(found)


def endpoints(graph: ResourceGraph) -> dict[tuple[str, str], str]:
    """Where each container sends spans, by the names of its workload and of itself."""
    maps: dict[tuple[str, str], dict[str, Any]] = {
        (one["metadata"]["namespace"], one["metadata"]["name"]): one["data"]
        for one in objects(graph, "ConfigMap")
    }
    found: dict[tuple[str, str], str] = {}
    for each in pods(graph):
        namespace = each.owner.inputs["metadata"]["namespace"]
        for container in (*each.containers, *each.spec.get("initContainers", [])):
            variables = {one["name"]: one.get("value") for one in container.get("env", [])}
            if url := variables.get("QUDAG_MCP_TRACES"):
                found[each.name, container["name"]] = url
            if url := variables.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
                found[each.name, container["name"]] = f"{url}/v1/traces"
        for volume in each.spec.get("volumes", []):
            name = str(volume.get("configMap", {}).get("name"))
            text = str(maps.get((namespace, name), {}).get("server.toml", ""))
            if section := tomllib.loads(text).get("traces"):
                found[each.name, name.removesuffix("-config")] = section["endpoint"]
    return found
