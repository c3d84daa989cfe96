"""The args that follow from the section ``servers``: pods, routes, checks of tokens, tools."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from components.kubernetes.image_metrics import ImageMetrics
from components.kubernetes.pod_settings import SecretKey
from components.kubernetes.rate_limits import RateLimit, UserLimits
from components.kubernetes.routes import Route
from components.kubernetes.upstream import Upstream
from components.kubernetes.user_server_args import Storage, UserServerArgs
from components.mcp.protected_resource import ProtectedResource, server_path
from components.mcp.server_config import PROGRAM, ToolServer

from .addresses import Addresses
from .config.servers import Server
from .config.stack import StackConfig
from .placement import placement
from .pod_settings import pod_settings
from .server_budgets import budget
from .server_traces import bridge_traces, trace_attributes
from .store_args import (
    needs_the_platform_authority,
    store_authorities,
    store_passwords,
    store_variables,
)
from .topologies import TOPOLOGIES
from .topologies.topology import UserService
from .traces import trace_receiver
from .user_servers import is_federated

BRIDGE_HEALTH: Final = "/health"
"""Where the bridge answers while it runs."""
BRIDGE_ENDING: Final = 15
"""Seconds in which the bridge ends the program, after its calls."""


def user_server_args(
    config: StackConfig, service: UserService, at: Addresses, proxy: Mapping[str, str]
) -> UserServerArgs:
    """The pods of one server.

    Args:
        config: the stack's.
        service: at its configured scale.
        at: where it runs.
        proxy: the environment variables of the egress proxy, if it connects to hosts outside.
    """
    server = config.servers[service.name]
    storage = server.storage
    return UserServerArgs(
        namespace=at.namespace,
        image=server.image or config.images.server,
        proxy_image=config.images.gateway,
        internal_tls_secret=config.secrets.internal_tls_of(service.name),
        port=server.port,
        path=server.path,
        era=server.era,
        command=command(config, service.name, server, bridge_traces(config, service.name, server)),
        health=BRIDGE_HEALTH if server.transport == "stdio" else server.health,
        env={
            **proxy,
            **store_variables(config, service.name, server, at),
            **server.env,
            **trace_attributes(config, service.name),
        },
        secret_env={
            **store_passwords(config, service.name, server),
            **{name: _key(written) for name, written in server.secret_env.items()},
        },
        files=server.files,
        replicas=service.replicas,
        scaling=service.scaling,
        rollout=service.rollout,
        resources=service.resources,
        storage=(
            Storage(
                path=storage.path,
                size=storage.size,
                storage_class=config.data.storage_class,
                protect=config.data.protect,
            )
            if storage
            else None
        ),
        volumes=server.volumes,
        authority_secret=(
            config.secrets.internal_ca if needs_the_platform_authority(config, server) else None
        ),
        secret_files=store_authorities(config, server),
        writable=server.writable,
        **({"user": server.user} if server.user is not None else {}),
        budget=budget(config, server),
        limits=UserLimits(
            messages_per_second=config.limits.messages_per_second,
            burst=config.limits.burst,
            streams_per_user=config.limits.streams_per_user,
        ),
        metrics=image_metrics(server),
        traces=trace_receiver(config, service),
        ip_families=config.kubernetes.ip_families,
        pods=pod_settings(config, service.name),
    )


def image_metrics(server: Server) -> ImageMetrics | None:
    """Where the container of a server has metrics."""
    if server.metrics is None or server.metrics_port is None:
        return None
    return ImageMetrics(port=server.metrics_port, path=server.metrics.path)


def command(
    config: StackConfig,
    name: str,
    server: Server,
    traces: Mapping[str, str] = MappingProxyType({}),
) -> list[str]:
    """What the container runs: for stdio and stand-ins the bridge, which runs a program.

    Args:
        config: the stack's.
        name: of the server.
        server: its section.
        traces: the options by which the bridge sends spans.
    """
    if server.transport != "stdio" and not server.stands_in:
        return server.command
    program = [PROGRAM, "stand-in", name] if server.stands_in else server.command
    longest = budget(config, server).longest_tool
    options = {
        "port": server.port,
        **({"metrics-port": server.metrics_port} if server.metrics else {}),
        "path": server.path,
        "era": server.era,
        "longest-tool-seconds": longest,
        # It gets SIGTERM when nginx has drained: this is for a call that nginx gave up.
        "drain-seconds": longest + BRIDGE_ENDING,
        **traces,
    }
    stated = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return [PROGRAM, "bridge", *stated, "--", *program]


def routes(config: StackConfig, at: Addresses) -> list[Route]:
    """Where the gateway serves each server."""
    return [
        Route(
            name=name,
            upstream=Upstream(host=at.host(name)),
            path=server.path,
            prefix=server.path_prefix,
            health=server.health if server.path_prefix else None,
            era=server.era,
            budget=budget(config, server),
            hostname=server.hostname,
            auth=server.auth,
            forward_token=server.forward_token,
            rate_limit=_rate_limit(config, server),
        )
        for name, server in config.exposed_servers.items()
    ]


def _rate_limit(config: StackConfig, server: Server) -> RateLimit | None:
    """The server's own limits, and the platform's in place of what it leaves out."""
    if server.rate_limit is None or config.edge.rate_limits is None:
        return None
    platform = config.edge.rate_limits.api.model_dump()
    return RateLimit(**platform | server.rate_limit.model_dump(exclude_none=True))


def protected_resources(config: StackConfig) -> list[ProtectedResource]:
    """The servers whose tokens the authorizer checks."""
    return [
        ProtectedResource(
            path=server_path(name, server.path_prefix),
            hostname=server.hostname,
            scopes=server.scopes,
        )
        for name, server in config.exposed_servers.items()
        if server.auth == "gateway"
    ]


def tool_servers(config: StackConfig) -> list[ToolServer]:
    """The servers whose tools are in the list at /mcp.

    A call in that list takes no longer than one of the server that offers the list.
    """
    longest = config.protocol.longest_tool_seconds
    where, caller = placement(config), TOPOLOGIES[config.topology].front.upstream
    return [
        ToolServer(
            name=name,
            host=where.host(name, seen_from=caller),
            path=server.path,
            era=server.era,
            scopes=server.scopes,
            send_user=True,
            longest_tool_seconds=min(server.longest_tool_seconds or longest, longest),
        )
        for name, server in config.cluster_servers.items()
        if is_federated(server)
    ]


def _key(written: str) -> SecretKey:
    secret, _, key = written.partition("/")
    return SecretKey(secret=secret, key=key)
