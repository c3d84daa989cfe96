"""All hosts behave the same in both eras, except for limits that their cloud documents."""

from __future__ import annotations

import contextlib
import importlib.util
import threading
import time
from collections.abc import Awaitable, Callable, Generator, Mapping

import anyio
import pytest
from mcp import MCPError
from mcp.client.auth.utils import build_protected_resource_metadata_discovery_urls
from mcp_types import INVALID_PARAMS, PARSE_ERROR

from tests.harness import host_programs
from tests.harness.hosted_server import HostedServer
from tests.harness.lambda_service import RENAMED
from tests.harness.server import ERAS, MODERN, eventually, text_of
from tests.harness.tokens import ISSUER, Issuer
from tools.host_conformance import HOSTS, POINTS, limit_of

BODY_LIMIT = 4 * 1024 * 1024
ALIKE = ("container", "lambda_stream")
"""Hosts that differ little from another one: their processes are started in the slow tier."""
WORKER_LIBRARY = importlib.util.find_spec("azure_functions_runtime") is not None


class Started:
    """Hosts that are started one after another, ahead of the tests, which wait for theirs."""

    def __init__(
        self, stack: contextlib.ExitStack, paths: pytest.TempPathFactory, issuer: Issuer
    ) -> None:
        self.stack = stack
        self.paths = paths
        self.issuer = issuer
        self.database: str | None = None
        self.found: dict[str, HostedServer] = {}
        self.failed: dict[str, Exception] = {}
        self.starting = threading.Lock()

    def __getitem__(self, name: str) -> HostedServer:
        with self.starting:
            if name in self.failed:
                raise self.failed[name]
            if name not in self.found:
                try:
                    self.found |= self._started(name)
                except Exception as error:
                    self.failed[name] = error
                    raise
        return self.found[name]

    def _started(self, name: str) -> dict[str, HostedServer]:
        match name:
            case "lambda_http_api" | "lambda_url":  # two endpoints of one function
                endpoints = self._function("http-api", "function-url", streaming=False)
                return {
                    "lambda_http_api": endpoints["http-api"],
                    "lambda_url": endpoints["function-url"],
                }
            case "lambda_stream":
                return {name: self._function("function-url", streaming=True)["function-url"]}
            case _:
                start = getattr(host_programs, name)(self.paths.mktemp(name), self.issuer)
                return {name: self.stack.enter_context(start)}

    def _function(self, *endpoints: str, streaming: bool) -> dict[str, HostedServer]:
        if self.database is None:
            self.database = self.stack.enter_context(host_programs.tables())
        directory = self.paths.mktemp("function")
        running = host_programs.lambda_function(
            directory, self.issuer, self.database, *endpoints, streaming=streaming
        )
        return self.stack.enter_context(running)


@pytest.fixture(scope="module")
def started(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, issuer: Issuer
) -> Generator[Started]:
    wanted = [name for name in HOSTS if any(f"[{name}-" in i.name for i in request.session.items)]

    def ahead(found: Started) -> None:
        for name in wanted:
            with contextlib.suppress(Exception):  # the test that needs it fails with its reason
                found[name]

    with contextlib.ExitStack() as stack:
        found = Started(stack, tmp_path_factory, issuer)
        starter = threading.Thread(target=ahead, args=(found,))
        starter.start()
        yield found
        starter.join()


async def hello(host: HostedServer, era: str) -> None:
    async with host.client("auto" if era == "modern" else era) as client:
        assert client.protocol_version == (MODERN if era == "modern" else "2025-11-25")
        assert client.server_info is not None
        assert client.server_info.name == "qudag-mcp-monolith"


async def tools_list(host: HostedServer, era: str) -> None:
    async with host.client(era) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
    assert names == ["echo", "wait", "count", "fail"]


async def tools_call(host: HostedServer, era: str) -> None:
    async with host.client(era) as client:
        assert (
            text_of(await client.call_tool("echo", {"text": "grüße ✓ " * 999})) == "grüße ✓ " * 999
        )
        assert (await client.call_tool("fail", {"reason": "so"})).is_error
    logged = [entry for entry in host.requests() if entry.get("tool") == "echo"]
    assert {(entry["path"], entry["subject"]) for entry in logged} == {("/mcp", "ada")}


