"""Runs the collector of a graph on log files in the format of a container runtime."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
import uuid
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from components.observability.log_pipeline import PODS, STATE
from components.observability.otel_collector import HEALTH
from components.observability.otlp_sink import TOKEN
from graph.resource_graph import ResourceGraph

from .apiserver import ROOT
from .certificates import Authority
from .graph_queries import objects
from .server import free_port, until

LONGEST_PART: Final = 16 * 1024
"""Bytes after which containerd begins another part of a line."""


def built(tool: str, program: str) -> Path:
    """A program of a tool's build; the test is skipped without it."""
    build = ROOT / "tools" / tool / "build"
    folder = Path(subprocess.check_output([build, "--folder"], text=True).strip())
    if not folder.is_dir():
        pytest.skip(f"{program} is not built; run {build.relative_to(ROOT)}, which needs Go")
    return folder / program


@dataclass(frozen=True)
class LogFile:
    """The log file of a container, as the kubelet names it and containerd writes it."""

    pods: Path
    namespace: str
    pod: str
    container: str
    uid: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.pods / f"{self.namespace}_{self.pod}_{self.uid}" / self.container / "0.log"

    def write(self, text: str, stream: str = "stderr") -> None:
        """Append what a program wrote."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            for line in text.splitlines():
                *parts, last = [
                    line[at : at + LONGEST_PART] for at in range(0, len(line), LONGEST_PART)
                ] or [""]
                for part in parts:
                    file.write(f"{_now()} {stream} P {part}\n")
                file.write(f"{_now()} {stream} F {last}\n")


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}{time.time_ns() % 1000:03}Z"


@dataclass
class LogStoreProcess:
    """A VictoriaLogs that can be stopped and started again on the same data."""

    program: Path
    folder: Path
    authority: Authority
    arguments: Sequence[str] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    login: tuple[str, str] | None = None

    @property
    def url(self) -> str:
        """Its URL."""
        return f"https://localhost:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        certificate, key = self.authority.issue("log-store", ("localhost",))
        command = [
            *(str(self.program), f"-storageDataPath={self.folder / 'data'}", "-tls"),
            *(f"-httpListenAddr=127.0.0.1:{self.port}", f"-tlsCertFile={certificate}"),
            *(f"-tlsKeyFile={key}", *self.arguments),
        ]
        with (self.folder / "store.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        until(self._answers, 60)

    def stop(self) -> None:
        """End it; what it has stays."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)
            self.process = None

    def documents(self, project: int = 0, query: str = "*") -> list[dict[str, str]]:
        """What it has in a project."""
        answer = self._ask("/select/logsql/query", project=project, query=query)
        return [json.loads(line) for line in answer.text.splitlines()]

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "store.log").read_text()
        with contextlib.suppress(httpx2.TransportError):
            return self._ask("/health").status_code == 200
        return False

    def _ask(self, path: str, *, project: int = 0, query: str = "") -> httpx2.Response:
        return httpx2.post(
            self.url + path,
            data={"query": query} if query else {},
            headers={"ProjectID": str(project)},
            verify=self.authority.trust(),
            auth=self.login,
            timeout=60,
        )


@dataclass
class CollectorProcess:
    """The collector of a graph, with folders of this machine in place of a node's."""

    program: Path
    folder: Path
    graph: ResourceGraph
    authority: Authority
    token: str = "a-token-of-the-sink"
    faster: bool = True
    port: int = field(default_factory=free_port)
    health: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def pods(self) -> Path:
        """The folder of log files."""
        return self.folder / "pods"

    @property
    def log(self) -> str:
        """What it wrote itself."""
        return (self.folder / "collector.log").read_text()

    def file(self, namespace: str, pod: str, container: str) -> LogFile:
        """A log file that it may read."""
        return LogFile(self.pods, namespace, pod, container)

    def configuration(self, url: str = "") -> dict[str, Any]:
        """What is rendered, with this machine's paths and ports.

        Args:
            url: of the sink; empty: as rendered.
        """
        (files,) = [
            one["data"]
            for one in objects(self.graph, "ConfigMap")
            if one["metadata"]["name"] == "log-collector-config"
        ]
        text = files["collector.json"].replace(PODS, str(self.pods))
        text = text.replace(STATE, str(self.folder / "state"))
        text = text.replace(TOKEN + "/", f"{self.folder / 'sink'}/")
        made = json.loads(text)
        check = made["extensions"]["health_check"]
        check["endpoint"] = check["endpoint"].replace(f":{HEALTH}", f":{self.health}")
        (reader,) = made["service"]["telemetry"]["metrics"]["readers"]
        reader["pull"]["exporter"]["prometheus"] |= {"port": self.port}
        for exporter in made["exporters"].values():
            exporter["tls"]["ca_file"] = str(self.authority.ca_file)
            if self.faster:
                exporter["retry_on_failure"] |= {"initial_interval": "1s", "max_interval": "2s"}
            if url:
                path = "/" + exporter["logs_endpoint"].split("/", 3)[3]
                exporter["logs_endpoint"] = url + path
        return made

    def start(self, url: str = "") -> None:
        """Start it and wait until it exports its metrics and all its parts run."""
        for name in ("pods", "state", "sink"):
            (self.folder / name).mkdir(exist_ok=True)
        (self.folder / "sink" / "token").write_text(self.token)
        config = self.folder / "collector.json"
        config.write_text(json.dumps(self.configuration(url)))
        with (self.folder / "collector.log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.program, f"--config={config}"], stdout=log, stderr=log
            )
        until(self._runs, 60)

    def stop(self) -> None:
        """End it as the kubelet does; its state stays."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)
            self.process = None

    def metrics(self) -> str:
        """What it exports."""
        return httpx2.get(f"http://127.0.0.1:{self.port}/metrics", timeout=10).text

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's values with these labels."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in self.metrics().splitlines()
            if line.partition("{")[0].partition(" ")[0] == name and all(w in line for w in wanted)
        )

    def _runs(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log
        with contextlib.suppress(httpx2.TransportError):
            # It answers 503 there while its parts start, some of them after its metrics.
            health = httpx2.get(f"http://127.0.0.1:{self.health}/", timeout=10)
            return health.status_code == 200 and bool(self.metrics())
        return False


@contextlib.contextmanager
def collecting(
    folder: Path, graph: ResourceGraph, arguments: Sequence[str] = ()
) -> Generator[tuple[CollectorProcess, LogStoreProcess]]:
    """A collector and the store that it sends to."""
    collector = built("collector", "otelcol-contrib")
    store = built("log-store", "victoria-logs-prod")
    authority = Authority.at(folder)
    sink = LogStoreProcess(store, folder, authority, arguments)
    reader = CollectorProcess(collector, folder, graph, authority)
    try:
        sink.start()
        reader.start(sink.url)
        yield reader, sink
    finally:
        reader.stop()
        sink.stop()
