"""The HTTP client for registries and for running servers."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from functools import cache

import httpx2

from ..mcp_client import is_private
from .bounded_answers import Bound
from .refusals import printable


def http_client(
    url: str, seconds: float, headers: Mapping[str, str] | None = None, bound: Bound | None = None
) -> httpx2.AsyncClient:
    """A client for requests to the host of ``url``, which follows no redirects.

    Args:
        bound: of all answers.
    """
    hooks = {"request": [bound.request], "response": [bound.response]} if bound else {}
    return httpx2.AsyncClient(
        verify=_trust(*(os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"))),
        headers=headers,
        timeout=httpx2.Timeout(seconds, connect=8.0),
        trust_env=not is_private(url),
        event_hooks=hooks,
    )


def connection_problem(failure: Exception) -> str:
    """Why a connection failed, with what to do about a certificate."""
    said = printable(str(failure)) or type(failure).__name__
    if "CERTIFICATE_VERIFY_FAILED" not in said:
        return said
    why = said.partition("verify failed: ")[2].partition(" (_ssl")[0] or said
    return f"its certificate is not accepted: {why}"


@cache
def _trust(*_: str | None) -> ssl.SSLContext:
    """The CAs of this machine; reading them takes longer than a request.

    OpenSSL reads the variables ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``.
    """
    return ssl.create_default_context()
