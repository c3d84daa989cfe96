"""A running server is asked over HTTP and stdio in both eras; some answer wrongly or never."""

from __future__ import annotations

import shlex
import socket
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from mcp.server import Server
from mcp.server.mcpserver import MCPServer
from mcp_types import ListToolsResult, PaginatedRequestParams, Tool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse
from starlette.routing import Route

from components.base.problems import ProblemReport
from delivery.added_server.instance import Instance, ask_program, ask_url
from delivery.mcp_client import Era
from tests.harness import stdio_program
from tests.harness.user_server import UserServer, running

SECONDS = 60
PROGRAM = [sys.executable, str(Path(stdio_program.__file__))]


PAGES = """
import json, sys
pages, size = int(sys.argv[1]), int(sys.argv[2])
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    if asked["method"] == "initialize":
        version = asked["params"]["protocolVersion"]
        result = {"protocolVersion": version, "capabilities": {"tools": {}},
                  "serverInfo": {"name": "wide", "version": "1"}}
    elif asked["method"] == "tools/list":
        page = int((asked.get("params") or {}).get("cursor") or 0)
        tool = {"name": f"tool-{page}", "inputSchema": {"type": "object"},
                "description": "x" * size}
        result = {"tools": [tool]}
        if page + 1 < pages:
            result["nextCursor"] = str(page + 1)
    else:
        answer = {"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -32601, "message": "no"}}
        print(json.dumps(answer), flush=True)
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"""
"""A program of the legacy era that lists one tool on each of its pages."""


def server(*, health: str = "") -> MCPServer:
    made = MCPServer("weather")

    @made.tool()
    def forecast(city: str) -> str:
        """The weather of tomorrow."""
        return city

    if health:

        @made.custom_route(health, methods=["GET"])
        async def healthy(_: Request) -> PlainTextResponse:
            return PlainTextResponse("ok")

    return made


@pytest.fixture(scope="module")
def weather() -> Generator[UserServer]:
    with running(server(health="/health")) as running_server:
        yield running_server


def names(instance: Instance) -> list[str]:
    return [tool.name for tool in instance.tools or ()]


def refusal(url: str, token: str | None = None, seconds: float = SECONDS) -> str:
    with pytest.raises(ProblemReport) as report:
        ask_url(url, token, seconds)
    return str(report.value)


def answering(*routes: Route) -> Starlette:
    return Starlette(routes=list(routes))


def test_a_server_of_the_sdk_is_dual(weather: UserServer):
    found = ask_url(weather.url, None, SECONDS)
    assert (found.transport, found.era, found.path) == ("streamable-http", "dual", "/mcp")
    assert (found.port, found.health, found.demands_token) == (weather.port, "/health", False)
    assert names(found) == ["forecast"]


def test_a_server_before_the_newest_revision_is_legacy():
    with running(server(), modern=False) as old:
        found = ask_url(old.url, None, SECONDS)
    assert (found.era, names(found)) == ("legacy", ["forecast"])
    assert found.health is None


def test_a_url_without_a_path_is_asked_at_the_usual_ones(weather: UserServer):
    assert ask_url(f"http://127.0.0.1:{weather.port}", None, SECONDS).path == "/mcp"
    assert ask_url(f"http://127.0.0.1:{weather.port}/mcp/", None, SECONDS).path == "/mcp"


def test_another_path_is_refused(weather: UserServer):
    assert "it does not speak MCP at /other" in refusal(f"http://127.0.0.1:{weather.port}/other")


def test_no_session_is_opened_to_look_at_the_status(weather: UserServer):
    weather.requests.clear()
    ask_url(weather.url, None, SECONDS)
    assert "mcp-session-id" not in weather.requests[0]
    ended = {one["mcp-session-id"] for one in weather.requests if "mcp-session-id" in one}
    assert len(ended) == 1  # that of the legacy era, which is closed


async def _demands(request: Request) -> JSONResponse:
    if request.headers.get("authorization") == "Bearer right":
        return JSONResponse({}, 400)
    return JSONResponse({}, 401, {"WWW-Authenticate": "Bearer"})


def test_a_server_that_demands_a_token_is_told_from_one_that_refuses_it():
    with running(answering(Route("/mcp", _demands, methods=["POST"]))) as closed:
        found = ask_url(closed.url, None, SECONDS)
        assert found.demands_token
        assert (found.era, found.tools) == (None, None)
        assert "it refuses the token (401)" in refusal(closed.url, "wrong")
        assert "does not speak MCP" in refusal(closed.url, "right")


def test_a_token_is_sent_to_the_instance(weather: UserServer):
    weather.requests.clear()
    ask_url(weather.url, "secret", SECONDS)
    assert {one.get("authorization") for one in weather.requests} == {"Bearer secret"}


