"""The caller of a request, and the headers and `_meta` that are forwarded for the caller."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast
from urllib.parse import quote, unquote

from mcp.server import ServerRequestContext
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_REQUEST,
    PROTOCOL_VERSION_META_KEY,
)

from ..exchange import current
from ..logs import event
from ..tracing import traceparent
from ..user_headers import user_headers

RequestContext = ServerRequestContext[Any, Any]

FEDERATED_BY = "x-federated-by"
"""The servers that a request has come through, so that a cycle of them is detected."""
MOST_SERVERS = 5
LONGEST_VALUE = 512
"""Of a header that is passed on and is no token."""
_RELATED = ("x-request-id", "traceparent", "tracestate")
"""By which the logs of both servers are related."""
_WITH_TOKEN = (
    "authorization",
    # By which a server derives its resource, the audience of the token.
    *("host", "x-forwarded-host", "x-forwarded-proto"),
    *_RELATED,
)
_OF_ONE_CONNECTION = frozenset({PROTOCOL_VERSION_META_KEY, "progressToken"})
_RESERVED = "io.modelcontextprotocol/"


@dataclass(frozen=True)
class Caller:
    """The caller of a request.

    Attributes:
        token: its checked token; None where a host has authenticated it in another way.
        headers: of its request.
        meta: `_meta` of its request.
        version: the MCP revision that it speaks.
    """

    token: AccessToken | None
    headers: Mapping[str, str]
    meta: Mapping[str, Any]
    version: str

    @classmethod
    def of(cls, context: RequestContext) -> Caller:
        """The caller of the request that is being handled."""
        request = context.request
        user = request.scope.get("user") if request is not None else None
        meta: Any = (context.params or {}).get("_meta")
        return cls(
            token=user.access_token if isinstance(user, AuthenticatedUser) else None,
            headers=request.headers if request is not None else {},
            meta=cast("Mapping[str, Any]", meta) if isinstance(meta, Mapping) else {},
            version=context.protocol_version,
        )

    @cached_property
    def key(self) -> str:
        """Equal for requests of the same user through the same client with the same scopes."""
        if self.token is None:
            return ""
        issuer = (self.token.claims or {}).get("iss")
        facts = [issuer, self.token.subject, self.token.client_id, sorted(self.token.scopes)]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def lacking(self, scopes: Sequence[str]) -> list[str]:
        """Those of `scopes` that the caller does not have."""
        held = self.token.scopes if self.token is not None else []
        return [scope for scope in scopes if scope not in held]

    def headers_for(self, own_name: str, *, send_user: bool) -> dict[str, str]:
        """The headers of a request that the server `own_name` makes for the caller."""
        names = _RELATED if send_user else _WITH_TOKEN
        sent = {name: self.headers[name] for name in names if self._can_send(name)}
        if send_user and self.token is not None:
            sent |= user_headers(self.token)
        if (exchange := current.get()) is not None:
            sent["x-request-id"] = exchange.request_id
        if (trace := traceparent()) is not None:
            sent["traceparent"] = trace
        sent[FEDERATED_BY] = ",".join(map(_encoded, [*self._came_through(), own_name]))
        return sent

    def check_path(self, own_name: str) -> None:
        """Refuse a request that has come through too many servers, or through this one already.

        Raises:
            MCPError: it has.
        """
        path = self._came_through()
        if own_name not in path and len(path) < MOST_SERVERS:
            return
        shown = " > ".join([*path, own_name])
        event("tool_servers_cycle", path=shown)
        raise MCPError(INVALID_REQUEST, f"The servers offer each other's tools in a cycle: {shown}")

    def passed_meta(self, *, modern: bool) -> dict[str, Any]:
        """What of the caller's `_meta` another server gets."""
        if modern:
            return {k: v for k, v in self.meta.items() if k not in _OF_ONE_CONNECTION}
        return {
            k: v
            for k, v in self.meta.items()
            if k not in _OF_ONE_CONNECTION and not k.startswith(_RESERVED)
        }

    @property
    def progress_token(self) -> Any:
        """The token by which the caller asks for progress; None if it does not."""
        return self.meta.get("progressToken")

    def _came_through(self) -> list[str]:
        listed = self.headers.get(FEDERATED_BY, "")[:LONGEST_VALUE]
        return [unquote(name) for name in listed.split(",") if name]

    def _can_send(self, name: str) -> bool:
        """Whether the value can be sent on; a failure would be taken for the server's absence."""
        value = self.headers.get(name)
        if value is None or not value.isascii() or not value.isprintable():
            return False
        return name == "authorization" or len(value) <= LONGEST_VALUE


def _encoded(name: str) -> str:
    return quote(name, safe="")
