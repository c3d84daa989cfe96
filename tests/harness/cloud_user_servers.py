"""A server of the user's own, in the cluster and in a cloud."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from graph.resource_graph import Resource, ResourceGraph

ISSUER: Final = "https://login.example.com"
ARN: Final = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:qudag-mcp/weather-a1B2c3"
CERTIFICATE: Final = (
    "arn:aws:acm:eu-west-1:123456789012:certificate/0a1b2c3d-0000-4000-8000-0123456789ab"
)
NETWORK: Final = {
    "vpc": "vpc-0123456789abcdef0",
    "cidr": "10.0.0.0/16",
    "publicSubnets": ["subnet-0cccccccccccccccc", "subnet-0dddddddddddddddd"],
    "privateSubnets": ["subnet-0aaaaaaaaaaaaaaaa", "subnet-0bbbbbbbbbbbbbbbb"],
}
SERVER: Final[Mapping[str, Any]] = {
    "image": "ghcr.io/acme/weather-mcp:2.3.1",
    "port": 3001,
    "path": "/api/mcp",
    "era": "modern",
    "command": ["weather-mcp", "--port=3001"],
    "health": "/healthz",
    "env": {"UNITS": "metric"},
    "secretEnv": {"API_KEY": "weather-credentials/api-key"},
    "scale": {"min": 2, "max": 6, "cpu": 60},
    "resources": {"memoryLimit": "1Gi"},
    "writable": ["/tmp", "/var/cache/weather"],
    "user": 1000,
    "scopes": ["weather.read"],
    "forwardToken": True,
    "longestToolSeconds": 90,
    "targets": ["kubernetes", "aws-container"],
}
ENTRY: Final[Mapping[str, Any]] = {
    "domain": "weather.aws.example.com",
    "certificate": CERTIFICATE,
    "secrets": {"API_KEY": ARN},
}


def sections(
    server: Mapping[str, Any] = SERVER, entry: Mapping[str, Any] = ENTRY
) -> dict[str, Any]:
    return {
        "topology": "none",
        "domain": "mcp.example.com",
        "network": {"issuer": ["203.0.113.0/24"]},
        "protocol": {"issuer": ISSUER, "jwksUrl": f"{ISSUER}/jwks", "requiredScopes": ["base"]},
        "servers": {"weather": dict(server)},
        "clouds": {"aws": {"account": "123456789012", "region": "eu-west-1", "network": NETWORK}},
        "containers": {"aws": {"enabled": False, "servers": {"weather": dict(entry)}}},
    }


def one(graph: ResourceGraph, token: str) -> Resource:
    (found,) = graph.all(token)
    return found
