"""Answers by `Accept` header: an event stream, JSON, or 406 with the missing media types."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.server import (
    MODERN,
    RunningServer,
    initialize_request,
    modern_request,
    serving,
)
from tests.harness.tokens import Issuer

ERAS = [None, MODERN]
version = pytest.mark.parametrize("version", ERAS)


@pytest.fixture(scope="module")
def in_json(servers_directory: Path, issuer: Issuer) -> Generator[RunningServer]:
    """A server that answers clients that accept only JSON."""
    with serving(servers_directory, issuer, protocol={"json_answers": True}) as server:
        yield server


def message(version: str | None, method: str = "tools/list", **params: Any) -> dict[str, Any]:
    if version is None:
        return {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
    return modern_request(method, **params)


@version
@pytest.mark.parametrize("accept", ["text/html", "text/event-stream", "application/json", ""])
def test_a_406_says_in_its_body_what_the_client_must_accept(
    dual: RunningServer, accept: str, version: str | None
):
    answer = dual.post(message(version), version=version, accept=accept)
    assert answer.status_code == 406
    error = answer.json()["error"]
    assert "application/json, text/event-stream" in error["message"]
    assert ("protocol.json_answers" in error["message"]) == (accept == "application/json")


@version
def test_a_client_that_accepts_only_json_gets_one_json_body(
    in_json: RunningServer, version: str | None
):
    opened: dict[str, str] = {}
    if version is None:
        answer = in_json.post(initialize_request(), accept="application/json")
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["result"]["serverInfo"]
        opened = {"mcp_session_id": answer.headers["mcp-session-id"]}
        started = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        assert in_json.post(started, accept="application/json", **opened).status_code == 202
    called = message(version, "tools/call", name="count", arguments={"to": 3})
    called["params"].setdefault("_meta", {})["progressToken"] = 1
    routed = opened if version is None else {"mcp_method": "tools/call", "mcp_name": "count"}
    answer = in_json.post(called, version=version, accept="application/json", **routed)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["id"] == 7
    assert answer.json()["result"]["content"][0]["text"] == "counted to 3"


def test_a_client_that_accepts_streams_still_gets_them(in_json: RunningServer):
    answer = in_json.post(initialize_request())
    assert answer.headers["content-type"].startswith("text/event-stream")


def test_errors_come_as_json_too(in_json: RunningServer):
    opened = in_json.post(initialize_request(), accept="application/json")
    unknown = message(None, "tools/call", name="none", arguments={})
    session = opened.headers["mcp-session-id"]
    answer = in_json.post(unknown, accept="application/json", mcp_session_id=session)
    assert (answer.status_code, answer.json()["error"]["code"]) == (200, -32602)


@pytest.mark.parametrize("accept", ["text/event-stream", "text/html"])
def test_a_client_that_accepts_no_json_is_refused(in_json: RunningServer, accept: str):
    answer = in_json.post(initialize_request(), accept=accept)
    assert answer.status_code == 406
    assert answer.json()["error"]["message"].endswith("must name application/json")
