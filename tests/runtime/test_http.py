"""HTTP around the protocol: body limits, Host checks, probes, metrics and logs."""

from __future__ import annotations

import re
import uuid

import pytest

from tests.harness.server import RunningServer, fetch, until

SECRET = "argument-that-no-log-may-hold"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"x"', b"{}", b"\xff\xfe", b"[" * 9999]
)
@pytest.mark.parametrize("version", [None, "2026-07-28"])
def test_a_malformed_body_is_a_client_error(dual: RunningServer, body: bytes, version: str | None):
    answer = dual.post(body, version=version)
    # An object without an id is a notification, which the modern era acknowledges or refuses.
    assert answer.status_code == 400
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("era_header", [None, "2026-07-28"])
def test_an_oversized_body_is_refused_unread(dual: RunningServer, era_header: str | None):
    assert dual.post(b" " * (4 * 1024 * 1024 + 1), version=era_header).status_code == 413


def test_an_unauthenticated_client_cannot_make_the_server_read_a_body(dual: RunningServer):
    assert dual.post(b" " * (4 * 1024 * 1024 + 1), token=None).status_code == 401


def test_an_unknown_host_gets_421(dual: RunningServer):
    assert (
        dual.get("/.well-known/oauth-protected-resource", headers={"host": "evil.test"}).status_code
        == 421
    )
    assert dual.post({}, host="evil.test").status_code == 421
    assert dual.post({}, host="127.0.0.1.evil.test").status_code == 421


def test_a_browser_on_another_origin_is_refused(dual: RunningServer):
    assert dual.post({}, origin="https://evil.test").status_code == 403
    assert dual.post({}, origin="https://mcp.qudag.com").status_code == 400


def test_probes_answer_for_any_host(dual: RunningServer):
    for path in ("/health", "/ready"):
        assert dual.get(path, headers={"host": "10.1.2.3:8080"}).status_code == 200


def test_unknown_paths_get_404(dual: RunningServer):
    assert dual.get("/").status_code == 404
    assert dual.get("/metrics").status_code == 404


def test_metrics_count_calls_and_answers(dual: RunningServer):
    calls = dual.metric("mcp_requests_total", method="other")
    refused = dual.metric("http_requests_total", route="/mcp", status="401")
    dual.post({}, token=None)
    assert dual.metric("http_requests_total", route="/mcp", status="401") == refused + 1
    dual.post_modern("made/up")
    assert dual.metric("mcp_requests_total", method="other", status="refused") == calls + 1
    assert dual.metric("qudag_mcp_server_build_info", era="dual", role="monolith") == 1


async def test_open_streams_are_counted_while_they_are_open(long_server: RunningServer):
    before = long_server.metric("mcp_open_streams")
    async with long_server.client("legacy") as client:
        await client.call_tool("echo", {"text": "x"})
        until(lambda: long_server.metric("mcp_open_streams") == before + 1)
    until(lambda: long_server.metric("mcp_open_streams") == before)


async def test_a_log_line_tells_the_call_its_trace_and_no_secret(long_server: RunningServer):
    async with long_server.client("modern") as client:
        await client.call_tool("echo", {"text": SECRET})
        await client.call_tool("fail", {"reason": SECRET})
    calls = until(lambda: [e for e in long_server.events("request") if e.get("tool") == "fail"])
    text = long_server.log_file.read_text()
    assert SECRET not in text
    assert long_server.token not in text
    line = calls[0]
    assert line["outcome"] == "tool_error"
    assert line["rpc_method"] == "tools/call"
    assert line["subject"] == "ada"
    assert {"time", "level", "server", "role", "seconds", "request_id"} <= line.keys()


def test_the_request_id_and_trace_of_the_proxy_are_taken_over(long_server: RunningServer):
    answer = long_server.post({}, x_request_id="r-1", traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")
    assert answer.headers["x-request-id"] == "r-1"
    line = until(lambda: [e for e in long_server.events("request") if e["request_id"] == "r-1"])[0]
    assert (line["trace_id"], line["parent_span_id"]) == (TRACE, "00f067aa0ba902b7")
    assert len(line["span_id"]) == 16
    assert line["span_id"] != line["parent_span_id"]


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"ff-{TRACE}-00f067aa0ba902b7-01",
        f"00-{TRACE.upper()}-00f067aa0ba902b7-01",
        f"00-{TRACE}-00f067aa0ba902b7-01-more",
    ],
)
def test_without_a_valid_trace_the_request_id_names_one(
    long_server: RunningServer, traceparent: str
):
    named = uuid.uuid4().hex
    long_server.post({}, x_request_id=named, traceparent=traceparent)
    line = until(lambda: [e for e in long_server.events("request") if e["request_id"] == named])[0]
    assert line["trace_id"] == named
    assert "parent_span_id" not in line


def test_a_request_id_that_is_no_trace_id_gets_a_trace_of_its_own(long_server: RunningServer):
    names = [f"r-{uuid.uuid4().hex}" for _ in range(2)]
    for name in names:
        long_server.post({}, x_request_id=name)
    lines = until(
        lambda: (
            [
                line
                for name in names
                for line in long_server.events("request")
                if line["request_id"] == name
            ]
            if all(name in long_server.log_file.read_text() for name in names)
            else []
        )
    )
    traces = {line["trace_id"] for line in lines}
    assert len(traces) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", trace) for trace in traces)


@pytest.mark.parametrize("made_up", ["x" * 65, 'a"b', "a b"])
def test_an_invalid_request_id_is_replaced(long_server: RunningServer, made_up: str):
    assert len(long_server.post({}, x_request_id=made_up).headers["x-request-id"]) == 32


def test_probes_leave_no_line_in_the_log(long_server: RunningServer):
    fetch(f"{long_server.plain}/health")
    assert not [e for e in long_server.events("request") if e["path"] in ("/health", "/ready")]
