"""The HTTP client for registries and for running servers."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from functools import cache

import httpx2

from ..mcp_client import is_private


def http_client(
    url: str, seconds: float, headers: Mapping[str, str] | None = None
) -> httpx2.AsyncClient:
    """A client for requests to the host of ``url``, which follows no redirects."""
    return httpx2.AsyncClient(
        verify=_trust(),
        headers=headers,
        timeout=httpx2.Timeout(seconds, connect=8.0),
        trust_env=not is_private(url),
    )


@cache
def _trust() -> ssl.SSLContext:
    """The authorities of this machine; reading them takes longer than a request."""
    return ssl.create_default_context()