def test_the_transport_sse_is_refused_with_what_to_do():
    app: Any = server().sse_app()
    with running(app) as old:
        for url in (f"http://127.0.0.1:{old.port}", f"http://127.0.0.1:{old.port}/sse"):
            said = refusal(url)
            assert "it speaks the transport sse" in said
            assert "--command" in said


@pytest.mark.parametrize(
    ("status", "said"),
    [(403, "answers 403"), (307, "redirects requests"), (500, "does not speak MCP")],
)
def test_another_status_is_reported(status: int, said: str):
    async def answer(_: Request) -> Any:
        return RedirectResponse("/mcp/") if status == 307 else JSONResponse({}, status)

    with running(answering(Route("/mcp", answer, methods=["POST", "GET"]))) as other:
        assert said in refusal(other.url)


def test_a_page_that_is_always_there_is_no_health_path():
    async def home(_: Request) -> PlainTextResponse:
        return PlainTextResponse("home")

    app = server().streamable_http_app()
    app.router.routes.append(Route("/{anything:path}", home))
    with running(app) as other:
        assert ask_url(other.url, None, SECONDS).health is None


def test_a_server_that_does_not_answer_is_left_after_the_time_limit():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said = refusal(f"http://127.0.0.1:{silent.getsockname()[1]}/mcp", None, 0.5)
    assert "nothing answers there" in said


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://a/b", "http://", "http://a:b@c/mcp"])
def test_what_is_no_url_is_refused(url: str):
    assert "not the URL of a server" in refusal(url)


@pytest.mark.parametrize("era", list(Era))
def test_a_program_is_asked_in_both_eras_and_ended(tmp_path: Path, era: Era):
    started = tmp_path / "started"
    words = shlex.join([*PROGRAM, "--era", era.value])
    found = ask_program(["sh", "-c", f"echo $$ >> {started}; exec {words}"], SECONDS)
    assert (found.transport, found.era) == ("stdio", era.value)
    assert "echo" in names(found)
    pids = started.read_text().split()
    assert len(pids) == 2
    assert not [pid for pid in pids if Path("/proc", pid).exists()]


@pytest.mark.slow
def test_a_program_that_says_nothing_is_ended_after_the_time_limit():
    with pytest.raises(ProblemReport, match="it did not answer within 1 s"):
        ask_program(["sleep", "60"], 1)


def test_a_program_that_fails_is_reported_with_its_last_line():
    failing = [sys.executable, "-c", "import sys; sys.exit('API_KEY is not set')"]
    with pytest.raises(ProblemReport, match="API_KEY is not set"):
        ask_program(failing, SECONDS)


@pytest.mark.slow
def test_a_program_that_prints_other_text_is_refused():
    with pytest.raises(ProblemReport, match="does not speak MCP over stdin and stdout"):
        ask_program(["yes"], 2)


def test_an_absent_program_is_refused():
    with pytest.raises(ProblemReport, match="there is no such program on this machine"):
        ask_program(["no-such-program-at-all"], 1)


MIB = 2**20


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pages", "size", "is_accepted"),
    [(3, MIB, True), (1, 5 * MIB, False), (6, 3 * MIB, False)],
    ids=["three pages", "one large page", "many pages"],
)
def test_what_a_program_lists_is_read_up_to_a_limit(pages: int, size: int, is_accepted: bool):
    words = [sys.executable, "-c", PAGES, str(pages), str(size)]
    if is_accepted:
        assert names(ask_program(words, SECONDS)) == [f"tool-{number}" for number in range(pages)]
        return
    with pytest.raises(ProblemReport, match="its answers are larger than 4 MiB, or together"):
        ask_program(words, SECONDS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pages", "size", "is_accepted"),
    [(3, MIB, True), (1, 5 * MIB, False), (6, 3 * MIB, False)],
    ids=["three pages", "one large page", "many pages"],
)
def test_what_a_server_lists_is_read_up_to_a_limit(pages: int, size: int, is_accepted: bool):
    async def listed(_: Any, asked: PaginatedRequestParams | None) -> ListToolsResult:
        page = int(asked.cursor) if asked and asked.cursor else 0
        tool = Tool(name=f"tool-{page}", input_schema={"type": "object"}, description="x" * size)
        return ListToolsResult(
            tools=[tool], next_cursor=str(page + 1) if page + 1 < pages else None
        )

    app = Server("wide", on_list_tools=listed).streamable_http_app()
    with running(app) as wide:
        if is_accepted:
            found = ask_url(wide.url, None, SECONDS)
            assert names(found) == [f"tool-{number}" for number in range(pages)]
        else:
            assert "its answers are larger than 4 MiB" in refusal(wide.url, seconds=5)
