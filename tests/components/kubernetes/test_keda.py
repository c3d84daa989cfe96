"""A ScaledObject uses metrics that the servers export, and removes no pods without answers."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from components.base.problems import ProblemReport
from components.kubernetes.gateway import Gateway, GatewayMetrics
from components.kubernetes.keda import ALWAYS, SERIES, ConsensusLatency, Prometheus, ServerMetric
from components.kubernetes.pod_settings import SecretKey
from components.kubernetes.scaling import Autoscaling, ObjectMetric, Pace, PodMetric
from components.kubernetes.workload import Workload, WorkloadKind
from components.mcp.metrics import exported_by
from graph.resource_graph import ResourceGraph
from tests.harness import record
from tests.harness.graph_queries import objects
from tests.harness.minimal_args import NAMESPACE, gateway, workload

TOKEN = SecretKey(secret="prometheus", key="token")
INSIDE = Prometheus(address="http://prometheus.monitoring.svc:9090")
HTTPS = Prometheus(
    address="https://prometheus.example.com",
    token=TOKEN,
    ca=SecretKey(secret="prometheus", key="ca.crt"),
)


def scaling(prometheus: Prometheus | None = INSIDE, **changes: Any) -> Autoscaling:
    given: dict[str, Any] = {"min": 2, "max": 8, "metrics": {"mcp_open_streams": 50}}
    return Autoscaling(prometheus=prometheus, **given | changes)


def made(scaled: Autoscaling, **args: Any) -> ResourceGraph:
    given: dict[str, Any] = {"metrics_port": 9090, **args}
    return record(lambda: Workload("mcp-core", workload(scaling=scaled, **given)))


def spec(scaled: Autoscaling, **args: Any) -> dict[str, Any]:
    (found,) = objects(made(scaled, **args), "ScaledObject")
    return found["spec"]


def queries(scaled: Autoscaling, **args: Any) -> list[str]:
    triggers = spec(scaled, **args)["triggers"]
    return [one["metadata"]["query"] for one in triggers if one["type"] == "prometheus"]


def test_a_workload_has_one_autoscaler():
    graph = made(scaling())
    assert objects(graph, "HorizontalPodAutoscaler") == []
    (found,) = objects(graph, "ScaledObject")
    assert found["spec"]["scaleTargetRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "mcp-core",
    }
    assert (found["spec"]["minReplicaCount"], found["spec"]["maxReplicaCount"]) == (2, 8)
    (pods,) = objects(graph, "Deployment")
    assert "replicas" not in pods["spec"]


def test_an_autoscaler_that_is_there_already_is_taken_over():
    """KEDA refuses a second one for the same pods, unless it is told to take over the first."""
    (found,) = objects(made(scaling()), "ScaledObject")
    annotations = found["metadata"]["annotations"]
    assert annotations["scaledobject.keda.sh/transfer-hpa-ownership"] == "true"
    (former,) = objects(made(Autoscaling(min=2, max=8)), "HorizontalPodAutoscaler")
    config = found["spec"]["advanced"]["horizontalPodAutoscalerConfig"]
    assert config["name"] == former["metadata"]["name"]
    assert config["behavior"] == former["spec"]["behavior"]


def test_a_scaled_object_is_made_after_its_pods_and_its_token():
    """KEDA's webhook refuses a trigger by CPU for pods that are not there."""
    graph = made(scaling(HTTPS, cpu=60))
    (found,) = (one for one in graph.resources if one.type.endswith(":ScaledObject"))
    waits = {urn.rpartition("::")[2] for urn in found.dependencies}
    assert {"mcp-core-pods", "mcp-core-prometheus-access"} <= waits


def test_the_autoscaler_that_keda_makes_is_no_object_of_the_stack():
    """KEDA copies labels to it; kubectl deletes objects with this one that the stack has not."""
    (found,) = objects(made(scaling()), "ScaledObject")
    excluded = found["metadata"]["annotations"]["scaledobject.keda.sh/hpa-excluded-labels"]
    assert excluded.split(",") == ["applyset.kubernetes.io/part-of"]


def test_the_pace_is_that_of_the_args():
    slow = spec(scaling(down=Pace(window=600, pods=1)))
    behavior = slow["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior["scaleDown"] == {
        "stabilizationWindowSeconds": 600,
        "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
    }


