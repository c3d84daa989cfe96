"""The metrics of OpenTelemetry's conventions for MCP, as docs/gen-ai/mcp.md of
open-telemetry/semantic-conventions-genai states them.

Their names have dots. Prometheus has underscores in their place, and the unit at the end.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from mcp import MCPError
from mcp_types.jsonrpc import ErrorData
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, enable_created_metrics, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import BaseModel, ValidationError

from components.mcp.metrics import EXPORTED
from runtime.application import application
from runtime.config import Config, ServerConfig
from runtime.error_types import error_type
from runtime.federation.callers import Caller
from runtime.federation.failures import CircuitOpenError, UnreachableError
from runtime.federation.federation import Federation
from runtime.federation.upstream import Asked
from runtime.metrics import Metrics
from runtime.state import SessionStore
from runtime.stores.in_memory import InMemorySessions
from runtime.tool_servers_config import ToolServerSection
from runtime.worker_probes import WorkerProbes
from tests.harness.bridge import bridging, faults
from tests.harness.server import (
    MODERN,
    RunningServer,
    fetch,
    free_port,
    initialize_request,
    modern_request,
    serving,
    settings,
    until,
)
from tests.harness.tokens import Issuer
from tests.runtime.test_disconnects import request

OPERATION: Final = "mcp_server_operation_duration_seconds"
SESSION: Final = "mcp_server_session_duration_seconds"
CLIENT: Final = "mcp_client_operation_duration_seconds"
OF_CONVENTION: Final = {
    OPERATION: ("mcp.server.operation.duration", "server"),
    SESSION: ("mcp.server.session.duration", "sessions"),
    CLIENT: ("mcp.client.operation.duration", "tool_servers"),
}
ATTRIBUTES: Final = {
    OPERATION: {"mcp.method.name", "gen_ai.tool.name", "error.type"},
    SESSION: {"mcp.protocol.version"},
    CLIENT: {"mcp.method.name", "gen_ai.tool.name", "error.type", "server.address"},
}
BOUNDS: Final = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300]
LEGACY: Final = "2025-11-25"
Key = tuple[str, ...]


def observed(text: str, name: str, *labels: str) -> dict[Key, float]:
    """How often a histogram was observed, by the values of labels."""
    return {
        tuple(sample.labels[label] for label in labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"{name}_count"
    }


def operations(text: str) -> dict[Key, float]:
    """The measured requests by method, tool and error."""
    return observed(text, OPERATION, "mcp_method_name", "gen_ai_tool_name", "error_type")


@pytest.mark.parametrize("name", OF_CONVENTION)
def test_the_list_has_the_metric_with_labels_of_the_convention(name: str):
    listed = EXPORTED[name]
    convention, exporter = OF_CONVENTION[name]
    assert (listed.convention, listed.exporters) == (convention, (exporter,))
    assert (listed.kind, listed.unit) == ("histogram", "seconds")
    assert set(listed.labels) == {one.replace(".", "_") for one in ATTRIBUTES[name]}


@pytest.mark.slow
async def test_requests_are_measured_by_method_tool_and_error(tmp_path: Path, issuer: Issuer):
    with serving(tmp_path, issuer) as server:
        async with server.client("modern") as client:
            for _ in range(3):
                await client.call_tool("echo", {"text": "x"})
            assert (await client.call_tool("fail", {"reason": "x"})).is_error
            with pytest.raises(MCPError):
                await client.call_tool("made-up-by-a-client", {})
            with pytest.raises(MCPError):
                await client.get_prompt("made-up-by-a-client", {})
        server.post_modern("made-up/by-a-client")
        text = fetch(server.metrics_url).text
    found = operations(text)
    expected = {
        ("tools/call", "echo", ""): 3,
        ("tools/call", "fail", "tool_error"): 1,
        ("tools/call", "other", "-32602"): 1,
        ("prompts/get", "", "-32602"): 1,
        ("other", "", "-32601"): 1,
    }
    assert {key: found.get(key) for key in expected} == expected
    assert {key for key in found if key[0] == "tools/call"} <= expected.keys()
    assert "made-up" not in text
    assert bounds(text, OPERATION) == BOUNDS


def bounds(text: str, name: str) -> list[float]:
    """The bounds of a histogram's buckets, without the last."""
    return sorted(
        {
            float(sample.labels["le"])
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == f"{name}_bucket"
        }
        - {float("inf")}
    )


