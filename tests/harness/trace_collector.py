"""Runs the real OpenTelemetry Collector with a rendered configuration, and reads its traces."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from components.mcp.server_config import INTERNAL_TLS_PATH
from components.observability.otel_collector import HEALTH, METRICS
from components.observability.otlp_sink import OtlpSink
from components.observability.trace_collector_config import TraceSampling, trace_collector_config

from .apiserver import ROOT
from .certificates import NAMES, Authority
from .server import until

SINK = OtlpSink(url="https://traces.test:4318")
HOST = "trace-collector-service.qudag-mcp-dev-monitoring.svc"
"""Name of its Service in the stack dev."""


@dataclass(frozen=True)
class Recorded:
    """A span as the collector has written it.

    Attributes:
        service: the program that made it.
        error: whether its status is an error.
    """

    service: str
    name: str
    trace: str
    span: str
    parent: str
    kind: int
    seconds: float
    error: bool
    attributes: dict[str, Any]


@dataclass
class TraceCollector:
    """A collector whose traces are in a file."""

    file: Path
    log: Path
    process: subprocess.Popen[bytes]

    def spans(self) -> list[Recorded]:
        """What it has kept until now."""
        if not self.file.exists():
            return []
        lines = self.file.read_text().splitlines()
        return [span for line in lines if line.endswith("}") for span in spans_of(json.loads(line))]

    def metric(self, name: str) -> float:
        """The sum of a metric of its own."""
        text = httpx2.get(f"http://127.0.0.1:{METRICS}/metrics").text
        found = [line.rsplit(" ", 1) for line in text.splitlines() if line.startswith(name)]
        return sum(float(value) for _, value in found)

    def series(self) -> dict[str, set[str]]:
        """The names of its own metrics, each with the labels of its series."""
        found: dict[str, set[str]] = {}
        for line in httpx2.get(f"http://127.0.0.1:{METRICS}/metrics").text.splitlines():
            if not line.startswith("#"):
                name, _, rest = line.partition("{")
                labels = set(re.findall(r'(\w+)="', rest))
                found.setdefault(name.split(" ")[0], set()).update(labels)
        return found

    def stop(self) -> None:
        """End it as a pod ends: it decides on all traces that wait, and writes them."""
        self.process.terminate()
        self.process.wait(20)


def spans_of(batch: dict[str, Any]) -> Iterator[Recorded]:
    """The spans of a request in JSON."""
    for resource in batch["resourceSpans"]:
        service = values(resource["resource"]["attributes"])["service.name"]
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                took = int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])
                yield Recorded(
                    service=service,
                    name=span["name"],
                    trace=span["traceId"],
                    span=span["spanId"],
                    parent=span.get("parentSpanId", ""),
                    kind=span.get("kind", 0),
                    seconds=took / 1e9,
                    error=span.get("status", {}).get("code") == 2,
                    attributes=values(span.get("attributes", [])),
                )


def values(listed: list[dict[str, Any]]) -> dict[str, Any]:
    """Attributes by name."""
    return {one["key"]: next(iter(one["value"].values())) for one in listed}


def program() -> Path:
    """The collector that `tools/collector/build` has built; skips the test without it."""
    build = ROOT / "tools/collector/build"
    folder = Path(subprocess.check_output([build, "--folder"], text=True).strip())
    if not folder.is_dir():
        pytest.skip(f"the collector is not built; run {build.relative_to(ROOT)}, which needs Go")
    return folder / "otelcol-contrib"


@contextlib.contextmanager
def collecting(
    directory: Path,
    authority: Authority,
    sampling: TraceSampling,
    sink: OtlpSink | None = None,
    files: Mapping[str, Path] | None = None,
) -> Generator[TraceCollector]:
    """Run a collector, which decides after one to four seconds.

    Args:
        directory: for its files.
        authority: that signs its certificate.
        sampling: what it keeps.
        sink: where it sends that; None: to a file, in place of the exporter alone.
        files: the files that stand in for those of mounted Secrets, by their paths in a pod.
    """
    runs = program()
    directory.mkdir(exist_ok=True)
    certificate, key = authority.issue("trace-collector", (*NAMES, HOST))
    configuration = trace_collector_config(sampling, sink or SINK, longest_seconds=1)
    mounted = {
        f"{INTERNAL_TLS_PATH}/tls.crt": certificate,
        f"{INTERNAL_TLS_PATH}/tls.key": key,
        **(files or {}),
    }
    text = json.dumps(configuration)
    for path, here in mounted.items():
        text = text.replace(f'"{path}"', f'"{here}"')
    configuration = json.loads(text)
    file = directory / "traces.json"
    if sink is None:
        configuration["exporters"] = {"file": {"path": str(file)}}
        configuration["service"]["pipelines"]["traces"]["exporters"] = ["file"]
    configuration["processors"]["tail_sampling"] |= {
        "decision_wait": "4s",
        "decision_wait_after_root_received": "1s",
    }
    source, log = directory / "config.json", directory / "collector.log"
    source.write_text(json.dumps(configuration))
    with log.open("ab") as output:
        process = subprocess.Popen([runs, "--config", source], stdout=output, stderr=output)
    collector = TraceCollector(file, log, process)
    try:
        until(lambda: _is_healthy(collector), 30)
        yield collector
    finally:
        process.kill()
        process.wait()


def _is_healthy(collector: TraceCollector) -> bool:
    if collector.process.poll() is not None:
        raise AssertionError(collector.log.read_text())
    with contextlib.suppress(httpx2.TransportError):
        return httpx2.get(f"http://127.0.0.1:{HEALTH}/").status_code == 200
    return False
