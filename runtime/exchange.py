"""An HTTP request with its response: the record that logs, metrics and the drain use."""

from __future__ import annotations

import ipaddress
import os
import random
import re
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import anyio
from opentelemetry.trace import INVALID_SPAN, Span
from starlette.datastructures import Headers
from starlette.types import Scope

SCOPE_KEY = "qudag.exchange"
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})(?P<trace>[0-9a-f]{32})-(?!0{16})(?P<span>[0-9a-f]{16})-[0-9a-f]{2}"
)
"""Valid in W3C Trace Context; as in the gateway's nginx."""
_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
_NAMED = frozenset({b"x-request-id", b"traceparent"})
_BRACKETED = re.compile(r"\[([^]]+)\](?::[0-9]+)?")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


@dataclass(eq=False)
class Exchange:
    """A request and its response, from the first header to the last byte.

    Attributes:
        standing: the response is a stream without an end of its own (a legacy GET stream or
            `subscriptions/listen`). A drain closes it instead of waiting for it.
        hangup: set to close a standing stream.
        trace_id: of the client's trace; of one with the request's id if it has sent none.
        span_id: of this request in the trace.
        parent_span_id: of the client's or the gateway's span; None if they have sent none.
        rpc_method, tool, outcome: of the MCP request, once they are known.
        resource, prompt: what it asks for, without names that users have chosen.
        subject, issuer, client_id: of the bearer token.
        asked_for: path of the server that the request is for, if it is not this one.
        refusal: why a token was refused; no value of it.
        audited: the audit log has a row for it.
        client: the client's address.
        span: of the request, where the server makes spans.
    """

    method: str
    path: str
    request_id: str
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str | None = None
    standing: bool = False
    rpc_method: str | None = None
    tool: str | None = None
    resource: str | None = None
    prompt: str | None = None
    outcome: str | None = None
    subject: str | None = None
    issuer: str | None = None
    client_id: str | None = None
    asked_for: str | None = None
    refusal: str | None = None
    audited: bool = False
    client: str | None = None
    span: Span = INVALID_SPAN
    started: float = field(default_factory=time.perf_counter)

    @classmethod
    def opened(cls, scope: Scope, proxies: int = 0) -> Exchange:
        """Create the exchange of an ASGI `scope`, store it there and make it current for logs.

        Args:
            proxies: how many proxies in front tell their client's address, as in `client_of`.
        """
        wanted: dict[bytes, str] = {}
        for name, value in scope["headers"]:
            if name in _NAMED and name not in wanted:
                wanted[name] = value.decode("latin-1")
        offered = wanted.get(b"x-request-id", "")
        exchange = cls(
            method=scope.get("method", "GET"),
            path=scope["path"],
            request_id=offered if _REQUEST_ID.fullmatch(offered) else os.urandom(16).hex(),
            client=client_of(scope, proxies),
        )
        exchange._begin_trace(wanted.get(b"traceparent"))
        scope[SCOPE_KEY] = exchange
        current.set(exchange)
        return exchange

    def follow_trace(self, traceparent: object) -> None:
        """Use the trace id of a W3C `traceparent`, unless a valid one came before."""
        if self.parent_span_id is None and (given := trace_of(traceparent)) is not None:
            self.trace_id, self.parent_span_id = given

    def _begin_trace(self, traceparent: object) -> None:
        # Ids are no secrets: `random` costs a tenth of the system's generator.
        self.span_id = f"{random.getrandbits(64) or 1:016x}"
        self.follow_trace(traceparent)
        if not self.trace_id:
            own = _TRACE_ID.fullmatch(self.request_id) is not None
            self.trace_id = self.request_id if own else f"{random.getrandbits(128) or 1:032x}"

    @cached_property
    def hangup(self) -> anyio.Event:
        return anyio.Event()

    def seconds(self) -> float:
        """Seconds since the request arrived."""
        return time.perf_counter() - self.started


def trace_of(traceparent: object) -> tuple[str, str] | None:
    """The ids of the trace and of the caller's span in a W3C `traceparent`; None if invalid."""
    if not isinstance(traceparent, str):
        return None
    match = _TRACEPARENT.fullmatch(traceparent)
    return (match["trace"], match["span"]) if match else None


def client_of(scope: Scope, proxies: int) -> str | None:
    """The address of the client, without a port; None if it is unknown.

    Each proxy appends the address that it was called from to `X-Forwarded-For`. With `proxies` of
    them in front, the entry with this number from the right is the client's. Entries further left
    are what the client sent, and prove nothing.
    """
    peer: str | None = scope["client"][0] if scope.get("client") else None
    if proxies:
        listed = ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")
        if len(listed) >= proxies and (named := _address(listed[-proxies].strip())):
            return named
    return _address(peer) if peer else None


@lru_cache(maxsize=4096)
def _address(text: str) -> str | None:
    """The IP address in `text`, which can have a port; None if there is none."""
    if (bracketed := _BRACKETED.fullmatch(text)) is not None:
        text = bracketed[1]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


current: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


def exchange_of(scope: Scope) -> Exchange | None:
    """The exchange stored in `scope` by `Exchange.opened`."""
    return scope.get(SCOPE_KEY)
