"""Who in a stack sends spans, with what settings, and who may connect to the collector."""

from __future__ import annotations

from typing import Any

import pytest

from components.mcp.traces import OTLP_HTTP
from graph.resource_graph import ResourceGraph
from tests.harness.graph_queries import Pods, objects, pods
from tests.harness.network_policy_model import Endpoint, Enforcement
from tests.harness.traced_stacks import COLLECTOR, PLATFORM, RECEIVER, endpoints, stack


@pytest.mark.parametrize("kind", ["standalone", "operator", "none"])
def test_the_gateway_the_platforms_servers_and_those_with_traces_send_spans_and_no_others(
    kind: str,
):
    found = endpoints(stack(kind))
    assert set(found.values()) == {RECEIVER}
    servers = {
        *("mcp-core", "mcp-auth", "mcp-config", "mcp-consensus", "mcp-crypto", "mcp-state"),
        *("mcp-tools", "qudag-integration"),
    }
    of_users = {("traced", "server"), ("files", "server")}
    assert set(found) == {
        *((one, one) for one in servers),
        ("mcp-gateway", "gateway-metrics"),
        *of_users,
    }


def test_the_gateway_and_the_server_of_a_monolith_send_spans():
    found = endpoints(stack(topology="monolith"))
    assert set(found) == {
        *(("mcp-server", "mcp-server"), ("mcp-server", "gateway-metrics")),
        *(("traced", "server"), ("files", "server")),
    }


def variables(graph: ResourceGraph, server: str) -> dict[str, Any]:
    """The OpenTelemetry variables of a user's container; None: its value is in a Secret."""
    (found,) = [each for each in pods(graph) if each.name == server]
    (container,) = [one for one in found.spec["initContainers"] if one["name"] == "server"]
    given = [one for one in container["env"] if one["name"].startswith("OTEL_")]
    assert len(given) == len({one["name"] for one in given})
    return {one["name"]: one.get("value") for one in given}


def test_a_server_with_traces_has_the_variables_of_an_opentelemetry_sdk():
    assert variables(stack(), "traced") == {
        "OTEL_SERVICE_NAME": "traced",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": RECEIVER.removesuffix("/v1/traces"),
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": "/etc/internal-ca/ca.crt",
        "OTEL_PROPAGATORS": "tracecontext",
        "OTEL_METRICS_EXPORTER": "prometheus",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_BSP_SCHEDULE_DELAY": "1000",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=development,"
        f"k8s.namespace.name={PLATFORM}-models",
    }
    own = variables(stack(), "files")
    assert own["OTEL_RESOURCE_ATTRIBUTES"] is own["OTEL_LOGS_EXPORTER"] is None
    assert own["OTEL_BSP_SCHEDULE_DELAY"] == "500"
    assert variables(stack(), "weather") == variables(stack(), "notes") == {}


def test_the_bridge_sends_spans_as_well_and_without_traces_none():
    for name, traced in (("files", True), ("notes", False)):
        (found,) = [each for each in pods(stack()) if each.name == name]
        (container,) = [one for one in found.spec["initContainers"] if one["name"] == "server"]
        words = container["command"][: container["command"].index("--")]
        given = dict(zip(words[2::2], words[3::2], strict=True))
        traces = {key: given[key] for key in given if "traces" in key or key == "--name"}
        wanted = {
            "--name": "files",
            "--traces-endpoint": RECEIVER,
            "--traces-ca": "/etc/internal-ca/ca.crt",
        }
        assert traces == (wanted if traced else {})


def test_the_authority_is_wanted_in_the_namespace_of_a_server_with_traces():
    wanted = [
        one["namespace"]
        for one in stack("none").outputs["required_secrets"]
        if one["name"] == "mcp-internal-ca"
    ]
    assert f"{PLATFORM}-models" in wanted
    (found,) = [each for each in pods(stack("none")) if each.name == "weather"]
    assert not _mounts(found, "/etc/internal-ca")


@pytest.mark.parametrize("kind", ["standalone", "operator", "none"])
def test_whoever_sends_spans_may_connect_to_the_collector_and_nobody_else(kind: str):
    graph = stack(kind)
    cluster = Enforcement(objects(graph, "NetworkPolicy"))
    senders = {workload for workload, _ in endpoints(graph)}
    for each in pods(graph):
        source = Endpoint(each.owner.inputs["metadata"]["namespace"], each.labels)
        allowed = each.name in senders
        assert cluster.arrives(source, COLLECTOR, "TCP", OTLP_HTTP) is allowed, each.name
        assert not cluster.arrives(COLLECTOR, source, "TCP", 8443), each.name


def test_senders_have_the_authority_that_signs_the_certificate_of_the_collector():
    for each in pods(stack("none")):
        if each.name in {workload for workload, _ in endpoints(stack("none"))}:
            assert _mounts(each, "/etc/internal-ca"), each.name


def _mounts(each: Pods, path: str) -> bool:
    containers = (*each.containers, *each.spec.get("initContainers", []))
    return any(m["mountPath"] == path for c in containers for m in c.get("volumeMounts", []))
