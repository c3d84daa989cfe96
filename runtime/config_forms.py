"""The keys of the source documents' configuration files, and the keys of server.toml they set.

They are those of the source documents, so that an image that reads one of these files and the
reference server can be started with the same file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

SWITCHES: Final = {"true": True, "false": False}


@dataclass(frozen=True)
class Value:
    """A key that sets keys of server.toml.

    Attributes:
        at: those keys, as `section.key`.
        convert: converts the key's value to theirs; raises `ValueError` with the fault.
    """

    at: tuple[str, ...]
    convert: Callable[[Any], tuple[Any, ...]]


@dataclass(frozen=True)
class Switch:
    """A key that is true or false.

    Attributes:
        at: the key of server.toml that false replaces, wherever it is set.
        off: its value then; None: it is left out.
    """

    at: str
    off: object


@dataclass(frozen=True)
class Fixed:
    """A key with one value that the server accepts.

    Attributes:
        value: this value.
        why: the reason, as the end of a sentence.
    """

    value: str
    why: str


def sets(at: str, convert: Callable[[Any], Any] = lambda value: value) -> Value:
    """A key that sets one key of server.toml."""
    return Value((at,), lambda value: (convert(value),))


def lower(value: object) -> str:
    """A level as server.toml spells it."""
    return str(value).lower()


def address(url: object) -> tuple[str, int]:
    """Host and port of a `rediss://` URL, which may contain nothing else."""
    parts = urlsplit(str(url))
    if parts.scheme != "rediss":
        raise ValueError("must begin with rediss://: the server connects with TLS")
    if parts.username or parts.password:
        raise ValueError("has a user or a password: the password belongs in redis.password_file")
    try:
        port = parts.port or 6379
    except ValueError:
        port = None
    if parts.path or parts.query or not parts.hostname or port is None:
        raise ValueError("must be rediss://HOST:PORT")
    return parts.hostname, port


SERVER_YAML: Final = "server.yaml"
FORMS: Final[Mapping[str, Mapping[str, Value | Switch | Fixed]]] = {
    SERVER_YAML: {
        "server.name": sets("server.name"),
        "server.bind_address": sets("server.host"),
        "server.port": sets("server.port"),
        "server.worker_threads": sets("server.workers"),
        "server.max_connections": sets("limits.connections"),
        "monitoring.metrics_enabled": Switch("server.metrics_port", None),
        "monitoring.metrics_port": sets("server.metrics_port"),
        "monitoring.health_check_path": Fixed("/health", "the path is the same in every server"),
        "logging.level": sets("logging.level", lower),
        "logging.format": sets("logging.format"),
    },
    "environment": {
        "QUDAG_PROTOCOL": Fixed("https", "MCP is served over TLS"),
        "QUDAG_REQUIRE_AUTH": Fixed("true", "MCP is not served without tokens"),
        "QUDAG_LOG_LEVEL": sets("logging.level", lower),
        "QUDAG_LOG_FORMAT": sets("logging.format"),
        "QUDAG_OAUTH2_ISSUER_URL": sets("auth.issuer"),
        "QUDAG_OAUTH2_AUDIENCE": sets("auth.resource_url"),
        "QUDAG_OAUTH2_JWKS_URL": sets("auth.jwks_url"),
        "QUDAG_RATE_LIMIT": sets("limits.messages_per_second"),
        "QUDAG_REDIS_URL": Value(("redis.host", "redis.port"), address),
        "QUDAG_TLS_CERT_PATH": sets("server.tls_cert"),
        "QUDAG_TLS_KEY_PATH": sets("server.tls_key"),
    },
    "global-config": {
        "ENVIRONMENT": sets("server.environment"),
        "LOG_LEVEL": sets("logging.level", lower),
        "POSTGRES_HOST": sets("database.host"),
        "REDIS_HOST": sets("redis.host"),
        "MONITORING_ENABLED": Switch("server.metrics_port", None),
        "RATE_LIMITING_ENABLED": Switch("limits.messages_per_second", 0),
        "MAX_CONCURRENT_WORKFLOWS": sets("limits.concurrent_calls"),
        "AGENT_TIMEOUT_SECONDS": sets("protocol.longest_tool_seconds"),
    },
    "region-config": {"REGION": sets("server.region")},
}
"""By form, the keys and what each sets."""
