"""Builds the server's ASGI applications from a `Config`, without opening a socket."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from mcp_types import CallToolRequestParams, PaginatedRequestParams
from opentelemetry.trace import ProxyTracerProvider, get_tracer_provider
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp

from . import __version__
from .accepted_types import AcceptedTypes
from .audit import Audit
from .auth import RequireToken, metadata_routes
from .authorize import ProtectedResources
from .backup_metrics import BackupMetrics
from .config import Config
from .dependencies import Dependencies
from .drain import Drain
from .endpoint import Application, Endpoint
from .federation.federation import Federation
from .handler_limits import HandlerLimits
from .health import Check, Health
from .instructions import instructions_of
from .mcp_prompts import prompts_of
from .mcp_resources import OwnResources
from .memories_table import MemoriesTable
from .memory_sessions import MemorySessions, release_settled
from .metrics import Metrics
from .offers import Offers
from .qudag_rounds import Rounds
from .qudag_stand_in import StandInNode
from .secret_ages import SecretAges
from .sessions import StoredSessions
from .state import SessionStore
from .subscriptions import Subscriptions
from .token_cache import CachedTokens
from .tokens import Tokens
from .tool_calls import ToolCalls
from .tools import ROLE_TOOLS, tools_of
from .user_keys import UserKeys
from .user_quotas import OpenStreams, SessionQuota
from .vault_keys import VaultKeys
from .vault_table import VaultTable
from .websocket import WebSocketEndpoint

MAX_STANDING_STREAMS = 10_000


def application(
    config: Config, store: SessionStore | None = None, own: Server[Any] | None = None
) -> Application:
    """Build the applications.

    Args:
        store: keeps legacy sessions, so that another process can serve their next request. Without
            it they are kept in this process's memory.
        own: a server of the user's own code, served in place of the reference tools.

    Raises:
        ConfigError: node.toml is wrong.
        StartError: the QuDAG stand-in cannot keep its key.
    """
    drain = Drain()
    metrics = Metrics(config)
    dependencies = _dependencies(config, metrics)
    node = dependencies.node
    rounds = Rounds(node, metrics.registry) if node and node.config.network.peers else None
    tokens = CachedTokens.of(config.auth)
    for issuer, keys in tokens.keys.items():
        metrics.issuer_keys_readable.labels(issuer).set_function(keys.readable)
    on_demand = _on_demand(config, tokens, store)
    audit = Audit.of(config, metrics)
    health = Health(drain, metrics, _checks(config, dependencies, audit, metrics), on_demand)
    endpoint = Endpoint.of(config, tokens, health, audit)
    others = Federation(config.tool_servers, config.name, metrics)
    longest = config.protocol.longest_tool_seconds
    tools = tools_of(config) if own is None else {}
    most = config.limits.concurrent_calls
    calls = ToolCalls(tools, longest, drain, metrics, others, own, most=most, audit=audit)
    resources = OwnResources(config, dependencies)
    offers = Offers(resources, prompts_of(resources), others, longest, drain, metrics)
    streams = endpoint.streams
    sessions = _sessions(config, calls, offers, streams, stateless=store is not None)

    @asynccontextmanager
    async def running() -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(others.aclose)
            if audit is not None:
                await stack.enter_async_context(audit.running())
            await stack.enter_async_context(dependencies.running())
            if rounds is not None:
                await stack.enter_async_context(rounds.running())
            await stack.enter_async_context(sessions.run())
            yield

    mcp: ASGIApp = StreamableHTTPASGIApp(sessions)
    limits = config.limits
    if store is not None:
        mcp = StoredSessions(mcp, store, limits.sessions_per_user, metrics)
    else:
        mcp = SessionQuota(MemorySessions(mcp), limits.sessions_per_user, metrics)
    mcp = AcceptedTypes(mcp, json_answers=config.protocol.json_answers)
    protected = ProtectedResources.of(config, tokens, audit)
    frames = WebSocketEndpoint(drain, metrics, streams, endpoint.rates, endpoint.held)
    sockets = [WebSocketRoute("/ws", RequireToken(frames, tokens))]
    return endpoint.application(
        mcp,
        [
            *protected.routes(),
            *metadata_routes(tokens, protected.at_host),
            *([] if config.protocol.era == "legacy" else sockets),
        ],
        running,
    )


def _sessions(
    config: Config,
    calls: ToolCalls,
    offers: Offers,
    open_streams: OpenStreams,
    *,
    stateless: bool,
) -> StreamableHTTPSessionManager:
    server = calls.own or _reference_server(config, calls, offers, open_streams)
    if calls.own is not None:
        limits = HandlerLimits(calls, open_streams, MAX_STANDING_STREAMS)
        offers.drain.on_standing_end.append(limits.close)
        limits.add_to(server)
    spans = [one for one in server.middleware if type(one).__name__ == "OpenTelemetryMiddleware"]
    theirs = [one for one in server.middleware if one not in spans]
    if config.traces or isinstance(get_tracer_provider(), ProxyTracerProvider):
        # Nobody records them, or `calls.watch` makes a span without texts of exceptions.
        spans.clear()
    server.middleware[:] = [*spans, calls.watch, release_settled, *theirs]
    return StreamableHTTPSessionManager(
        server,
        max_sessions=MAX_STANDING_STREAMS,
        # `BodyLimit` limits what clients send. `MemorySessions` may lengthen it.
        max_request_body_size=2 * config.limits.max_body_bytes,
        stateless=stateless,
    )


def _reference_server(
    config: Config, calls: ToolCalls, offers: Offers, open_streams: OpenStreams
) -> Server[Dependencies]:
    longest, dependencies = config.protocol.longest_tool_seconds, offers.resources.dependencies
    streams = Subscriptions(dependencies.events, MAX_STANDING_STREAMS, longest, open_streams)
    offers.drain.on_standing_end.append(streams.close)

    @asynccontextmanager
    async def lifespan(_: Server[Dependencies]) -> AsyncGenerator[Dependencies]:
        yield dependencies

    server = Server[Dependencies](
        config.name,
        version=__version__,
        instructions=instructions_of(list(calls.tools), ROLE_TOOLS[config.server.role]),
        lifespan=lifespan,
        on_subscriptions_listen=streams.listen,
        get_tool_input_schema=calls.input_schema,
    )
    server.add_request_handler("tools/list", PaginatedRequestParams, calls.list)
    server.add_request_handler("tools/call", CallToolRequestParams, calls.call)
    offers.add_to(server)
    return server


def _dependencies(config: Config, metrics: Metrics) -> Dependencies:
    memory = MemoriesTable.of(config, metrics)
    vault = VaultKeys(config.vault) if config.vault else None
    return Dependencies(
        memory=memory,
        node=StandInNode.of(config.qudag) if config.qudag else None,
        keys=UserKeys(config.user_keys) if config.user_keys else None,
        vault=VaultTable(memory.pool, vault, metrics) if memory and vault else None,
    )


def _checks(
    config: Config, dependencies: Dependencies, audit: Audit | None, metrics: Metrics
) -> dict[str, Check]:
    checks: dict[str, Check] = {}
    if audit is not None:
        checks["audit"] = audit.writer.check
    if dependencies.memory is not None:
        backups = BackupMetrics(metrics.registry).look
        ages = SecretAges(config.secret_files, metrics.registry).look
        checks["database"] = partial(dependencies.memory.pool.check, backups, ages)
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
