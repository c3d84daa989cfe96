"""A real Prometheus reads how many calls a drain cancelled, and raises the alert.

The times are those of a stack: Prometheus reads and evaluates every 30 s, and the server waits as
long as its rendered configuration says.
"""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Generator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import anyio
import httpx2
import pytest

from graph.resource_graph import ResourceGraph
from tests.harness.graph_queries import objects
from tests.harness.monitored_stacks import stack
from tests.harness.server import RunningServer, eventually, fetch, free_port, serving, until
from tests.harness.tokens import Issuer

PLATFORM: Final = "qudag-mcp-dev"
PROTOCOL: Final = {"era": "modern", "longest_tool_seconds": 3.5, "drain_seconds": 3.6}
CALLS: Final = {"one-process": 2, "two-processes": 3}
"""Calls that the drain of each server cancels."""


def files_of(graph: ResourceGraph, name: str) -> Mapping[str, str]:
    (found,) = [
        one["data"] for one in objects(graph, "ConfigMap") if one["metadata"]["name"] == name
    ]
    return found


@pytest.fixture(scope="module")
def graph() -> ResourceGraph:
    return stack("monolith", "standalone")


@pytest.fixture(scope="module")
def servers(
    graph: ResourceGraph, tmp_path_factory: pytest.TempPathFactory
) -> Generator[dict[str, RunningServer]]:
    """A server of one process, and one of two."""
    folder = tmp_path_factory.mktemp("servers")
    issuer = Issuer.at(folder)
    written = tomllib.loads(files_of(graph, "mcp-server-config")["server.toml"])["server"]
    waits = {"final_scrape_seconds": written["final_scrape_seconds"]}
    with ExitStack() as running:
        yield {
            name: running.enter_context(
                serving(folder, issuer, protocol=PROTOCOL, server={**waits, "workers": workers})
            )
            for name, workers in (("one-process", 1), ("two-processes", 2))
        }


@pytest.fixture(scope="module")
def prometheus(
    built: Path,
    graph: ResourceGraph,
    servers: dict[str, RunningServer],
    tmp_path_factory: pytest.TempPathFactory,
) -> Generator[str]:
    """The URL of a Prometheus with the stack's intervals and rules, which has read both servers."""
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    files = files_of(graph, "prometheus-config")
    known = json.loads(files["prometheus.yml"])
    assert known["global"] == {"scrape_interval": "30s", "evaluation_interval": "30s"}
    known["rule_files"] = [str(folder / "rules.yml")]
    known["scrape_configs"] = [
        {
            "job_name": name,
            "static_configs": [
                {
                    "targets": [f"127.0.0.1:{server.config['server']['metrics_port']}"],
                    "labels": {"namespace": PLATFORM, "exporter": "server"},
                }
            ],
        }
        for name, server in servers.items()
    ]
    known.pop("alerting", None)
    (folder / "prometheus.yml").write_text(json.dumps(known))
    (folder / "rules.yml").write_text(files["rules.yml"])
    command = [
        built / "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--storage.tsdb.path={folder / 'series'}",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        until(lambda: len(_asked(url, "mcp_calls_cancelled_by_drain_total")) == 2, 120)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _asked(url: str, query: str) -> dict[str, float]:
    """The value of each series that a query finds, by job."""
    try:
        answer = fetch(f"{url}/api/v1/query", params={"query": query}).raise_for_status()
    except httpx2.HTTPError:  # it is still starting
        return {}
    found: list[dict[str, Any]] = answer.json()["data"]["result"]
    return {one["metric"]["job"]: float(one["value"][1]) for one in found}


async def _cancelled(server: RunningServer, number: int) -> None:
    """End a server while it works on calls, and wait until it has ended."""

    async def call() -> None:
        async with server.client("modern") as client:
            result = await client.call_tool("wait", {"seconds": 60})
            assert result.is_error

    async with anyio.create_task_group() as tasks:
        for _ in range(number):
            tasks.start_soon(call)
        await eventually(lambda: server.metric("mcp_calls_in_flight") == number)
        server.terminate()
    assert await anyio.to_thread.run_sync(server.exit_status, 60) == 0


async def test_prometheus_reads_the_number_of_cancelled_calls_and_raises_the_alert(
    prometheus: str, servers: dict[str, RunningServer]
):
    async with anyio.create_task_group() as tasks:
        for name, number in CALLS.items():
            tasks.start_soon(_cancelled, servers[name], number)
    assert _asked(prometheus, "max_over_time(mcp_calls_cancelled_by_drain_total[10m])") == CALLS
    fires = 'ALERTS{alertname="CallsCancelledByDrain",alertstate="firing"}'
    until(lambda: _asked(prometheus, fires) == dict.fromkeys(CALLS, 1), 60)
