"""The collector loses no line while its sink is away, and sends the token that the sink wants."""

from __future__ import annotations

import base64
import json
import os
import ssl
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import httpx2
import pytest

from components.kubernetes.pod_settings import SecretKey
from components.mcp.metrics import exported_by
from components.observability.log_pipeline import LogSink
from graph.resource_graph import ResourceGraph
from tests.harness.certificates import Authority
from tests.harness.collected_logs import PLATFORM, collector, stored
from tests.harness.log_collector import CollectorProcess, built, collecting
from tests.harness.server import free_port, until

MINUTES: Final = float(os.environ.get("SINK_AWAY_MINUTES", "0.1"))
"""How long the sink is away; the fast form is 6 seconds."""


def test_nothing_is_lost_or_doubled_while_the_sink_is_away(tmp_path: Path):
    """The collector is stopped and started again in between, as when its pod is replaced."""
    lines = 0
    with collecting(tmp_path, collector()) as (reader, store):
        file = reader.file(PLATFORM, "notes-5d8f7b9c4-x2k9q", "server")

        def write(count: int) -> None:
            nonlocal lines
            text = (
                json.dumps(
                    {"event": "n", "number": lines + at, "status": 401 if at % 5 == 0 else 200}
                )
                for at in range(count)
            )
            file.write("\n".join(text) + "\n")
            lines += count

        write(500)
        until(lambda: stored(store) == lines, 60)
        store.stop()
        write(1000)
        until(lambda: reader.metric("otelcol_exporter_queue_size") > 0, 30)
        _wait(MINUTES / 2)
        reader.stop()
        write(500)
        reader.start(store.url)
        _wait(MINUTES / 2)
        write(500)
        store.start()
        until(lambda: stored(store) >= lines, 120)
        found = [one["number"] for number in (0, 1) for one in store.documents(number)]
        assert sorted(map(int, found)) == list(range(lines))
        until(lambda: reader.metric("otelcol_exporter_queue_size") == 0, 30)


def _wait(minutes: float) -> None:
    time.sleep(minutes * 60)


def test_a_full_queue_stops_reading_and_loses_nothing(tmp_path: Path):
    """A queue has room for 1 MiB; several times as much is written while the sink is away."""
    with collecting(tmp_path, collector(queue_bytes="1Mi")) as (reader, store):
        store.stop()
        file = reader.file(PLATFORM, "notes-5d8f7b9c4-x2k9q", "server")
        lines = 5000
        file.write("\n".join(json.dumps({"event": "n" * 1000, "number": n}) for n in range(lines)))
        until(lambda: reader.metric("otelcol_exporter_queue_size") > 500_000, 30)
        assert reader.metric("otelcol_receiver_accepted_log_records") < lines
        store.start()
        until(lambda: stored(store) >= lines, 120)
        assert sorted(int(one["number"]) for one in store.documents()) == list(range(lines))


LOGIN: Final = ("-httpAuth.username=collector", "-httpAuth.password=right")


def with_token(**given: Any) -> ResourceGraph:
    """A collector with a sink that wants a token."""
    token = SecretKey(secret="log-sink", key="token")
    url = "https://localhost:9428/insert/opentelemetry"
    return collector(sink=LogSink(kind="otlp", url=url, token=token, **given))


def test_a_new_token_is_used_without_a_restart_and_refused_lines_are_counted(tmp_path: Path):
    with collecting(tmp_path, with_token(scheme="Basic"), LOGIN) as (reader, store):
        store.login = ("collector", "right")
        file = reader.file(PLATFORM, "notes-5d8f7b9c4-x2k9q", "server")
        file.write('{"event":"refused"}\n')
        dropped = "otelcol_exporter_send_failed_log_records"
        until(lambda: reader.metric(dropped, exporter="otlphttp/main") == 1, 60)
        encoded = base64.b64encode(b"collector:right").decode()
        (tmp_path / "sink" / "token").write_text(encoded)

        def arrives() -> bool:
            file.write('{"event":"taken"}\n')
            return "taken" in {one["_msg"] for one in store.documents()}

        until(arrives, 60)
        assert {one["log.index"] for one in store.documents()} == {"qudag-mcp-logs"}
        exported = reader.metrics()
        for name in exported_by("logs"):
            assert f"\n{name}{{" in exported, name


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]"])
def test_metrics_and_health_are_answered_over_ipv4_and_ipv6(tmp_path: Path, address: str):
    program = built("collector", "otelcol-contrib")
    reader = CollectorProcess(program, tmp_path, collector(), Authority.at(tmp_path))
    try:
        reader.start()
        for port, path in ((reader.port, "/metrics"), (reader.health, "/")):
            answer = httpx2.get(f"http://{address}:{port}{path}")
            assert answer.status_code == 200, path
    finally:
        reader.stop()


def test_a_header_of_its_own_has_the_token_alone(tmp_path: Path):
    authority, port = Authority.at(tmp_path), free_port()
    certificate, key = authority.issue("sink", ("localhost",))
    program = built("collector", "otelcol-contrib")
    graph = with_token(header="DD-API-KEY", scheme="none")
    reader = CollectorProcess(program, tmp_path, graph, authority, token="a-key\n")
    asked: list[tuple[str, str | None]] = []

    class Sink(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append((self.path, self.headers["dd-api-key"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", port), Sink) as sink:
        sink.daemon_threads = True
        sink.socket = context.wrap_socket(sink.socket, server_side=True)
        Thread(target=sink.serve_forever, daemon=True).start()
        reader.start(f"https://localhost:{port}")
        try:
            reader.file(PLATFORM, "notes-5d8f7b9c4-x2k9q", "server").write("line\n")
            until(lambda: asked, 60)
        finally:
            reader.stop()
            sink.shutdown()
    assert asked[0] == ("/insert/opentelemetry/v1/logs", "a-key")
