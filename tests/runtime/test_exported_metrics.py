"""A running server exports the metrics of the list: no others, with the listed type and labels."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from mcp import MCPError
from prometheus_client.metrics import MetricWrapperBase

from components.mcp.metrics import EXPORTED, exported_by
from runtime.audit_metrics import AuditMetrics
from runtime.config import ServerConfig
from runtime.mcp_resources import memory_uri
from runtime.metrics import Metrics
from tests.harness.exported_metrics import listed, scraped
from tests.harness.server import RunningServer, fetch, free_port, serving, until
from tests.harness.tokens import Issuer

BURST = 60
OF_MODERN = exported_by("server") | exported_by("audit")
OF_SERVER = OF_MODERN | exported_by("sessions")


async def used(server: RunningServer) -> None:
    """Make each metric with labels have a sample."""
    other = server.issuer.token(sub="ada-2")
    sent = (server.post_modern("server/discover", token=other) for _ in range(5 * BURST))
    assert any(answer.status_code == 429 for answer in sent)
    async with server.client("modern") as client:
        await client.call_tool("echo", {"text": "x"})
        await client.call_tool("fail", {"reason": "x"})
        await client.get_prompt("explain_configuration", {})
        with pytest.raises(MCPError):
            await client.get_prompt("explain_configuration", {"section": "no-such"})
        (first, *_) = (await client.list_resources()).resources
        await client.read_resource(first.uri)
        with pytest.raises(MCPError):
            await client.read_resource(memory_uri("plan"))
    if server.config["protocol"].get("era") != "modern":
        async with server.client("legacy") as client:
            await client.list_tools()
        until(lambda: server.metric("mcp_server_session_duration_seconds_count"))


def described(**more: Any) -> dict[str, Any]:
    """Sections of a server that knows where it runs, and whose database does not answer."""
    return {
        "server": {"environment": "test", "region": "north", **more},
        "limits": {"messages_per_second": 1, "burst": BURST},
        "database": {"host": "127.0.0.1", "port": free_port(), "name": "n", "user": "u"},
        "audit": {"host": "127.0.0.1", "port": free_port(), "name": "n"},
    }


@pytest.mark.slow
async def test_a_server_exports_what_the_list_says_and_nothing_else(tmp_path: Path, issuer: Issuer):
    with serving(tmp_path, issuer, **described()) as server:
        await used(server)
        until(lambda: "mcp_dependency_up{" in fetch(server.metrics_url).text)
        assert scraped(fetch(server.metrics_url).text) == listed(OF_SERVER)


@pytest.mark.slow
async def test_a_server_of_several_processes_exports_those_of_both_kinds(
    tmp_path: Path, issuer: Issuer
):
    with serving(tmp_path, issuer, **described(workers=2), protocol={"era": "modern"}) as server:
        await used(server)
        until(lambda: "mcp_dependency_up{" in fetch(server.metrics_url).text)
        expected = listed(OF_MODERN | exported_by("workers"))
        assert scraped(fetch(server.metrics_url).text) == expected


def test_the_list_has_the_metrics_that_the_server_registers():
    """Without a running server; labels without a value are there, too."""
    registry = Metrics(ServerConfig()).registry
    AuditMetrics(registry)
    registered: set[tuple[Any, ...]] = {
        (one._name, one._type, one._labelnames, one._documentation)  # pyright: ignore
        for one in registry._collector_to_names  # pyright: ignore[reportPrivateUsage]
        if isinstance(one, MetricWrapperBase)
    }
    ours = {
        (one.family, one.kind, one.labels, one.meaning)
        for name, one in OF_SERVER.items()
        if not name.startswith(("process_", "python_")) and one.kind != "info"
    }
    assert {one for one in registered if one[1] != "info"} == ours


@pytest.mark.parametrize("name", EXPORTED)
def test_a_name_ends_as_prometheus_has_it(name: str):
    metric = EXPORTED[name]
    assert re.fullmatch(r"[a-z][a-z_]*", name)
    # Counters of Envoy and of the collector have their own names, and no unit in them.
    foreign = name.startswith(("envoy_", "otelcol_"))
    assert (name.endswith("_total") or (foreign and metric.kind == "counter")) == (
        metric.kind == "counter"
    )
    # The document S0 names the latency without its unit.
    assert metric.unit in name or name == "qudag_consensus_latency" or foreign
    assert metric.kind != "info" or name.endswith("_info")
