"""Spans of a server: made where `[traces]` is set, and at no cost where it is not.

Every span of a request is recorded, whatever its caller's sampling flag says: the collector keeps
errors, slow requests and a share of the others when it knows the whole trace. No span has
arguments, results, texts of exceptions, tokens, or names that a client has made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Final

from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    Tracer,
    get_current_span,
    set_span_in_context,
)
from starlette.types import Scope

from .exchange import Exchange, trace_of

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

Attributes = Mapping[str, str | int | bool]
TRACED: Final = frozenset(
    {
        "/mcp",
        "/authorize",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
    }
)
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_NOTHING: Final[AbstractContextManager[Span]] = nullcontext(INVALID_SPAN)
"""Entered in place of a span where there are none; it can be entered any number of times."""


class _State:
    tracer: Tracer | None = None


_STATE: Final = _State()


def use(provider: TracerProvider | None) -> None:
    """Make spans with `provider` from now on; None: make none."""
    _STATE.tracer = None if provider is None else provider.get_tracer("qudag-mcp-server")


def recorded() -> bool:
    """Whether spans are made."""
    return _STATE.tracer is not None


def span(
    name: str, kind: SpanKind = SpanKind.INTERNAL, attributes: Attributes | None = None
) -> AbstractContextManager[Span]:
    """A span around a block, below the current one; it fails with the block's exception.

    Outside of a request there is none, such as for health checks.
    """
    tracer = _STATE.tracer
    if tracer is None or not get_current_span().get_span_context().is_valid:
        return _NOTHING
    return _SpanScope(tracer, name, kind, attributes)


def client_span(name: str, attributes: Attributes | None = None) -> AbstractContextManager[Span]:
    """A span around a request to another program."""
    return span(name, SpanKind.CLIENT, attributes)


class _SpanScope:
    """A current span that notes the type of an exception, and never its text."""

    def __init__(
        self,
        tracer: Tracer,
        name: str,
        kind: SpanKind,
        attributes: Attributes | None,
        *,
        parent: Span | None = None,
        links: list[Link] | None = None,
    ) -> None:
        context = None if parent is None else set_span_in_context(parent)
        self.made = tracer.start_as_current_span(
            name,
            context,
            kind,
            attributes,
            links or (),
            record_exception=False,
            set_status_on_exception=False,
        )
        self.span = INVALID_SPAN

    def __enter__(self) -> Span:
        self.span = self.made.__enter__()
        return self.span

    def __exit__(self, kind: type[BaseException] | None, *more: object) -> None:
        if kind is not None and not _has_failed(self.span):
            failed(self.span, kind.__qualname__)
        self.made.__exit__(kind, *more)  # pyright: ignore[reportArgumentType]


def failed(span: Span, kind: str) -> None:
    """Note that what a span stands for has failed; `kind` is one of few words."""
    if span.is_recording():
        span.set_attribute("error.type", kind)
        span.set_status(StatusCode.ERROR)


def _has_failed(span: Span) -> bool:
    """Whether the span already has the status of an error."""
    status = getattr(span, "status", None)
    return status is not None and status.status_code is StatusCode.ERROR


def begin_request(exchange: Exchange, route: str) -> Span:
    """The span of an HTTP request; `end_request` ends it. Log lines get its ids."""
    if (tracer := _STATE.tracer) is None:
        return INVALID_SPAN
    started = tracer.start_span(
        f"{exchange.method} {route}",
        set_span_in_context(_remote(exchange.trace_id, exchange.parent_span_id)),
        SpanKind.SERVER,
        {
            "http.request.method": exchange.method,
            "http.route": route,
            "qudag.request.id": exchange.request_id,
        },
    )
    ids = started.get_span_context()
    exchange.trace_id, exchange.span_id = f"{ids.trace_id:032x}", f"{ids.span_id:016x}"
    exchange.span = started
    return started


def is_traced(scope: Scope, path: str) -> bool:
    """Whether a request gets a span: one to a known route that is no stream without an end."""
    if _STATE.tracer is None or path not in TRACED:
        return False
    if path == "/mcp" and scope["method"] == "GET":
        return False
    return (b"mcp-method", b"subscriptions/listen") not in scope["headers"]


def end_request(exchange: Exchange, status: int | None) -> None:
    """End the span of a request, if it has one."""
    span = exchange.span
    if not span.is_recording():
        return
    if status is None:
        failed(span, "aborted")
    else:
        span.set_attribute("http.response.status_code", status)
        if status >= 500:
            failed(span, str(status))
    span.end()


def current_request(span: Span) -> AbstractContextManager[object]:
    """Makes the span of a request the current one."""
    if _STATE.tracer is None:
        return _NOTHING
    from opentelemetry.trace import use_span

    return use_span(span, record_exception=False, set_status_on_exception=False)


def mcp_span(
    exchange: Exchange | None, method: str, version: str | None, meta: object
) -> AbstractContextManager[Span]:
    """The span of an MCP request (OpenTelemetry's conventions for MCP), below its HTTP request.

    Args:
        version: the revision of MCP; None: it is not known.
        meta: `traceparent` in `_meta` of the request. A trace of another id is linked.
    """
    tracer = _STATE.tracer
    if tracer is None or exchange is None or not exchange.span.is_recording():
        return _NOTHING
    attributes: dict[str, str] = {"mcp.method.name": method}
    if version is not None:
        attributes["mcp.protocol.version"] = version
    if method == "tools/call":
        attributes["gen_ai.operation.name"] = "execute_tool"
    links: list[Link] = []
    given = trace_of(meta)
    if given is not None and given[0] != exchange.trace_id:
        links = [Link(_remote(*given).get_span_context())]
    return _SpanScope(
        tracer, method, SpanKind.SERVER, attributes, parent=exchange.span, links=links
    )


def name_target(span: Span, method: str, name: str | None) -> None:
    """Give a span the name of its tool or prompt, which is none that a client has made up."""
    if name is not None and method in _NAMES and span.is_recording():
        span.update_name(f"{method} {name}")
        span.set_attribute(_NAMES[method], name)


def upstream_span(
    method: str, server: str, host: str, tool: object
) -> AbstractContextManager[Span]:
    """The span of an MCP request to another server.

    Args:
        tool: its name there; None if it is not known that the server has it.
    """
    if _STATE.tracer is None:
        return _NOTHING
    attributes: dict[str, str] = {
        "mcp.method.name": method,
        "server.address": host,
        "qudag.tool_server": server,
    }
    if method == "tools/call" and isinstance(tool, str):
        attributes["gen_ai.tool.name"] = tool
    return client_span(f"{method} {server}", attributes)


_NAMES: Final = {"tools/call": "gen_ai.tool.name", "prompts/get": "gen_ai.prompt.name"}


def exemplar() -> dict[str, str] | None:
    """The labels that link a value of a metric to the current trace; None where there is none."""
    if _STATE.tracer is None:
        return None
    ids = get_current_span().get_span_context()
    return {"trace_id": f"{ids.trace_id:032x}"} if ids.is_valid else None


def traceparent() -> str | None:
    """The header for a request to another program; None where no spans are made."""
    if _STATE.tracer is None:
        return None
    ids = get_current_span().get_span_context()
    return f"00-{ids.trace_id:032x}-{ids.span_id:016x}-01" if ids.is_valid else None


def _remote(trace_id: str, span_id: str | None) -> Span:
    if span_id is None:
        return INVALID_SPAN
    return NonRecordingSpan(
        SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=_SAMPLED)
    )
