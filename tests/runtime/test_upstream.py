"""A front checks tokens for one program on its machine, and passes the rest on as it arrives."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from components.kubernetes.forwarded_headers import REMOVED_HEADERS
from runtime.config_files import load
from runtime.toml_config import ConfigError
from runtime.upstream_headers import NAMING
from tests.harness.bridge import bridging, faults
from tests.harness.front import HERE, SCOPES, admitted, in_front
from tests.harness.server import (
    ERAS,
    MODERN,
    RunningServer,
    initialize_request,
    modern_request,
    settings,
    text_of,
    write_config,
)
from tests.harness.tokens import ISSUER, Issuer
from tests.harness.user_server import UserServer, running
from tests.harness.weather_server import weather


@pytest.fixture(scope="module")
def program() -> Generator[UserServer]:
    with running(weather()) as server:
        yield server


@pytest.fixture(scope="module")
def front(servers_directory: Path, issuer: Issuer, program: UserServer) -> Generator[RunningServer]:
    with in_front(servers_directory, issuer, program.port) as server:
        server.token = admitted(issuer)
        yield server


@pytest.mark.parametrize("era", ERAS)
async def test_calls_results_and_progress_pass_in_both_eras(front: RunningServer, era: str):
    steps: list[str | None] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        steps.append(message)

    async with front.client(era) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} >= {"forecast", "steps"}
        result = await client.call_tool("forecast", {"city": "Bern"})
        assert text_of(result) == "rain in Bern"
        await client.call_tool("steps", progress_callback=note)
        assert steps == ["half", "all"]
        assert (await client.call_tool("broken")).is_error
        assert (await client.get_prompt("plan", {"city": "Bern"})).messages
        assert (await client.read_resource("map://bern")).contents


@pytest.mark.slow
@pytest.mark.parametrize("era", ERAS)
async def test_a_program_over_stdio_behind_a_bridge_is_served_too(
    tmp_path: Path, issuer: Issuer, era: str
):
    with (
        bridging(tmp_path, faults("--era", era)) as bridge,
        in_front(tmp_path, issuer, bridge.port, upstream={"health": "/ready"}) as server,
    ):
        async with server.client(era, admitted(issuer)) as client:
            result = await client.call_tool("echo", {"text": "hello"})
            assert "hello" in text_of(result)


REFUSED: dict[str, tuple[dict[str, Any] | None, int, str]] = {
    "no token": (None, 401, "unauthorized"),
    "another server's token": ({"aud": "https://notes.example.com/mcp"}, 401, "invalid_token"),
    "the platform's token": ({"aud": "https://mcp.example.com/mcp"}, 401, "invalid_token"),
    "an expired token": ({"lives_seconds": -60}, 401, "invalid_token"),
    "a token of another issuer": ({"iss": "https://evil.test"}, 401, "invalid_token"),
    "a missing scope": ({"scope": "base"}, 403, "insufficient_scope"),
}


@pytest.mark.parametrize(("claims", "status", "error"), REFUSED.values(), ids=REFUSED)
def test_the_program_sees_no_request_without_a_valid_token(
    front: RunningServer,
    program: UserServer,
    issuer: Issuer,
    claims: dict[str, Any] | None,
    status: int,
    error: str,
):
    before = len(program.requests)
    given: dict[str, Any] = {"aud": HERE, "scope": SCOPES}
    token = None if claims is None else issuer.token(**given | claims)
    for method in ("POST", "GET", "DELETE"):
        sent = {"authorization": f"Bearer {token}"} if token else {}
        answer = httpx2.request(method, f"{front.base}/mcp", headers=sent, verify=front.verify)
        assert (answer.status_code, answer.json()["error"]) == (status, error)
        said = dict(re.findall(r'(\w+)="([^"]*)"', answer.headers["www-authenticate"]))
        assert said["scope"] == SCOPES
        assert said["resource_metadata"] == (
            "https://weather.example.com/.well-known/oauth-protected-resource/mcp"
        )
    assert len(program.requests) == before


def test_the_metadata_names_its_own_url(front: RunningServer):
    document = front.get("/.well-known/oauth-protected-resource/mcp").json()
    assert document["resource"] == HERE
    assert document["authorization_servers"] == [ISSUER]
    assert document["scopes_supported"] == SCOPES.split()


def test_nothing_but_mcp_reaches_the_program(front: RunningServer, program: UserServer):
    before = len(program.requests)
    token = {"authorization": f"Bearer {front.token}"}
    paths = ("/", "/admin", "/mcp/admin", "/mcp/../admin", "/servers/weather/mcp", "/ws", "/health")
    for path in paths:
        front.get(path, headers=token)
    assert front.post(modern_request("tools/list"), token=None).status_code == 401
    assert len(program.requests) == before


def test_the_program_gets_the_user_in_headers_that_a_client_cannot_set(
    front: RunningServer, program: UserServer, issuer: Issuer
):
    forged = {name: "forged" for name in (*NAMING, "x-user", "X-User-Scopes", "x_user", "X-USER")}
    token = admitted(issuer, sub="Ünï", client_id="web")
    sent = {
        "accept": "application/json, text/event-stream",
        "authorization": f"Bearer {token}",
        "mcp-protocol-version": MODERN,
        "mcp-method": "tools/list",
        "x-real-ip": "203.0.113.1",
        "x-serverless-authorization": "Bearer of the cloud",
        "x-private": "one connection",
        "connection": "close, x-private",
        "x-api-key": "mine",
        "cookie": "session=1",
        "origin": "http://127.0.0.1",
        **forged,
    }
    url = f"{front.base}/mcp?page=2"
    answer = httpx2.post(url, json=modern_request("tools/list"), headers=sent, verify=front.verify)
    assert answer.status_code == 200
    got = program.requests[-1]
    assert {name: got[name] for name in got if name.startswith("x-user")} == {
        "x-user": "%C3%9Cn%C3%AF",
        "x-user-scopes": SCOPES,
        "x-user-client": "web",
    }
    assert got["x-forwarded-proto"] == "https"
    assert got["x-real-ip"] == got["x-forwarded-for"] == "127.0.0.1"
    assert got["x-api-key"] == "mine"
    assert got["cookie"] == "session=1"
    assert not got.keys() & {"authorization", "origin", "x-private", "x_user"}
    assert "forged" not in got.values()
    assert "Bearer of the cloud" not in got.values()


@pytest.mark.parametrize("value", ["Zoë", "Zoë".encode("latin-1"), b"\x1b[2J"])
def test_a_header_that_is_not_ascii_arrives_as_it_was_sent(
    front: RunningServer, program: UserServer, value: str | bytes
):
    written = value.encode() if isinstance(value, str) else value
    sent = [
        (b"authorization", f"Bearer {front.token}".encode()),
        (b"accept", b"application/json, text/event-stream"),
        (b"mcp-protocol-version", MODERN.encode()),
        (b"mcp-method", b"tools/list"),
        (b"x-name", written),
    ]
    body = modern_request("tools/list")
    answer = httpx2.post(f"{front.base}/mcp", json=body, headers=sent, verify=front.verify)
    assert answer.status_code == 200
    assert program.requests[-1]["x-name"] == written.decode("latin-1")


def test_a_client_cannot_take_the_host_away(front: RunningServer, program: UserServer):
    sent = {"authorization": f"Bearer {front.token}", "connection": "close, host"}
    httpx2.post(f"{front.base}/mcp", json={}, headers=sent, verify=front.verify)
    got = program.requests[-1]
    assert got["host"] == got["x-forwarded-host"]


def test_the_gateway_and_the_front_remove_the_same_headers():
    assert {name.lower() for name in REMOVED_HEADERS} == NAMING


def test_the_token_is_passed_on_if_the_configuration_says_so(
    tmp_path: Path, issuer: Issuer, program: UserServer
):
    with in_front(tmp_path, issuer, program.port, upstream={"forward_token": True}) as server:
        token = admitted(issuer)
        assert server.post_modern("tools/list", token=token).status_code == 200
        assert program.requests[-1]["authorization"] == f"Bearer {token}"


def test_limits_are_those_of_every_server(tmp_path: Path, issuer: Issuer, program: UserServer):
    limits = {"max_body_bytes": 2048, "messages_per_second": 0.1, "burst": 1}
    with in_front(tmp_path, issuer, program.port, limits=limits) as server:
        before = len(program.requests)
        token = admitted(issuer)
        assert server.post(b"x" * 3000, token=token).status_code == 413
        assert server.post(modern_request("tools/list"), token=token).status_code == 400
        refused = server.post_modern("tools/list", token=token)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 0
        assert len(program.requests) == before + 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("era", "body", "version"),
    [("modern", initialize_request(), None), ("legacy", modern_request("tools/list"), MODERN)],
)
def test_an_era_that_the_program_does_not_speak_is_refused(
    tmp_path: Path, issuer: Issuer, program: UserServer, era: str, body: Any, version: str | None
):
    protocol = {"era": era, "longest_tool_seconds": 5, "drain_seconds": 8}
    with in_front(tmp_path, issuer, program.port, protocol=protocol) as server:
        before = len(program.requests)
        answer = server.post(body, token=admitted(issuer), version=version)
        assert answer.status_code == 400
        assert len(program.requests) == before


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "role without section": ({"server": {"role": "front"}}, "section [upstream]"),
    "section without role": ({"upstream": {"port": 8000}}, "server.role is front"),
    "its own port": (
        {"server": {"role": "front", "port": 8000}, "upstream": {"port": 8000}},
        "on which this server listens",
    ),
    "sessions of its own": (
        {"server": {"role": "front"}, "upstream": {"port": 8000}, "state": {"kind": "memory"}},
        "uses no state",
    ),
    "a path with a query": (
        {"server": {"role": "front"}, "upstream": {"port": 8000, "path": "/mcp?a=b"}},
        "upstream.path",
    ),
}


@pytest.mark.parametrize(("sections", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_section_is_refused(
    tmp_path: Path, issuer: Issuer, sections: dict[str, Any], said: str
):
    with pytest.raises(ConfigError, match=re.escape(said)):
        load(write_config(tmp_path, settings(issuer, **sections)))
