"""Builds the ASGI applications of a bridge, without opening a socket."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ..body_limit import BodyLimit, HeldBytes
from ..drain import Drain
from ..memory_sessions import MemorySessions
from ..metrics import Metrics
from ..request_filters import EraFilter, OneTrailingSlash
from ..request_tracking import RequestTracking
from ..span_provider import Spans
from ..telemetry_end import sending
from .calls import CallLimits
from .descendants import ORPHANS
from .legacy import LegacySessions
from .modern import ModernRequests
from .observed import Observed
from .options import BridgeOptions
from .pool import Pool
from .program_log import ProgramLog
from .tool_headers import ToolHeaders

MCP_ROUTE = "/mcp"
"""The path of MCP inside the application, whatever path clients use."""


@dataclass(frozen=True)
class BridgeApplication:
    """The ASGI applications of a bridge, as `listeners.Served` names them."""

    public: Starlette
    probes: Starlette
    metrics: Starlette
    drain: Drain


def bridge_application(command: tuple[str, ...], options: BridgeOptions) -> BridgeApplication:
    """Build the applications; the lifespan of `public` starts and ends the program."""
    drain = Drain()
    metrics = Metrics(options.config)
    metrics.draining.set_function(lambda: drain.draining)
    metrics.calls_in_flight.set_function(lambda: len(drain.calls))
    # Nobody could read it: nginx ends first.
    metrics.registry.unregister(metrics.calls_cancelled_by_drain)
    log = ProgramLog()
    limits = CallLimits(drain, options.longest_tool_seconds)
    headers = ToolHeaders()
    observed = Observed(metrics, headers)
    pool = Pool(command, options, log, headers.read)
    metrics.dependency_up.labels("program").set_function(lambda: bool(pool.running()))
    modern = ModernRequests(options, pool, limits, observed, headers)
    drain.on_standing_end.append(modern.close_streams)
    legacy = LegacySessions(command, options, log, limits, observed)
    probes = _Probes(drain, pool, legacy)
    resource = {"service.name": options.config.name, "qudag.role": options.config.role}
    spans = Spans(options.traces, resource, metrics)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with (
            ORPHANS.adopted(),
            sending(drain) as senders,
            spans.running(senders),
            modern.manager.run(),
            anyio.create_task_group() as tasks,
        ):
            legacy.tasks = tasks
            tasks.start_soon(pool.run)
            yield
            tasks.cancel_scope.cancel()

    mcp: ASGIApp = _ByEra(modern.manager.asgi_app, MemorySessions(legacy))
    mcp = EraFilter(mcp, options.era)
    mcp = BodyLimit(mcp, HeldBytes(options.max_message_bytes, metrics))
    tracked = partial(
        RequestTracking,
        metrics=metrics,
        drain=drain,
        longest=options.longest_tool_seconds,
        proxies=0,
    )
    public = Starlette(routes=probes.routes(), lifespan=lifespan)
    public.router.redirect_slashes = False
    public.add_middleware(_Mcp, mcp=mcp)
    public.add_middleware(tracked)
    public.add_middleware(_PathOf, path=options.path)
    public.add_middleware(OneTrailingSlash)
    return BridgeApplication(
        public=public,
        probes=Starlette(routes=probes.routes()),
        metrics=Starlette(routes=[Route("/metrics", metrics.endpoint)]),
        drain=drain,
    )


class _Probes:
    """`/health` is 200 while the bridge answers; `/ready` only while the program does too."""

    def __init__(self, drain: Drain, pool: Pool, legacy: LegacySessions) -> None:
        self.drain = drain
        self.pool = pool
        self.legacy = legacy

    def routes(self) -> list[Route]:
        return [Route("/health", self.health), Route("/ready", self.ready)]

    async def health(self, _: Request) -> JSONResponse:
        return JSONResponse({"status": "alive"})

    async def ready(self, _: Request) -> JSONResponse:
        state: dict[str, Any] = {"status": "ready"}
        if self.drain.draining:
            state = {"status": "draining"}
        elif not self.pool.running():
            state = {"status": "waiting for the program", "reason": self.pool.failure()}
        ready = state["status"] == "ready"
        return JSONResponse(state | {"sessions": self.legacy.children}, 200 if ready else 503)


class _Mcp:
    """Serves `/mcp` for every HTTP method; the other routes are the probes."""

    def __init__(self, app: ASGIApp, mcp: ASGIApp) -> None:
        self.app = app
        self.mcp = mcp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        called = scope["type"] == "http" and scope["path"] == MCP_ROUTE
        await (self.mcp if called else self.app)(scope, receive, send)


class _PathOf:
    """Maps the configured path to `/mcp`, the name under which it is logged and counted."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self.app = app
        self.path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self.path != MCP_ROUTE:
            path: str = scope["path"]
            mapped = MCP_ROUTE if path == self.path else "/" if path == MCP_ROUTE else path
            scope = {**scope, "path": mapped}
        await self.app(scope, receive, send)


class _ByEra:
    """Passes a request to the application of its era, which `MCP-Protocol-Version` tells."""

    def __init__(self, modern: ASGIApp, legacy: ASGIApp) -> None:
        self.modern = modern
        self.legacy = legacy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        version = Headers(scope=scope).get(MCP_PROTOCOL_VERSION_HEADER)
        legacy = version is None or version in HANDSHAKE_PROTOCOL_VERSIONS
        await (self.legacy if legacy else self.modern)(scope, receive, send)
