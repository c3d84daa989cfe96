"""Checks of `Host` and `Origin`, and CORS headers.

The server answers CORS itself, so that it works alike behind the gateway, in functions and in
managed containers. A proxy in front must not add CORS headers to its responses.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .config import Config
from .resource import METADATA_PATH, SCOPE_KEY, is_known

PREFLIGHT_SECONDS = 600
LONGEST_HOST = 253 + len(":65535")
"""RFC 1035: a longer name does not exist. Caches by name would keep it in memory."""
EXPOSED_HEADERS = (
    *("Mcp-Session-Id", "MCP-Protocol-Version", "WWW-Authenticate"),
    *("Retry-After", "X-Request-ID"),
)
"""Response headers that pages can read."""
LOCAL_DOMAINS = (".localhost", ".local", ".internal", ".home.arpa", ".svc")
"""Domains that public DNS does not serve (RFC 6761, RFC 6762, RFC 8375), Kubernetes' included."""


class HostFilter:
    """Refuses unknown values of `Host` (421) and of `Origin` (403): protects from DNS rebinding.

    Args:
        allowed: known values of `Host`. One without a port matches every port, and `*` is any part
            of a name. Addresses and local names are known always: no page of another site can have
            them as its own. So is the host of this server's resource.
        origins: web pages that may call the server, as `https://host[:port]`. Known are also pages
            from the host that they call, from another allowed host over HTTPS, and pages on this
            machine that call a local name.
    """

    def __init__(self, app: ASGIApp, allowed: tuple[str, ...], origins: tuple[str, ...]) -> None:
        self.app = app
        self.allowed = frozenset(h.lower() for h in allowed if "*" not in h)
        self.patterns = tuple(h for h in allowed if "*" in h)
        # A browser leaves out the port that the scheme implies.
        self.origins = frozenset(
            o.removesuffix(":443") if o.startswith("https:") else o.removesuffix(":80")
            for o in map(str.lower, origins)
        )
        # `HostFilter` has checked the origin when one of these gets a request.
        self.for_pages = CORSMiddleware(
            app,
            allow_origin_regex=".*",
            allow_methods=["GET", "POST", "DELETE"],
            # The headers that a preflight asks for: Mcp-Param-* has no end of names.
            allow_headers=["*"],
            expose_headers=EXPOSED_HEADERS,
            max_age=PREFLIGHT_SECONDS,
        )
        self.for_all = CORSMiddleware(
            _readable_by_all(app),
            allow_origins=["*"],
            allow_methods=["GET"],
            allow_headers=["*"],
            max_age=PREFLIGHT_SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if len(host) > LONGEST_HOST or not self._is_allowed(scope, host):
            answer = "This Host is not allowed; protocol.allowed_hosts names those that are."
            await Response(answer, 421)(scope, receive, send)
        elif scope["path"].startswith(METADATA_PATH):
            await self.for_all(scope, receive, send)
        elif origin is None:
            await self.app(scope, receive, send)
        elif self._is_known(origin.lower(), host):
            await self.for_pages(scope, receive, send)
        else:
            answer = "This Origin is not allowed; protocol.allowed_origins names those that are."
            await Response(answer, 403)(scope, receive, send)

    def _is_allowed(self, scope: Scope, host: str) -> bool:
        return _is_local(_name(host)) or self._is_listed(host) or _is_resource(scope, host)

    def _is_listed(self, host: str) -> bool:
        names = {host.lower(), _name(host)}
        return bool(names & self.allowed) or is_known(_name(host), self.patterns)

    def _is_known(self, origin: str, host: str) -> bool:
        if origin in self.origins:
            return True
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        page, called = _name(parts.netloc), _name(host)
        if parts.scheme not in ("http", "https") or not page:
            return False
        if parts.scheme == "http" and not _is_local(page):
            return False
        return (
            page == called
            or parts.netloc in self.allowed
            or page in self.allowed
            or (_is_loopback(page) and _is_local(called))
        )


def known_hosts(config: Config) -> tuple[str, ...]:
    """The hosts that the configuration names: as allowed, and those of resources."""
    resource = config.auth.resource
    own = (
        tuple(urlsplit(url).netloc for url in (resource, *config.auth.additional_resource_urls))
        if resource
        else config.auth.resource_hosts
    )
    others = (other.hostname for other in config.protected_resources if other.hostname)
    return (*config.protocol.allowed_hosts, *own, *others)


def _is_resource(scope: Scope, host: str) -> bool:
    """Whether the cloud's host program says that this request is for `host`."""
    known: str | None = scope.get(SCOPE_KEY)
    return known is not None and urlsplit(known).hostname == _name(host)


def _readable_by_all(app: ASGIApp) -> ASGIApp:
    """Adds the CORS header to every response: a cache may keep it for a page's later request."""

    async def with_header(scope: Scope, receive: Receive, send: Send) -> None:
        async def readable(part: Message) -> None:
            if part["type"] == "http.response.start":
                MutableHeaders(scope=part)["access-control-allow-origin"] = "*"
            await send(part)

        await app(scope, receive, readable)

    return with_header


def _name(authority: str) -> str:
    """The host in `host[:port]`, in lower case and without brackets."""
    name, colon, port = authority.lower().rpartition(":")
    return (name if colon and port.isdigit() else authority.lower()).strip("[]")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1024)
def _is_local(name: str) -> bool:
    """Whether no public DNS name can be this: an address, a single label, a local domain."""
    if not name:
        return False
    return "." not in name or name.endswith(LOCAL_DOMAINS) or _is_address(name)


def _is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    return _is_address(name) and ipaddress.ip_address(name).is_loopback