def test_a_call_whose_client_has_gone_is_cancelled(tmp_path: Path, issuer: Issuer):
    wait = modern_request("tools/call", name="wait", arguments={"seconds": 5})
    more = {"mcp-protocol-version": MODERN, "mcp-method": "tools/call", "mcp-name": "wait"}
    with serving(tmp_path, issuer) as server:
        with socket.create_connection(("127.0.0.1", server.config["server"]["port"])) as client:
            client.sendall(request(server.token, wait, more))
            until(lambda: server.metric("mcp_calls_in_flight") == 1)
        key = ("tools/call", "wait", "cancelled")
        until(lambda: operations(fetch(server.metrics_url).text).get(key) == 1)


async def test_a_subscription_is_no_operation(tmp_path: Path, issuer: Issuer):
    """Its answer is a stream that ends when the client has gone; spans have none of it either."""
    with serving(tmp_path, issuer) as server:
        async with server.client() as client, client.listen(tools_list_changed=True):
            await client.list_tools()
        until(lambda: server.metric("mcp_requests_total", method="subscriptions/listen") == 1)
        methods = {method for method, *_ in operations(fetch(server.metrics_url).text)}
    assert "tools/list" in methods
    assert "subscriptions/listen" not in methods


class _Number(BaseModel):
    value: int


def _invalid() -> ValidationError:
    with pytest.raises(ValidationError) as found:
        _Number.model_validate({"value": "x"})
    return found.value


def refused(code: int) -> MCPError:
    return MCPError.from_error_data(ErrorData(code=code, message="x"))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (refused(-32700), "-32700"),
        (refused(-32601), "-32601"),
        (refused(-32001), "-32001"),
        (refused(-32800), "-32800"),
        (refused(-31999), "_OTHER"),
        (refused(7), "_OTHER"),
        (RuntimeError("x"), "-32603"),
        (UnreachableError("weather", "x"), "-32603"),
    ],
)
def test_an_error_type_is_one_of_few(error: Exception, expected: str):
    """Another server chooses the code of its error, and a handler the class of its exception."""
    assert error_type(error) == expected


def test_wrong_params_have_the_type_that_the_client_gets():
    assert error_type(_invalid()) == "-32602"


def test_tools_of_other_servers_are_named_up_to_a_number():
    metrics = Metrics(ServerConfig())
    labels = {metrics.tool_label(f"weather__{number}") for number in range(600)}
    assert len(labels) == 500 + 1
    assert metrics.tool_label("weather__0") == "weather__0"
    assert metrics.tool_label("weather__599") == "other"


def test_no_time_of_creation_is_exported(tmp_path: Path, issuer: Issuer):
    """It would be a further series for each counter and each histogram."""
    with serving(tmp_path, issuer) as server:
        server.post_modern("tools/list")
        text = fetch(server.metrics_url).text
    assert ("tools/list", "", "") in operations(text)
    assert "_created" not in text


def test_the_parent_of_worker_processes_exports_none_either():
    enable_created_metrics()
    registry = CollectorRegistry()
    registry.register(WorkerProbes({}, 2).totals)
    text = generate_latest(registry).decode()
    assert "mcp_workers_replaced_total" in text
    assert "_created" not in text


