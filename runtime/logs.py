"""Log lines, JSON by default, with request and trace ids; never tokens or tool arguments."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from .config import ServerConfig
from .exchange import current

log = logging.getLogger("qudag_mcp_server")
_PLAIN = re.compile(r"[A-Za-z0-9._:/+@*,-]+")
_LEVELS = {
    number: logging.getLevelName(number).lower()
    for number in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)
}
_encoded = json.JSONEncoder(default=str).encode


def event(name: str, level: int = logging.INFO, **facts: object) -> None:
    """Log the event `name` with its fields; fields that are None are left out."""
    if not log.isEnabledFor(level):
        return
    if _DIRECT.lines is not None:
        _DIRECT.lines.write(name, level, facts)
    else:
        log.log(level, name, extra={"facts": {k: v for k, v in facts.items() if v is not None}})


LIBRARIES = (
    *("mcp", "uvicorn", "uvicorn.error", "asyncio", "sse_starlette", "psycopg"),
    *("botocore", "google", "azure", "azure_functions_runtime"),
)
"""Logged from `WARNING` on: at `INFO` they log session ids, hosts and each request again."""
WITH_URLS = ("httpx2", "httpcore2")
"""Logged from `WARNING` on, at every level: they log URLs with their query, which may be secret."""


NOT_COPIED = ("opentelemetry", "urllib3", "requests")
"""Libraries that send copies: to send a copy of their lines, they would write further lines."""


class _Direct:
    """Where `event` writes without a `LogRecord`, which costs more than the line itself."""

    lines: JsonLines | None = None
    copy: Callable[[Mapping[str, Any]], None] | None = None
    """Is also called with each line of JSON; must not raise."""


_DIRECT = _Direct()


def copy_lines(copy: Callable[[Mapping[str, Any]], None] | None) -> None:
    """Call `copy` with each line of JSON from now on; None: stop that."""
    _DIRECT.copy = copy


def configure(
    config: ServerConfig, handlers: Sequence[logging.Handler] = (), worker: int | None = None
) -> None:
    """Configure logging for the process: to `handlers` of the host if given, else to stderr.

    With `worker`, the number of one of several processes, each line has it.
    """
    chosen: list[logging.Handler] = list(handlers) or [logging.StreamHandler()]
    lines = JsonLines(config, worker) if config.logging.format == "json" else TextLines(worker)
    for handler in chosen:
        handler.setFormatter(lines)
    _DIRECT.lines = lines if not handlers and isinstance(lines, JsonLines) else None
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
    _name_request(facts)
    if record.exc_info and record.exc_info[0] is not None:
        kind, _, trail = record.exc_info
        facts["exception"] = kind.__qualname__
        # Frames only: the message of an exception can contain tool arguments.
        facts["at"] = [
            f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(trail)[-8:]
        ]
    return facts


def _name_request(facts: dict[str, Any]) -> None:
    if (exchange := current.get()) is not None:
        facts["request_id"] = exchange.request_id
        facts["trace_id"] = exchange.trace_id
        facts["span_id"] = exchange.span_id
        if exchange.parent_span_id is not None:
            facts["parent_span_id"] = exchange.parent_span_id


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object: time, level, server, event and fields."""

    def __init__(self, config: ServerConfig, worker: int | None = None) -> None:
        super().__init__()
        self.fixed: dict[str, object] = {
            "server": config.name,
            "role": config.role,
            **config.server.whereabouts,
        }
        if worker is not None:
            self.fixed["worker"] = worker
        self.second = -1.0
        self.shown = ""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self._time(record.created),
            "level": record.levelname.lower(),
            **self.fixed,
            "event": record.getMessage(),
            **facts_of(record),
        }
        text = _encoded(line)
        if _DIRECT.copy is not None and record.name.partition(".")[0] not in NOT_COPIED:
            _DIRECT.copy(line)
        return text

    def write(self, name: str, level: int, facts: dict[str, object]) -> None:
        """Write the line of an event to stderr, in one call."""
        line: dict[str, Any] = {
            "time": self._time(time.time()),
            "level": _LEVELS.get(level) or logging.getLevelName(level).lower(),
            **self.fixed,
            "event": name,
        }
        for key, value in facts.items():
            if value is not None:
                line[key] = value
        _name_request(line)
        # stderr is closed or full: continue without the line
        with suppress(OSError, ValueError):
            sys.stderr.write(_encoded(line) + "\n")
        if _DIRECT.copy is not None:
            _DIRECT.copy(line)

    def _time(self, created: float) -> str:
        second, part = divmod(created, 1)
        if second != self.second:
            self.second = second
            self.shown = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self.shown}.{int(part * 1000):03d}Z"


class TextLines(logging.Formatter):
    """Formats a record as one line of text for a terminal.

    A value that is not a plain word is quoted and escaped, so that no value can end the line, look
    like another field or control the terminal.
    """

    def __init__(self, worker: int | None = None) -> None:
        super().__init__()
        self.fixed = {} if worker is None else {"worker": worker}

    def format(self, record: logging.LogRecord) -> str:
        shown = {**facts_of(record), **self.fixed}
        facts = " ".join(f"{key}={_quoted(value)}" for key, value in shown.items())
        return f"{record.levelname.lower():7} {_escaped(record.getMessage())} {facts}".rstrip()


def _quoted(value: object) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    return "".join(
        character
        if character.isprintable() and character not in '"\\'
        else character.encode("unicode_escape").decode()
        if character not in '"\\'
        else f"\\{character}"
        for character in text
    )