def test_cpu_and_memory_count_beside_the_metrics():
    triggers = spec(scaling(cpu=60, memory=None, container="server"))["triggers"]
    assert triggers[0] == {
        "type": "cpu",
        "metricType": "Utilization",
        "metadata": {"value": "60", "containerName": "server"},
    }
    assert [one["type"] for one in triggers] == ["cpu", "prometheus"]


def test_no_answer_is_a_failure_that_removes_no_pods():
    found = spec(scaling())
    assert found["fallback"] == {
        "failureThreshold": 3,
        "replicas": 2,
        "behavior": "currentReplicasIfHigher",
    }
    metadata = found["triggers"][-1]["metadata"]
    assert metadata["ignoreNullValues"] == "false"
    assert metadata["threshold"] == "50"
    assert metadata["serverAddress"] == INSIDE.address


@pytest.mark.parametrize("metric", SERIES)
def test_every_metric_is_one_that_the_server_exports(metric: ServerMetric):
    """tests/runtime/test_exported_metrics.py compares the list with a running server."""
    exported = exported_by("server")
    series = exported[SERIES[metric].name]
    assert (series.kind == "counter") == metric.endswith("_per_second")
    assert series.kind in ("counter", "gauge")
    assert (exported[ALWAYS].kind, exported[ALWAYS].labels) == ("gauge", ())


@pytest.mark.parametrize("metric", SERIES)
def test_a_query_is_about_the_pods_of_the_workload_alone(metric: str):
    (query,) = queries(scaling(metrics={metric: 5}))
    of_pods = set(re.findall(r"{(.*?\")}", query))
    assert len(of_pods) == 1
    (selector,) = of_pods
    name, pods = re.fullmatch(r'namespace="(.*)",pod=~"(.*)"', selector).groups()  # pyright: ignore
    assert name == NAMESPACE
    assert re.fullmatch(pods, "mcp-core-7d9f8b6c5-x2x4z")
    for other in ("mcp-core-state-7d9f8b6c5-x2x4z", "mcp-core-0", "a-mcp-core-7d9f8b6c5-x2x4z"):
        assert not re.fullmatch(pods, other)


def test_pods_of_a_stateful_set_are_numbered():
    (query,) = queries(scaling(), kind=WorkloadKind.STATEFUL_SET)
    assert 'pod=~"mcp-core-[0-9]+"' in query


def test_a_counter_of_which_nothing_was_counted_is_zero_while_pods_are_scraped():
    (query,) = queries(scaling(metrics={"mcp_tool_requests_per_second": 5}))
    rate, _, otherwise = query.partition(" or ")
    assert rate.startswith("sum(rate(mcp_tool_requests_total{")
    assert otherwise.startswith("sum(0 * mcp_draining{")
    assert " or " not in queries(scaling())[0]


def test_a_token_is_a_key_of_a_secret():
    graph = made(scaling(HTTPS))
    (access,) = objects(graph, "TriggerAuthentication")
    assert access["spec"] == {
        "secretTargetRef": [
            {"parameter": "bearerToken", "name": "prometheus", "key": "token"},
            {"parameter": "ca", "name": "prometheus", "key": "ca.crt"},
        ]
    }
    (found,) = objects(graph, "ScaledObject")
    trigger = found["spec"]["triggers"][-1]
    assert trigger["authenticationRef"] == {"name": access["metadata"]["name"]}
    assert trigger["metadata"]["authModes"] == "bearer"
    assert objects(made(scaling()), "TriggerAuthentication") == []


