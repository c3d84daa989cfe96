"""The configuration of agentgateway: the same routes, checks and timeouts as for nginx."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..base.origins import without_usual_port
from ..mcp.server_config import INTERNAL_CA_PATH
from ..mcp.server_limits import nginx_bytes
from ..mcp.target import MCP_PATH, METADATA_PATH
from ..mcp.timeout_budget import Distance
from ..mcp.traces import TraceReceiver
from . import agentgateway_tokens as tokens
from .forwarded_headers import ANSWER_HEADERS, REMOVED_HEADERS, strict_transport
from .gateway_args import GatewayArgs
from .routes import Route
from .upstream import Upstream

READY: Final = 15021
"""agentgateway's own port for readiness; nothing else listens there in the pods of a monolith."""
METRICS: Final = 15020
"""agentgateway's own port for metrics."""
READABLE: Final = ["mcp-session-id", "mcp-protocol-version", "www-authenticate", "x-request-id"]
"""Headers of an answer that allowed web pages may read."""
SENT: Final = [
    *("authorization", "content-type", "accept", "last-event-id", "traceparent", "tracestate"),
    *("mcp-protocol-version", "mcp-session-id", "mcp-method", "mcp-name"),
]
"""Headers that allowed web pages may send."""
_USER: Final = ("X-User", "X-User-Scopes", "X-User-Client", "X-Resource-Path", "X-Resource-Host")


def agentgateway_config(args: GatewayArgs, *, http: int, https: int) -> dict[str, Any]:
    """The configuration of agentgateway 1.4.

    The upstreams' hosts must be plain strings here.

    Args:
        args: without anything that ``agentgateway_problems`` refuses.
        http: port of the redirect to HTTPS.
        https: port of the servers.
    """
    own = [route for route in args.routes if route.hostname]
    names = [args.domain, *(route.hostname for route in own)]
    return {
        "config": {
            # The admin API can read and change the configuration.
            "adminAddr": "off",
            "logging": {"level": "info", "format": "json"},
            # agentgateway serves for the minimum, then tells clients to close their connections.
            # After the minimum once more it ends those that are left, whatever the other time is.
            "connectionMinTerminationDeadline": f"{args.serves_after_stop}s",
            "connectionTerminationDeadline": f"{args.serves_after_stop}s",
            "backend": {"connectTimeout": "5s"},
        },
        "frontendPolicies": {
            "http": {"http1IdleTimeout": "65s"},
            "tls": {"handshakeTimeout": "10s", "alpn": [list(b"http/1.1")]},
            **({"tracing": _tracing(args.traces)} if args.traces else {}),
        },
        "binds": [
            {
                "port": http,
                "listeners": [{"protocol": "HTTP", "routes": [_redirect(name) for name in names]}],
            },
            {
                "port": https,
                "listeners": [
                    {
                        "protocol": "HTTPS",
                        "tls": {
                            "cert": "/etc/tls/tls.crt",
                            "key": "/etc/tls/tls.key",
                            "minTLSVersion": f"TLS_V{args.tls_minimum.replace('.', '_')}",
                        },
                        "policies": {"transformations": {"response": _answer_headers(args)}},
                        "routes": [
                            *_platform(args),
                            *(
                                each
                                for route in args.routes
                                for each in _server(args, route, own_host=False)
                            ),
                            *(
                                each
                                for route in own
                                for each in _server(args, route, own_host=True)
                            ),
                        ],
                    }
                ],
            },
        ],
    }


def _tracing(receiver: TraceReceiver) -> dict[str, Any]:
    """Spans of all requests, over OTLP with TLS. What they name of users is left out."""
    tls = {"root": f"{INTERNAL_CA_PATH}/ca.crt", "hostname": receiver.host, "alpn": ["http/1.1"]}
    return {
        "host": f"{receiver.host}:{receiver.port}",
        "policies": {"backendTLS": tls},
        "protocol": "http",
        "resources": {"service.name": '"gateway"'},
        # A caller's sampling flag is ignored, as with nginx: the collector decides.
        "randomSampling": True,
        "clientSampling": True,
        "remove": ["jwt.sub", "src.addr", "error"],
    }


def _redirect(name: str | None) -> dict[str, Any]:
    to = {"scheme": "https", "authority": {"full": name}, "status": 308}
    return {"name": f"to-https-{name}", "hostnames": [name], "policies": {"requestRedirect": to}}


def _platform(args: GatewayArgs) -> list[dict[str, Any]]:
    """Paths that the upstream serves; it checks the tokens for them itself."""
    paths = [
        {"path": {"exact": MCP_PATH}},
        {"path": {"exact": "/ws"}},
        {"path": {"exact": "/health"}},
        {"path": {"exact": METADATA_PATH}},
        {"path": {"exact": f"{METADATA_PATH}{MCP_PATH}"}},
    ]
    policies = {
        "transformations": {"request": _request_headers(remove=_USER)},
        "urlRewrite": {"authority": "none"},
        **_limits(args, args.budget.at(Distance.GATEWAY).timeout),
    }
    return [
        {
            "name": "platform",
            "matches": paths,
            "policies": policies,
            "backends": [_backend(args.upstream)],
        }
    ]


