"""Headers that the role `front` forwards to its program, and back to the client."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.streamable_http import MCP_SESSION_ID_HEADER
from starlette.datastructures import Headers
from starlette.types import Scope

from .exchange import exchange_of
from .tracing import traceparent
from .user_headers import USER_HEADERS, user_headers

SESSION = MCP_SESSION_ID_HEADER.encode()
_OF_ONE_CONNECTION = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-connection", "te", "trailer"),
        *("transfer-encoding", "upgrade", "content-length", "expect"),
    }
)
NAMING = frozenset(
    {
        *("forwarded", "forwarded-for", "x-forwarded", "x-forwarded-by"),
        *("x-forwarded-client-cert", "x-forwarded-email", "x-forwarded-groups"),
        *("x-forwarded-path", "x-forwarded-port", "x-forwarded-prefix", "x-forwarded-protocol"),
        *("x-forwarded-scheme", "x-forwarded-server", "x-forwarded-ssl", "x-forwarded-uri"),
        *("x-forwarded-user", "x-original-forwarded-for", "x-original-host", "x-original-method"),
        *("x-original-uri", "x-original-url", "x-rewrite-url", "x-host", "x-scheme"),
        *("x-url-scheme", "front-end-https", "client-ip", "x-client-ip", "x-cluster-client-ip"),
        *("x-proxyuser-ip", "x-remote-addr", "x-remote-ip", "x-remote-user"),
        *("x-authenticated-user", "true-client-ip", "cf-connecting-ip", "fastly-client-ip"),
        *("x-http-method", "x-http-method-override", "x-method-override", "x-accel-redirect"),
        *("proxy", "proxy-authorization", "proxy-connection", "remote-user"),
        *("x-auth-request-user", "x-auth-request-email", "x-ms-client-principal"),
        *("x-ms-client-principal-name", "x-amzn-oidc-data", "x-amzn-oidc-identity"),
        *("x-goog-authenticated-user-email",),
    }
)
"""Headers by which a client could claim another user, address or path: frameworks trust them from
any sender. The gateway's nginx removes the same ones."""
_REPLACED = frozenset(
    {
        *USER_HEADERS,
        *("authorization", "origin", "accept-encoding", "x-serverless-authorization"),
        *("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"),
        *("x-request-id", "x-resource-path", "x-resource-host", MCP_SESSION_ID_HEADER),
    }
)
ANSWERED = frozenset(
    {
        # What the body is.
        *("content-type", "content-length", "content-encoding", "content-language"),
        # How long it may be kept, and whether a proxy may compress events.
        "cache-control",
        # Why a request was refused, and when to send it again.
        *("allow", "retry-after"),
        # The era and the session.
        *("mcp-protocol-version", MCP_SESSION_ID_HEADER),
    }
)
"""Headers of the program's answers that reach the client.

Every other header is removed. Many of them act for the whole origin, or name what only this machine
reaches: `Set-Cookie`, `Clear-Site-Data`, `Strict-Transport-Security`, `Alt-Svc`, `Location`,
`WWW-Authenticate`, and all headers of `Access-Control-`.
"""


def passed_on(
    scope: Scope, session: bytes | None, *, forward_token: bool
) -> list[tuple[bytes, bytes]]:
    """The headers for the program. Those that name the user and its address are replaced.

    Args:
        session: the program's id of the session, if the request names one.
        forward_token: keep `Authorization`.
    """
    given = Headers(scope=scope)
    dropped = _OF_ONE_CONNECTION | NAMING | _REPLACED | _named_by(given)
    # WSGI reads X_User as X-User; nginx removes names with an underscore too.
    own = _own(scope, given, forward_token=forward_token)
    dropped |= own.keys()
    kept = [(k, v) for k, v in given.items() if k.lower() not in dropped and "_" not in k]
    sent = [*kept, *own.items()]
    # As they arrived: httpx2 takes text in ASCII alone.
    written = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent]
    return written if session is None else [*written, (SESSION, session)]


def _own(scope: Scope, given: Headers, *, forward_token: bool) -> dict[str, str]:
    exchange, user = exchange_of(scope), scope.get("user")
    own = {
        # An error event can be appended to an uncompressed stream only.
        "accept-encoding": "identity",
        "connection": "close",
        "x-forwarded-proto": "https",
        "x-forwarded-host": given.get("host", ""),
    }
    if exchange is not None:
        own["x-request-id"] = exchange.request_id
        if (trace := traceparent()) is not None:
            own["traceparent"] = trace
        if exchange.client is not None:
            own |= {"x-forwarded-for": exchange.client, "x-real-ip": exchange.client}
    if isinstance(user, AuthenticatedUser):
        own |= user_headers(user.access_token)
    if forward_token:
        own["authorization"] = given.get("authorization", "")
    return own


def answered(
    headers: Iterable[tuple[bytes, bytes]], session: Callable[[bytes], bytes]
) -> list[tuple[bytes, bytes]]:
    """The headers for the client: those of `ANSWERED`, unless `Connection` names them.

    Args:
        session: the session id for the client, from that of the program.
    """
    named = [(name.lower(), value) for name, value in headers]
    dropped = {
        each.strip().lower()
        for name, value in named
        if name == b"connection"
        for each in value.split(b",")
    }
    return [
        (name, session(value) if name == SESSION else value)
        for name, value in named
        if name.decode("latin-1") in ANSWERED and name not in dropped
    ]


def _named_by(given: Headers) -> frozenset[str]:
    """Headers that `Connection` names: they are for this connection alone (RFC 9110, 7.6.1).

    Without `Host` the program would see its own address in place of the one that was called.
    """
    named = ",".join(given.getlist("connection")).split(",")
    return frozenset(name.strip().lower() for name in named) - {"host"}