@asynccontextmanager
async def connected(
    issuer: Issuer, store: SessionStore | None = None, **sections: Any
) -> AsyncGenerator[tuple[httpx2.AsyncClient, httpx2.AsyncClient]]:
    """A server of this process: a client of it, and one of its metrics."""
    parts = application(Config.model_validate(settings(issuer, **sections)), store)
    headers = {
        "authorization": f"Bearer {issuer.token()}",
        "accept": "application/json, text/event-stream",
    }
    public, metrics = [
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url="http://localhost", headers=sent
        )
        for app, sent in ((parts.public, headers), (parts.metrics, {}))
    ]
    async with parts.public.router.lifespan_context(parts.public):
        yield public, metrics


async def test_a_session_is_measured_when_it_ends(tmp_path: Path, issuer: Issuer):
    with serving(tmp_path, issuer) as server:
        opened = server.post(initialize_request())
        again = server.post(initialize_request(), mcp_session_id=opened.headers["mcp-session-id"])
        assert again.status_code == 200
        assert server.metric(f"{SESSION}_count") == 0
        ended = httpx2.delete(
            f"{server.base}/mcp",
            headers={
                "authorization": f"Bearer {server.token}",
                "mcp-session-id": opened.headers["mcp-session-id"],
            },
        )
        assert ended.status_code == 200
        until(lambda: server.metric(f"{SESSION}_count", mcp_protocol_version=LEGACY) == 1)
        assert server.metric(f"{SESSION}_count") == 1
        assert 0 < server.metric(f"{SESSION}_sum") < 60
        assert bounds(fetch(server.metrics_url).text, SESSION) == BOUNDS


async def test_a_session_in_a_shared_store_is_not_measured(issuer: Issuer):
    async with connected(issuer, InMemorySessions()) as (client, metrics):
        opened = await client.post("/mcp", json=initialize_request())
        named = {"mcp-session-id": opened.headers["mcp-session-id"]}
        assert (await client.delete("/mcp", headers=named)).status_code == 204
    text = (await metrics.get("/metrics")).text  # the server has ended every connection
    assert ("initialize", "", "") in operations(text)
    assert observed(text, SESSION, "mcp_protocol_version") == {}


REQUESTS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("tools/call", {"name": "echo", "arguments": {"text": "x"}}),
    ("tools/call", {"name": "fail", "arguments": {"reason": "x"}}),
    ("tools/call", {"name": "weather__forecast", "arguments": {}}),
    ("tools/call", {"name": "echo", "arguments": 7}),
    ("tools/list", {}),
    ("prompts/get", {"name": "no-such"}),
    ("resources/read", {"uri": "no-such://one"}),
)


async def test_spans_and_metrics_name_the_same_errors(issuer: Issuer, spans: InMemorySpanExporter):
    traces = {"endpoint": "https://collector.test:4318/v1/traces"}
    behind = [{"name": "weather", "url": f"http://127.0.0.1:{free_port()}/mcp"}]
    async with connected(issuer, traces=traces, tool_servers=behind) as (client, metrics):
        for method, params in REQUESTS:
            named = {"mcp-name": params["name"]} if "name" in params else {}
            headers = {"mcp-protocol-version": MODERN, "mcp-method": method, **named}
            body = modern_request(method, **params)
            await client.post("/mcp", json=body, headers=headers)
        text = (await metrics.get("/metrics")).text
    for kind, found, errors in (
        ("SERVER", operations(text), {"", "tool_error", "-32602"}),
        ("CLIENT", client_operations(text), {"UnreachableError"}),
    ):
        of_spans = {
            (
                str((one.attributes or {})["mcp.method.name"]),
                str((one.attributes or {}).get("error.type", "")),
            )
            for one in spans.get_finished_spans()
            if one.kind.name == kind and "mcp.method.name" in (one.attributes or {})
        }
        assert {(method, error) for method, _, error, *_ in found} == of_spans
        assert {error for _, error in of_spans} >= errors
    assert client_operations(text)["tools/call", "other", "UnreachableError", "127.0.0.1"] >= 1


