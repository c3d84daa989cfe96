"""Minimal arguments of each component, for tests that change one of them."""

from __future__ import annotations

from typing import Any, Final

from components.kubernetes.cloudnative_pg_args import CloudNativePgDataTierArgs
from components.kubernetes.container import Container, Port
from components.kubernetes.core import CoreArgs, MigrationArgs, MonolithArgs
from components.kubernetes.embedded_data import EmbeddedDataTierArgs
from components.kubernetes.gateway import GatewayArgs, Upstream
from components.kubernetes.server import ServerArgs
from components.kubernetes.user_server_args import UserServerArgs
from components.kubernetes.workload import WorkloadArgs
from components.mcp.server_config import PodAuth, PodServerConfig

NAMESPACE: Final = "qudag-mcp-dev"
ISSUER: Final = "https://issuer.example.com"


def container(**changes: Any) -> Container:
    """A container with a server on port 8080."""
    given: dict[str, Any] = {
        "name": "server",
        "image": "example.com/server:1",
        "command": ["serve"],
        "ports": [Port(name="http", number=8080, service=8080)],
    }
    return Container(**given | changes)


def workload(*containers: Container, **changes: Any) -> WorkloadArgs:
    given: dict[str, Any] = {"namespace": NAMESPACE, "component": "core"}
    return WorkloadArgs(containers=containers or (container(),), **given | changes)


def config(**changes: Any) -> PodServerConfig:
    given: dict[str, Any] = {
        "name": "mcp-core",
        "role": "core",
        "auth": PodAuth(issuer=ISSUER, jwks_secret="mcp-issuer-keys"),
    }
    return PodServerConfig(**given | changes)


def server(**changes: Any) -> ServerArgs:
    given: dict[str, Any] = {
        "namespace": NAMESPACE,
        "image": "example.com/server:1",
        "config": config(),
        "passwords_secret": "mcp-server-secrets",
        "internal_tls_secret": "mcp-internal-tls",
        "internal_ca_secret": "mcp-internal-ca",
    }
    return ServerArgs(**given | changes)


def core(**changes: Any) -> CoreArgs:
    """Arguments of a core server; ``changes`` apply to its `ServerArgs`."""
    args = server(**changes)
    migration = MigrationArgs(image="example.com/server:1") if args.config.database else None
    return CoreArgs(server=args, migration=migration)


def gateway(**changes: Any) -> GatewayArgs:
    given: dict[str, Any] = {
        "namespace": NAMESPACE,
        "image": "example.com/nginx:1",
        "upstream": Upstream(host="mcp-core-service"),
        "tls_secret": "mcp-tls-secret",
        "internal_ca_secret": "mcp-internal-ca",
        "issuer": ISSUER,
        "domain": "mcp.example.com",
    }
    return GatewayArgs(**given | changes)


def monolith(**changes: Any) -> MonolithArgs:
    """Arguments of a monolith; ``changes`` apply to its `ServerArgs`."""
    upstream = Upstream(host="127.0.0.1", port=8444, certificate_name="mcp-server")
    given: dict[str, Any] = {"config": config(name="mcp-server", http=8081, https=8444)}
    return MonolithArgs(core=core(**given | changes), gateway=gateway(upstream=upstream))


def user_server(**changes: Any) -> UserServerArgs:
    given: dict[str, Any] = {
        "namespace": NAMESPACE,
        "image": "example.com/weather:1",
        "proxy_image": "example.com/nginx:1",
        "internal_tls_secret": "mcp-internal-tls-weather",
    }
    return UserServerArgs(**given | changes)


def data_tier(**changes: Any) -> EmbeddedDataTierArgs:
    given: dict[str, Any] = {
        "namespace": NAMESPACE,
        "postgres_image": "example.com/postgres:17",
        "valkey_image": "example.com/valkey:8",
        "passwords_secret": "mcp-server-secrets",
        "postgres_tls_secret": "mcp-internal-tls-postgres",
        "valkey_tls_secret": "mcp-internal-tls-redis",
    }
    return EmbeddedDataTierArgs(**given | changes)


def cloudnative_pg(**changes: Any) -> CloudNativePgDataTierArgs:
    given: dict[str, Any] = {
        "namespace": NAMESPACE,
        "image": "example.com/postgresql:17.6",
        "tls_secret": "mcp-internal-tls-postgres",
        "ca_secret": "mcp-internal-ca",
        "api_server": ["10.96.0.1/32", "192.0.2.10/32"],
    }
    return CloudNativePgDataTierArgs(**given | changes)
