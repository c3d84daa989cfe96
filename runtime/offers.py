"""Handles the MCP methods of resources and prompts: this server's own, and other servers'."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

from mcp.server import Server
from mcp.server.context import HandlerResult
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CompleteRequestParams,
    CompleteResult,
    Completion,
    GetPromptRequestParams,
    GetPromptResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    PaginatedRequestParams,
    PromptReference,
    ReadResourceRequestParams,
    ReadResourceResult,
)
from pydantic import BaseModel

from .dependencies import RequestContext
from .drain import Drain
from .exchange import current
from .federation.failures import NoAnswerError
from .federation.federation import Federation, Found, internal_error
from .federation.kinds import PROMPTS, RESOURCES, TEMPLATES, Kind
from .mcp_prompts import OwnPrompt
from .mcp_resources import MEMORIES, OwnResources
from .metrics import Metrics
from .time_limits import EndedError, within_time

LONGEST_SHOWN = 200
Result = TypeVar("Result")


@dataclass(frozen=True)
class Offers:
    """Handlers of the methods of resources, prompts and completions."""

    resources: OwnResources
    prompts: Mapping[str, OwnPrompt]
    others: Federation
    longest_seconds: float
    drain: Drain
    metrics: Metrics

    def add_to(self, server: Server[Any]) -> None:
        """Let `server` handle these methods, and advertise the capabilities."""
        add, paged = server.add_request_handler, PaginatedRequestParams
        if self.others.members or self.resources.uris:
            add(RESOURCES.method, paged, self.list_resources)
            add(TEMPLATES.method, paged, self.list_templates)
            add("resources/read", ReadResourceRequestParams, self.read)
        if self.others.members or self.prompts:
            add(PROMPTS.method, paged, self.list_prompts)
            add("prompts/get", GetPromptRequestParams, self.get_prompt)
            add("completion/complete", CompleteRequestParams, self.complete)

    async def list_resources(
        self, context: RequestContext, params: PaginatedRequestParams | None
    ) -> HandlerResult:
        """Handle `resources/list`: those of other servers are on the first page."""
        cursor = params.cursor if params is not None else None
        run = partial(self.resources.page, context, cursor)
        listed, following = await self._within_time(self.longest_seconds, run)
        own = ListResourcesResult(resources=listed, next_cursor=following)
        return own if cursor is not None else await self._with_others(RESOURCES, own, context)

    async def list_templates(
        self, context: RequestContext, _: PaginatedRequestParams | None
    ) -> HandlerResult:
        """Handle `resources/templates/list`."""
        own = ListResourceTemplatesResult(resource_templates=self.resources.templates())
        return await self._with_others(TEMPLATES, own, context)

    async def list_prompts(
        self, context: RequestContext, _: PaginatedRequestParams | None
    ) -> HandlerResult:
        """Handle `prompts/list`."""
        own = ListPromptsResult(prompts=[prompt.listed for prompt in self.prompts.values()])
        return await self._with_others(PROMPTS, own, context)

    async def read(
        self, context: RequestContext, params: ReadResourceRequestParams
    ) -> HandlerResult:
        """Handle `resources/read`."""
        unknown = MCPError(INVALID_PARAMS, f"Unknown resource: {params.uri[:LONGEST_SHOWN]}")
        if label := self.resources.label(params.uri):
            with self._counted("resource", label):
                run = partial(self.resources.read, params.uri, context)
                found = await self._within_time(self.longest_seconds, run)
                if found is None:
                    raise unknown
                return ReadResourceResult(contents=[found])
        other = self.others.resource(RESOURCES, params.uri, context)
        if other is None:
            raise unknown
        with self._counted("resource", other.member.upstream.name):
            return await self._send(other, "resources/read", {"uri": other.name}, context)

    async def get_prompt(
        self, context: RequestContext, params: GetPromptRequestParams
    ) -> HandlerResult:
        """Handle `prompts/get`."""
        if own := self.prompts.get(params.name):
            with self._counted("prompt", params.name):
                run = partial(own.fill, own.checked(params.arguments or {}), context)
                messages = await self._within_time(self.longest_seconds, run)
                return GetPromptResult(description=own.listed.description, messages=messages)
        found = await self._prompt(params.name, context)
        with self._counted("prompt", found.member.upstream.name):
            return await self._send(found, "prompts/get", {"name": found.name}, context)

    async def complete(
        self, context: RequestContext, params: CompleteRequestParams
    ) -> HandlerResult:
        """Handle `completion/complete`."""
        ref, value = params.ref, params.argument.value[:LONGEST_SHOWN]
        if isinstance(ref, PromptReference):
            if own := self.prompts.get(ref.name):
                known = [argument.name for argument in own.listed.arguments or []]
                return await self._completed(params, known, partial(own.complete, value, context))
            found = await self._prompt(ref.name, context)
            changed = {"type": ref.type, "name": found.name}
        else:
            if ref.uri == MEMORIES and MEMORIES in self.resources.uris:
                return await self._completed(
                    params, ["name"], partial(self._memory_names, value, context)
                )
            template = self.others.resource(TEMPLATES, ref.uri, context)
            if template is None:
                raise MCPError(INVALID_PARAMS, f"Unknown resource: {ref.uri[:LONGEST_SHOWN]}")
            found, changed = template, {"type": ref.type, "uri": template.name}
        return await self._send(found, "completion/complete", {"ref": changed}, context)

    async def _memory_names(self, prefix: str, context: RequestContext) -> Completion:
        names, more = await self.resources.names(prefix, context)
        return Completion(values=names, has_more=more)

    async def _completed(
        self,
        params: CompleteRequestParams,
        known: list[str],
        run: Callable[[], Awaitable[Completion]],
    ) -> CompleteResult:
        if params.argument.name not in known:
            named = params.argument.name[:LONGEST_SHOWN]
            raise MCPError(INVALID_PARAMS, f"There is no argument {named}")
        return CompleteResult(completion=await self._within_time(self.longest_seconds, run))

    async def _with_others(
        self, kind: Kind, own: BaseModel, context: RequestContext
    ) -> dict[str, Any] | Any:
        """The server's own list, after those of other servers."""
        if not self.others.members:
            return own
        written = own.model_dump(by_alias=True, mode="json", exclude_none=True)
        forwarded = await self.others.listed(kind, context)
        return {**written, kind.key: [*forwarded, *cast("list[Any]", written[kind.key])]}

    async def _prompt(self, name: str, context: RequestContext) -> Found:
        found = await self.others.find(PROMPTS, name, context)
        if found is None:
            raise MCPError(INVALID_PARAMS, f"Unknown prompt: {name[:LONGEST_SHOWN]}")
        return found

    async def _send(
        self, found: Found, method: str, changed: Mapping[str, Any], context: RequestContext
    ) -> HandlerResult:
        longest = min(self.longest_seconds, found.longest_seconds or self.longest_seconds)
        run = partial(self.others.send, found, method, changed, context)
        return await self._within_time(longest, run)

    async def _within_time(self, longest: float, run: Callable[[], Awaitable[Result]]) -> Result:
        try:
            return await within_time(self.drain, longest, run)
        except (NoAnswerError, EndedError) as failed:
            raise internal_error(str(failed)) from None

    @contextmanager
    def _counted(self, kind: str, label: str) -> Generator[None]:
        """Count and log a request for a resource or prompt, by a label that no client chooses."""
        requests, errors = {
            "resource": (self.metrics.resource_requests, self.metrics.resource_errors),
            "prompt": (self.metrics.prompt_requests, self.metrics.prompt_errors),
        }[kind]
        if exchange := current.get():
            setattr(exchange, kind, label)
        self.metrics.of(requests, label).inc()
        try:
            yield
        except BaseException:
            self.metrics.of(errors, label).inc()
            raise
