"""Runs the real Jaeger with the rendered configuration, and asks its API for traces."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from components.mcp.server_config import INTERNAL_TLS_PATH
from components.mcp.traces import OTLP_HTTP
from components.observability.otel_collector import METRICS
from components.observability.trace_store import (
    DATA,
    HEALTH,
    HEALTH_PATH,
    TRACE_QUERY,
    trace_store_config,
)

from .apiserver import ROOT
from .certificates import Authority
from .server import free_port, until


@dataclass(frozen=True)
class Stored:
    """A span as Jaeger's API gives it.

    Attributes:
        service: the program that made it.
        parent: id of the span above it; empty: none.
    """

    service: str
    name: str
    span: str
    parent: str
    tags: Mapping[str, Any]


@dataclass
class TraceStore:
    """A running Jaeger.

    Attributes:
        otlp: URL for OTLP, without its path.
        query: port of its API.
        health: port of its health.
        metrics: port of its metrics.
    """

    otlp: str
    query: int
    health: int
    metrics: int
    authority: Authority
    process: subprocess.Popen[bytes]
    log: Path

    def get(self, path: str, **query: str) -> Any:
        """The data of an answer of its API; None if it has none."""
        answer = httpx2.get(
            f"https://localhost:{self.query}/api/{path}",
            params=query,
            verify=self.authority.trust(),
        )
        return answer.json()["data"] if answer.status_code == 200 else None

    def trace(self, trace: str) -> list[Stored]:
        """The spans of a trace."""
        found: list[dict[str, Any]] = self.get(f"traces/{trace}") or []
        return [
            Stored(
                service=one["processes"][span["processID"]]["serviceName"],
                name=span["operationName"],
                span=span["spanID"],
                parent=next((r["spanID"] for r in span["references"]), ""),
                tags={tag["key"]: tag["value"] for tag in span["tags"]},
            )
            for one in found
            for span in one["spans"]
        ]

    def stop(self) -> None:
        """End it as a pod ends."""
        self.process.terminate()
        self.process.wait(30)


def jaeger() -> Path:
    """The program that `tools/trace-store/build` has built; skips the test without it."""
    build = ROOT / "tools/trace-store/build"
    folder = Path(subprocess.check_output([build, "--folder"], text=True).strip())
    if not folder.is_dir():
        pytest.skip(f"Jaeger is not built; run {build.relative_to(ROOT)}, which needs Go")
    return folder / "jaeger-linux"


@contextlib.contextmanager
def storing(
    directory: Path, authority: Authority, otlp: int, health: int | None = None
) -> Generator[TraceStore]:
    """Run Jaeger as it is rendered, but for its files and ports: all programs share a machine."""
    runs = jaeger()
    directory.mkdir(exist_ok=True)
    certificate, key = authority.issue("trace-store", ("localhost",))
    configuration = trace_store_config(7)
    query, unused, metrics = (free_port() for _ in range(3))
    health = health or free_port()
    text = json.dumps(configuration)
    for rendered, port in (
        (f'":{OTLP_HTTP}"', otlp),
        (f'":{TRACE_QUERY}"', query),
        (f'":{HEALTH}"', health),
        ('"localhost:16685"', unused),
    ):
        assert text.count(rendered) == 1
        text = text.replace(rendered, f'"{rendered.strip(chr(34)).rpartition(":")[0]}:{port}"')
    for path, here in (
        ('"maintenance_interval": "1m"', '"maintenance_interval": "1s"'),
        (f'"port": {METRICS}', f'"port": {metrics}'),
        (f"{INTERNAL_TLS_PATH}/tls.crt", certificate),
        (f"{INTERNAL_TLS_PATH}/tls.key", key),
        (f'"{DATA}/', f'"{directory / "data"}/'),
    ):
        text = text.replace(path, str(here))
    source, log = directory / "jaeger.json", directory / "jaeger.log"
    source.write_text(text)
    with log.open("ab") as output:
        process = subprocess.Popen([runs, f"--config={source}"], stdout=output, stderr=output)
    store = TraceStore(f"https://localhost:{otlp}", query, health, metrics, authority, process, log)
    try:
        until(lambda: _is_healthy(store), 60)
        yield store
    finally:
        process.kill()
        process.wait()


def _is_healthy(store: TraceStore) -> bool:
    if store.process.poll() is not None:
        raise AssertionError(store.log.read_text()[-3000:])
    with contextlib.suppress(httpx2.TransportError):
        return httpx2.get(f"http://127.0.0.1:{store.health}{HEALTH_PATH}").status_code == 200
    return False
