"""Writes a server's configuration with the keys of the source documents, besides server.toml.

A value in one of these ConfigMaps or variables is left out of server.toml. server.toml names the
sources that the server reads; ``runtime/config_forms.py`` reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import pulumi

from ..base.inputs import applied

ConfigForm = Literal["server.toml", "server.yaml", "environment", "global-config"]
"""``server.toml``: all values are in server.toml.

``server.yaml``: the boilerplate document's file for ports, limits and logs.
``environment``: variables, as in the MCP-SSE guide.
``global-config``: a directory with a file for each value, as in the orchestration document, and
variables for the region.
"""
CONFIG_PATH: Final = "/etc/qudag"
GLOBAL_PATH: Final = "/app/config"
"""Mount path of the ConfigMap in the orchestration document."""
SERVER_YAML: Final = "server.yaml"
YAML_PATH: Final = "/etc/mcp"
YAML_VARIABLE: Final = "MCP_CONFIG_PATH"
"""Variable with the path of server.yaml, for images of the boilerplate document."""

Tables = dict[str, Any]
Texts = Mapping[str, pulumi.Input[str]]


@dataclass(frozen=True, kw_only=True)
class Directory:
    """A ConfigMap that is mounted as a directory."""

    name: str
    path: str
    files: Texts


@dataclass(frozen=True, kw_only=True)
class Variables:
    """A ConfigMap whose keys are environment variables of the server."""

    name: str
    values: Texts


@dataclass(frozen=True, kw_only=True)
class Forms:
    """The files and variables that a server reads besides server.toml.

    Attributes:
        beside: files in the directory of server.toml.
        directories: ConfigMaps that are mounted as further directories.
        variables: ConfigMaps of variables.
        include: the tables of server.toml that name them.
    """

    beside: Texts = field(default_factory=dict[str, pulumi.Input[str]])
    directories: Sequence[Directory] = ()
    variables: Sequence[Variables] = ()
    include: Sequence[Mapping[str, str]] = ()


def config_path(form: ConfigForm) -> str:
    """The directory of server.toml."""
    return YAML_PATH if form == "server.yaml" else CONFIG_PATH


def forms_of(form: ConfigForm, tables: Tables) -> Forms:
    """The files and variables besides server.toml; removes their values from ``tables``."""
    match form:
        case "server.toml":
            return Forms()
        case "server.yaml":
            return Forms(
                beside={SERVER_YAML: applied(_yaml, _server_yaml(tables))},
                include=[{"form": form, "path": f"{YAML_PATH}/{SERVER_YAML}"}],
            )
        case "environment":
            return Forms(
                variables=[Variables(name="mcp-config", values=_environment(tables))],
                include=[{"form": form}],
            )
        case "global-config":
            return _global_and_region(tables)


def _server_yaml(tables: Tables) -> dict[str, Any]:
    taken = _Taken(tables)
    return {
        "server": {
            "name": taken["server.name"],
            "bind_address": taken["server.host"],
            "port": taken["server.port"],
            "worker_threads": taken["server.workers"] or 1,
            "max_connections": taken["limits.connections"],
        },
        "monitoring": {
            "metrics_enabled": True,
            "metrics_port": taken["server.metrics_port"],
            "health_check_path": "/health",
        },
        "logging": {"level": taken["logging.level"], "format": taken["logging.format"]},
    }


def _environment(tables: Tables) -> dict[str, pulumi.Input[str]]:
    taken = _Taken(tables)
    host, port = taken["redis.host"], taken["redis.port"]
    return _texts(
        {
            "QUDAG_PROTOCOL": "https",
            "QUDAG_REQUIRE_AUTH": "true",
            "QUDAG_LOG_LEVEL": taken["logging.level"],
            "QUDAG_LOG_FORMAT": taken["logging.format"],
            "QUDAG_OAUTH2_ISSUER_URL": taken["auth.issuer"],
            "QUDAG_OAUTH2_AUDIENCE": taken["auth.resource_url"],
            "QUDAG_OAUTH2_JWKS_URL": taken["auth.jwks_url"],
            "QUDAG_RATE_LIMIT": taken["limits.messages_per_second"],
            "QUDAG_REDIS_URL": applied(_redis_url, host, port) if host else None,
            "QUDAG_TLS_CERT_PATH": taken["server.tls_cert"],
            "QUDAG_TLS_KEY_PATH": taken["server.tls_key"],
        }
    )


def _global_and_region(tables: Tables) -> Forms:
    shared = Directory(name="mcp-global-config", path=GLOBAL_PATH, files=_global_config(tables))
    include = [{"form": "global-config", "path": GLOBAL_PATH}]
    region = _texts({"REGION": _Taken(tables)["server.region"]})
    if not region:
        return Forms(directories=[shared], include=include)
    return Forms(
        directories=[shared],
        variables=[Variables(name="region-config", values=region)],
        include=[*include, {"form": "region-config"}],
    )


def _global_config(tables: Tables) -> dict[str, pulumi.Input[str]]:
    taken = _Taken(tables)
    unlimited = tables["limits"]["messages_per_second"] == 0
    if unlimited:
        del tables["limits"]["messages_per_second"]
    return _texts(
        {
            "ENVIRONMENT": taken["server.environment"],
            "LOG_LEVEL": str(taken["logging.level"]).upper(),
            "POSTGRES_HOST": taken["database.host"],
            "REDIS_HOST": taken["redis.host"],
            "MONITORING_ENABLED": "true",
            "RATE_LIMITING_ENABLED": "false" if unlimited else "true",
            "MAX_CONCURRENT_WORKFLOWS": taken["limits.concurrent_calls"],
            "AGENT_TIMEOUT_SECONDS": taken["protocol.longest_tool_seconds"],
        }
    )


class _Taken:
    """Removes values from tables by ``section.key`` and returns them; None if a key is not set."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables

    def __getitem__(self, at: str) -> Any:
        section, _, key = at.partition(".")
        return self.tables.get(section, {}).pop(key, None)


def _texts(values: Mapping[str, Any]) -> dict[str, pulumi.Input[str]]:
    """The values as texts, without those that are not set."""
    as_text: Callable[[Any], str] = str
    return {key: applied(as_text, value) for key, value in values.items() if value is not None}


def _redis_url(host: str, port: int) -> str:
    return f"rediss://{host}:{port}"


def _yaml(content: Mapping[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(content, sort_keys=False)
