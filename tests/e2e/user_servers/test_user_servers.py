"""Servers of a user's own are called through the gateway, alone and in one list."""

from __future__ import annotations

import ssl
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from mcp_types import CallToolResult, TextContent

from components.base.problems import ProblemReport
from delivery.local_secrets import signer_key
from delivery.mcp_client import Endpoint, Era, call_tool, list_tools, mint
from tests.harness.deployed_platform import Platform

ERAS = pytest.mark.parametrize("era", list(Era))
SERVERS = ("weather", "notes", "counter")


def server(own: Platform, name: str, **claims: Any) -> Endpoint:
    """The endpoint of one server, with a token for it that has these claims besides."""
    private = signer_key(own.kubectl, own.namespace)
    assert private is not None
    url = own.deployed.outputs["servers"][name]["mcp_url"]
    usual = {"issuer": own.deployed.outputs["issuer"], "audience": url, "subject": "ann"}
    token = mint(private, **{**usual, **claims})
    path = "/servers/" + name + "/mcp"
    return Endpoint(
        url=own.url.removesuffix("/mcp") + path, token=token, ca_file=own.deployed.ca_file
    )


def trust(ca_file: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file)


def said(result: CallToolResult) -> str:
    assert not result.is_error, result
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


def status(endpoint: Endpoint, **headers: str) -> int:
    """The HTTP status of a tools/list with these headers."""
    call: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    given = {"accept": "application/json, text/event-stream", **headers}
    answer = httpx2.post(endpoint.url, json=call, headers=given, verify=trust(endpoint.ca_file))
    return answer.status_code


@ERAS
async def test_a_server_is_called_at_its_own_url_and_learns_who_calls(own: Platform, era: Era):
    endpoint = server(own, "weather", scope="weather.read")
    result = await call_tool(endpoint, era, "forecast", {"city": "Bern"})
    assert said(result) == "rain in Bern for ann with no token"


@ERAS
async def test_a_program_that_speaks_stdio_is_called_at_its_own_url(own: Platform, era: Era):
    result = await call_tool(server(own, "notes"), era, "note", {"text": "a"})
    assert said(result) == "noted: a"


@ERAS
async def test_the_list_has_the_tools_of_all_servers_that_the_caller_may_use(
    own: Platform, era: Era
):
    plain = {tool.name for tool in await list_tools(own.endpoint(), era)}
    assert plain == {"notes__note", "notes__slow", "counter__count"}
    scoped = own.endpoint(scope="weather.read")
    found = {tool.name for tool in await list_tools(scoped, era)}
    assert found == plain | {"weather__forecast", "weather__slow"}
    result = await call_tool(scoped, era, "weather__forecast", {"city": "Bern"})
    assert said(result).startswith("rain in Bern for ")
    assert said(result).endswith("with no token")


def test_requests_without_a_token_for_the_server_are_refused(own: Platform):
    weather, notes = server(own, "weather", scope="weather.read"), server(own, "notes")
    assert status(weather) == 401
    assert status(weather, authorization=f"Bearer {notes.token}") == 401
    assert status(weather, authorization=f"Bearer {own.endpoint().token}") == 401
    assert status(notes, authorization=f"Bearer {weather.token}") == 401
    unscoped = server(own, "weather")
    assert status(weather, authorization=f"Bearer {unscoped.token}") == 403


async def test_a_client_cannot_say_who_it_is(own: Platform):
    endpoint = server(own, "weather", scope="weather.read")
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "forecast", "arguments": {"city": "Bern"}},
    }
    headers = {
        "accept": "application/json, text/event-stream",
        "authorization": f"Bearer {endpoint.token}",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "forecast",
        "x-user": "root",
    }
    answer = httpx2.post(endpoint.url, json=call, headers=headers, verify=trust(endpoint.ca_file))
    assert "root" not in answer.text


@pytest.mark.parametrize("name", SERVERS)
def test_each_server_has_its_own_metadata(own: Platform, name: str):
    outputs = own.deployed.outputs["servers"][name]
    base = own.url.removesuffix("/mcp")
    path = outputs["prm_url"].partition("/.well-known/")[2]
    answer = httpx2.get(f"{base}/.well-known/{path}", verify=trust(own.deployed.ca_file))
    metadata = answer.json()
    assert metadata["resource"].endswith(f"/servers/{name}/mcp")
    assert metadata["authorization_servers"] == [outputs["issuer"]]


@pytest.mark.parametrize("target", ["1.1.1.1/443", "169.254.169.254/80", "notes-service/8443"])
def test_a_server_opens_no_connection(own: Platform, target: str):
    (pod,) = own.pods("weather")
    connect = f"timeout 3 bash -c 'echo > /dev/tcp/{target}' 2>/dev/null && echo open || echo shut"
    where = [f"-n={own.namespace}", pod["metadata"]["name"], "-c=server"]
    assert own.kubectl.must("exec", *where, "--", "bash", "-c", connect).strip() == "shut"


async def test_a_server_that_is_down_hides_no_other(own: Platform):
    namespace = f"-n={own.namespace}"
    own.kubectl.must("scale", namespace, "deployment/weather", "--replicas=0")
    own.kubectl.must("wait", namespace, "pod", "-l=app=weather", "--for=delete", "--timeout=120s")
    try:
        result = await call_tool(own.endpoint(), Era.MODERN, "notes__note", {"text": "b"})
        assert said(result) == "noted: b"
        gone = replace(server(own, "weather", scope="weather.read"), seconds=20)
        with pytest.raises(ProblemReport):
            await list_tools(gone, Era.MODERN)
    finally:
        own.kubectl.must("scale", namespace, "deployment/weather", "--replicas=1")
