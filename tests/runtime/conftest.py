"""Servers that several test files share; each is started once."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from runtime import span_export, tracing
from tests.harness.server import RunningServer, serving
from tests.harness.tokens import Issuer
from tests.harness.user_server import Front, UserServer, federating, running
from tests.harness.weather_server import weather


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer.at(tmp_path_factory.mktemp("issuer"))


@pytest.fixture(scope="session")
def servers_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
def dual(servers_directory: Path, issuer: Issuer) -> Generator[RunningServer]:
    protocol = {
        "longest_tool_seconds": 1.5,
        "drain_seconds": 3,
        "allowed_hosts": ["127.0.0.1", "mcp.qudag.com"],
    }
    with serving(servers_directory, issuer, protocol=protocol) as server:
        yield server


@pytest.fixture(scope="session")
def long_server(servers_directory: Path, issuer: Issuer) -> Generator[RunningServer]:
    """A server whose calls may take longer than any test waits."""
    protocol = {"longest_tool_seconds": 60, "drain_seconds": 65}
    with serving(servers_directory, issuer, protocol=protocol) as server:
        yield server


@pytest.fixture(scope="session")
def modern_weather() -> Generator[UserServer]:
    with running(weather()) as server:
        yield server


@pytest.fixture(scope="session")
def legacy_weather() -> Generator[UserServer]:
    with running(weather(), modern=False) as server:
        yield server


@pytest.fixture(scope="session")
def federation(
    issuer: Issuer, modern_weather: UserServer, legacy_weather: UserServer
) -> Generator[Front]:
    entries = [
        modern_weather.entry("weather", era="modern", longest_tool_seconds=0.5),
        legacy_weather.entry("old", era="legacy"),
        legacy_weather.entry("either", era="dual"),
        modern_weather.entry("closed", scopes=["closed.read"]),
    ]
    with federating(issuer, *entries) as front:
        yield front


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """The spans of servers with `[traces]`, kept in memory in place of a collector."""
    exporter = InMemorySpanExporter()

    def provider_of(*_: Any) -> TracerProvider:
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        return provider

    monkeypatch.setattr(span_export, "provider_of", provider_of)
    yield exporter
    tracing.use(None)