async def test_a_request_that_is_not_sent_is_not_measured():
    """The circuit breaker is open after three failures."""
    section = ToolServerSection(name="weather", url=f"http://127.0.0.1:{free_port()}/mcp")
    metrics = Metrics(ServerConfig())
    federation = Federation([section], "core", metrics)
    upstream = federation.members["weather"].upstream
    asked = Asked("tools/list", {}, Caller(token=None, headers={}, meta={}, version=MODERN))
    for _ in range(3):
        with pytest.raises(UnreachableError):
            await upstream.send(asked)
    with pytest.raises(CircuitOpenError):
        await upstream.send(asked)
    await federation.aclose()
    found = client_operations(generate_latest(metrics.registry).decode())
    assert found == {("tools/list", "", "UnreachableError", "127.0.0.1"): 3}


def client_operations(text: str) -> dict[Key, float]:
    labels = ("mcp_method_name", "gen_ai_tool_name", "error_type", "server_address")
    return observed(text, CLIENT, *labels)


@pytest.mark.slow
async def test_requests_to_other_servers_are_measured(tmp_path: Path, issuer: Issuer):
    with serving(tmp_path, issuer, server={"role": "tools"}) as back:
        behind = [{"name": "tools", "url": f"{back.base}/mcp"}]
        with serving(tmp_path, issuer, server={"role": "core"}, tool_servers=behind) as front:
            async with front.client() as client:
                await client.list_tools()
                await client.call_tool("tools__echo", {"text": "x"})
                assert (await client.call_tool("tools__fail", {"reason": "x"})).is_error
            text = fetch(front.metrics_url).text
            alone = fetch(back.metrics_url).text
    found = client_operations(text)
    assert found["tools/call", "echo", "", "127.0.0.1"] == 1
    assert found["tools/call", "fail", "tool_error", "127.0.0.1"] == 1
    assert found["tools/list", "", "", "127.0.0.1"] >= 1
    assert operations(text)["tools/call", "tools__echo", ""] == 1
    assert bounds(text, CLIENT) == BOUNDS
    assert CLIENT not in alone


@pytest.mark.slow
def test_a_server_of_several_processes_has_the_sums(tmp_path: Path, issuer: Issuer):
    with serving(tmp_path, issuer, server={"workers": 2}, protocol={"era": "modern"}) as server:

        def workers() -> set[int]:
            return {one["worker"] for one in server.events("request") if one["path"] == "/mcp"}

        calls = 0
        while workers() != {0, 1}:
            echo(server)
            calls += 1
            assert calls < 60
        text = fetch(server.metrics_url).text
    assert operations(text)["tools/call", "echo", ""] == calls
    assert bounds(text, OPERATION) == BOUNDS
    assert "_created" not in text


def echo(server: RunningServer) -> None:
    body = modern_request("tools/call", name="echo", arguments={"text": "x"})
    answer = server.post(body, version=MODERN, mcp_method="tools/call", mcp_name="echo")
    assert answer.status_code == 200


@pytest.mark.slow
def test_a_bridge_measures_the_requests_and_sessions_of_its_program(tmp_path: Path):
    with bridging(tmp_path, faults()) as bridge:
        metrics = f"http://127.0.0.1:{bridge.metrics_port}/metrics"
        session = bridge.open_session()
        assert "result" in bridge.call(session, "meta")
        assert "error" in bridge.call(session, "made-up-by-a-client")
        assert "error" in bridge.call_modern("crash")
        assert observed(fetch(metrics).text, SESSION, "mcp_protocol_version") == {}
        assert bridge.end_session(session).status_code == 200
        until(lambda: observed(fetch(metrics).text, SESSION, "mcp_protocol_version"))
        text = fetch(metrics).text
    found = operations(text)
    assert found["tools/call", "meta", ""] == 1
    assert found["initialize", "", ""] == 1
    assert {key: value for key, value in found.items() if key[1] in ("other", "crash")} == {
        ("tools/call", "other", "-32602"): 1,
        ("tools/call", "crash", "-32603"): 1,
    }
    assert "made-up" not in text
    assert observed(text, SESSION, "mcp_protocol_version") == {(LEGACY,): 1}
