"""A stack that sends its log lines to OpenSearch, and lines for its programs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import httpx2

from graph.resource_graph import ResourceGraph

from .apiserver import ROOT
from .log_collector import CollectorProcess, LogFile
from .opensearch import KEEPER, WRITER, LogPrograms, OpenSearch
from .user_servers import NETWORK, recorded

PLATFORM: Final = "qudag-mcp-dev"
LOGS, SECURITY = STREAMS = ("qudag-mcp-logs", "qudag-mcp-security")


@cache
def stack() -> ResourceGraph:
    """A stack that sends its lines to OpenSearch."""
    ca = {"secret": "log-writer", "key": "ca.crt"}
    sink = {
        "kind": "opensearch",
        "url": "https://search.example.com:9200",
        "networks": ["192.0.2.0/24"],
        "user": WRITER[0],
        "password": {"secret": "log-writer", "key": "password"},
        "ca": ca,
        "retention": {
            "user": KEEPER[0],
            "password": {"secret": "log-retention", "key": "password"},
        },
    }
    logs = {"sink": sink}
    return recorded({"topology": "monolith", "network": NETWORK, "observability": {"logs": logs}})


def roles() -> list[dict[str, Any]]:
    """The role of the forwarder, and that of the retention, as the documentation has them."""
    page = (ROOT / "docs/how-to/send-logs-to-opensearch.md").read_text()
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL)][:2]


def programs_of(store: OpenSearch, folder: Path) -> LogPrograms:
    """The forwarder and the job of the stack, with the store's logins."""
    ca = store.authority.ca_file.read_text()
    values = {
        "log-writer": {"password": WRITER[1], "ca.crt": ca},
        "log-retention": {"password": KEEPER[1]},
    }
    return LogPrograms(stack(), folder, store, values)


def log_of(collector: CollectorProcess) -> LogFile:
    """The log of the platform's server."""
    return collector.file(PLATFORM, "mcp-server-5d8f7b9c4-x2k9q", "server")


def numbered(first: int, count: int) -> str:
    """Lines with numbers; each fifth is a security event."""
    return "\n".join(
        json.dumps({"event": "n", "number": n, "status": 401 if n % 5 == 0 else 200})
        for n in range(first, first + count)
    )


def numbers(store: OpenSearch, *streams: str) -> list[int]:
    """The numbers of the lines that the data streams have."""
    return sorted(
        int(one["attributes"]["number"]) for stream in streams for one in store.documents(stream)
    )


def sent(programs: LogPrograms, *records: dict[str, Any], index: str = LOGS) -> httpx2.Response:
    """A request of OTLP with these records."""
    resource = {"attributes": [{"key": "log.index", "value": {"stringValue": index}}]}
    body = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]}
    trust = programs.store.authority.trust()
    content = json.dumps(body).encode()
    return httpx2.post(f"{programs.url}/v1/logs", content=content, verify=trust, timeout=60)


def record(
    text: str, at: datetime | None = None, attributes: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """A log record of OTLP; without a time it is of now."""
    at = at or datetime.now(UTC)
    return {
        "timeUnixNano": f"{int(at.timestamp()) * 10**9 + at.microsecond * 1000 + 7}",
        "body": {"stringValue": text},
        "attributes": [
            {"key": key, "value": {"stringValue": value}} for key, value in attributes.items()
        ],
    }
