"""What the collector keeps is in a real Jaeger, or at a sink; Prometheus leads to it."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
import pytest

from components.kubernetes.pod_settings import SecretKey
from components.mcp.metrics import exported_by
from components.observability.otlp_sink import CA_FOLDER, OtlpSink
from components.observability.otlp_sink import TOKEN as FOLDER
from components.observability.trace_collector_config import TraceSampling
from tests.harness.certificates import Authority
from tests.harness.graph_queries import pods
from tests.harness.server import free_port, until
from tests.harness.trace_store import TraceStore, jaeger, storing
from tests.harness.traced_platform import TracedPlatform, traced_platform
from tests.harness.traced_stacks import stack

TRACE: Final = "0af7651916cd43dd8448eb211c80319c"
CALLER: Final = "b7ad6b7169203331"
EVERY: Final = TraceSampling(sampled_percent=100)
CA: Final = SecretKey(secret="ca", key="ca.crt")
TOKEN: Final = SecretKey(secret="trace-sink", key="token")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Generator[TracedPlatform]:
    with traced_platform(tmp_path_factory) as running:
        yield running


@pytest.fixture(scope="module")
def store(platform: TracedPlatform) -> Generator[TraceStore]:
    jaeger()
    with storing(platform.directory / "jaeger", platform.authority, free_port()) as running:
        yield running


def sink_of(url: str, authority: Authority, **more: Any) -> tuple[OtlpSink, dict[str, Path]]:
    """A sink on this machine, and the files that stand in for its Secrets."""
    return OtlpSink(url=url, ca=CA, **more), {f"{CA_FOLDER}/ca.crt": authority.ca_file}


async def test_a_federated_call_is_found_in_jaeger_with_every_span_and_its_parent(
    platform: TracedPlatform, store: TraceStore
):
    sink = sink_of(store.otlp, platform.authority)
    with platform.start_collector("stored", EVERY, *sink) as collector:
        said = await platform.call(
            "legacy",
            "notes__remember",
            {"name": "kept", "text": "x"},
            traceparent=f"00-{TRACE}-{CALLER}-01",
        )
        assert said == "remembered kept"
        until(lambda: "INSERT memories" in {s.name for s in store.trace(TRACE)}, 40)
        until(lambda: platform.front.metric("mcp_spans_total", outcome="sent") > 0, 20)
        time.sleep(2)
        exported = collector.series()
    spans = store.trace(TRACE)
    by_id = {span.span: span for span in spans}

    def above(span: str) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        while span in by_id:
            found.append((by_id[span].service, by_id[span].name))
            span = by_id[span].parent
        assert span == CALLER
        return found

    (written,) = [s for s in spans if s.name == "INSERT memories"]
    assert above(written.span) == [
        ("notes", "INSERT memories"),
        ("notes", "tools/call remember"),
        ("notes", "POST /mcp"),
        ("front", "tools/call notes"),
        ("front", "tools/call notes__remember"),
        ("front", "POST /mcp"),
        ("gateway", "POST /mcp"),
    ]
    assert {s.parent for s in spans if s.parent not in by_id} == {CALLER}
    assert set(store.get("services")) >= {"gateway", "front", "notes"}
    # Metrics of the list; those of losses are there after a loss.
    for name, one in exported_by("traces").items():
        wanted = {label.removeprefix("exported_") for label in one.labels}
        if name in exported:
            assert wanted <= exported[name], name
        else:
            assert re.search("refused|failed", name), name


def test_calls_are_not_hindered_by_a_sink_that_is_away_and_their_traces_arrive_later(
    platform: TracedPlatform,
):
    jaeger()
    port = free_port()
    sink = sink_of(f"https://localhost:{port}", platform.authority)
    with platform.start_collector("away", EVERY, *sink) as collector:
        failed = platform.front.metric("mcp_spans_total", outcome="failed")
        took: list[float] = []
        for _ in range(40):
            started = time.perf_counter()
            assert platform.post("notes__echo", {"text": "a"}).status_code == 200
            took.append(time.perf_counter() - started)
        assert max(took) < 2  # an attempt of the collector has ten seconds
        trace = platform.access_log()[-1]["trace_id"]
        until(lambda: collector.metric("otelcol_exporter_queue_size") > 0, 30)
        with storing(platform.directory / "late", platform.authority, port) as late:
            until(lambda: len(late.trace(trace)) > 5, 60)
        assert platform.front.metric("mcp_spans_total", outcome="failed") == failed


@dataclass
class Sink:
    """Records requests, and answers with one status."""

    status: int = 200
    asked: list[tuple[str, str | None, str | None]] = field(
        default_factory=list[tuple[str, str | None, str | None]]
    )

    @contextmanager
    def running(self, authority: Authority, port: int) -> Generator[None]:
        certificate, key = authority.issue("sink", ("localhost",))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = self.headers["x-api-key"], self.headers["authorization"]
                recorder.asked.append((self.path, *sent))
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(recorder.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing."""

        with ThreadingHTTPServer(("127.0.0.1", port), Handler) as serving:
            serving.daemon_threads = True
            serving.socket = context.wrap_socket(serving.socket, server_side=True)
            Thread(target=serving.serve_forever, daemon=True).start()
            yield
            serving.shutdown()