@pytest.mark.parametrize(
    ("scaled", "at"),
    [
        (scaling(None), "scaling.prometheus"),
        (scaling(metrics={}), "scaling.prometheus"),
        (scaling(pod_metrics=[PodMetric(name="a", average="1")]), "scaling.pod_metrics"),
        (
            scaling(object_metrics=[ObjectMetric(name="a", service="b", value="1")]),
            "scaling.object_metrics",
        ),
        (
            scaling(Prometheus(address="http://prometheus.example.com")),
            "scaling.prometheus.address",
        ),
        (scaling(Prometheus(address=INSIDE.address, token=TOKEN)), "scaling.prometheus.token"),
        (scaling(Prometheus(address=INSIDE.address, ca=TOKEN)), "scaling.prometheus.ca"),
        (scaling(Prometheus(address=HTTPS.address, ca=TOKEN)), "scaling.prometheus.ca"),
        (scaling(metrics={"mcp_open_streams": 0}), "scaling.metrics.mcp_open_streams"),
        (
            scaling(metrics={"qudag_consensus_latency": 1}),
            "scaling.metrics['qudag_consensus_latency']",
        ),
    ],
)
def test_what_could_never_be_read_is_refused(scaled: Autoscaling, at: str):
    with pytest.raises(ProblemReport) as report:
        made(scaled)
    (problem,) = report.value.problems
    assert problem.path.partition(".")[2] == at


def test_pods_that_export_nothing_are_refused():
    with pytest.raises(ProblemReport) as report:
        made(scaling(), metrics_port=None)
    assert [one.path for one in report.value.problems] == ["mcp-core.scaling.metrics"]
    by_requests = scaling(metrics={"http_requests_per_second": 100})
    with pytest.raises(ProblemReport) as report:
        record(lambda: Gateway("front", gateway(scaling=by_requests)))
    assert [one.path for one in report.value.problems] == ["front.scaling.metrics"]


LATENCY = ConsensusLatency(nodes="qudag-integration", milliseconds=100)


def test_a_workload_follows_the_largest_latency_of_the_nodes():
    found = spec(scaling(metrics={}, consensus=LATENCY), metrics_port=None)
    trigger = found["triggers"][-1]
    assert trigger["metricType"] == "Value"
    assert trigger["metadata"]["threshold"] == "0.1"
    query = trigger["metadata"]["query"]
    selector = f'{{namespace="{NAMESPACE}",pod=~"qudag-integration-[0-9]+"}}'
    assert query == f"max(qudag_consensus_latency{selector} >= 0)"
    assert trigger["metadata"]["ignoreNullValues"] == "false"
    assert "qudag_consensus_latency" in exported_by("node")


@pytest.mark.parametrize(
    ("scaled", "at"),
    [
        (scaling(None, metrics={}, consensus=LATENCY), "scaling.prometheus"),
        (
            scaling(metrics={}, consensus=replace(LATENCY, milliseconds=0)),
            "scaling.consensus.milliseconds",
        ),
        (
            scaling(metrics={}, consensus=replace(LATENCY, nodes="Nodes")),
            "scaling.consensus.nodes",
        ),
        (
            scaling(metrics={}, consensus=LATENCY, pod_metrics=[PodMetric(name="a", average="1")]),
            "scaling.pod_metrics",
        ),
    ],
)
def test_a_latency_that_could_never_be_read_is_refused(scaled: Autoscaling, at: str):
    with pytest.raises(ProblemReport) as report:
        made(scaled)
    assert [one.path.partition(".")[2] for one in report.value.problems] == [at]


EXPORTER = GatewayMetrics(image="docker.io/library/python:3.13")


def test_a_gateway_follows_the_requests_that_its_exporter_counts():
    by_requests = scaling(metrics={"http_requests_per_second": 100})
    args = gateway(scaling=by_requests, metrics=EXPORTER)
    (found,) = objects(record(lambda: Gateway("front", args)), "ScaledObject")
    trigger = found["spec"]["triggers"][-1]["metadata"]
    rate, _, otherwise = trigger["query"].partition(" or ")
    assert rate.startswith("sum(rate(mcp_gateway_requests_total{")
    assert otherwise.startswith("sum(0 * mcp_gateway_up{")
    assert trigger["threshold"] == "100"
    exported = exported_by("gateway")
    assert exported["mcp_gateway_requests_total"].kind == "counter"
    assert (exported["mcp_gateway_up"].kind, exported["mcp_gateway_up"].labels) == ("gauge", ())


def test_a_gateway_exports_no_metric_of_a_server():
    with pytest.raises(ProblemReport) as report:
        record(lambda: Gateway("front", gateway(scaling=scaling(), metrics=EXPORTER)))
    (problem,) = report.value.problems
    assert problem.path == "front.scaling.metrics.mcp_open_streams"
    assert problem.fix == "one of: http_requests_per_second"
