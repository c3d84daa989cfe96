"""A server serves its configured eras, and refuses others as the specification says."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import httpx2
import pytest
from mcp import MCPError
from mcp_types import UNSUPPORTED_PROTOCOL_VERSION

from tests.harness.server import MODERN, RunningServer, initialize_request, modern_request, serving
from tests.harness.tokens import Issuer

PING = {"jsonrpc": "2.0", "id": 7, "method": "ping"}


@pytest.fixture(scope="module")
def modern(servers_directory: Path, issuer: Issuer) -> Generator[RunningServer]:
    with serving(servers_directory, issuer, protocol={"era": "modern"}) as server:
        yield server


@pytest.fixture(scope="module")
def legacy(servers_directory: Path, issuer: Issuer) -> Generator[RunningServer]:
    with serving(servers_directory, issuer, protocol={"era": "legacy"}) as server:
        yield server


@pytest.mark.parametrize(("era", "version"), [("auto", MODERN), ("legacy", "2025-11-25")])
async def test_a_dual_server_speaks_the_clients_era(dual: RunningServer, era: str, version: str):
    async with dual.client(era) as client:
        assert client.protocol_version == version


async def test_a_modern_server_is_discovered(modern: RunningServer):
    async with modern.client("auto") as client:
        assert client.protocol_version == MODERN
        assert client.server_info is not None
        assert client.server_info.name == "qudag-mcp-monolith"


async def test_a_client_falls_back_to_the_handshake_on_a_legacy_server(legacy: RunningServer):
    async with legacy.client("auto") as client:
        assert client.protocol_version == "2025-11-25"
        assert not (await client.call_tool("echo", {"text": "hi"})).is_error


async def test_a_modern_server_refuses_the_handshake_and_names_what_it_serves(
    modern: RunningServer,
):
    refusal = pytest.RaisesExc(MCPError, match=f"Unsupported protocol version.*{MODERN}")
    with pytest.RaisesGroup(refusal, flatten_subgroups=True):
        async with modern.client("legacy"):
            pass
    answer = modern.post(initialize_request())
    assert answer.status_code == 400
    assert answer.json()["id"] == 7
    assert answer.json()["error"]["code"] == UNSUPPORTED_PROTOCOL_VERSION
    assert answer.json()["error"]["data"] == {"supported": [MODERN], "requested": "2025-11-25"}
    assert "mcp-session-id" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_modern_server_takes_nothing_but_post(modern: RunningServer, method: str):
    headers = {"authorization": f"Bearer {modern.token}", "accept": "text/event-stream"}
    answer = httpx2.request(method, f"{modern.base}/mcp", headers=headers)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_a_legacy_server_refuses_a_modern_request_and_names_what_it_serves(legacy: RunningServer):
    answer = legacy.post_modern("tools/list")
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == UNSUPPORTED_PROTOCOL_VERSION
    assert "2025-11-25" in error["data"]["supported"]
    assert MODERN not in error["data"]["supported"]


def test_an_unknown_modern_method_is_not_found(modern: RunningServer):
    answer = modern.post_modern("no/such")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, -32601)


def test_a_modern_header_that_contradicts_the_body_is_refused(modern: RunningServer):
    answer = modern.post(modern_request("tools/list"), version=MODERN, mcp_method="ping")
    assert answer.status_code == 400


def test_a_legacy_session_belongs_to_the_subject_that_opened_it(legacy: RunningServer):
    opened = legacy.post(initialize_request())
    session = opened.headers["mcp-session-id"]
    assert legacy.post(PING, mcp_session_id=session).status_code == 200
    other = legacy.issuer.token(sub="eve")
    assert legacy.post(PING, token=other, mcp_session_id=session).status_code == 404


def test_an_unknown_legacy_session_is_not_found(legacy: RunningServer):
    assert legacy.post(PING, mcp_session_id="gone").status_code == 404


def test_text_that_utf_8_cannot_hold_is_no_crash_of_the_refusal(
    modern: RunningServer, legacy: RunningServer
):
    body = rb'{"jsonrpc":"2.0","id":"\ud800","method":"x","params":{"protocolVersion":"\ud800"}}'
    for server, version in ((modern, None), (legacy, MODERN)):
        answer = server.post(body, version=version)
        assert answer.status_code == 400
        assert answer.json()["id"] == "\ud800"
