"""Connects to a deployed platform with the official MCP client, TLS and a bearer token."""

from __future__ import annotations

import contextlib
import ipaddress
import ssl
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, cast
from urllib.parse import urlsplit

import anyio
import httpx2
import jwt
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, TextContent, Tool
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from components.base.problems import Problem, ProblemReport

from .local_certificates import key_id, signing_key

TOKEN_SECONDS = 600


class Era(Enum):
    """The two kinds of MCP revisions: ``modern`` without sessions, ``legacy`` with sessions."""

    MODERN = "modern"
    LEGACY = "legacy"


def eras(served: str) -> list[Era]:
    """The eras that a platform with the output ``era`` (modern, legacy or dual) serves."""
    return list(Era) if served == "dual" else [Era(served)]


def mint(
    private_pem: bytes,
    *,
    issuer: str,
    audience: str,
    subject: str = "developer",
    scope: str | None = None,
) -> str:
    """Sign a token as the local development issuer; it is valid for ten minutes.

    Args:
        scope: its scopes, separated by spaces.
    """
    key = signing_key(private_pem)
    now = int(time.time())
    claims = {
        "iss": issuer,
        "aud": audience,
        "sub": subject,
        "client_id": "qudag-mcp",
        "iat": now,
        "exp": now + TOKEN_SECONDS,
        **({"scope": scope} if scope else {}),
    }
    return jwt.encode(claims, key, algorithm="ES256", headers={"kid": key_id(key)})


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """The URL of an MCP server, and the token to call it with.

    Attributes:
        ca_file: certificate of the CA to trust; by default the machine's CAs.
        given: whether the caller brought the token, which is not one of the local issuer then.
    """

    url: str
    token: str
    ca_file: str | None = None
    seconds: float = 30.0
    given: bool = False


@contextlib.asynccontextmanager
async def connected(endpoint: Endpoint, era: Era) -> AsyncGenerator[Client]:
    """Connect and negotiate a revision of ``era``.

    Raises:
        ProblemReport: the server does not answer or does not serve that era, or the certificate
            or the token is refused.
    """
    trust = ssl.create_default_context(cafile=endpoint.ca_file)
    async with httpx2.AsyncClient(
        verify=trust,
        headers={"Authorization": f"Bearer {endpoint.token}"},
        timeout=httpx2.Timeout(endpoint.seconds, connect=5.0),
        trust_env=not is_private(endpoint.url),
    ) as http:
        refusal = await _refusal(http, endpoint)
        if refusal is not None:
            raise ProblemReport([refusal])
        client = Client(
            streamable_http_client(endpoint.url, http_client=http),
            mode="legacy" if era is Era.LEGACY else "auto",
            read_timeout_seconds=endpoint.seconds,
        )
        try:
            async with client:
                if era is Era.MODERN and client.protocol_version not in MODERN_PROTOCOL_VERSIONS:
                    raise ProblemReport(
                        [
                            _problem(
                                endpoint,
                                f"it uses {client.protocol_version}, no modern revision",
                            )
                        ]
                    )
                yield client
        except _REFUSALS as failure:
            raise ProblemReport(_problems(endpoint, failure)) from failure
        except ExceptionGroup as group:
            # The client's task groups wrap every exception, those of the caller's block included.
            refusals, others = group.split(_REFUSALS)
            if refusals is None or others is not None:
                raise
            raise ProblemReport(_problems(endpoint, refusals)) from group


_REFUSALS = (ProblemReport, MCPError, httpx2.HTTPError, TimeoutError, anyio.ClosedResourceError)


def _problems(endpoint: Endpoint, failure: Exception) -> Iterator[Problem]:
    """The problems behind an exception, from exception groups of any depth."""
    match failure:
        case ExceptionGroup():
            for member in cast("tuple[Exception, ...]", failure.exceptions):
                yield from _problems(endpoint, member)
        case ProblemReport():
            yield from failure.problems
        case MCPError():
            yield _problem(endpoint, f"MCP error: {failure}")
        case anyio.ClosedResourceError():
            yield _problem(endpoint, "an answer came after the client had stopped waiting for it")
        case _:
            yield _problem(endpoint, f"{type(failure).__name__}: {failure}")


async def _refusal(http: httpx2.AsyncClient, endpoint: Endpoint) -> Problem | None:
    """Send a plain HTTP request, whose errors say more than the client's; None if it succeeds."""
    try:
        answer = await http.post(endpoint.url, json={})
    except httpx2.ConnectError as failure:
        return _problem(endpoint, f"no connection: {failure}")
    except httpx2.HTTPError as failure:
        return _problem(endpoint, f"{type(failure).__name__}: {failure}")
    if answer.status_code in (401, 403):
        fix = _FIX_OF_THE_CALLER if endpoint.given else _FIX
        return _problem(endpoint, f"the token is refused: {answer.text[:300]}", fix)
    if answer.status_code >= 500:
        return _problem(endpoint, f"it answers {answer.status_code}: {answer.text[:200]}")
    return None


_FIX: Final = "make up deploys the platform again and reports what fails"
_FIX_OF_THE_CALLER: Final = (
    "pass a valid token of the issuer that qudag-mcp outputs names, with this URL in its aud; "
    "--token and QUDAG_MCP_TOKEN replace that of a local issuer"
)


def _problem(endpoint: Endpoint, what: str, fix: str = _FIX) -> Problem:
    return Problem(endpoint.url, what, "no tool can be called there", fix)


def is_private(url: str) -> bool:
    """Whether the URL's host is a private address or ``localhost``, where no proxy is used."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost"


async def list_tools(endpoint: Endpoint, era: Era) -> list[Tool]:
    """List the tools that the platform offers for this token."""
    async with connected(endpoint, era) as client:
        return (await client.list_tools()).tools


async def call_tool(
    endpoint: Endpoint,
    era: Era,
    name: str,
    arguments: dict[str, Any],
    on_progress: Callable[[float, float | None, str | None], None] | None = None,
) -> CallToolResult:
    """Call a tool and return its result, which may be a tool error."""

    async def report(progress: float, total: float | None, message: str | None) -> None:
        if on_progress is not None:
            on_progress(progress, total, message)

    async with connected(endpoint, era) as client:
        await client.list_tools()  # the client needs the tool's schema
        return await client.call_tool(name, arguments, progress_callback=report)


def text_of(result: CallToolResult) -> str:
    """The content of a tool's result as text."""
    return "\n".join(
        block.text if isinstance(block, TextContent) else block.model_dump_json(exclude_none=True)
        for block in result.content
    )
