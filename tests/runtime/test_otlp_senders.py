"""Exporters of spans and log lines: their settings, their end, and what is told of lost ones."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio
import pytest

from runtime import telemetry_end
from runtime.drain import Drain
from runtime.log_export import LogExport
from runtime.log_export_config import LogExportSection
from runtime.lost_telemetry import LostTelemetry
from runtime.span_export import provider_of
from runtime.telemetry_end import Sender, sending
from runtime.traces_config import TracesSection
from tests.harness.server import PLAIN, modern_request, serving
from tests.harness.tokens import Issuer


@dataclass
class Receiver:
    """Answers each request with a status."""

    status: int
    url: str = ""
    asked: list[tuple[str, str | None]] = field(default_factory=list[tuple[str, str | None]])

    @contextmanager
    def running(self) -> Generator[Receiver]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                receiver.asked.append((self.path, self.headers.get("authorization")))
                self.send_response(receiver.status)
                self.send_header("location", "/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                return

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            self.url = f"http://127.0.0.1:{server.server_port}"
            yield self
            server.shutdown()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The facts of the events `telemetry_lost`."""
    facts: list[dict[str, Any]] = []

    def tell(_name: str, _level: int, **said: object) -> None:
        facts.append({key: value for key, value in said.items() if value is not None})

    monkeypatch.setattr("runtime.lost_telemetry.event", tell)
    return facts


def send_a_span(url: str, lost: LostTelemetry) -> Callable[[], None]:
    """Start sending a span; returns what waits for it."""
    section = TracesSection(endpoint=f"{url}/v1/traces", timeout_seconds=0.5)
    provider = provider_of(section, {}, lost, lost)
    provider.get_tracer("tests").start_span("one").end()
    return provider.shutdown


def copy_a_line(url: str, lost: LostTelemetry) -> Callable[[], None]:
    """Start sending a copy; returns what waits for it."""
    section = LogExportSection(endpoint=f"{url}/v1/logs", timeout_seconds=0.5)
    export = LogExport(section, {}, lost, lost)
    export.copy({"level": "info", "event": "one"})
    return export.shutdown


BOTH = pytest.mark.parametrize("start", [send_a_span, copy_a_line])
Start = Callable[[str, LostTelemetry], Callable[[], None]]


@BOTH
def test_variables_of_a_users_program_change_no_exporter(
    start: Start, monkeypatch: pytest.MonkeyPatch
):
    for name, value in {
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer users-own",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": "/absent.pem",
        "OTEL_SDK_DISABLED": "true",
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "none of them",
        "OTEL_BSP_EXPORT_TIMEOUT": "none of them",
    }.items():
        monkeypatch.setenv(name, value)
    with Receiver(200).running() as receiver:
        start(receiver.url, LostTelemetry("tests"))()
    assert [token for _, token in receiver.asked] == [None]


@BOTH
@pytest.mark.parametrize("status", [401, 302])
def test_the_status_of_a_refusal_is_told(start: Start, status: int, told: list[dict[str, Any]]):
    with Receiver(status).running() as receiver:
        start(receiver.url, LostTelemetry("tests"))()
    assert len(receiver.asked) == 1
    assert told == [{"signal": "tests", "failed": 1, "dropped": 0, "failure": str(status)}]


@BOTH
def test_the_type_of_an_exception_is_told_without_its_text(
    start: Start, told: list[dict[str, Any]]
):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        start(f"http://127.0.0.1:{taken.getsockname()[1]}", LostTelemetry("tests"))()
    lost = {"signal": "tests", "failed": 1, "dropped": 0, "failure": "ConnectionError"}
    assert told == [lost]


def test_what_no_line_has_told_is_told_at_the_end(told: list[dict[str, Any]]):
    now = [0.0]
    lost = LostTelemetry("logs", lambda: now[0])
    lost("failed", 5)
    lost("dropped", 1000)
    assert told == [{"signal": "logs", "failed": 5, "dropped": 0}]
    lost.waiting = lambda: 3
    lost.end()
    now[0] = 60
    lost("failed", 3)  # of the thread that was left
    assert told[1:] == [{"signal": "logs", "failed": 3, "dropped": 1000}]


def test_nothing_is_told_at_the_end_if_nothing_is_lost(told: list[dict[str, Any]]):
    lost = LostTelemetry("logs")
    lost("sent", 5)
    lost.end()
    assert told == []


async def seconds_of(drain: Drain, *, wait: float) -> float:
    """Of the end of two senders whose receiver hangs."""
    left = threading.Event()

    def hang() -> None:
        left.wait(10)

    begun = anyio.current_time()
    async with sending(drain) as senders:
        for _ in range(2):
            senders.every.append(Sender(hang, wait, LostTelemetry("tests")))
    ended = anyio.current_time() - begun
    left.set()
    return ended


async def test_both_exporters_end_at_once():
    assert 0.2 <= await seconds_of(Drain(), wait=0.2) < 0.4


async def test_a_drain_that_took_all_of_its_time_leaves_them_little(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(telemetry_end, "LEAST_SECONDS", 0.1)
    drain = Drain(ends_at=anyio.current_time())
    assert 0.1 <= await seconds_of(drain, wait=5) < 0.4


@pytest.mark.slow
def test_a_server_ends_within_its_drain_while_a_receiver_hangs(tmp_path: Path):
    (tmp_path / "issuer").mkdir()
    issuer = Issuer.at(tmp_path / "issuer")
    with socket.socket() as hanging:
        hanging.bind(("127.0.0.1", 0))
        hanging.listen(50)
        url = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        sections = {
            "traces": {"endpoint": f"{url}/v1/traces"},
            "log_export": {"endpoint": f"{url}/v1/logs"},
        }
        with serving(tmp_path, issuer, PLAIN, **sections) as server:
            server.post(
                modern_request("tools/call", name="echo", arguments={"text": "a"}),
                version="2026-07-28",
                mcp_method="tools/call",
                mcp_name="echo",
            )
            begun = time.monotonic()
            server.terminate()
            assert server.exit_status() == 0
            assert time.monotonic() - begun < 8  # the drain of the tests' servers
            lost = {one["signal"] for one in server.events("telemetry_lost") if one["failed"]}
            assert lost == {"traces", "logs"}
            assert server.events("stopped")
