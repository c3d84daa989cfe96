"""The variables by which a server of a user, and the bridge in its container, send spans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from components.mcp.server_config import INTERNAL_CA_PATH

from .config.servers import Server
from .config.stack import StackConfig
from .placement import placement
from .pod_settings import pod_settings
from .trace_flows import SPANS, TRACE_COLLECTOR

ATTRIBUTES: Final = "OTEL_RESOURCE_ATTRIBUTES"


def trace_attributes(config: StackConfig, name: str) -> Mapping[str, str]:
    """The variable with the attributes of all spans of a server, unless the user sets it."""
    settings, server = pod_settings(config, name), config.servers[name]
    if not server.traces or ATTRIBUTES in {
        *(*server.env, *server.secret_env),
        *(*settings.env, *settings.secret_env),
    }:
        return {}
    given = {
        "deployment.environment.name": config.environment_name,
        "k8s.namespace.name": placement(config).of(name),
    }
    return {ATTRIBUTES: ",".join(f"{key}={value}" for key, value in given.items())}


def bridge_traces(config: StackConfig, name: str, server: Server) -> Mapping[str, str]:
    """The options of the bridge in front of a program that speaks stdio."""
    if not server.traces:
        return {}
    collector = f"{TRACE_COLLECTOR}-service.{placement(config).of(TRACE_COLLECTOR)}.svc"
    return {
        "name": name,
        "traces-endpoint": f"https://{collector}:{SPANS}/v1/traces",
        "traces-ca": f"{INTERNAL_CA_PATH}/ca.crt",
    }
