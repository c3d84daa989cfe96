"""The configuration of the gateway's nginx."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from ..base.origins import without_usual_port
from ..mcp.protected_resource import AUTHORIZE_PATH
from ..mcp.server_limits import nginx_bytes
from ..mcp.target import METADATA_PATH
from ..mcp.timeout_budget import Distance
from .forwarded_headers import (
    ANSWER_HEADERS,
    CHECKED_HIDDEN_HEADERS,
    HIDDEN_HEADERS,
    REMOVED_HEADERS,
    strict_transport,
)
from .gateway_args import GatewayArgs
from .gateway_metrics import METRICS_LINES, METRICS_STATUS
from .rate_limits import RateLimits
from .routes import Route
from .templates import render
from .upstream import Upstream

AUTHORIZED: Final = "/var/cache/authorized"
"""Directory of the authorizer's answers, in memory: the keys contain tokens."""
CHUNKED_BYTES: Final = 999_999
"""The largest chunked body where uploads are limited: they begin at a megabyte."""
LOCAL: Final = (
    r"(localhost|[^.:\s\[\]]+|\S+\.(localhost|local|internal|home\.arpa|svc)"
    r"|[0-9.]+|\[[0-9a-f:]+\])(:[0-9]+)?"
)
"""A host that no public name can be, with or without a port; see ``HostFilter`` in the server."""
LOOPBACK: Final = r"https?://(([^\s/]+\.)?localhost|127(\.[0-9]+){3}|\[::1\])(:[0-9]+)?"
"""Pages on the machine of the browser."""


def nginx_conf(args: GatewayArgs) -> str:
    """nginx's configuration: ``nginx -t`` accepts it wherever the two Secrets are mounted.

    The upstreams' hosts must be plain strings here.
    """
    domains = [args.domain, *args.additional_domains] if args.domain else []
    return render(
        "nginx.conf.j2",
        timeouts=args.budget.at(Distance.GATEWAY),
        drain=args.longest_budget.at(Distance.GATEWAY).drain,
        domain=args.domain,
        additional_domains=args.additional_domains,
        several_names=bool(domains) and (len(domains) > 1 or any(r.hostname for r in args.routes)),
        max_body=args.max_body,
        max_bytes=nginx_bytes(args.max_body),
        chunked_bytes=min(CHUNKED_BYTES, nginx_bytes(args.max_body)),
        limits=args.rate_limits,
        trusted_proxies=args.trusted_proxies,
        proxy_protocol=args.proxy_protocol,
        allowed_origins=args.allowed_origins,
        strict_transport=strict_transport(preload=args.hsts_preload),
        answer_headers=ANSWER_HEADERS,
        removed_headers=REMOVED_HEADERS,
        hidden_headers=HIDDEN_HEADERS,
        checked_hidden_headers=CHECKED_HIDDEN_HEADERS,
        tls_protocols="TLSv1.3" if args.tls_minimum == "1.3" else "TLSv1.2 TLSv1.3",
        upstream=_upstream(args.upstream),
        routes=[_route(route, args.rate_limits) for route in args.routes],
        ends=_ends(args.routes),
        hosts=[_route(route, args.rate_limits) for route in args.routes if route.hostname],
        authorizer=_upstream(args.authorizer) if args.authorizer else None,
        authorized=AUTHORIZED,
        authorize_path=AUTHORIZE_PATH,
        metadata_path=METADATA_PATH,
        checked=_checked(args.routes, args.domain),
        pages=_pages(args.allowed_origins, domains),
        metrics=_metrics(args) if args.metrics else None,
        traces=bool(args.metrics and args.metrics.traces),
        known_hosts="|".join([*(re.escape(name) for name in domains), LOCAL]) if domains else None,
    )


def _metrics(args: GatewayArgs) -> dict[str, Any]:
    """Ports of the exporter, and the label of each ``$server_name$uri`` that is served."""
    main = args.domain or "_"
    labels = {f"{main}{path}": path for path in ("/mcp", "/ws", "/health")}
    for route in args.routes:
        labels[f"{main}{route.served_at}"] = route.served_at
        if route.hostname:
            labels[f"{route.hostname}/mcp"] = route.served_at
    return {"lines": METRICS_LINES, "status": METRICS_STATUS, "routes": labels}


def _ends(routes: Sequence[Route]) -> str:
    """An expression for the path before ``/mcp`` of every server: of the front, and of routes."""
    prefixes = [re.escape(route.prefix) for route in routes if route.prefix]
    return f"({'|'.join(['/servers/[^/ ]+', *prefixes])})?"


def _upstream(upstream: Upstream) -> dict[str, Any]:
    return {
        "host": upstream.host,
        "port": upstream.port,
        "certificate_name": upstream.certificate_name or upstream.host,
    }


def _route(route: Route, limits: RateLimits | None) -> dict[str, Any]:
    return {
        "name": route.name,
        "path": route.path,
        "served_at": route.served_at,
        "prefix": route.prefix,
        "health": route.health,
        "hostname": route.hostname,
        "checked": route.auth == "gateway",
        "forward_token": route.forward_token,
        "timeout": route.budget.at(Distance.GATEWAY).timeout,
        "upstream": _upstream(route.upstream),
        "api": route.rate_limit or (limits.api if limits else None),
    }


def _checked(routes: Sequence[Route], domain: str | None) -> list[str]:
    """Expressions for ``$server_name$uri`` of the requests whose tokens the gateway checks."""
    main = re.escape(domain or "_")
    found = [route for route in routes if route.auth == "gateway"]
    return [
        *(f"^{main}{re.escape(route.served_at)}$" for route in found),
        *(f"^{re.escape(route.hostname)}/mcp$" for route in found if route.hostname),
    ]


def _pages(origins: Sequence[str], domains: Sequence[str]) -> list[str]:
    """Expressions for ``Host Origin`` of web pages that may call: those that the server allows."""
    shown = [re.escape(without_usual_port(origin)) for origin in origins]
    return [
        *(rf"\S* {origin}" for origin in shown),
        r"(\S+) https://\1",
        rf"{LOCAL} {LOOPBACK}",
        *(rf"\S* https://{re.escape(domain)}(:[0-9]+)?" for domain in domains),
    ]
