"""Handles the MCP methods of resources and prompts, which other servers have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from mcp.server import Server
from mcp.server.context import HandlerResult
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CompleteRequestParams,
    GetPromptRequestParams,
    PaginatedRequestParams,
    PromptReference,
    ReadResourceRequestParams,
)

from .drain import Drain
from .federation.callers import RequestContext
from .federation.failures import NoAnswerError
from .federation.federation import Federation, Found, internal_error
from .federation.kinds import PROMPTS, RESOURCES, TEMPLATES, Kind
from .time_limits import EndedError, within_time

LONGEST_SHOWN = 200


@dataclass(frozen=True)
class Offers:
    """Handlers of the methods of resources, prompts and completions."""

    federation: Federation
    longest_seconds: float
    drain: Drain

    def add_to(self, server: Server[Any]) -> None:
        """Let `server` handle these methods, and advertise the capabilities."""
        add, paged = server.add_request_handler, PaginatedRequestParams
        add(RESOURCES.method, paged, self.resources)
        add(TEMPLATES.method, paged, self.templates)
        add("resources/read", ReadResourceRequestParams, self.read)
        add(PROMPTS.method, paged, self.prompts)
        add("prompts/get", GetPromptRequestParams, self.prompt)
        add("completion/complete", CompleteRequestParams, self.complete)

    async def resources(
        self, context: RequestContext, _: PaginatedRequestParams | None
    ) -> HandlerResult:
        """Handle `resources/list`."""
        return await self._list(RESOURCES, context)

    async def templates(
        self, context: RequestContext, _: PaginatedRequestParams | None
    ) -> HandlerResult:
        """Handle `resources/templates/list`."""
        return await self._list(TEMPLATES, context)

    async def prompts(
        self, context: RequestContext, _: PaginatedRequestParams | None
    ) -> HandlerResult:
        """Handle `prompts/list`."""
        return await self._list(PROMPTS, context)

    async def read(
        self, context: RequestContext, params: ReadResourceRequestParams
    ) -> HandlerResult:
        """Handle `resources/read`."""
        found = self.federation.resource(RESOURCES, params.uri, context)
        if found is None:
            raise MCPError(INVALID_PARAMS, f"Unknown resource: {params.uri[:LONGEST_SHOWN]}")
        return await self._send(found, "resources/read", {"uri": found.name}, context)

    async def prompt(
        self, context: RequestContext, params: GetPromptRequestParams
    ) -> HandlerResult:
        """Handle `prompts/get`."""
        found = await self._prompt(params.name, context)
        return await self._send(found, "prompts/get", {"name": found.name}, context)

    async def complete(
        self, context: RequestContext, params: CompleteRequestParams
    ) -> HandlerResult:
        """Handle `completion/complete`."""
        ref = params.ref
        if isinstance(ref, PromptReference):
            found = await self._prompt(ref.name, context)
            changed = {"type": ref.type, "name": found.name}
        else:
            template = self.federation.resource(TEMPLATES, ref.uri, context)
            if template is None:
                raise MCPError(INVALID_PARAMS, f"Unknown resource: {ref.uri[:LONGEST_SHOWN]}")
            found, changed = template, {"type": ref.type, "uri": template.name}
        return await self._send(found, "completion/complete", {"ref": changed}, context)

    async def _list(self, kind: Kind, context: RequestContext) -> dict[str, Any]:
        return kind.result(await self.federation.listed(kind, context))

    async def _prompt(self, name: str, context: RequestContext) -> Found:
        found = await self.federation.find(PROMPTS, name, context)
        if found is None:
            raise MCPError(INVALID_PARAMS, f"Unknown prompt: {name[:LONGEST_SHOWN]}")
        return found

    async def _send(
        self, found: Found, method: str, changed: Mapping[str, Any], context: RequestContext
    ) -> HandlerResult:
        longest = min(self.longest_seconds, found.longest_seconds or self.longest_seconds)
        run = partial(self.federation.send, found, method, changed, context)
        try:
            return await within_time(self.drain, longest, run)
        except (NoAnswerError, EndedError) as failed:
            raise internal_error(str(failed)) from None
