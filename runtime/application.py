"""Builds the server's ASGI applications from a `Config`, without opening a socket."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from mcp.server.subscriptions import InMemorySubscriptionBus
from mcp_types import CallToolRequestParams, PaginatedRequestParams
from opentelemetry.trace import ProxyTracerProvider, get_tracer_provider
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from . import __version__
from .accepted_types import AcceptedTypes
from .auth import RequireToken, metadata_routes
from .authorize import ProtectedResources
from .body_limit import BodyLimit, HeldBytes
from .config import Config
from .drain import Drain
from .federation.federation import Federation
from .health import Check, Health
from .memories_table import MemoriesTable
from .memory_sessions import MemorySessions, release_settled
from .message_rates import MessageLimit, MessageRates
from .metrics import Metrics
from .offers import Offers
from .origins import HostFilter, known_hosts
from .qudag_stand_in import StandInNode
from .request_filters import EraFilter, OneTrailingSlash
from .request_tracking import QUIET_ROUTES, RequestTracking
from .resource import MCP_PATH
from .sessions import StoredSessions
from .state import SessionStore
from .subscriptions import Subscriptions
from .token_cache import CachedTokens
from .tokens import Tokens
from .tool_calls import ToolCalls
from .tools import ToolDependencies, tools_of
from .user_quotas import OpenStreams, SessionQuota, StreamQuota
from .websocket import WebSocketEndpoint

MAX_STANDING_STREAMS = 10_000


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


def application(config: Config, store: SessionStore | None = None) -> Application:
    """Build the applications.

    Args:
        store: keeps legacy sessions, so that another process can serve their next request. Without
            it they are kept in this process's memory.

    Raises:
        ConfigError: node.toml is wrong.
        StartError: the QuDAG stand-in cannot keep its key.
    """
    drain = Drain()
    metrics = Metrics(config)
    metrics.draining.set_function(lambda: drain.draining)
    metrics.calls_in_flight.set_function(lambda: len(drain.calls))
    dependencies = ToolDependencies(
        memory=MemoriesTable.of(config, metrics),
        node=StandInNode.of(config.qudag) if config.qudag else None,
    )
    tokens = CachedTokens.of(config.auth)
    on_demand = _on_demand(config, tokens, store)
    health = Health(drain, metrics, _checks(config, dependencies), on_demand)
    streams = OpenStreams(config.limits.streams_per_user, metrics)
    others = Federation(config.tool_servers, config.name)
    longest = config.protocol.longest_tool_seconds
    calls = ToolCalls(tools_of(config), longest, drain, metrics, others)
    sessions = _sessions(config, dependencies, drain, calls, streams, stateless=store is not None)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(others.aclose)
            await stack.enter_async_context(dependencies.running())
            await stack.enter_async_context(sessions.run())
            tasks = await stack.enter_async_context(anyio.create_task_group())
            tasks.start_soon(health.watch)
            health.started = True
            yield
            tasks.cancel_scope.cancel()

    mcp: ASGIApp = StreamableHTTPASGIApp(sessions)
    limits = config.limits
    if store is not None:
        mcp = StoredSessions(mcp, store, limits.sessions_per_user, metrics)
    else:
        mcp = SessionQuota(MemorySessions(mcp), limits.sessions_per_user, metrics)
    mcp = AcceptedTypes(mcp, json_answers=config.protocol.json_answers)
    mcp = EraFilter(mcp, config.protocol.era)
    held = HeldBytes(limits.max_body_bytes, metrics)
    mcp = BodyLimit(mcp, held)
    mcp = StreamQuota(mcp, streams)
    rates = MessageRates(limits.messages_per_second, limits.burst)
    mcp = MessageLimit(mcp, rates, metrics)
    tracked = partial(
        RequestTracking,
        metrics=metrics,
        drain=drain,
        longest=longest,
        proxies=config.server.proxies_in_front,
    )
    admitted = tracked(mcp)
    mcp = RequireToken(mcp, tokens)
    protected = ProtectedResources.of(config, tokens)
    frames = RequireToken(WebSocketEndpoint(drain, metrics, streams, rates, held), tokens)
    public = Starlette(
        routes=[
            *health.routes(),
            *protected.routes(),
            *metadata_routes(tokens, protected.at_host),
            *([] if config.protocol.era == "legacy" else [WebSocketRoute("/ws", frames)]),
        ],
        lifespan=lifespan,
    )
    public.router.redirect_slashes = False
    public.add_middleware(_McpFirst, mcp=mcp)
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
        metrics=Starlette(routes=[Route("/metrics", metrics.endpoint)]),
        admitted=admitted,
        tokens=tokens,
        drain=drain,
        health=health,
    )


def _sessions(
    config: Config,
    dependencies: ToolDependencies,
    drain: Drain,
    calls: ToolCalls,
    open_streams: OpenStreams,
    *,
    stateless: bool,
) -> StreamableHTTPSessionManager:
    longest = config.protocol.longest_tool_seconds
    streams = Subscriptions(InMemorySubscriptionBus(), MAX_STANDING_STREAMS, longest, open_streams)
    drain.on_standing_end.append(streams.close)

    @asynccontextmanager
    async def lifespan(_: Server[ToolDependencies]) -> AsyncGenerator[ToolDependencies]:
        yield dependencies

    server = Server[ToolDependencies](
        config.name,
        version=__version__,
        lifespan=lifespan,
        on_subscriptions_listen=streams.listen,
        get_tool_input_schema=calls.input_schema,
    )
    server.add_request_handler("tools/list", PaginatedRequestParams, calls.list)
    server.add_request_handler("tools/call", CallToolRequestParams, calls.call)
    if config.tool_servers:
        Offers(calls.others, longest, drain).add_to(server)
    if isinstance(get_tracer_provider(), ProxyTracerProvider):
        server.middleware.clear()  # the SDK's spans, which nobody records
    server.middleware.append(calls.watch)
    server.middleware.append(release_settled)
    return StreamableHTTPSessionManager(
        server,
        max_sessions=MAX_STANDING_STREAMS,
        # `BodyLimit` limits what clients send. `MemorySessions` may lengthen it.
        max_request_body_size=2 * config.limits.max_body_bytes,
        stateless=stateless,
    )


def _checks(config: Config, dependencies: ToolDependencies) -> dict[str, Check]:
    checks: dict[str, Check] = {}
    if dependencies.memory is not None:
        checks["database"] = dependencies.memory.pool.check
    if (redis := config.redis) is not None:
        from .valkey_client import check_redis

        checks["redis"] = partial(check_redis, redis)
    return checks


def _on_demand(config: Config, tokens: Tokens, store: SessionStore | None) -> dict[str, Check]:
    checks: dict[str, Check] = {"issuer": tokens.check}
    if store is not None and config.state is not None and config.state.kind != "memory":

        async def find_none() -> None:
            await store.find("health-check")

        checks["sessions"] = find_none
    return checks


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
