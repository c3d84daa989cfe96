"""The programs of the canary stack, run with a canary in place of each of their secrets."""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx2
import tomli_w

from graph.resource_graph import ResourceGraph

from .canaries import Canary
from .containers import RunningContainer
from .graph_queries import pods
from .network import port
from .pods import Pod
from .running_pod import run_container
from .secret_inputs import program_of
from .server import until

SERVICES: Final = ("postgres-service", "redis-service", "notes-service")
HOSTS: Final = (*SERVICES, *(f"{name}.qudag-mcp-dev.svc" for name in SERVICES))
IMAGE_COMMANDS: Final = {
    "postgres-exporter": ["postgres_exporter"],
    "redis_exporter": ["redis_exporter"],
}
"""What images without a command in their container run."""


@dataclass
class CanaryPrograms:
    """The started programs, and all that they wrote.

    Attributes:
        graph: of the stack.
        directory: of the containers' files.
        secrets: the values of the Secrets; a change is read by programs that start later.
        texts: what was written, by the name of where it was.
        programs: the commands that were started, without options.
    """

    graph: ResourceGraph
    directory: Path
    secrets: dict[str, dict[str, str]]
    texts: dict[str, str] = field(default_factory=dict[str, str])
    programs: set[str] = field(default_factory=set[str])
    _starts: int = 0

    def pod(self, name: str) -> Pod:
        """The pod of a workload or a job."""
        found = next(each for each in pods(self.graph) if each.name == name)
        config_maps = {
            resource.inputs["metadata"]["name"]: dict(resource.inputs.get("data", {}))
            for resource in self.graph.all("kubernetes:core/v1:ConfigMap")
        }
        return Pod(name, found.spec, self.directory, config_maps, self.secrets, HOSTS)

    @contextlib.contextmanager
    def running(self, pod: Pod, container: str) -> Generator[RunningContainer]:
        """Run a container; what it wrote is kept."""
        program = program_of(pod.container(container))
        self.programs.add(program)
        self._starts += 1
        where = f"log {self._starts} of {program}"
        with run_container(pod, container, IMAGE_COMMANDS.get(program)) as running:
            try:
                yield running
            finally:
                self.texts[where] = running.log

    def run(self, pod: str, container: str, status: int | None = 0, *, without: str = "") -> None:
        """Run a container to its end, without a section of its file; None is any status but 0."""
        found = self.pod(pod)
        for files in found.config_maps.values() if without else ():
            for name, text in files.items():
                if name.endswith(".toml"):
                    settings = tomllib.loads(text)
                    settings.pop(without, None)
                    files[name] = tomli_w.dumps(settings)
        with self.running(found, container) as running:
            ended = running.exit_status(60)
            assert (ended != 0) if status is None else (ended == status), running.log

    def keep(self, where: str, answer: httpx2.Response) -> httpx2.Response:
        """Keep what a program answered to a client."""
        headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
        self.texts[where] = f"{self.texts.get(where, '')}\n{headers}\n\n{answer.text}"
        return answer

    def scrape(self, *ports: int) -> None:
        """Keep the metrics of programs that run."""
        for number in ports:
            self.keep(f"metrics on port {number}", httpx2.get(_url(number, "/metrics")))

    @contextlib.contextmanager
    def stores(self) -> Generator[tuple[RunningContainer, RunningContainer]]:
        """Run PostgreSQL and Valkey."""
        postgres = self.pod("postgres")
        probe = postgres.container("postgres")["readinessProbe"]["exec"]["command"]
        with (
            self.running(postgres, "postgres") as database,
            self.running(self.pod("redis"), "valkey") as cache,
        ):
            until(lambda: database.run(*probe).returncode == 0, within_seconds=60)
            until(lambda: "Ready to accept connections" in cache.log)
            yield database, cache

    def exporters(self) -> None:
        """Run the exporter of each store and keep what it exports."""
        for name, number in (("postgres", 9187), ("redis", 9121)):
            with self.running(self.pod(name), "exporter") as exporter:
                _wait_for(exporter, number, "/metrics")
                self.scrape(number)

    @contextlib.contextmanager
    def platform(self, workers: int) -> Generator[RunningContainer]:
        """Run the server with so many workers, the gateway and its exporter; gives the server."""
        pod = self.pod("mcp-server")
        files = pod.config_maps["mcp-server-config"]
        settings = tomllib.loads(files["server.toml"])
        settings["server"]["workers"] = workers
        if workers > 1:
            del settings["qudag"]  # the node is one process
        files["server.toml"] = tomli_w.dumps(settings)
        with self.running(pod, "server") as server:
            _wait_for(server, 8081)
            with (
                self.running(pod, "gateway") as gateway,
                self.running(pod, "gateway-metrics") as counts,
            ):
                _wait_for(gateway, 8080)
                _wait_for(counts, 9091, "/metrics")
                yield server

    def unready(self) -> None:
        """Run the server with the present secrets until it says that it lacks its stores."""
        with self.running(self.pod("mcp-server"), "server") as server:
            _wait_for(server, 8081, "/health")
            until(lambda: "unreachable" in self._ready().text)
            self.keep("the server's readiness", self._ready())
            self.scrape(9090)

    def _ready(self) -> httpx2.Response:
        return httpx2.get(_url(8081, "/ready"), timeout=10)

    @contextlib.contextmanager
    def bridge(self) -> Generator[None]:
        """Run a bridge with its program, and its TLS proxy."""
        pod = self.pod("notes")
        with self.running(pod, "server") as server, self.running(pod, "tls"):
            _wait_for(server, 8000)
            yield


def _wait_for(running: RunningContainer, number: int, path: str = "/ready") -> None:
    """Wait until a program answers on a port of plain HTTP."""

    def is_ready() -> bool:
        assert running.process.poll() is None, running.log
        with contextlib.suppress(httpx2.TransportError):
            return httpx2.get(_url(number, path), timeout=10).status_code == 200
        return False

    until(is_ready, within_seconds=60)


def _url(number: int, path: str) -> str:
    return f"http://127.0.0.1:{port(number)}{path}"


def wrong(
    secrets: Mapping[str, Mapping[str, str]], ends: tuple[str, ...]
) -> tuple[dict[str, dict[str, str]], list[Canary]]:
    """The Secrets with another canary for each key that ends so, and these canaries."""
    changed = {name: dict(values) for name, values in secrets.items()}
    canaries: list[Canary] = []
    for name, values in changed.items():
        for key in values:
            if key.endswith(ends):
                canaries.append(Canary.of(f"wrong {name}/{key}"))
                values[key] = canaries[-1].text
    return changed, canaries
