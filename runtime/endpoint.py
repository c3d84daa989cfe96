"""The ASGI applications of a server process, around what answers at `/mcp`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from .audit import Audit
from .auth import RequireToken
from .body_limit import BodyLimit, HeldBytes
from .config import Config
from .drain import Drain
from .health import Health
from .log_copies import exporting_log_lines
from .message_rates import MessageLimit, MessageRates
from .origins import HostFilter, known_hosts
from .request_filters import EraFilter, OneTrailingSlash
from .request_tracking import QUIET_ROUTES, RequestTracking
from .resource import MCP_PATH
from .span_provider import Spans, check_libraries
from .telemetry_end import sending
from .tokens import Tokens
from .user_quotas import OpenStreams, StreamQuota


@dataclass(frozen=True)
class Application:
    """The ASGI applications of one server process, and its shared parts.

    Attributes:
        public: every route that clients call; its ASGI lifespan starts and stops the server.
        probes: `/health` and `/ready` only, for the plain HTTP port of a server with TLS.
        metrics: `/metrics`, for a port that only Prometheus can connect to.
        admitted: `/mcp` without the token check, for a host that has authenticated the client and
            set `user` in the ASGI scope.
        tokens: checks bearer tokens.
    """

    public: Starlette
    probes: Starlette
    metrics: Starlette
    admitted: ASGIApp
    tokens: Tokens
    drain: Drain
    health: Health


@dataclass(frozen=True)
class Endpoint:
    """What a request to `/mcp` passes: its token, limits, logs and metrics.

    Attributes:
        streams: the open streams of each user.
        held: the bytes that each user makes the server hold.
        rates: how many messages each user has sent.
        audit: records refusals; None without an audit log.
    """

    config: Config
    tokens: Tokens
    health: Health
    streams: OpenStreams
    held: HeldBytes
    rates: MessageRates
    audit: Audit | None = None

    @classmethod
    def of(
        cls, config: Config, tokens: Tokens, health: Health, audit: Audit | None = None
    ) -> Endpoint:
        """With the limits of the configuration; the gauges of the drain are those of `health`."""
        drain, metrics, limits = health.drain, health.metrics, config.limits
        metrics.draining.set_function(lambda: drain.draining)
        metrics.calls_in_flight.set_function(lambda: len(drain.calls))
        drain.on_cancelled.append(metrics.calls_cancelled_by_drain.inc)
        return cls(
            config,
            tokens,
            health,
            OpenStreams(limits.streams_per_user, metrics),
            HeldBytes(limits.max_body_bytes, metrics),
            MessageRates(limits.messages_per_second, limits.burst),
            audit,
        )

    def application(
        self,
        mcp: ASGIApp,
        routes: Sequence[BaseRoute],
        running: Callable[[], AbstractAsyncContextManager[None]],
    ) -> Application:
        """The applications.

        Args:
            mcp: answers at `/mcp`.
            routes: besides that and the probes.
            running: entered while the server runs.
        """
        config, health = self.config, self.health

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncGenerator[None]:
            async with (
                sending(health.drain) as senders,
                exporting_log_lines(config, senders),
                spans.running(senders),
                running(),
                anyio.create_task_group() as tasks,
            ):
                tasks.start_soon(health.watch)
                health.started = True
                yield
                tasks.cancel_scope.cancel()

        tracked = partial(
            RequestTracking,
            metrics=health.metrics,
            drain=health.drain,
            longest=config.protocol.longest_tool_seconds,
            proxies=config.server.proxies_in_front,
            audit=self.audit,
        )
        limited = self._limited(mcp)
        spans = Spans.of(config, health.metrics)
        if config.log_export is not None:
            check_libraries("[log_export]")
        public = Starlette(routes=[*health.routes(), *routes], lifespan=lifespan)
        public.router.redirect_slashes = False
        public.add_middleware(_McpFirst, mcp=RequireToken(limited, self.tokens))
        public.add_middleware(
            _HostFilterExceptForProbes,
            allowed=known_hosts(config),
            origins=config.protocol.allowed_origins,
        )
        public.add_middleware(tracked)
        public.add_middleware(OneTrailingSlash)
        return Application(
            public=public,
            probes=Starlette(routes=list(health.routes())),
            metrics=Starlette(routes=[Route("/metrics", health.metrics.endpoint)]),
            admitted=tracked(limited),
            tokens=self.tokens,
            drain=health.drain,
            health=health,
        )

    def _limited(self, mcp: ASGIApp) -> ASGIApp:
        mcp = EraFilter(mcp, self.config.protocol.era)
        mcp = BodyLimit(mcp, self.held)
        mcp = StreamQuota(mcp, self.streams)
        return MessageLimit(mcp, self.rates, self.health.metrics)


class _McpFirst:
    """Serves `/mcp` for every HTTP method, before Starlette's router, which costs more."""

    def __init__(self, app: ASGIApp, mcp: ASGIApp) -> None:
        self.app = app
        self.mcp = mcp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        called = scope["type"] == "http" and (
            scope["path"].removeprefix(scope.get("root_path", "")) == MCP_PATH
        )
        await (self.mcp if called else self.app)(scope, receive, send)


class _HostFilterExceptForProbes:
    """`HostFilter` except for the probe routes: a kubelet sends the pod's address as Host."""

    def __init__(self, app: ASGIApp, **options: Any) -> None:
        self.app = app
        self.guarded = HostFilter(app, **options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ours = scope["type"] == "lifespan" or scope["path"] in QUIET_ROUTES
        await (self.app if ours else self.guarded)(scope, receive, send)
