"""Servers of a user send spans with the variables of a stack, in the trace of the caller."""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from components.observability.trace_collector_config import TraceSampling
from tests.harness import instrumented_server
from tests.harness.certificates import Authority
from tests.harness.pods import Pod
from tests.harness.running_pod import run_container
from tests.harness.server import until
from tests.harness.trace_collector import HOST, Recorded
from tests.harness.traced_platform import TracedPlatform, traced_platform
from tests.harness.user_servers import NETWORK, recorded

PROGRAM: Final = [sys.executable, instrumented_server.__file__]
TRACES: Final = {"sink": {"url": "https://traces.example.com", "networks": ["192.0.2.0/24"]}}
PORTS: Final = {"weather": 8100, "files": 8101, "quiet": 8102}
SERVERS: Final[Mapping[str, Any]] = {
    "weather": {
        "image": "ghcr.io/acme/weather:1",
        "command": [*PROGRAM, str(PORTS["weather"])],
        "port": PORTS["weather"],
        "traces": True,
        # The exporter must not use the proxy of the stack for the collector.
        "egress": {"hosts": ["api.example.com:443"]},
    },
    "files": {
        "image": "ghcr.io/acme/files:1",
        "transport": "stdio",
        "command": PROGRAM,
        "port": PORTS["files"],
        "traces": True,
    },
    "quiet": {
        "image": "ghcr.io/acme/quiet:1",
        "transport": "stdio",
        "command": PROGRAM,
        "port": PORTS["quiet"],
    },
}
SERVER: Final = 2
"""Kind of a span, in OTLP."""


def start(
    stack: contextlib.ExitStack, directory: Path, authority: Authority
) -> Sequence[Mapping[str, Any]]:
    """Run the container of each server as the stack has it."""
    network = {key: value for key, value in NETWORK.items() if key != "prometheus"}
    graph = recorded(
        {
            "topology": "none",
            "network": network,
            "servers": SERVERS,
            "observability": {"traces": TRACES},
        }
    )
    secrets = {"mcp-internal-ca": {"ca.crt": authority.ca_file.read_text()}}
    for name, port in PORTS.items():
        pod = replace(Pod.recorded(graph, name, directory, secrets), hosts=[HOST])
        stack.enter_context(run_container(pod, "server"))
        until(lambda port=port: is_open(port), 30)
    return [
        {"name": name, "url": f"http://127.0.0.1:{port}/mcp", "send_user": True}
        for name, port in PORTS.items()
    ]


def is_open(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Generator[TracedPlatform]:
    with traced_platform(tmp_path_factory, start) as running:
        yield running


async def traced_call(platform: TracedPlatform, server: str, era: str) -> list[Recorded]:
    """The spans of one call of a tool of a server, through the gateway and the list at /mcp."""
    with platform.start_collector(
        f"{server}-{era}", TraceSampling(sampled_percent=100)
    ) as collector:
        said = await platform.call(era, f"{server}__forecast", {"city": "Bern"})
        assert said == "rain in Bern"
        time.sleep(3)
        collector.stop()
        spans = collector.spans()
    (call,) = [span for span in spans if span.name == f"tools/call {server}__forecast"]
    return [span for span in spans if span.trace == call.trace]


def above(spans: list[Recorded], name: str, service: str) -> list[tuple[str, str]]:
    """The service and the name of a span, and of each one above it."""
    by_id = {span.span: span for span in spans}
    (lowest,) = [span for span in spans if (span.name, span.service) == (name, service)]
    found, at = [(lowest.service, lowest.name)], lowest.parent
    while at:
        found.append((by_id[at].service, by_id[at].name))
        at = by_id[at].parent
    return found


CALLER: Final = [("front", "POST /mcp"), ("gateway", "POST /mcp")]


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_a_server_with_the_sdk_of_opentelemetry_continues_the_trace_of_its_caller(
    platform: TracedPlatform, era: str
):
    spans = await traced_call(platform, "weather", era)
    assert above(spans, "ask the model", "weather") == [
        ("weather", "ask the model"),
        ("weather", "tools/call forecast"),
        ("front", "tools/call weather"),
        ("front", "tools/call weather__forecast"),
        *CALLER,
    ]
    (received,) = [s for s in spans if (s.service, s.name) == ("weather", "tools/call forecast")]
    assert received.kind == SERVER


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_the_bridge_makes_a_span_between_the_caller_and_the_program(
    platform: TracedPlatform, era: str
):
    spans = await traced_call(platform, "files", era)
    assert above(spans, "ask the model", "files") == [
        ("files", "ask the model"),
        ("files", "tools/call forecast"),  # of the program
        ("files", "tools/call forecast"),  # of the bridge
        ("files", "POST /mcp"),
        ("front", "tools/call files"),
        ("front", "tools/call files__forecast"),
        *CALLER,
    ]


async def test_a_server_without_traces_sends_none(platform: TracedPlatform):
    spans = await traced_call(platform, "quiet", "modern")
    assert {span.service for span in spans} == {"gateway", "front"}


async def test_spans_of_servers_have_the_attributes_of_the_stack(platform: TracedPlatform):
    with platform.start_collector("attributes", TraceSampling(sampled_percent=100)) as collector:
        await platform.call("modern", "weather__forecast", {"city": "Bern"})
        time.sleep(3)
        collector.stop()
        text = collector.file.read_text()
    for key, value in (
        ("deployment.environment.name", "development"),
        ("k8s.namespace.name", "qudag-mcp-dev"),
    ):
        assert f'{{"key":"{key}","value":{{"stringValue":"{value}"}}}}' in text
