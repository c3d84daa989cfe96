"""The example with a Prometheus of its own on real pods: every target is up."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any, Final

import pytest

from components.base.quantities import quantity
from tests.harness.deployed_platform import ROOT, Platform, stack_options, verb
from tests.harness.example_stacks import Running, running
from tests.harness.server import until

EXAMPLE: Final = ROOT / "examples/observability/Pulumi.observability.yaml"
MONITORING: Final = "qudag-observed-monitoring"
TLS: Final = {
    "tls_config": {
        "ca_file": "/etc/internal-ca/ca.crt",
        "server_name": f"prometheus-service.{MONITORING}.svc",
    }
}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    with running(EXAMPLE, tmp_path_factory.mktemp("observed")) as stack:
        yield stack


@pytest.fixture(scope="module")
def observed(deployed: Running) -> Platform:
    return deployed.platform


def query(platform: Platform, expression: str) -> list[dict[str, Any]]:
    """The series of an expression, by promtool in the pod of Prometheus."""
    asked = platform.kubectl.run(
        *("exec", "-i", f"--namespace={MONITORING}", "prometheus-0", "--", "promtool", "query"),
        *("instant", "--format=json", "--http.config.file=/dev/stdin"),
        *("https://localhost:9090", expression),
        stdin=json.dumps(TLS),
    )
    return json.loads(asked.out) if asked.status == 0 else []


def test_every_target_is_up_under_the_name_of_its_pod(observed: Platform):
    (pod,) = observed.pods("mcp-server")
    until(lambda: len(query(observed, "up == 1")) == 3, 60)
    found = {(one["metric"]["exporter"], one["metric"].get("pod")) for one in query(observed, "up")}
    name = pod["metadata"]["name"]
    assert found == {("server", name), ("gateway", name), ("prometheus", None)}


def test_the_dead_mans_switch_fires_and_no_target_is_said_to_be_down(observed: Platform):
    def firing() -> set[str]:
        alerts = query(observed, 'ALERTS{alertstate="firing"}')
        return {one["metric"]["alertname"] for one in alerts}

    until(lambda: "Watchdog" in firing(), 90)
    assert not {"MCPServerDown", "PlatformDown", "GatewayPodDown"} & firing()


def test_processes_that_are_read_use_less_memory_than_the_limit_of_the_example(
    observed: Platform,
):
    (total,) = query(observed, "sum(process_resident_memory_bytes)")
    assert float(total["value"][1]) < 512 * 1024**2


def test_optimise_proposes_less_for_the_idle_server_but_no_less_than_it_used(deployed: Running):
    """It asks Prometheus through a tunnel, whose certificate it verifies."""

    def found() -> dict[str, Any]:
        window = ("--window", "10m", "--at-least", "2m", "--format", "json")
        ran = verb("optimise", *window, *stack_options(deployed.stack))
        return json.loads(ran.out)["workloads"][0] if ran.status == 0 else {}

    until(lambda: bool(found()), 180)
    server = found()
    assert server["name"] == "mcp-server"
    assert server["source"] == "metrics of its process"
    after = {one["path"].rpartition(".")[2]: one["after"] for one in server["changes"]}
    assert after["cpu"] == "50m"
    assert float(quantity(after["cpu"])) >= server["used"]["cpu"]
    if "memory" in after:
        assert float(quantity(after["memory"])) >= server["used"]["memory"]
    ran = verb("optimise", "--window", "10m", "--at-least", "1d", *stack_options(deployed.stack))
    assert ran.status == 1
    assert "less than" in ran.err


def test_optimise_samples_the_api_server_where_there_is_no_prometheus(deployed: Running):
    options = ("--sample", "1m", "--at-least", "1m", "--format", "json")
    ran = verb("optimise", *options, *stack_options(deployed.stack))
    assert ran.status == 0, ran.err
    (server,) = json.loads(ran.out)["workloads"]
    assert server["source"] == "samples of the API server"
    assert server["used"]["memory"] > 10 * 1024**2
