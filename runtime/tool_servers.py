"""Offers the tools of other servers of the platform, and forwards calls to them.

The tool `remember` of the server `state` is offered as `state__remember`. A tool that such a server
has from a third one keeps its name. The caller's own token is sent along: all servers of a platform
accept the same issuer and audience, and each of them verifies it. A server with `send_user` gets
headers that name the caller, and no token.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server import ServerRequestContext
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.mcpserver import Context
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_REQUEST, CallToolRequest, CallToolRequestParams, CallToolResult
from mcp_types import Tool as ListedTool
from mcp_types.version import LATEST_MODERN_VERSION, MODERN_PROTOCOL_VERSIONS

from .logs import event
from .toml_config import StartError
from .tool_servers_config import ToolServerSection
from .user_headers import user_headers

SEPARATOR = "__"
FRESH_SECONDS = 30.0
RETRY_SECONDS = 5.0
LIST_WITHIN_SECONDS = 3.0
CONNECT_SECONDS = 5.0
LONGEST_VALUE = 512
"""Of a header that is passed on and is no token."""
_PASSED_ON = (
    "authorization",
    # By which a server derives its resource, the audience of the token.
    *("host", "x-forwarded-host", "x-forwarded-proto"),
    # By which the logs of both servers are related.
    *("x-request-id", "traceparent"),
)

_MODES = {"legacy": "legacy", "modern": LATEST_MODERN_VERSION, "dual": "auto"}
_PASSED_ON_WITH_USER = ("x-request-id", "traceparent")

RequestContext = ServerRequestContext[Any, Any]


class NoAnswerError(Exception):
    """A tool server does not answer; the message is sent to the caller of the tool."""


@dataclass(frozen=True)
class ForwardedTool:
    """A tool of another server.

    Attributes:
        listed: the tool under the name that this server offers it by.
        server: the server that has it.
        name: its name there.
    """

    listed: ListedTool
    server: ToolServer
    name: str


class ToolServer:
    """One other server, its connections and the last list of its tools.

    Attributes:
        others: names of the other configured servers, whose tools it cannot stand for.
    """

    def __init__(self, section: ToolServerSection, others: frozenset[str]) -> None:
        self.name = section.name
        self.others = others
        self.url = section.url
        self.section = section
        self.mode = _MODES[section.era]
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=20)
        self.connections = _Shared(
            httpx2.AsyncHTTPTransport(verify=_trust(section), limits=limits, trust_env=False)
        )
        self.tools: dict[str, ForwardedTool] = {}
        self.fresh_until = 0.0
        self.answered: bool | None = None
        self.lock = anyio.Lock()

    async def refresh(self, headers: Mapping[str, str]) -> None:
        """List its tools again if the last list is old; keeps the last one if that fails."""
        async with self.lock:
            if anyio.current_time() < self.fresh_until:
                return
            failure: str | None = "TimeoutError"
            try:
                with anyio.move_on_after(LIST_WITHIN_SECONDS):
                    async with self.client(headers) as client:
                        listed = (await client.list_tools()).tools
                    self.tools = {tool.listed.name: tool for tool in map(self._offered, listed)}
                    failure = None
            except Exception as error:
                failure = type(error).__name__
                if not _is_absence(error):
                    return  # this caller was refused; the next one may not be
            if self.answered is not (failure is None):
                self.answered = failure is None
                event("tool_server", server=self.name, answered=self.answered, failure=failure)
            lasts = FRESH_SECONDS if self.answered else RETRY_SECONDS
            self.fresh_until = anyio.current_time() + lasts

    @contextlib.asynccontextmanager
    async def client(self, headers: Mapping[str, str]) -> AsyncGenerator[Client]:
        """A client that sends these headers, over connections that all its clients share."""
        timeout = httpx2.Timeout(None, connect=CONNECT_SECONDS)  # a call has a deadline already
        async with httpx2.AsyncClient(
            transport=self.connections, headers=dict(headers), timeout=timeout, trust_env=False
        ) as http:
            transport = streamable_http_client(self.url, http_client=http)
            async with Client(transport, mode=self.mode) as client:
                version = client.protocol_version
                self.mode = version if version in MODERN_PROTOCOL_VERSIONS else "legacy"
                yield client

    def lacking(self, token: AccessToken | None) -> list[str]:
        """The scopes that the caller needs for this server and does not have."""
        held = token.scopes if token is not None else []
        return [scope for scope in self.section.scopes if scope not in held]

    def headers(self, context: RequestContext) -> dict[str, str]:
        """The headers of a request to this server on behalf of the caller."""
        if not self.section.send_user:
            return _passed_on(context, _PASSED_ON)
        token = _token(context)
        named = user_headers(token) if token is not None else {}
        return {**_passed_on(context, _PASSED_ON_WITH_USER), **named}

    def _offered(self, tool: ListedTool) -> ForwardedTool:
        origin, separator, _ = tool.name.partition(SEPARATOR)
        # From a third server, unless the name is that of a tool of another configured server.
        keeps = bool(separator) and origin not in self.others
        name = tool.name if keeps else f"{self.name}{SEPARATOR}{tool.name}"
        return ForwardedTool(tool.model_copy(update={"name": name}), self, tool.name)


class ToolServers:
    """All other servers whose tools this server offers."""

    def __init__(self, sections: Sequence[ToolServerSection]) -> None:
        names = frozenset(section.name for section in sections)
        self.servers = [ToolServer(one, names - {one.name}) for one in sections]

    async def tools(self, context: RequestContext) -> dict[str, ForwardedTool]:
        """Their tools by the names that this server offers; listed on behalf of the caller."""
        token = _token(context)
        allowed = [server for server in self.servers if not server.lacking(token)]
        async with anyio.create_task_group() as tasks:
            for server in allowed:
                tasks.start_soon(server.refresh, server.headers(context))
        return {name: tool for server in allowed for name, tool in server.tools.items()}

    def known(self) -> dict[str, ForwardedTool]:
        """The tools of the last lists, for whoever may call them."""
        return {name: tool for server in self.servers for name, tool in server.tools.items()}

    async def find(self, name: str, context: RequestContext) -> ForwardedTool | None:
        """The tool of that name; None if no server has it.

        Raises:
            MCPError: the caller's token lacks a scope that the server's tools need.
        """
        if SEPARATOR not in name or not self.servers:
            return None
        prefix = name.partition(SEPARATOR)[0]
        tool = self.known().get(name)
        server = tool.server if tool else next((s for s in self.servers if s.name == prefix), None)
        if server is not None and (lacking := server.lacking(_token(context))):
            needed = " ".join(lacking)
            raise MCPError(INVALID_REQUEST, f"Tools of {server.name} need the scope {needed}")
        return tool or (await self.tools(context)).get(name)

    async def aclose(self) -> None:
        """Close all connections."""
        for server in self.servers:
            await server.connections.transport.aclose()


async def forward(
    tool: ForwardedTool, arguments: dict[str, Any], context: RequestContext
) -> CallToolResult:
    """Call the tool at its server, with the progress that it reports.

    Raises:
        MCPError: the server refuses the call.
        NoAnswerError: it cannot be reached, or ends the connection.
    """
    params = CallToolRequestParams(name=tool.name, arguments=arguments)
    progress = Context(request_context=context).report_progress
    answer: CallToolResult | MCPError | None = None
    try:
        async with tool.server.client(tool.server.headers(context)) as client:
            try:
                answer = await client.session.send_request(
                    CallToolRequest(params=params), CallToolResult, progress_callback=progress
                )
            except MCPError as refused:
                answer = refused
    except Exception as error:  # the client's task groups wrap what they raise
        if answer is None:
            event("tool_server_failed", server=tool.server.name, failure=type(error).__name__)
            raise NoAnswerError(
                f"The server {tool.server.name}, which has this tool, does not answer; try again."
            ) from None
    if isinstance(answer, MCPError):
        raise answer
    assert answer is not None
    return answer


class _Shared(httpx2.AsyncBaseTransport):
    """A transport that stays open when one of its clients closes."""

    def __init__(self, transport: httpx2.AsyncHTTPTransport) -> None:
        self.transport = transport

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return await self.transport.handle_async_request(request)


def _is_absence(failure: BaseException) -> bool:
    """Whether the failure is that the other server does not answer, not that it refuses a caller.

    The client's task groups wrap what they raise.
    """
    if isinstance(failure, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", failure)
        return any(map(_is_absence, group.exceptions))
    return isinstance(failure, httpx2.TransportError | OSError | TimeoutError)


def _passed_on(context: RequestContext, names: Sequence[str]) -> dict[str, str]:
    """The headers of the caller that its call at another server has as well."""
    headers: Mapping[str, str] = context.request.headers if context.request is not None else {}
    return {name: headers[name] for name in names if _is_sendable(name, headers.get(name))}


def _token(context: RequestContext) -> AccessToken | None:
    """The checked token of the caller."""
    user = context.request.scope.get("user") if context.request is not None else None
    return user.access_token if isinstance(user, AuthenticatedUser) else None


def _is_sendable(name: str, value: str | None) -> bool:
    """Whether the value can be sent on; a failure would be taken for the server's absence."""
    if value is None or not value.isascii():
        return False
    return name == "authorization" or len(value) <= LONGEST_VALUE


def _trust(section: ToolServerSection) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=section.ca_file)
    except OSError as error:
        raise StartError(
            f"tool_servers.{section.name}: {section.ca_file} cannot be read: {error}"
        ) from None