def test_a_sink_gets_the_token_in_its_header_and_a_new_one_without_a_restart(
    platform: TracedPlatform, tmp_path: Path
):
    token, port, recorder = tmp_path / "token", free_port(), Sink()
    token.write_text("first")
    sink, files = sink_of(
        f"https://localhost:{port}/intake",
        platform.authority,
        token=TOKEN,
        header="X-Api-Key",
        scheme="none",
    )
    files[f"{FOLDER}/token"] = token
    with (
        recorder.running(platform.authority, port),
        platform.start_collector("token", EVERY, sink, files) as collector,
    ):
        platform.post("echo", {"text": "a"})
        until(lambda: recorder.asked, 30)
        assert set(recorder.asked) == {("/intake/v1/traces", "first", None)}
        token.write_text("second")

        def renewed() -> bool:
            platform.post("echo", {"text": "a"})
            return recorder.asked[-1][1] == "second"

        until(renewed, 30)
        assert "otelcol_exporter_send_failed_spans" not in collector.series()
        recorder.status = 403
        platform.post("echo", {"text": "a"})
        until(lambda: collector.metric("otelcol_exporter_send_failed_spans") > 0, 30)


def test_prometheus_leads_from_a_histogram_to_the_trace_of_a_call(
    platform: TracedPlatform, store: TraceStore, built: Path, tmp_path: Path
):
    """Its flags are those of the rendered pod, but for its files and its address."""
    port = free_port()
    (own,) = [each for each in pods(stack()) if each.name == "prometheus"]
    flags = [one for one in own.containers[0]["command"] if "feature" in one or "retention" in one]
    assert len(flags) == 3
    target = urlsplit(platform.front.metrics_url).netloc
    scraped = {"job_name": "front", "static_configs": [{"targets": [target]}]}
    configuration = {"global": {"scrape_interval": "1s"}, "scrape_configs": [scraped]}
    (tmp_path / "prometheus.json").write_text(json.dumps(configuration))
    command = [
        *(built / "prometheus", f"--config.file={tmp_path / 'prometheus.json'}", *flags),
        *(f"--web.listen-address=127.0.0.1:{port}", f"--storage.tsdb.path={tmp_path / 'series'}"),
    ]

    def traces() -> set[str]:
        name = "mcp_server_operation_duration_seconds_bucket"
        query = {"query": name, "start": began, "end": began + 600}
        try:
            answer = httpx2.get(f"http://127.0.0.1:{port}/api/v1/query_exemplars", params=query)
        except httpx2.TransportError:
            return set()
        found = answer.json()["data"]
        return {one["labels"]["trace_id"] for each in found for one in each["exemplars"]}

    sink = sink_of(store.otlp, platform.authority)
    with (
        platform.start_collector("exemplars", EVERY, *sink),
        (tmp_path / "log").open("wb") as log,
    ):
        began = time.time() - 60
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:

            def leads() -> bool:
                assert platform.post("echo", {"text": "a"}).status_code == 200
                trace = platform.access_log()[-1]["trace_id"]
                time.sleep(1.5)  # longer than from one scrape to the next
                if trace not in traces():
                    return False
                until(lambda: "tools/call echo" in {s.name for s in store.trace(trace)}, 30)
                return True

            until(leads, 60)
        finally:
            process.terminate()
            process.wait(30)
