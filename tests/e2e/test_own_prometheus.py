"""The example with a Prometheus, Alertmanager, logs and traces of its own on real pods."""

from __future__ import annotations

import json
import ssl
from collections.abc import Generator
from typing import Any, Final

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from components.base.quantities import quantity
from tests.harness.deployed_platform import ROOT, Platform, stack_options, verb
from tests.harness.example_stacks import Running, running
from tests.harness.server import MODERN, text_of, until

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
    (collector,) = observed.pods("log-collector")
    (traces,) = observed.pods("trace-collector")
    name = pod["metadata"]["name"]
    wanted = {
        ("server", name),
        ("gateway", name),
        ("log-collector", collector["metadata"]["name"]),
        *((exporter, None) for exporter in ("prometheus", "alertmanager")),
        ("trace-collector", traces["metadata"]["name"]),
        ("trace-store", "trace-store-0"),
    }

    def found() -> set[tuple[str, str | None]]:
        answering = query(observed, "up == 1")
        return {(one["metric"]["exporter"], one["metric"].get("pod")) for one in answering}

    until(lambda: found() == wanted, 120)
    assert query(observed, "up == 0") == []


def test_prometheus_has_found_its_alertmanager(observed: Platform):
    until(
        lambda: bool(query(observed, "prometheus_notifications_alertmanagers_discovered == 1")), 60
    )
    until(lambda: bool(query(observed, "sum(prometheus_notifications_sent_total) > 0")), 120)
    (errors,) = query(observed, "sum(prometheus_notifications_errors_total)")
    assert float(errors["value"][1]) == 0


def spans_of(platform: Platform, trace: str) -> list[dict[str, Any]]:
    """The spans of a trace, by the API of Jaeger, as an operator of the cluster reads it."""
    path = f"/api/v1/namespaces/{MONITORING}/pods/https:trace-store-0:16686/proxy/api/traces/"
    asked = platform.kubectl.run("get", "--raw", path + trace)
    found: list[dict[str, Any]] = json.loads(asked.out)["data"] or [] if asked.status == 0 else []
    spans: list[dict[str, Any]] = []
    for one in found:
        for span in one["spans"]:
            above: list[str] = [reference["spanID"] for reference in span["references"]]
            service = one["processes"][span["processID"]]["serviceName"]
            name = (service, span["operationName"])
            spans.append({"id": span["spanID"], "parent": "".join(above[:1]), "name": name})
    return spans


async def test_a_federated_call_is_found_in_jaeger_with_its_parents(observed: Platform):
    """The client sends no trace: the id of the trace is that of a request, which answers have."""
    endpoint = observed.endpoint()
    answered: list[str] = []

    async def note(answer: httpx2.Response) -> None:
        answered.append(answer.headers["x-request-id"])

    async with httpx2.AsyncClient(
        headers={"authorization": f"Bearer {endpoint.token}"},
        verify=ssl.create_default_context(cafile=endpoint.ca_file),
        event_hooks={"response": [note]},
        timeout=30,
        trust_env=False,
    ) as http:
        transport = streamable_http_client(endpoint.url, http_client=http)
        async with Client(transport, mode=MODERN) as client:
            said = text_of(await client.call_tool("weather__forecast", {"city": "Bern"}))
    assert said == "rain in Bern"
    lowest = ("weather", "ask the model")

    def found() -> list[dict[str, Any]] | None:
        traces = (spans_of(observed, trace) for trace in answered)
        return next((one for one in traces if lowest in {span["name"] for span in one}), None)

    spans = until(found, 60)
    by_id = {span["id"]: span for span in spans}
    above: list[tuple[str, str]] = []
    at: str = next(span["id"] for span in spans if span["name"] == lowest)
    while at:
        above.append(by_id[at]["name"])
        at = by_id[at]["parent"]
    assert above == [
        lowest,
        ("weather", "tools/call forecast"),
        ("mcp-server", "tools/call weather"),
        ("mcp-server", "tools/call weather__forecast"),
        ("mcp-server", "POST /mcp"),
        ("gateway", "POST /mcp"),
    ]


def resident(platform: Platform) -> dict[str, float]:
    """MiB of memory of the processes of each pod of the platform, as the kubelets count it."""
    found: dict[str, float] = {}
    nodes = platform.kubectl.objects("nodes")
    for name in (node["metadata"]["name"] for node in nodes):
        asked = platform.kubectl.run("get", "--raw", f"/api/v1/nodes/{name}/proxy/stats/summary")
        for pod in json.loads(asked.out)["pods"]:
            if pod["podRef"]["namespace"].startswith("qudag-observed"):
                each = [one["memory"].get("rssBytes", 0) for one in pod["containers"]]
                found[pod["podRef"]["name"]] = sum(each) / 1024**2
    return found


def test_the_whole_example_uses_less_than_one_and_a_half_gibibytes(observed: Platform):
    used = resident(observed)
    for name, mebibytes in sorted(used.items(), key=lambda one: -one[1]):
        print(f"{mebibytes:6.0f} MiB {name}")
    total = sum(used.values())
    print(f"{total:6.0f} MiB in {len(used)} pods")
    assert len(used) >= 10
    stacks = ("mcp-server", "prometheus", "trace-collector", "trace-store", "weather")
    assert all(any(pod.startswith(name) for pod in used) for name in stacks)
    assert all(mebibytes > 0 for mebibytes in used.values())
    assert total < 1536


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
        if ran.status != 0:
            return {}
        listed: list[dict[str, Any]] = json.loads(ran.out)["workloads"]
        ours = [one for one in listed if one["name"] == "mcp-server"]
        return ours[0] if ours else {}

    until(lambda: bool(found()), 180)
    server = found()
    assert server["name"] == "mcp-server"
    assert server["source"] == "metrics of its process"
    after = {one["path"].rpartition(".")[2]: one["after"] for one in server["changes"]}
    assert after["cpu"] == "50m"
    assert float(quantity(after["cpu"])) >= server["used"]["cpu"]
    if "memory" in after:
        assert float(quantity(after["memory"])) >= server["used"]["memory"]
    ran = verb("optimise", "--at-least", "1d", *stack_options(deployed.stack))
    assert ran.status == 1
    assert "less than" in ran.err


def test_optimise_samples_the_api_server_where_there_is_no_prometheus(deployed: Running):
    options = ("--sample", "1m", "--at-least", "1m", "--format", "json")
    ran = verb("optimise", *options, *stack_options(deployed.stack))
    assert ran.status == 0, ran.err
    (server,) = [one for one in json.loads(ran.out)["workloads"] if one["name"] == "mcp-server"]
    assert server["source"] == "samples of the API server"
    assert server["used"]["memory"] > 10 * 1024**2
