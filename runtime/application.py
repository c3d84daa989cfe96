"""The server as ASGI applications, made from a Config alone: no sockets, no signals."""

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
from mcp.server.transport_security import DEFAULT_MAX_REQUEST_BODY_SIZE, RequestBodyLimitMiddleware
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from . import __version__
from .auth import RequireToken, Tokens, metadata_routes
from .calls import Calls
from .config import Config
from .drain import Drain
from .gate import EraGate, KnownHosts
from .health import Check, Health
from .keys import KeySet
from .memory import Memory, check_redis
from .metrics import Metrics
from .node import Node
from .sessions import StoredSessions
from .state import SessionStore
from .subscriptions import Subscriptions
from .tools import Means, tools_of
from .traffic import QUIET_ROUTES, Traffic
from .websocket import Frames

MAX_STANDING_STREAMS = 10_000


@dataclass(frozen=True)
class Application:
    """What the process offers.

    Attributes:
        public: everything a client calls, with the ASGI lifespan that starts and ends it all.
        probes: /health and /ready alone, for the plain port beside a TLS one.
        metrics: /metrics, for a port that only Prometheus reaches.
        admitted: /mcp for a host that has let its client in already: `user` is in the scope.
        tokens: by which a host does so.
    """

    public: Starlette
    probes: Starlette
    metrics: Starlette
    admitted: ASGIApp
    tokens: Tokens
    drain: Drain
    health: Health


def application(config: Config, store: SessionStore | None = None) -> Application:
    """Build the applications; raises `ConfigError` or `StartError` for a node that cannot be.

    With `store`, legacy sessions are kept there, so that the next request may reach another
    process; without, in this one's memory.
    """
    drain = Drain()
    metrics = Metrics(config)
    metrics.draining.set_function(lambda: drain.draining)
    means = Means(
        memory=Memory(config.database) if config.database else None,
        node=Node.of(config.qudag) if config.qudag else None,
    )
    keys = KeySet.of(config.auth)
    health = Health(drain, metrics, _checks(config, means), _on_demand(config, keys, store))
    sessions = _sessions(config, means, drain, metrics, stateless=store is not None)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            if means.node is not None:
                await stack.enter_async_context(means.node.listening())
            await stack.enter_async_context(sessions.run())
            tasks = await stack.enter_async_context(anyio.create_task_group())
            tasks.start_soon(health.watch)
            health.started = True
            yield
            tasks.cancel_scope.cancel()

    mcp: ASGIApp = StreamableHTTPASGIApp(sessions)
    if store is not None:
        mcp = StoredSessions(mcp, store)
    mcp = EraGate(mcp, config.protocol.era)
    mcp = RequestBodyLimitMiddleware(mcp, DEFAULT_MAX_REQUEST_BODY_SIZE)
    tokens = Tokens(config.auth, keys)
    traffic = partial(
        Traffic, metrics=metrics, drain=drain, longest=config.protocol.longest_tool_seconds
    )
    admitted = traffic(mcp)
    mcp = RequireToken(mcp, tokens)
    frames = RequireToken(Frames(drain, metrics), tokens)
    public = Starlette(
        routes=[
            *health.routes(),
            *metadata_routes(config.auth),
            Route("/mcp", _Endpoint(mcp)),
            *([] if config.protocol.era == "legacy" else [WebSocketRoute("/ws", frames)]),
        ],
        lifespan=lifespan,
    )
    public.add_middleware(_OnlyKnownHosts, allowed=config.protocol.allowed_hosts)
    public.add_middleware(traffic)
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
    config: Config, means: Means, drain: Drain, metrics: Metrics, *, stateless: bool
) -> StreamableHTTPSessionManager:
    longest = config.protocol.longest_tool_seconds
    calls = Calls(tools_of(config), longest, drain, metrics)
    streams = Subscriptions(InMemorySubscriptionBus(), MAX_STANDING_STREAMS, longest)
    drain.on_standing_end.append(streams.close)

    @asynccontextmanager
    async def lifespan(_: Server[Means]) -> AsyncGenerator[Means]:
        yield means

    server = Server[Means](
        config.name,
        version=__version__,
        lifespan=lifespan,
        on_list_tools=calls.list,
        on_call_tool=calls.call,
        on_subscriptions_listen=streams.listen,
        get_tool_input_schema=calls.input_schema,
    )
    server.middleware.append(calls.watch)
    return StreamableHTTPSessionManager(
        server, max_sessions=MAX_STANDING_STREAMS, stateless=stateless
    )


def _checks(config: Config, means: Means) -> dict[str, Check]:
    checks: dict[str, Check] = {}
    if means.memory is not None:
        checks["database"] = means.memory.check
    if (redis := config.redis) is not None:
        checks["redis"] = partial(check_redis, redis)
    return checks


def _on_demand(config: Config, keys: KeySet, store: SessionStore | None) -> dict[str, Check]:
    checks: dict[str, Check] = {"issuer": keys.check}
    if store is not None and config.state is not None and config.state.kind != "memory":

        async def find_none() -> None:
            await store.find("health-check")

        checks["sessions"] = find_none
    return checks


class _Endpoint:
    """An ASGI application as a route that takes every method: the protocol answers 405 itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


class _OnlyKnownHosts:
    """KnownHosts for all but the probes, which a kubelet sends to the pod's address."""

    def __init__(self, app: ASGIApp, **options: Any) -> None:
        self.app = app
        self.guarded = KnownHosts(app, **options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ours = scope["type"] == "lifespan" or scope["path"] in QUIET_ROUTES
        await (self.app if ours else self.guarded)(scope, receive, send)
