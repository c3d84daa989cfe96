"""The SDK's spans: recorded where the process has a provider of them, else not even made."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import AsyncExitStack
from typing import Final

import httpx2
import pytest
from mcp.shared import _otel  # pyright: ignore[reportPrivateUsage]
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from runtime import application
from runtime.config import Config
from tests.harness.server import MODERN, modern_request, settings
from tests.harness.tokens import Issuer


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """What is recorded by a provider that is there before the server is built."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(application, "get_tracer_provider", lambda: provider)
    monkeypatch.setattr(_otel, "_tracer", provider.get_tracer("test"))
    return exporter


async def call_echo(issuer: Issuer) -> None:
    app = application.application(Config.model_validate(settings(issuer))).public
    body = modern_request("tools/call", name="echo", arguments={"text": "hello"})
    headers = {
        "authorization": f"Bearer {issuer.token()}",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": MODERN,
        "mcp-method": "tools/call",
        "mcp-name": "echo",
    }
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url="http://localhost"
        )
        answer = await (await stack.enter_async_context(client)).post(
            "/mcp", json=body, headers=headers
        )
    assert answer.json()["result"]["content"][0]["text"] == "hello"


async def test_a_call_is_a_span_where_the_process_records_spans(
    issuer: Issuer, spans: InMemorySpanExporter
):
    await call_echo(issuer)
    assert [span.name for span in spans.get_finished_spans()] == ["tools/call echo"]


async def test_no_span_is_made_where_nobody_records_it(
    issuer: Issuer, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(application, "get_tracer_provider", trace.ProxyTracerProvider)
    await call_echo(issuer)
    assert not spans.get_finished_spans()


BUILDS: Final = """
import json, sys
from runtime import application
from runtime.config import Config
application.application(Config.model_validate(json.loads(sys.argv[1])))
print(*sys.modules, sep="\\n")
"""


@pytest.mark.slow
@pytest.mark.parametrize("traced", [False, True])
def test_the_libraries_that_send_spans_are_imported_with_traces_only(traced: bool, issuer: Issuer):
    """The MCP SDK imports OpenTelemetry's API, which sends nothing."""
    sections = {"traces": {"endpoint": "https://traces.test/v1/traces"}} if traced else {}
    command = [sys.executable, "-c", BUILDS, json.dumps(settings(issuer, **sections))]
    imported = subprocess.check_output(command, text=True).splitlines()
    assert "runtime.application" in imported
    assert ("opentelemetry.sdk" in imported) is traced
    assert ("opentelemetry.exporter" in imported) is traced
