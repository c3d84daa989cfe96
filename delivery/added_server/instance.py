"""Asks a running MCP server what it is: over HTTP at a URL, or a program over stdin and stdout."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from dataclasses import dataclass
from shutil import which
from typing import IO, Any
from urllib.parse import urlsplit

import httpx2
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import Tool
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from components.base.problems import ProblemReport

from ..mcp_client import Era
from ..option_values import without_password
from . import bounded_output
from .bounded_answers import LARGEST_LIST, LARGEST_PAGE, TOO_LARGE, Bound
from .http_client import connection_problem, http_client
from .refusals import printable, reason, refused

MOST_PAGES = 50
"""Pages of a list of tools that are read; a server could send pages without end."""
USUAL_PATHS = ("/mcp", "/sse", "/")
HEALTH_PATHS = ("/healthz", "/health", "/ready")

_Connect = Callable[[Era], contextlib.AbstractAsyncContextManager[Client]]


@dataclass(frozen=True, kw_only=True)
class Instance:
    """What a running server reports about itself.

    Attributes:
        eras: the MCP eras in which it answered; empty if it demands a token.
        port, path, health: None for a program.
        demands_token: whether it answers 401 without a token.
        tools: those of the newest era; None if they cannot be listed.
    """

    transport: str
    eras: tuple[Era, ...] = ()
    port: int | None = None
    path: str | None = None
    health: str | None = None
    demands_token: bool = False
    tools: tuple[Tool, ...] | None = None

    @property
    def era(self) -> str | None:
        """The value of the field ``era`` in the stack file."""
        names = [era.value for era in self.eras]
        return "dual" if len(names) > 1 else next(iter(names), None)


def ask_program(words: Sequence[str], seconds: float) -> Instance:
    """Run a program that speaks MCP over stdin and stdout, once for each era, and end it.

    Args:
        seconds: for each era.

    Raises:
        ProblemReport: there is no such program, or it answers in no era.
    """
    where = f"--command {printable(words[0])}"
    if which(words[0]) is None:
        raise refused(
            where,
            "there is no such program on this machine",
            "install it here, or leave --command out",
        )
    with tempfile.TemporaryFile("w+") as log, _quiet():

        @contextlib.asynccontextmanager
        async def connect(era: Era) -> AsyncGenerator[Client]:
            limits = [str(LARGEST_PAGE), str(LARGEST_LIST)]
            program = StdioServerParameters(
                command=sys.executable, args=["-I", bounded_output.__file__, *limits, *words]
            )
            async with Client(stdio_client(program, errlog=log), mode=_mode(era)) as client:
                yield client

        eras, tools, reasons = asyncio.run(_asked(connect, seconds))
        if eras and bounded_output.exceeded(log):
            raise refused(where, TOO_LARGE, "let it offer fewer tools, with shorter schemas")
        if not eras:
            raise refused(
                where,
                f"it does not speak MCP over stdin and stdout: {_last_line(log) or reasons[-1]}",
                "run it yourself to see what it says, and pass the arguments that it needs",
            )
    return Instance(transport="stdio", eras=eras, tools=tools)


def ask_url(url: str, token: str | None, seconds: float) -> Instance:
    """Ask a server over HTTP.

    Args:
        url: where it speaks MCP; a URL without a path is asked at the usual paths.
        token: a bearer token for it.
        seconds: for each era.

    Raises:
        ProblemReport: nothing answers there, it is no MCP server, or it speaks the old transport
            with two endpoints (sse).
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port or (443 if parts.scheme == "https" else 80)
        httpx2.URL(url.strip())  # which refuses other things
    except (httpx2.InvalidURL, ValueError) as error:
        raise _no_url(url, f"it is not a URL: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise _no_url(url, "it is not the URL of a server")
    base = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    paths = USUAL_PATHS if parts.path in ("", "/") else (parts.path.rstrip("/"),)
    with _quiet():
        return asyncio.run(_Http(base, port, token, seconds).ask(paths))


def _no_url(url: str, what: str) -> ProblemReport:
    return refused(
        f"--url {printable(without_password(url))}",
        what,
        "write it with scheme, host and port, such as http://localhost:8000/mcp",
    )


class _Http:
    def __init__(self, base: str, port: int, token: str | None, seconds: float) -> None:
        self.base, self.port, self.seconds = base, port, seconds
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def client(self, bound: Bound | None = None) -> httpx2.AsyncClient:
        return http_client(self.base, self.seconds, self.headers, bound)

    async def ask(self, paths: Sequence[str]) -> Instance:
        """Ask at each path until one is that of an MCP server."""
        for path in paths:
            status = await self._status(path)
            if 300 <= status < 400:
                raise self._no_server(
                    f"it redirects requests at {path} ({status})",
                    "let it serve MCP at a path without a slash at its end, and pass that URL",
                )
            if status in (401, 403):
                return self._without_token(path, status)
            if status in (404, 405) and await self._is_sse(path):
                raise refused(
                    f"--url {self.base}{path}",
                    "it speaks the transport sse, which MCP replaced by streamable-http in 2025",
                    "upgrade the server's SDK or start it with Streamable HTTP, or, if its program "
                    "also speaks stdio, pass --command (docs/how-to/bridge-a-stdio-server.md)",
                )
            if status != 404 or len(paths) == 1:
                return await self._mcp(path)
        raise self._no_server(f"it answers 404 at {', '.join(paths)}")

    async def _mcp(self, path: str) -> Instance:
        bounds = {era: Bound() for era in Era}

        @contextlib.asynccontextmanager
        async def connect(era: Era) -> AsyncGenerator[Client]:
            async with (
                self.client(bounds[era]) as http,
                Client(
                    streamable_http_client(self.base + path, http_client=http),
                    mode=_mode(era),
                    read_timeout_seconds=self.seconds,
                ) as client,
            ):
                yield client

        eras, tools, reasons = await _asked(connect, self.seconds)
        if any(bound.exceeded for bound in bounds.values()):
            raise self._no_server(TOO_LARGE, "let it offer fewer tools, with shorter schemas")
        if not eras:
            raise self._no_server(f"it does not speak MCP at {path}: {reasons[-1]}")
        return Instance(
            transport="streamable-http",
            eras=eras,
            port=self.port,
            path=path,
            health=await self._health(),
            tools=tools,
        )

    def _without_token(self, path: str, status: int) -> Instance:
        if self.headers:
            raise self._no_server(f"it refuses the token ({status})", "pass a valid --token")
        if status == 403:
            raise self._no_server(
                "it answers 403",
                "let it accept requests whose Host is that of the URL, or pass --token",
            )
        return Instance(transport="streamable-http", port=self.port, path=path, demands_token=True)

    async def _status(self, path: str) -> int:
        """The status of a request that no server accepts, which opens no session."""
        try:
            async with asyncio.timeout(self.seconds), self.client() as http:
                accept = {"Accept": "application/json, text/event-stream"}
                async with http.stream("POST", self.base + path, json={}, headers=accept) as answer:
                    return answer.status_code
        except (httpx2.HTTPError, TimeoutError) as failure:
            raise self._no_server(
                f"nothing answers there: {connection_problem(failure)}",
                "start the server, for example with docker run -p 8000:8000 IMAGE",
            ) from None

    async def _is_sse(self, path: str) -> bool:
        """Whether a stream of events begins with the endpoint of the transport sse."""
        try:
            async with asyncio.timeout(self.seconds), self.client() as http:
                accept = {"Accept": "text/event-stream"}
                async with http.stream("GET", self.base + path, headers=accept) as answer:
                    async for line in answer.aiter_lines():
                        if line.strip() and not line.startswith(":"):
                            return line.replace(" ", "") == "event:endpoint"
        except (httpx2.HTTPError, TimeoutError):
            pass
        return False

    async def _health(self) -> str | None:
        """The first usual path that answers 200, if other paths do not."""
        absent = f"/{secrets.token_hex(8)}"
        try:
            async with asyncio.timeout(self.seconds), self.client() as http:
                for path in (absent, *HEALTH_PATHS):
                    async with http.stream("GET", self.base + path) as answer:
                        if answer.status_code == 200:
                            return None if path == absent else path
        except (httpx2.HTTPError, TimeoutError):
            pass
        return None

    def _no_server(self, what: str, fix: str | None = None) -> Exception:
        usual = "write the URL at which it serves MCP, such as http://localhost:8000/mcp"
        return refused(f"--url {self.base}", what, fix or usual)


async def _asked(
    connect: _Connect, seconds: float
) -> tuple[tuple[Era, ...], tuple[Tool, ...] | None, list[str]]:
    """The eras in which a server answers, its tools, and why it does not answer in the others."""
    eras, reasons, tools = list[Era](), list[str](), None
    for era in Era:
        try:
            async with asyncio.timeout(seconds), connect(era) as client:
                modern = client.protocol_version in MODERN_PROTOCOL_VERSIONS
                if modern != (era is Era.MODERN):
                    reasons.append(f"it answers with {printable(client.protocol_version)}")
                    continue
                eras.append(era)
                tools = tools or await _tools(client)
        except Exception as failure:  # the SDK raises errors of many libraries, in groups
            reasons.append(reason(failure, seconds))
    return tuple(eras), tools, reasons


async def _tools(client: Client) -> tuple[Tool, ...] | None:
    """All tools; None if the server has none to list."""
    if client.server_capabilities.tools is None:
        return None
    found, cursor = list[Tool](), None
    for _ in range(MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        found += page.tools
        cursor = page.next_cursor
        if not cursor:
            break
    return tuple(found)


def _mode(era: Era) -> Any:
    return "legacy" if era is Era.LEGACY else "auto"


def _last_line(log: IO[str]) -> str:
    log.seek(0)
    lines = [line for line in log.read()[-10_000:].splitlines() if line.strip()]
    return printable(lines[-1]) if lines else ""


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    """Without log lines of the SDK: what it logs is reported as a problem, or is not one."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
