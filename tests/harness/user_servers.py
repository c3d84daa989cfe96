"""Stacks with servers of the user's own, for tests of every tier."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

from graph.recorder import record
from graph.resource_graph import ResourceGraph
from graph.stack_yaml import read_stack_file
from stacks.program import main
from tests.harness.containers import ROOT

EXAMPLE: Final = ROOT / "examples/servers/Pulumi.servers.yaml"
EXAMPLE_OF_ALL: Final = ROOT / "examples/servers/Pulumi.servers-all.yaml"
EXAMPLE_IN_CLOUDS: Final = ROOT / "examples/servers/Pulumi.servers-clouds.yaml"

EVERY_FIELD: Final[Mapping[str, Any]] = {
    "weather": {
        "image": "ghcr.io/acme/weather-mcp:2.3.1",
        "port": 8080,
        "path": "/api/mcp",
        "era": "modern",
        "command": ["weather-mcp", "--port=8080", "--config=/etc/weather/config.yaml"],
        "health": "/healthz",
        "metrics": {
            "port": 9100,
            "path": "/stats",
            "accuracy": "weather_accuracy",
            "inferenceSeconds": "weather_inference_seconds",
            "activeUsers": "weather_users",
            "featureUses": "weather_uses_total",
        },
        "env": {"UNITS": "metric", "CACHE_FOLDER": "/var/cache/weather"},
        "secretEnv": {"API_KEY": "weather-credentials/api-key"},
        "files": {"/etc/weather/config.yaml": "units: metric\n"},
        "scale": {"min": 2, "max": 10, "cpu": 70},
        "resources": {"cpu": "100m", "memory": "128Mi", "memoryLimit": "512Mi"},
        "writable": ["/tmp", "/var/cache/weather"],
        "user": 1000,
        "calls": ["notes"],
        "scopes": ["weather.read"],
        "forwardToken": True,
        "rateLimit": {"requestsPerSecond": 50, "streams": 40},
        "longestToolSeconds": 300,
        "hostname": "weather.example.com",
    },
    "notes": {
        "image": "ghcr.io/acme/notes-mcp:1.0.0",
        "transport": "stdio",
        "command": ["notes-mcp", "--folder=/data"],
        "era": "dual",
        "metrics": {},
        "storage": {"path": "/data", "size": "5Gi"},
    },
    "own-tokens": {
        "image": "ghcr.io/acme/own:1",
        "command": ["own", "--port=8000"],
        "era": "legacy",
        "auth": "server",
    },
}
"""Three servers that use every field between them."""

NETWORK: Final[Mapping[str, Any]] = {
    "clients": ["198.51.100.0/24"],
    "issuer": ["203.0.113.0/24"],
    "prometheus": {},
}


def recorded(config: Mapping[str, Any], *, stack: str = "dev") -> ResourceGraph:
    """What a stack with these sections registers."""
    handed = {key: v if isinstance(v, str) else json.dumps(v) for key, v in config.items()}
    return record(main, stack=stack, config=handed)


def recorded_once(config: Mapping[str, Any], *, stack: str = "dev") -> ResourceGraph:
    """The same, recorded once for tests that change neither it nor the environment."""
    return _once(json.dumps(config), stack)


@lru_cache(maxsize=30)
def _once(config: str, stack: str) -> ResourceGraph:
    return recorded(json.loads(config), stack=stack)


AGENTGATEWAY: Final[Mapping[str, Any]] = {
    "gatewayEngine": "agentgateway",
    "agentgateway": "registry.example.com/agentgateway:1.4.1",
}
"""Section ``images`` with that engine; the image has no default."""
WITHOUT_LIMITS: Final[Mapping[str, Any]] = {
    name: {field: value for field, value in server.items() if field != "rateLimit"}
    for name, server in EVERY_FIELD.items()
}
"""The servers of ``EVERY_FIELD`` with the fields that agentgateway can serve."""


@cache
def every_field(topology: str, engine: str = "nginx") -> ResourceGraph:
    """A topology with the servers of ``EVERY_FIELD``, as far as the engine can serve them."""
    own = (
        {"servers": WITHOUT_LIMITS, "images": AGENTGATEWAY}
        if engine == "agentgateway"
        else {"servers": EVERY_FIELD, "edge": {"rateLimits": {"api": {"burst": 7}}}}
    )
    given = {"topology": topology, "domain": "mcp.example.com", "network": NETWORK}
    return recorded({**given, **own})


def example_sections(file: Path = EXAMPLE) -> dict[str, Any]:
    """The sections of an example's stack file, without their prefix."""
    return {key.removeprefix("qudag-mcp:"): value for key, value in read_stack_file(file).items()}


@cache
def example() -> ResourceGraph:
    """The example's stack."""
    return recorded(example_sections(), stack="servers")
