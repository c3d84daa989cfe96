"""A collector as a stack has it, and how many documents its store has."""

from __future__ import annotations

from typing import Any, Final

from components.observability.log_collector import LogCollector, LogCollectorArgs
from components.observability.log_fields import LogMasking
from components.observability.log_pipeline import LogSink
from graph.resource_graph import ResourceGraph
from tests.harness import record
from tests.harness.log_collector import LogStoreProcess

PLATFORM: Final = "qudag-mcp-dev"
SERVICES: Final = ("mcp-server", "postgres", "redis", "egress-proxy", "mcp-migration", "notes")


def collector(masking: LogMasking = LogMasking(), **changes: Any) -> ResourceGraph:  # noqa: B008
    given: dict[str, Any] = {
        "namespace": "qudag-mcp-dev-logs",
        "namespaces": {"platform": PLATFORM},
        "image": "docker.io/otel/opentelemetry-collector-contrib:0.161.0",
        "services": SERVICES,
        "sink": LogSink(kind="log-store", url="https://localhost:9428"),
        "masking": masking,
    }
    return record(lambda: LogCollector("logs", LogCollectorArgs(**given | changes)))


def stored(store: LogStoreProcess) -> int:
    return sum(len(store.documents(project)) for project in (0, 1))
