"""All other servers: their combined lists, and requests to the server that has the item."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import anyio
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError
from mcp.shared.inbound import mcp_param_headers, x_mcp_header_map
from mcp_types import INTERNAL_ERROR, INVALID_REQUEST, SERVER_INFO_META_KEY
from mcp_types.methods import serialize_server_result
from pydantic import ValidationError

from ..logs import event
from ..metrics import Metrics
from ..tool_servers_config import ToolServerSection
from .callers import Caller, RequestContext
from .client_metrics import ClientMetrics
from .failures import InvalidAnswerError, UnreachableError
from .kinds import TOOLS, Kind, load_schema_checker
from .lists import Lists, Offer
from .names import SEPARATOR, prefix_of, server_and_uri, with_offered_uris
from .upstream import Asked, StaleSchemaError, Upstream

# Servers still send log messages; what is deprecated is to write new ones that do.
warnings.filterwarnings("ignore", category=MCPDeprecationWarning, module=re.escape(__name__))


@dataclass(frozen=True)
class Member:
    """A server and its lists."""

    upstream: Upstream
    lists: Lists


@dataclass(frozen=True)
class Found:
    """A tool, prompt or resource, with the server that has it and its name or URI there."""

    member: Member
    kind: Kind
    name: str

    @property
    def longest_seconds(self) -> float | None:
        """The longest time of a request for it; None: no limit of its own."""
        return self.member.upstream.section.longest_tool_seconds


class Federation:
    """All other servers whose tools, prompts and resources this server offers."""

    def __init__(
        self, sections: Sequence[ToolServerSection], own_name: str, metrics: Metrics
    ) -> None:
        self.own_name = own_name
        names = frozenset(section.name for section in sections)
        upstreams: list[Upstream] = []
        if sections:
            requests = ClientMetrics(metrics)
            upstreams = [Upstream(section, own_name, requests) for section in sections]
        if any(section.send_user for section in sections):
            load_schema_checker()
        self.members = {one.name: Member(one, Lists(one, names)) for one in upstreams}

    async def listed(self, kind: Kind, context: RequestContext) -> list[dict[str, Any]]:
        """Everything of this kind that the caller is offered."""
        caller = Caller.of(context)
        try:
            caller.check_path(self.own_name)
        except MCPError:
            return []  # the server that asks lists the same things itself
        allowed = [m for m in self.members.values() if not self._lacking(m, caller)]
        offers: dict[str, Offer] = {}

        async def ask(member: Member) -> None:
            offers[member.upstream.name] = await member.lists.of(kind, caller)

        async with anyio.create_task_group() as tasks:
            for member in allowed:
                tasks.start_soon(ask, member)
        merged: dict[str, dict[str, Any]] = {}
        for member in allowed:
            for item in offers[member.upstream.name].items:
                merged.setdefault(item[kind.identity], item)
        return list(merged.values())

    async def find(self, kind: Kind, name: str, context: RequestContext) -> Found | None:
        """The tool or prompt of that name; None if no server has it.

        Raises:
            MCPError: the caller may not use that server.
        """
        prefix = prefix_of(name)
        if prefix is None or not self.members:
            return None
        caller = self._caller(context)
        named = self.members.get(prefix)
        if named is not None:
            self._check(named, caller)
        candidates = [named] if named is not None else self._with_names_of_others(caller)
        for member in candidates:
            if known := member.lists.known.get(kind.key, {}).get(name):
                return Found(member, kind, known[0])
        for member in candidates:
            if (own := (await member.lists.of(kind, caller)).names.get(name)) is not None:
                return Found(member, kind, own)
        if named is not None and named.upstream.answered is False:
            # It is not known what the server has: the request says that it does not answer.
            return Found(named, kind, name.partition(SEPARATOR)[2])
        return None

    def resource(self, kind: Kind, uri: str, context: RequestContext) -> Found | None:
        """The resource of that URI; None if it names no server.

        Raises:
            MCPError: the caller may not use that server.
        """
        server, own = server_and_uri(uri)
        member = self.members.get(server)
        if member is None:
            return None
        self._check(member, self._caller(context))
        return Found(member, kind, own)

    def input_schema(self, name: str) -> dict[str, Any] | None:
        """The input schema of the tool of that name, as it was last listed."""
        for member in self.members.values():
            if known := member.lists.known.get(TOOLS.key, {}).get(name):
                return known[1]
        return None

    async def send(
        self, found: Found, method: str, changed: Mapping[str, Any], context: RequestContext
    ) -> dict[str, Any]:
        """Send the caller's request to the server, with the params in `changed`.

        Raises:
            MCPError: the server refuses it.
            NoAnswerError: the server gives no valid answer.
        """
        upstream, caller = found.member.upstream, Caller.of(context)
        given: Mapping[str, Any] = context.params or {}
        params = {**{k: v for k, v in given.items() if k != "_meta"}, **changed}

        async def notify(method: str, sent: Mapping[str, Any]) -> None:
            await _pass_on(method, sent, context)

        try:
            try:
                headers = self._param_headers(found, params)
                result = await upstream.send(Asked(method, params, caller, notify, headers))
            except StaleSchemaError:
                found.member.lists.forget(found.kind)
                await found.member.lists.of(found.kind, caller)
                headers = self._param_headers(found, params)
                result = await upstream.send(Asked(method, params, caller, notify, headers))
        except StaleSchemaError:
            raise InvalidAnswerError(upstream.name, "it wants headers that no list names") from None
        except UnreachableError as absent:
            event("tool_server_failed", server=upstream.name, failure=absent.failure)
            raise
        result = _COMPLETE | result
        try:
            serialize_server_result(method, caller.version, result)
        except ValidationError:
            raise InvalidAnswerError(upstream.name, "the result is not one of MCP") from None
        return with_offered_uris(_without_server_info(result), upstream.name)

    async def aclose(self) -> None:
        """End all sessions and close all connections."""
        async with anyio.create_task_group() as tasks:
            for member in self.members.values():
                tasks.start_soon(member.upstream.aclose)

    def _caller(self, context: RequestContext) -> Caller:
        caller = Caller.of(context)
        caller.check_path(self.own_name)
        return caller

    def _lacking(self, member: Member, caller: Caller) -> list[str]:
        return caller.lacking(member.upstream.section.scopes)

    def _check(self, member: Member, caller: Caller) -> None:
        if lacking := self._lacking(member, caller):
            needed = " ".join(lacking)
            raise MCPError(
                INVALID_REQUEST, f"The server {member.upstream.name} needs the scope {needed}"
            )

    def _with_names_of_others(self, caller: Caller) -> list[Member]:
        """The platform's servers, which offer things of third servers by the names of those."""
        return [
            member
            for member in self.members.values()
            if not member.upstream.section.send_user and not self._lacking(member, caller)
        ]

    def _param_headers(self, found: Found, params: Mapping[str, Any]) -> dict[str, str]:
        if found.kind is not TOOLS:
            return {}
        known = found.member.lists.known.get(TOOLS.key, {}).values()
        schema = next((schema for own, schema in known if own == found.name), None)
        arguments = params.get("arguments")
        if schema is None or not isinstance(arguments, Mapping):
            return {}
        return mcp_param_headers(x_mcp_header_map(schema), cast("Mapping[str, Any]", arguments))