def _server(args: GatewayArgs, route: Route, *, own_host: bool) -> list[dict[str, Any]]:
    """The routes of one server, at the gateway's domain or at its own host name."""
    name = f"{route.name}-own-host" if own_host else route.name
    hostname = route.hostname if own_host else args.domain
    path = MCP_PATH if own_host else route.served_at
    url = tokens.resource(args, route, own_host=own_host)
    checks = _checks(args, route, url) if route.auth == "gateway" else _unchecked()
    served = {
        "name": name,
        "hostnames": [hostname],
        "matches": [{"path": {"exact": path}}],
        "policies": {
            **checks,
            "urlRewrite": {"authority": "none", "path": {"full": route.path}},
            **_limits(args, route.budget.at(Distance.GATEWAY).timeout),
        },
        "backends": [_backend(route.upstream, forwards_token=route.forward_token)],
    }
    about = [f"{METADATA_PATH}{path}", f"{path}{METADATA_PATH}"]
    published = {
        "name": f"{name}-metadata",
        "hostnames": [hostname],
        "matches": [{"path": {"exact": each}} for each in ([METADATA_PATH] * own_host) + about],
        **_metadata(args, route, url),
    }
    return [served, published, *([] if own_host else _health(args, route))]


def _health(args: GatewayArgs, route: Route) -> list[dict[str, Any]]:
    """The server's health path below its prefix, if it has both; no token is needed for it."""
    if not (route.prefix and route.health):
        return []
    return [
        {
            "name": f"{route.name}-health",
            "hostnames": [args.domain],
            "matches": [{"path": {"exact": f"{route.prefix}/health"}}],
            "policies": {
                **_unchecked(),
                "urlRewrite": {"authority": "none", "path": {"full": route.health}},
                **_limits(args, route.budget.at(Distance.GATEWAY).timeout),
            },
            "backends": [_backend(route.upstream, forwards_token=False)],
        }
    ]


def _checks(args: GatewayArgs, route: Route, url: str) -> dict[str, Any]:
    """Policies for requests whose tokens agentgateway checks."""
    settings = args.agentgateway
    assert settings is not None  # agentgateway_problems
    pages = _pages(args, route)
    scopes = tokens.scopes_of(settings, route)
    return {
        "cors": {
            "allowOrigins": pages,
            "allowMethods": ["GET", "POST", "DELETE"],
            "allowHeaders": SENT,
            "exposeHeaders": READABLE,
            "maxAge": "600s",
        },
        "mcpAuthentication": tokens.authentication(args, settings, url),
        "authorization": tokens.authorization(settings, scopes, pages),
        "transformations": {
            "request": _request_headers(
                also=tokens.user_headers(), remove=("X-Resource-Path", "X-Resource-Host", "Origin")
            )
        },
    }


def _unchecked() -> dict[str, Any]:
    """Policies for a server that checks tokens itself."""
    return {"transformations": {"request": _request_headers(remove=_USER)}}


def _metadata(args: GatewayArgs, route: Route, url: str) -> dict[str, Any]:
    """The metadata document, or a route to the server that has it."""
    settings = args.agentgateway
    if route.auth == "gateway" and settings is not None:
        body = tokens.metadata(args, url, tokens.scopes_of(settings, route))
        headers = {"content-type": '"application/json"', "cache-control": '"public, max-age=300"'}
        return {"policies": {"directResponse": {"status": 200, "body": body, "headers": headers}}}
    known = f"{METADATA_PATH}{route.path.rstrip('/')}"
    return {
        "policies": {
            **_unchecked(),
            "urlRewrite": {"authority": "none", "path": {"full": known}},
            **_limits(args, route.budget.at(Distance.GATEWAY).timeout),
        },
        "backends": [_backend(route.upstream)],
    }


def _pages(args: GatewayArgs, route: Route) -> list[str]:
    """The origins of web pages that may call a server."""
    names = [name for name in (args.domain, route.hostname) if name]
    configured = [without_usual_port(origin) for origin in args.allowed_origins]
    return list(dict.fromkeys([*configured, *(f"https://{name}" for name in names)]))


def _limits(args: GatewayArgs, timeout: int) -> dict[str, Any]:
    """Timeout until the header of an answer, and the largest body of a request."""
    most = {"maxBytes": nginx_bytes(args.max_body), "failureMode": "failClosed"}
    return {"timeout": {"requestTimeout": f"{timeout}s"}, "buffer": {"request": most}}


def _request_headers(
    *, remove: Sequence[str], also: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Headers about the client, which replace those that the client sent."""
    return {
        "set": {
            "x-real-ip": "source.address",
            "x-forwarded-for": "source.address",
            "x-forwarded-host": "request.host",
            "x-forwarded-proto": '"https"',
            "x-request-id": "uuid()",
            **(also or {}),
        },
        "remove": [name.lower() for name in (*REMOVED_HEADERS, *remove)],
    }


def _answer_headers(args: GatewayArgs) -> dict[str, Any]:
    transport = strict_transport(preload=args.hsts_preload)
    given = {"Strict-Transport-Security": transport, **ANSWER_HEADERS}
    return {"set": {name.lower(): f'"{value}"' for name, value in given.items()}}


def _backend(upstream: Upstream, *, forwards_token: bool = False) -> dict[str, Any]:
    tls = {
        "root": f"{INTERNAL_CA_PATH}/ca.crt",
        "hostname": upstream.certificate_name or upstream.host,
        "alpn": ["http/1.1"],
    }
    policies: dict[str, Any] = {"backendTLS": tls}
    if forwards_token:
        policies["backendAuth"] = {"passthrough": {}}
    return {"host": f"{upstream.host}:{upstream.port}", "policies": policies}
