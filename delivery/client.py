"""Talks to a deployed platform as its users do: the official MCP client, TLS, a bearer token."""

from __future__ import annotations

import contextlib
import ipaddress
import ssl
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2
import jwt
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, Tool
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from components.base.problems import Problem, ProblemReport

from .certificates import key_id, signing_key

TOKEN_SECONDS = 600


class Era(Enum):
    """The two families of MCP revisions: with and without sessions."""

    MODERN = "modern"
    LEGACY = "legacy"


def eras(served: str) -> list[Era]:
    """What a platform of era ``modern``, ``legacy`` or ``dual`` serves."""
    return list(Era) if served == "dual" else [Era(served)]


def mint(private_pem: bytes, *, issuer: str, audience: str, subject: str = "developer") -> str:
    """A token of the local development issuer, good for ten minutes."""
    key = signing_key(private_pem)
    now = int(time.time())
    claims = {
        "iss": issuer,
        "aud": audience,
        "sub": subject,
        "client_id": "qudag-mcp",
        "iat": now,
        "exp": now + TOKEN_SECONDS,
    }
    return jwt.encode(claims, key, algorithm="ES256", headers={"kid": key_id(key)})


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where to call, and as whom.

    Attributes:
        ca_file: the authority of the server's certificate; the machine's own when absent.
    """

    url: str
    token: str
    ca_file: str | None = None
    seconds: float = 30.0


@contextlib.asynccontextmanager
async def connected(endpoint: Endpoint, era: Era) -> AsyncGenerator[Client]:
    """A client that has agreed on a revision of ``era`` with the server.

    Raises:
        ProblemReport: nothing answers, the certificate or the token is refused, or the server
            does not speak that era.
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
                        [_trouble(endpoint, f"it speaks {client.protocol_version}, no modern MCP")]
                    )
                yield client
        except _REFUSALS as failure:
            raise ProblemReport(_told(endpoint, failure)) from failure
        except ExceptionGroup as group:
            # The client runs in task groups, which wrap even what is raised in its own block.
            refusals, others = group.split(_REFUSALS)
            if refusals is None or others is not None:
                raise
            raise ProblemReport(_told(endpoint, refusals)) from group


_REFUSALS = (ProblemReport, MCPError, httpx2.HTTPError, TimeoutError)


def _told(endpoint: Endpoint, failure: Exception) -> Iterator[Problem]:
    """What failed as problems, however deep the groups that it came in."""
    match failure:
        case ExceptionGroup():
            for member in cast("tuple[Exception, ...]", failure.exceptions):
                yield from _told(endpoint, member)
        case ProblemReport():
            yield from failure.problems
        case MCPError():
            yield _trouble(endpoint, f"MCP error: {failure}")
        case _:
            yield _trouble(endpoint, f"{type(failure).__name__}: {failure}")


async def _refusal(http: httpx2.AsyncClient, endpoint: Endpoint) -> Problem | None:
    """Why the endpoint cannot be used, asked in plain HTTP, which gives plain reasons."""
    try:
        answer = await http.post(endpoint.url, json={})
    except httpx2.ConnectError as failure:
        return _trouble(endpoint, f"no connection: {failure}")
    except httpx2.HTTPError as failure:
        return _trouble(endpoint, f"{type(failure).__name__}: {failure}")
    if answer.status_code in (401, 403):
        return _trouble(endpoint, f"the token is refused: {answer.text[:300]}")
    if answer.status_code >= 500:
        return _trouble(endpoint, f"it answers {answer.status_code}: {answer.text[:200]}")
    return None


def _trouble(endpoint: Endpoint, what: str) -> Problem:
    return Problem(
        endpoint.url,
        what,
        "no tool can be called there",
        "make up brings the platform up again and says what keeps it from serving",
    )


def is_private(url: str) -> bool:
    """Whether a proxy could not reach it."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost"


async def list_tools(endpoint: Endpoint, era: Era) -> list[Tool]:
    """The tools that the platform offers to this bearer."""
    async with connected(endpoint, era) as client:
        return (await client.list_tools()).tools


async def call_tool(
    endpoint: Endpoint,
    era: Era,
    name: str,
    arguments: dict[str, Any],
    on_progress: Callable[[float, float | None, str | None], None] | None = None,
) -> CallToolResult:
    """Calls one tool and returns what it answered, an error of the tool's included."""

    async def report(progress: float, total: float | None, message: str | None) -> None:
        if on_progress is not None:
            on_progress(progress, total, message)

    async with connected(endpoint, era) as client:
        await client.list_tools()  # the client checks arguments and headers against the schema
        return await client.call_tool(name, arguments, progress_callback=report)
