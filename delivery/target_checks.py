"""Checks of servers outside of the cluster: each address that the outputs name, without a token."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx2

from .checks import (
    Check,
    CheckStatus,
    NotCheckedError,
    authorization,
    check,
    not_checked,
    tls_and_redirect,
)
from .mcp_client import is_private

CONNECT_SECONDS = 3.0
_ASK_SECONDS = 10.0
WITHOUT_TOKEN = ("401 without a token", "metadata")
"""Names of the checks that a client without a token can make."""


def addresses(targets: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The URLs of MCP at these targets."""
    return {str(outputs.get("mcp_url")) for outputs in targets.values()}


def check_targets(
    targets: Mapping[str, Mapping[str, Any]], server: str | None = None
) -> Iterator[Check]:
    """Check each target as a client without a token.

    Args:
        targets: outputs of each target, by its name.
        server: the server of the section ``servers`` that runs there; None for the reference one.
    """
    for target, outputs in targets.items():
        name = f"{server} at {target}" if server else target
        url, prm_url = str(outputs.get("mcp_url")), str(outputs.get("prm_url"))
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            for what in ("TLS", *WITHOUT_TOKEN):
                yield not_checked(f"{name}: {what}", f"the outputs name no address: {url}")
            continue
        tls = check(f"{name}: TLS", lambda url=url: _tls(url))
        yield tls
        if tls.status is CheckStatus.OK or urlsplit(url).scheme == "http":
            yield from _without_token(name, url, prm_url, outputs.get("issuer"))
        else:
            why = "the TLS connection failed" if tls.problems else tls.found
            yield from (not_checked(f"{name}: {what}", why) for what in WITHOUT_TOKEN)


def _tls(url: str) -> str:
    if private := _unreachable_private_address(url):
        raise NotCheckedError(
            f"{private} is a private address, and this machine cannot connect to it: run verify "
            "in the server's network"
        )
    return tls_and_redirect.tls(url, None)


def _without_token(name: str, url: str, prm_url: str, issuer: str | None) -> Iterator[Check]:
    # The public CAs of this machine, not that of the cluster's gateway.
    trust = ssl.create_default_context()
    with httpx2.Client(verify=trust, timeout=_ASK_SECONDS, trust_env=not is_private(url)) as http:
        refused, described = (f"{name}: {what}" for what in WITHOUT_TOKEN)
        yield check(refused, lambda: authorization.refusal(http, url, prm_url))
        yield check(described, lambda: authorization.metadata(http, prm_url, url, issuer))


def _unreachable_private_address(url: str) -> str | None:
    """The address, if all of the host's are private and none accepts a connection."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = {
            str(one[4][0])
            for one in socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        }
    except OSError:
        return None  # the check of TLS says so
    if not all(ipaddress.ip_address(one.partition("%")[0]).is_private for one in found):
        return None
    for address in found:
        try:
            socket.create_connection((address, port), CONNECT_SECONDS).close()
        except OSError:
            continue
        return None
    loopback = all(ipaddress.ip_address(one.partition("%")[0]).is_loopback for one in found)
    return None if loopback else ", ".join(sorted(found))
