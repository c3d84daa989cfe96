"""Spans of the bridge: one for each MCP request, which the program gets as its parent."""

from __future__ import annotations

import gzip
import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest
from mcp_types import INTERNAL_ERROR
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from runtime.bridge.options import BridgeOptions
from runtime.toml_config import ConfigError, validated
from tests.harness.bridge import RunningBridge, bridging, faults, messages, text
from tests.harness.server import MODERN, modern_request, until

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT: Final = f"00-{TRACE}-{CALLER}-01"


@dataclass
class Receiver:
    """An OTLP receiver: what it has got until now."""

    spans: list[tuple[str, Span]] = field(default_factory=list[tuple[str, Span]])

    @contextmanager
    def running(self) -> Generator[str]:
        """Serve until the end of the block; yields its URL."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = gzip.decompress(self.rfile.read(int(self.headers["content-length"])))
                request = ExportTraceServiceRequest.FromString(body)
                for resource in request.resource_spans:
                    names = {a.key: a.value.string_value for a in resource.resource.attributes}
                    receiver.spans += [
                        (names["service.name"], span)
                        for scope in resource.scope_spans
                        for span in scope.spans
                    ]
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
            serving.daemon_threads = True
            Thread(target=serving.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{serving.server_address[1]}/v1/traces"
            serving.shutdown()

    def named(self, name: str) -> Span:
        """The one span of this name, once it is here."""
        until(lambda: name in {span.name for _, span in self.spans}, 20)
        (found,) = [span for _, span in self.spans if span.name == name]
        return found


@contextmanager
def traced(
    directory: Path, *flags: str, **options: Any
) -> Generator[tuple[RunningBridge, Receiver]]:
    receiver = Receiver()
    with (
        receiver.running() as url,
        bridging(directory, faults(*flags), traces_endpoint=url, name="notes", **options) as bridge,
    ):
        yield bridge, receiver


def call_modern(bridge: RunningBridge, tool: str, meta: dict[str, str] | None = None) -> Any:
    body = modern_request("tools/call", name=tool, arguments={})
    body["params"]["_meta"] |= meta or {}
    headers = {"mcp_method": "tools/call", "mcp_name": tool, "traceparent": PARENT}
    return messages(bridge.post(body, version=MODERN, **headers))[-1]


@pytest.mark.slow
@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_the_program_gets_the_span_of_its_request_in_the_trace_of_the_header(
    tmp_path: Path, era: str
):
    other = f"00-{'a' * 32}-{'b' * 16}-01"
    with traced(tmp_path, "--era", era) as (bridge, receiver):
        told = json.loads(text(call_modern(bridge, "meta", {"traceparent": other})))
        call, request = receiver.named("tools/call meta"), receiver.named("POST /mcp")
        assert told["traceparent"] == f"00-{TRACE}-{call.span_id.hex()}-01"
        assert call.parent_span_id == request.span_id
        assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, CALLER)
        assert [link.trace_id.hex() for link in call.links] == ["a" * 32]
        assert {service for service, _ in receiver.spans} == {"notes"}


@pytest.mark.slow
def test_the_calls_of_a_session_have_spans_too(tmp_path: Path):
    with traced(tmp_path) as (bridge, receiver):
        session = bridge.open_session(traceparent=PARENT)
        told = json.loads(text(bridge.call(session, "meta")))
        call = receiver.named("tools/call meta")
        assert told["traceparent"] == f"00-{call.trace_id.hex()}-{call.span_id.hex()}-01"
        assert receiver.named("initialize").trace_id.hex() == TRACE
        # A session is not one trace: each request begins its own.
        assert call.trace_id.hex() != TRACE


@pytest.mark.slow
def test_errors_are_noted_and_no_name_that_a_client_has_made_up(tmp_path: Path):
    with traced(tmp_path, "--era", "modern") as (bridge, receiver):
        assert "error" in call_modern(bridge, "crash")
        assert "error" in call_modern(bridge, "made-up-by-a-client")
        failed = receiver.named("tools/call crash")
        assert failed.status.code == Status.STATUS_CODE_ERROR
        kinds = {one.key: one.value.string_value for one in failed.attributes}
        assert kinds["error.type"] == str(INTERNAL_ERROR)
        assert receiver.named("tools/call").status.code == Status.STATUS_CODE_ERROR
        assert not [s for _, s in receiver.spans if "made-up" in str(s)]


@pytest.mark.slow
def test_without_a_receiver_the_program_gets_what_the_client_sends(tmp_path: Path):
    with bridging(tmp_path, faults("--era", "modern")) as bridge:
        told = json.loads(text(call_modern(bridge, "meta", {"traceparent": PARENT})))
        assert told["traceparent"] == PARENT


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"--traces-endpoint": "collector:4318"}, "--traces-endpoint: string should match"),
        ({"--traces-ca": "/ca.crt"}, "--traces-ca has no effect without --traces-endpoint"),
        (
            {"--traces-endpoint": "http://collector:4318/v1/traces", "--traces-ca": "/ca.crt"},
            "--traces-ca has no effect on http://",
        ),
    ],
)
def test_a_wrong_receiver_is_refused(given: dict[str, str], said: str):
    with pytest.raises(ConfigError, match=said):
        validated("bridge", given, BridgeOptions)
