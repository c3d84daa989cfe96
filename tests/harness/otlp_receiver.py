"""A receiver of a user's: the real OpenTelemetry Collector, which asks for a token over TLS."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from .certificates import Authority
from .server import free_port, until
from .trace_collector import Recorded, program, spans_of, values


@dataclass(frozen=True)
class RecordedLine:
    """A log line as the collector has written it."""

    service: str
    body: str
    severity: str
    trace: str
    span: str
    attributes: dict[str, Any]
    resource: dict[str, Any]


@dataclass
class OtlpReceiver:
    """A running collector.

    Attributes:
        url: its URL, without a path.
    """

    url: str
    directory: Path
    process: subprocess.Popen[bytes]

    @property
    def written(self) -> str:
        """All that it has received."""
        files = (self.directory / name for name in ("traces.json", "logs.json"))
        return "".join(file.read_text() for file in files if file.exists())

    def spans(self) -> list[Recorded]:
        """The spans that it has received."""
        return [span for batch in self._batches("traces.json") for span in spans_of(batch)]

    def lines(self) -> list[RecordedLine]:
        """The log lines that it has received."""
        found: list[RecordedLine] = []
        for batch in self._batches("logs.json"):
            for resource in batch["resourceLogs"]:
                named = values(resource["resource"]["attributes"])
                found += [
                    RecordedLine(
                        service=named["service.name"],
                        body=record["body"]["stringValue"],
                        severity=record["severityText"],
                        trace=record.get("traceId", ""),
                        span=record.get("spanId", ""),
                        attributes=values(record.get("attributes", [])),
                        resource=named,
                    )
                    for scope in resource["scopeLogs"]
                    for record in scope["logRecords"]
                ]
        return found

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(20)

    def _batches(self, name: str) -> list[dict[str, Any]]:
        file = self.directory / name
        lines = file.read_text().splitlines() if file.exists() else []
        return [json.loads(line) for line in lines if line.endswith("}")]


@contextlib.contextmanager
def receiving(
    directory: Path,
    authority: Authority,
    token: str,
    *,
    port: int | None = None,
    header: str = "Authorization",
    scheme: str = "Bearer",
) -> Generator[OtlpReceiver]:
    """Run a collector that takes requests with the token in the header, and no others."""
    runs = program()
    directory.mkdir(exist_ok=True)
    port = port or free_port()
    health = free_port()
    certificate, key = authority.issue("otlp")
    tls = {"cert_file": str(certificate), "key_file": str(key)}
    signals = ("traces", "logs")
    configuration = {
        "extensions": {
            "health_check": {"endpoint": f"127.0.0.1:{health}"},
            "bearertokenauth": {"token": token, "header": header, "scheme": scheme},
        },
        "receivers": {
            "otlp": {
                "protocols": {
                    "http": {
                        "endpoint": f"127.0.0.1:{port}",
                        "tls": tls,
                        "auth": {"authenticator": "bearertokenauth"},
                    }
                }
            }
        },
        "exporters": {
            f"file/{signal}": {"path": str(directory / f"{signal}.json")} for signal in signals
        },
        "service": {
            "extensions": ["health_check", "bearertokenauth"],
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {
                signal: {"receivers": ["otlp"], "exporters": [f"file/{signal}"]}
                for signal in signals
            },
        },
    }
    source, log = directory / "config.json", directory / "collector.log"
    source.write_text(json.dumps(configuration))
    with log.open("ab") as output:
        process = subprocess.Popen([runs, "--config", source], stdout=output, stderr=output)
    receiver = OtlpReceiver(f"https://localhost:{port}", directory, process)

    def healthy() -> bool:
        if process.poll() is not None:
            raise AssertionError(log.read_text())
        with contextlib.suppress(httpx2.TransportError):
            return httpx2.get(f"http://127.0.0.1:{health}/").status_code == 200
        return False

    try:
        until(healthy, 30)
        yield receiver
    finally:
        process.kill()
        process.wait()
