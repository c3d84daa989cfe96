"""This server's resource: the URL that it advertises and that tokens must name (RFC 8707, 9728)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from functools import cache, lru_cache
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from .auth_config import ADDRESS, AuthSection

MCP_PATH = "/mcp"
METADATA_PATH = "/.well-known/oauth-protected-resource"
SCOPE_KEY = "qudag.resource"
"""Key of an ASGI scope in which a host puts the resource, if it knows it for this request."""
_AUTHORITY = re.compile(
    r"(?P<name>[A-Za-z0-9.\-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?", re.ASCII
)


class MisdirectedError(Exception):
    """The request names a host under which this server has no resource; the message says so."""


def resource_of(auth: AuthSection, request: HTTPConnection) -> str:
    """The URL of this server's `/mcp`, which is also the audience of its tokens.

    It is the configured one, of the host name that the request asks for where there are several;
    else the one that the host knows; else it is derived from that name, which must be one of
    `auth.resource_hosts`. If any name would do, a client could choose the audience, and use a token
    that it got for another server.

    Raises:
        MisdirectedError: this server has no resource under the name that the request asks for.
    """
    authority = request.headers.get("host", "")
    if auth.forwarded_host:
        authority = request.headers.get("x-forwarded-host", authority)
    if auth.additional_resource_urls:
        other = _at_host(auth.additional_resource_urls, authority)
        if other is not None:
            return other
    known = auth.resource or request.scope.get(SCOPE_KEY)
    if known is not None:
        return known
    scheme = request.scope["scheme"].replace("ws", "http")
    # A client that sets this itself gets another URL of the same host, under which it is refused.
    scheme = request.headers.get("x-forwarded-proto", scheme)
    return _derived(scheme, authority, auth.resource_hosts, request.scope.get("root_path", ""))


@lru_cache(maxsize=1024)
def _at_host(urls: tuple[str, ...], authority: str) -> str | None:
    """The one of `urls` whose host is that of `authority`, on whatever port."""
    named = _AUTHORITY.fullmatch(authority)
    if named is None:
        return None
    return next((url for url in urls if urlsplit(url).hostname == named["name"].lower()), None)


@lru_cache(maxsize=1024)
def _derived(scheme: str, authority: str, hosts: tuple[str, ...], root_path: str) -> str:
    named = _AUTHORITY.fullmatch(authority)
    if named is None or scheme not in ("http", "https"):
        raise MisdirectedError("the request names no host")
    if not is_known(named["name"], hosts):
        raise MisdirectedError("this server has no resource under the requested host name")
    usual = {"http": "80", "https": "443"}[scheme]
    port = named["port"]
    shown = authority if port != usual else authority.removesuffix(f":{port}")
    return f"{scheme}://{shown.lower()}{root_path}{MCP_PATH}"


def metadata_url(resource: str) -> str:
    """Where this server serves the metadata of `resource`."""
    return f"{resource.removesuffix(MCP_PATH)}{METADATA_PATH}{MCP_PATH}"


def is_known(name: str, patterns: Sequence[str]) -> bool:
    """Whether `name`, without a port, matches one of the patterns of `resource_hosts`."""
    return any(
        _is_address(name) if pattern == ADDRESS else _expression(pattern).fullmatch(name)
        for pattern in patterns
    )


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    parts = (re.escape(part) for part in pattern.split("*"))
    return re.compile("[a-z0-9.-]+".join(parts), re.IGNORECASE | re.ASCII)


@lru_cache(maxsize=1024)
def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
