"""Stacks that have every alert between them, each with the runbooks of its alerts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, get_args

from components.observability.rules.external_exporters import ExternalExporter
from graph.resource_graph import ResourceGraph

from .canary_stack import BUCKET
from .user_servers import NETWORK, recorded

API_SERVER: Final = ["10.96.0.1/32", "192.0.2.10/32"]
AGENTS: Final = ("business-analyst", "technical-architect", "developer", "qa-tester")
TOLD: Final[Mapping[str, Any]] = {
    "receivers": [{"name": "hook", "webhook": {"url": {"secret": "told", "key": "hook"}}}],
    "deadMansSwitch": {"url": {"secret": "told", "key": "switch"}},
}
WEATHER: Final[Mapping[str, Any]] = {
    "image": "ghcr.io/acme/weather:1",
    "egress": {"hosts": ["example.com:443"]},
    "metrics": {"accuracy": "weather_accuracy"},
    "volumes": {"models": "/models"},
}
EXPORTERS: Final[Mapping[str, Any]] = {"databaseExporter": True, "valkey": {"exporter": True}}
OPENSEARCH: Final[Mapping[str, Any]] = {
    "kind": "opensearch",
    "url": "https://search.example.com:9200",
    "networks": ["192.0.2.32/32"],
    "user": "logs",
    "password": {"secret": "log-sink", "key": "password"},
    "retention": {
        "user": "log-retention",
        "password": {"secret": "log-retention", "key": "password"},
    },
}
STACKS: Final[Mapping[str, Mapping[str, Any]]] = {
    "microservices": {
        "topology": "microservices",
        "network": NETWORK,
        "audit": {"enabled": True, "bucket": {**BUCKET, "url": "s3://qudag-audit/dev"}},
        "backup": {"bucket": BUCKET, "volumes": ["models"]},
        "data": {
            "databaseExporter": True,
            "valkey": {"exporter": True, "replicas": 3},
            "volumes": {"models": {"size": "1Gi"}},
        },
        "servers": {"weather": WEATHER},
        "scaling": {"mcp-core": {"workers": 2, "cpuLimit": "2"}},
        "observability": {
            "kind": "operator",
            "logs": {
                "sink": {
                    "kind": "otlp",
                    "url": "https://logs.example.com:4318",
                    "networks": ["192.0.2.30/32"],
                }
            },
            "traces": {
                "sink": {"url": "https://traces.example.com", "networks": ["192.0.2.31/32"]}
            },
            "alerts": {**TOLD, "exporters": list(get_args(ExternalExporter))},
        },
    },
    "orchestration": {
        "topology": "orchestration",
        "network": NETWORK,
        "data": EXPORTERS,
        "servers": {f"{one}-agent": {"image": "ghcr.io/acme/agent:1"} for one in AGENTS},
        "observability": {"kind": "operator", "alerts": TOLD},
    },
    "monolith": {
        "topology": "monolith",
        "network": {k: v for k, v in NETWORK.items() if k != "prometheus"},
        "kubernetes": {"apiServer": API_SERVER},
        "audit": {"enabled": True},
        "backup": {"bucket": BUCKET},
        "data": EXPORTERS,
        "observability": {
            "kind": "standalone",
            "logs": {},
            "traces": {},
            "alerts": TOLD,
            "standalone": {"alertmanager": {"egress": {"networks": ["192.0.2.25/32:443"]}}},
        },
    },
    "cloudnative-pg": {
        "topology": "microservices",
        "network": NETWORK,
        "kubernetes": {"apiServer": API_SERVER},
        "data": {
            "kind": "cloudnative-pg",
            "cloudnativePg": {
                "image": "ghcr.io/cloudnative-pg/postgresql:17.6",
                "backup": {
                    "provider": "gcp",
                    "url": "gs://acme-backups/postgres",
                    "identity": "backups@acme-prod.iam.gserviceaccount.com",
                    "networks": ["10.60.0.0/28"],
                },
            },
        },
        "observability": {"kind": "operator", "logs": {"sink": OPENSEARCH}},
    },
}


@cache
def graph(name: str) -> ResourceGraph:
    """One of the stacks, recorded once."""
    return recorded(STACKS[name])


def runbooks(name: str) -> Mapping[str, str]:
    """The pages of a stack's alerts, as it deploys them."""
    (made,) = [
        one.inputs
        for one in graph(name).resources
        if one.inputs.get("kind") == "ConfigMap" and one.inputs["metadata"]["name"] == "runbooks"
    ]
    return made["data"]
