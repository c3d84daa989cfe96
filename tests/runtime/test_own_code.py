"""A server of the user's own code is found in an archive, and gets the limits of the reference."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import MCPError
from mcp.server.lowlevel import Server
from mcp.server.mcpserver import Context, MCPServer
from prometheus_client import Counter

from runtime.application import Application, application
from runtime.config import Config, StateSection
from runtime.hosts import own_code
from runtime.hosts.own_code import own_server
from runtime.stores import stores_of
from runtime.toml_config import StartError
from tests.harness.server import ERAS, PLAIN, settings, text_of
from tests.harness.tokens import Issuer
from tests.harness.user_server import Front, running
from tests.harness.weather_server import weather

LONGEST_SECONDS = 0.5
EVERY_ERA = pytest.mark.parametrize("era", ERAS)


def lowlevel(server: MCPServer[Any]) -> Server[Any]:
    server.streamable_http_app()
    return server.session_manager.app


def slow_server() -> MCPServer[Any]:
    server = weather()

    @server.tool()
    def blocking(seconds: float) -> str:
        time.sleep(seconds)
        return "done"

    @server.tool()
    async def change(context: Context[Any, Any]) -> str:
        await context.notify_tools_changed()
        return "changed"

    @server.resource("slow://page")
    def page() -> str:
        time.sleep(5)
        return "done"

    return server


@contextlib.contextmanager
def fronting(
    server: MCPServer[Any], issuer: Issuer, *, longest: float = 60, **sections: Any
) -> Generator[tuple[Front, Application]]:
    protocol = {"longest_tool_seconds": longest, "drain_seconds": longest + 1}
    config = Config.model_validate(settings(issuer, protocol=protocol, **sections))
    app = application(config, stores_of(StateSection()).sessions, lowlevel(server))
    with running(app.public) as started:
        yield Front(started, issuer), app


@pytest.fixture(scope="module")
def front(issuer: Issuer) -> Generator[Front]:
    with fronting(slow_server(), issuer, longest=LONGEST_SECONDS) as (found, _):
        yield found


@EVERY_ERA
async def test_its_tools_resources_and_prompts_are_served(front: Front, era: str):
    async with front.client(era) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert {"forecast", "blocking"} <= names
        assert not names & {"echo", "count"}
        assert text_of(await client.call_tool("forecast", {"city": "Bern"})) == "rain in Bern"
        read = await client.read_resource("map://bern")
        assert read.contents[0].model_dump()["text"] == "a map of bern"
        assert (await client.get_prompt("plan", {"city": "Bern"})).messages


def test_a_call_without_a_token_is_refused(front: Front):
    refused = httpx2.post(front.server.url, json={}, verify=PLAIN)
    assert refused.status_code == 401
    url = refused.headers["www-authenticate"].partition('resource_metadata="')[2].partition('"')[0]
    assert httpx2.get(url, verify=PLAIN).json()["resource"] == front.server.url


def test_a_token_without_the_required_scope_is_refused(issuer: Issuer):
    auth = settings(issuer)["auth"] | {"required_scopes": ["weather.read"]}
    with fronting(weather(), issuer, auth=auth) as (front, _):
        assert front.post("tools/list", {}).status_code == 403
        reading = {"authorization": f"Bearer {issuer.token(scope='weather.read')}"}
        assert front.post("tools/list", reading).status_code == 200


@EVERY_ERA
@pytest.mark.parametrize("tool", ["wait", "blocking"])
async def test_a_call_ends_when_its_time_is_over(front: Front, era: str, tool: str):
    """Also that of a function without `async`, whose thread goes on."""
    async with front.client(era) as client:
        began = time.monotonic()
        result = await client.call_tool(tool, {"seconds": 5})
        assert time.monotonic() - began < 4
    assert result.is_error
    assert text_of(result).startswith(f"The call ran longer than {LONGEST_SECONDS:g} s")


async def test_a_resource_is_read_within_the_time_of_a_call(front: Front):
    async with front.client() as client:
        with pytest.raises(MCPError, match="longer than"):
            await client.read_resource("slow://page")


def counted(counter: Counter) -> dict[str, float]:
    """The values of a counter by tool."""
    samples = next(iter(counter.collect())).samples
    return {
        sample.labels["tool_name"]: sample.value
        for sample in samples
        if sample.name.endswith("_total")
    }


async def test_calls_are_counted_by_tool(issuer: Issuer):
    with fronting(weather(), issuer) as (front, app):
        async with front.client() as client:
            await client.call_tool("forecast", {"city": "Bern"})
            assert (await client.call_tool("broken", {})).is_error
            with contextlib.suppress(MCPError):
                await client.call_tool("made-up", {})
        metrics = app.health.metrics
        requests, errors = counted(metrics.tool_requests), counted(metrics.tool_errors)
    assert requests == {"forecast": 1, "broken": 1, "other": 1}
    assert errors == {"broken": 1, "other": 1}


async def test_a_subscription_hears_of_changes(issuer: Issuer):
    with fronting(slow_server(), issuer) as (front, _):
        async with front.client() as client, client.listen(tools_list_changed=True) as events:
            await client.call_tool("change", {})
            with anyio.fail_after(30):
                assert await anext(aiter(events))


async def test_a_subscription_ends_with_a_result_when_its_time_is_over(front: Front):
    async with front.client() as client, client.listen(tools_list_changed=True) as events:
        with anyio.fail_after(30):
            assert [event async for event in events] == []


async def test_subscriptions_count_towards_the_streams_of_a_user(issuer: Issuer):
    limits = {"streams_per_user": 1, "messages_per_second": 0}
    with fronting(slow_server(), issuer, limits=limits) as (front, _):
        async with front.client() as client, client.listen(tools_list_changed=True):
            with pytest.raises(MCPError, match="streams open, which is the limit"):
                async with client.listen(tools_list_changed=True):
                    pass


def archive(folder: Path, source: str, entry: str = "served:mcp") -> Path:
    (folder / "server_code").mkdir()
    module = entry.partition(":")[0]
    (folder / f"server_code/{module}.py").write_text(source)
    (folder / "server_code.json").write_text(json.dumps({"entry": entry}))
    return folder


@pytest.fixture
def imports(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Forgets what a test imports."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_an_archive_without_own_code_has_no_server_of_its_own(tmp_path: Path):
    assert own_server(tmp_path) is None
    assert own_server() is None


@pytest.mark.usefixtures("imports")
@pytest.mark.parametrize(
    "source",
    [
        "from mcp.server import MCPServer\nmcp = MCPServer('own')",
        "from mcp.server.lowlevel import Server\nmcp = Server('own')",
    ],
)
def test_a_server_of_the_sdk_is_found_by_its_entry(tmp_path: Path, source: str):
    found = own_server(archive(tmp_path, source))
    assert found is not None
    assert found.name == "own"


@pytest.mark.usefixtures("imports")
@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("mcp = 1", "is of type int, not mcp.server.MCPServer"),
        ("import no_such_module", "cannot be loaded: ModuleNotFoundError"),
        ("raise ValueError('no city')", "cannot be loaded: ValueError: no city"),
        ("other = 1", "cannot be loaded: AttributeError"),
        (
            "from mcp.server import MCPServer\n"
            "from mcp.server.auth.settings import AuthSettings\n"
            "class Verifier:\n    async def verify_token(self, token): ...\n"
            "auth = AuthSettings(issuer_url='https://i.test', "
            "resource_server_url='https://r.test', validate_token_resource=True)\n"
            "mcp = MCPServer('own', auth=auth, token_verifier=Verifier())",
            "remove auth and token_verifier",
        ),
    ],
)
def test_anything_else_ends_the_start_with_its_reason(tmp_path: Path, source: str, said: str):
    with pytest.raises(StartError, match="served:mcp") as refused:
        own_server(archive(tmp_path, source))
    assert said in str(refused.value)


@pytest.mark.usefixtures("imports")
def test_routes_that_are_not_served_are_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    logged: list[tuple[str, int, Any]] = []

    def note(name: str, level: int, routes: Any) -> None:
        logged.append((name, level, routes))

    monkeypatch.setattr(own_code, "event", note)
    source = (
        "from mcp.server import MCPServer\nmcp = MCPServer('own')\n"
        "@mcp.custom_route('/status', methods=['GET'])\nasync def status(_): ...\n"
    )
    own_server(archive(tmp_path, source))
    assert logged == [("routes_not_served", logging.WARNING, ["/status"])]


@pytest.mark.usefixtures("imports")
def test_its_modules_replace_none_that_can_be_imported_elsewhere(tmp_path: Path):
    source = "from mcp.server import MCPServer\nimport jwt\nmcp = MCPServer(jwt.__name__)"
    folder = archive(tmp_path, source)
    (folder / "server_code/jwt.py").write_text("raise ValueError('replaced')")
    sys.modules.pop("jwt", None)
    assert own_server(folder) is not None