def internal_error(message: str) -> MCPError:
    """The error of a request that a server gives no valid answer to."""
    return MCPError(INTERNAL_ERROR, message)


async def _pass_on(method: str, params: Mapping[str, Any], context: RequestContext) -> None:
    """Send progress or a log message of another server to the caller's client."""
    match method, params:
        case "notifications/progress", {"progress": int() | float() as progress}:
            total, message = params.get("total"), params.get("message")
            await context.session.report_progress(
                progress,
                total if isinstance(total, int | float) else None,
                message if isinstance(message, str) else None,
            )
        case "notifications/message", {"level": str() as level, "data": data} if level in _LEVELS:
            logger = params.get("logger")
            await context.session.send_log_message(  # pyright: ignore[reportDeprecated]
                cast("Any", level),
                data,
                logger if isinstance(logger, str) else None,
                related_request_id=context.request_id,
            )
        case _:
            pass


_LEVELS = frozenset(
    {"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"}
)


_COMPLETE: dict[str, Any] = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
"""What results of legacy servers lack; revisions without these fields ignore them."""


def _without_server_info(result: dict[str, Any]) -> dict[str, Any]:
    meta = result.get("_meta")
    if not isinstance(meta, dict):
        return result
    kept = {k: v for k, v in cast("dict[str, Any]", meta).items() if k != SERVER_INFO_META_KEY}
    return {**result, "_meta": kept}
