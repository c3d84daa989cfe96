"""Log lines, JSON by default, with request and trace ids; never tokens or tool arguments."""

from __future__ import annotations

import datetime
import json
import logging
import traceback
from collections.abc import Sequence
from typing import Any

from .config import Config
from .exchange import current

log = logging.getLogger("qudag_mcp_server")


def event(name: str, level: int = logging.INFO, **facts: object) -> None:
    """Log the event `name` with its fields; fields that are None are left out."""
    log.log(level, name, extra={"facts": {k: v for k, v in facts.items() if v is not None}})


LIBRARIES = (
    *("mcp", "uvicorn", "uvicorn.error", "asyncio", "sse_starlette"),
    *("botocore", "google", "azure", "azure_functions_runtime"),
)
"""Logged from `WARNING` on: at `INFO` they log session ids, hosts and each request again."""
WITH_URLS = ("httpx2", "httpcore2")
"""Logged from `WARNING` on, at every level: they log URLs with their query, which may be secret."""


def configure(config: Config, handlers: Sequence[logging.Handler] = ()) -> None:
    """Configure logging for the process: to `handlers` of the host if given, else to stderr."""
    chosen = list(handlers) or [logging.StreamHandler()]
    for handler in chosen:
        handler.setFormatter(JsonLines(config) if config.logging.format == "json" else TextLines())
    level = config.logging.level.upper()
    root = logging.getLogger()
    root.handlers = chosen
    root.setLevel(level)
    for library in WITH_URLS:
        logging.getLogger(library).setLevel("WARNING")
    for library in LIBRARIES:
        logging.getLogger(library).setLevel("DEBUG" if level == "DEBUG" else "WARNING")


def facts_of(record: logging.LogRecord) -> dict[str, Any]:
    """The fields of a log line: the event's own, the request's, and an exception's frames."""
    facts: dict[str, Any] = dict(getattr(record, "facts", {}))
    if (exchange := current.get()) is not None:
        facts["request_id"] = exchange.request_id
        if exchange.trace_id is not None:
            facts |= {"trace_id": exchange.trace_id, "parent_span_id": exchange.parent_span_id}
    if record.exc_info and record.exc_info[0] is not None:
        kind, _, trail = record.exc_info
        facts["exception"] = kind.__qualname__
        # Frames only: the message of an exception can contain tool arguments.
        facts["at"] = [
            f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(trail)[-8:]
        ]
    return facts


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object: time, level, server, event and fields."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.fixed = {"server": config.name, "role": str(config.server.role)}

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            **self.fixed,
            "event": record.getMessage(),
            **facts_of(record),
        }
        return json.dumps(line, default=str)


class TextLines(logging.Formatter):
    """Formats a record as text for a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        facts = " ".join(f"{key}={value}" for key, value in facts_of(record).items())
        return f"{record.levelname.lower():7} {record.getMessage()} {facts}".rstrip()
