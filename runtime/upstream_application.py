"""Builds the ASGI applications of the role `front`: a reverse proxy that checks tokens."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from .auth import metadata_routes
from .config import Config
from .drain import Drain
from .endpoint import Application, Endpoint
from .health import Health
from .metrics import Metrics
from .token_cache import CachedTokens
from .upstream_config import UpstreamSection
from .upstream_proxy import UpstreamProxy

PROGRAM = "upstream"
"""Name of the proxied program in the answer of `/ready`."""


def upstream_application(config: Config, section: UpstreamSection) -> Application:
    """Build the applications: tokens, limits, logs and metrics are those of every server."""
    drain = Drain()
    tokens = CachedTokens.of(config.auth)

    async def check() -> None:
        await proxy.check()

    health = Health(
        drain,
        Metrics(config),
        {PROGRAM: check},
        {"issuer": tokens.check},
        needed=frozenset({PROGRAM}),
    )
    endpoint = Endpoint.of(config, tokens, health)
    longest = config.protocol.longest_tool_seconds
    proxy = UpstreamProxy(section, drain, longest, endpoint.streams)

    @asynccontextmanager
    async def running() -> AsyncGenerator[None]:
        try:
            yield
        finally:
            await proxy.transport.aclose()

    return endpoint.application(proxy, metadata_routes(tokens), running)
