"""Checks the 401 challenge and the protected-resource metadata for clients without a token."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

import httpx2

from . import wrong

_NO_TOKENS = "clients cannot discover where to get a token"


def refusal(http: httpx2.Client, url: str, prm_url: str) -> str:
    """Send a request without a token: it must get 401 with the metadata URL (RFC 9728, 5.1)."""
    answer = _asked(http.build_request("POST", url, json={}), http)
    if answer.status_code != 401:
        raise wrong(
            url,
            f"it answers {answer.status_code} without a token, not 401",
            "every client that can connect can call tools"
            if answer.status_code < 400
            else "clients cannot discover that they need a token",
            "see what serves this address: the reference server and every role of this project "
            "refuse a request without a token",
        )
    challenge = answer.headers.get("www-authenticate", "")
    said = re.search(r'resource_metadata="([^"]+)"', challenge)
    if not challenge.lower().startswith("bearer") or said is None:
        raise wrong(
            url,
            f"its 401 names no resource_metadata (WWW-Authenticate: {challenge or 'absent'})",
            _NO_TOKENS,
            "let every proxy in front of the server pass the header on",
        )
    if said[1] != prm_url:
        raise wrong(
            url,
            f"its challenge points to {said[1]}, and the metadata is at {prm_url}",
            _NO_TOKENS,
            "let every proxy in front of the gateway pass the Host header on unchanged",
        )
    return f"401, metadata at {said[1]}"


def metadata(http: httpx2.Client, prm_url: str, mcp_url: str, issuer: str | None) -> str:
    """Fetch the metadata: it must name this resource and this issuer (RFC 9728)."""
    answer = _asked(http.build_request("GET", prm_url), http)
    try:
        stated: object = answer.json()
    except ValueError:
        stated = None
    if answer.status_code != 200 or not isinstance(stated, Mapping):
        raise wrong(
            prm_url,
            f"it answers {answer.status_code} without metadata",
            _NO_TOKENS,
            "see that the gateway routes /.well-known/oauth-protected-resource to a server",
        )
    document = cast("Mapping[str, Any]", stated)
    if document.get("resource") != mcp_url:
        raise wrong(
            prm_url,
            f"its resource is {document.get('resource')}, and the platform is {mcp_url}",
            "clients refuse metadata of another resource (RFC 9728, section 3.3)",
            "set qudag-mcp:domain to the name under which clients know the platform",
        )
    servers: Any = document.get("authorization_servers")
    if issuer is not None and not (isinstance(servers, list) and issuer in servers):
        raise wrong(
            prm_url,
            f"its authorization_servers are {servers}, without {issuer}",
            "clients get tokens that the platform refuses",
            "set qudag-mcp:protocol.issuer, run up, and run this again",
        )
    return f"resource {mcp_url}" + (f", issuer {issuer}" if issuer else "")


def _asked(request: httpx2.Request, http: httpx2.Client) -> httpx2.Response:
    try:
        return http.send(request)
    except httpx2.HTTPError as failure:
        raise wrong(
            str(request.url),
            f"{type(failure).__name__}: {failure}",
            "no client gets an answer there",
            "see what the check of TLS says, and whether the gateway's pods are ready",
        ) from failure