async def counted(host: HostedServer, era: str) -> list[float]:
    """When each of three steps arrived, and at last the result, 0.2 s apart where they are made."""
    moments: list[float] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        moments.append(time.monotonic())
        assert (progress, total, message) == (len(moments), 3, f"{len(moments)} of 3")

    async with host.client(era) as client:
        await client.list_tools()  # else the client does it after its first call
        arguments = {"to": 3, "pause_seconds": 0.2}
        result = await client.call_tool("count", arguments, progress_callback=note)
    assert text_of(result) == "counted to 3"
    assert len(moments) == 3
    return [*moments, time.monotonic()]


async def progress(host: HostedServer, era: str) -> None:
    first, *_, last = await counted(host, era)
    assert last - first > 0.3


async def progress_with_the_end(host: HostedServer, era: str) -> None:
    first, *_, last = await counted(host, era)
    assert last - first < 0.2


async def abandoned(host: HostedServer, era: str, seconds: float) -> str:
    """How a call of so many seconds ended whose client cancelled it after a moment."""
    before = len(host.outcomes("wait"))
    async with host.client(era) as client:
        with anyio.move_on_after(0.6):
            await client.call_tool("wait", {"seconds": seconds})
            raise AssertionError("the call was over before it could be cancelled")
        await eventually(lambda: len(host.outcomes("wait")) > before)
    return host.outcomes("wait")[-1]


async def cancellation(host: HostedServer, era: str) -> None:
    began = time.monotonic()
    assert await abandoned(host, era, 15) == "cancelled"
    assert time.monotonic() - began < 8


async def runs_to_its_end(host: HostedServer, era: str) -> None:
    assert await abandoned(host, era, 1.2) == "ok"


async def unknown_tool(host: HostedServer, era: str) -> None:
    async with host.client(era) as client:
        with pytest.raises(MCPError, match="Unknown tool: nothing") as refused:
            await client.call_tool("nothing", {})
    assert refused.value.error.code == INVALID_PARAMS


async def malformed_body(host: HostedServer, era: str) -> None:
    answer = host.post(b'{"jsonrpc": ', era)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, PARSE_ERROR)


async def oversized_body(host: HostedServer, era: str) -> None:
    largest = host.opening(era).ljust(BODY_LIMIT)
    assert host.post(largest, era).status_code == 200
    assert host.post(largest + b" ", era).status_code == 413


async def no_token(host: HostedServer, era: str) -> None:
    answer = host.post(host.opening(era), era, token=None)
    assert answer.status_code == 401
    name = next(name for pair in RENAMED.items() for name in pair if name in answer.headers)
    assert answer.headers[name].startswith("Bearer resource_metadata=")
    assert host.post(host.opening(era), era, token="made-up").status_code == 401


async def metadata(host: HostedServer, era: str) -> None:
    refused = host.post(host.opening(era), era, token=None)
    challenge = refused.headers.get("www-authenticate")
    named = challenge.partition('resource_metadata="')[2].rstrip('"') if challenge else None
    urls = build_protected_resource_metadata_discovery_urls(named, host.url)
    found = next(answer for answer in map(host.get, urls) if answer.status_code == 200)
    assert found.json()["resource"] == host.url
    assert found.json()["authorization_servers"] == [ISSUER]


CHECKS: Mapping[str, Callable[[HostedServer, str], Awaitable[None]]] = {
    check.__name__: check
    for check in (
        *(hello, tools_list, tools_call, progress, cancellation),
        *(unknown_tool, malformed_body, oversized_body, no_token, metadata),
        *(progress_with_the_end, runs_to_its_end),
    )
}


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] if n in ALIKE else []) for n in HOSTS],
)
async def test_a_host_conforms(
    name: str, point: str, era: str, started: Started, record_property: Callable[..., None]
):
    if name == "azure_function" and not WORKER_LIBRARY:
        pytest.skip("azure-functions-runtime is not here: tools/setup installs it")
    limit = limit_of(name, point, era)
    await CHECKS[limit.holds if limit else point](started[name], era)
    record_property("conformance", (name, point))
