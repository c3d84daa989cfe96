"""What Prometheus reads, and what network policies let it connect to, are the same ports."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import pytest

from components.kubernetes.cloudnative_pg_policies import (
    METRICS,
    POOLER_METRICS,
    instance_pods,
    pooler_pods,
)
from graph.resource_graph import ResourceGraph
from policies import findings
from stacks.topologies import TOPOLOGIES
from tests.harness.containers import ROOT
from tests.harness.graph_queries import Pods, objects, pods
from tests.harness.monitored_stacks import API_SERVER, OPERATOR, alerts, stack
from tests.harness.network_policy_model import Endpoint, Enforcement
from tests.harness.user_servers import NETWORK, example_sections, recorded

SCRAPER: Final = Endpoint.pod("monitoring", app="prometheus")
OWN: Final = Endpoint.pod("qudag-mcp-dev-monitoring", app="prometheus")

Ends = set[tuple[str, str, int]]
"""Namespace, workload and port of what Prometheus reads, or may connect to."""


def read(graph: ResourceGraph) -> Ends:
    """The ports of pods that the monitors select, by their own labels and port names."""
    found: Ends = set()
    for monitor in objects(graph, "PodMonitor"):
        for selected in pods(graph):
            if not _selects(monitor, selected.owner.inputs, selected.labels):
                continue
            numbers = {
                port["name"]: port["containerPort"]
                for container in selected.containers
                for port in container.get("ports", [])
            }
            for endpoint in monitor["spec"]["podMetricsEndpoints"]:
                port = numbers[endpoint["port"]]
                found.add((monitor["metadata"]["namespace"], selected.name, port))
    return found


def _selects(
    monitor: Mapping[str, Any], owner: Mapping[str, Any], labels: Mapping[str, str]
) -> bool:
    wanted = monitor["spec"]["selector"]["matchLabels"]
    same = monitor["metadata"]["namespace"] == owner["metadata"]["namespace"]
    return same and wanted.items() <= labels.items()


def reachable(graph: ResourceGraph, source: Endpoint = SCRAPER) -> Ends:
    """The ports of pods that the network policies open to ``source``."""
    cluster = Enforcement(objects(graph, "NetworkPolicy"))
    found: Ends = set()
    for each in pods(graph):
        namespace = each.owner.inputs["metadata"]["namespace"]
        end = Endpoint(namespace, each.labels)
        for protocol, port in each.ports:
            if cluster.arrives(source, end, protocol, port):
                found.add((namespace, each.name, port))
    return found


every_topology = pytest.mark.parametrize(
    "topology",
    [
        "monolith",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in TOPOLOGIES
            if name not in ("monolith", "none")
        ),
    ],
)


@every_topology
def test_prometheus_reads_exactly_what_it_may_connect_to(topology: str):
    graph = stack(topology)
    assert read(graph)
    assert read(graph) == reachable(graph)


@every_topology
def test_nobody_else_of_its_namespace_may_connect(topology: str):
    graph = stack(topology)
    for other in (
        Endpoint.pod("monitoring", app="grafana"),
        Endpoint.pod("default", app="prometheus"),
    ):
        assert reachable(graph, other) & read(graph) == set()


@pytest.mark.slow
def test_a_monolith_is_read_at_both_of_its_ports():
    ports = {port for _, name, port in read(stack("monolith")) if name == "mcp-server"}
    assert ports == {9090, 9091}


@pytest.mark.slow
def test_servers_and_pooler_of_cloudnative_pg_are_read_at_ports_that_are_open():
    graph = stack("microservices", database="cloudnative-pg")
    cluster = Enforcement(objects(graph, "NetworkPolicy"))
    monitors = {one["metadata"]["name"]: one for one in objects(graph, "PodMonitor")}
    for name, labels, port in (
        ("postgres", instance_pods("postgres"), METRICS),
        ("postgres-pooler", pooler_pods("postgres"), POOLER_METRICS),
    ):
        monitor = monitors[name]
        assert monitor["spec"]["selector"] == {"matchLabels": labels}
        end = Endpoint(monitor["metadata"]["namespace"], labels)
        assert cluster.arrives(SCRAPER, end, "TCP", port)


def test_images_and_the_egress_proxy_are_read_and_watched():
    graph = stack("monolith")
    found = {(name, port) for _, name, port in read(graph)}
    assert {("weather", 8445), ("egress-proxy", 9090)} <= found
    assert {"ImageMetricsMissing", "EgressRefused", "EgressProxyDown"} <= alerts(graph)
    unprobed = {**OPERATOR, "operator": {"labels": {"release": "kps"}}}
    without = recorded({"topology": "monolith", "network": NETWORK, "observability": unprobed})
    absent = {"ImageMetricsMissing", "EgressRefused", "EgressProxyDown", "EndpointDown"}
    assert not absent & alerts(without)


def test_every_object_has_the_labels_that_the_prometheus_selects():
    graph = stack("monolith")
    made = [*objects(graph, "PodMonitor"), *objects(graph, "PrometheusRule")]
    assert {one["metadata"]["labels"]["release"] for one in made} == {"kps"}


def test_the_objects_break_no_rule():
    watched = {
        one.urn for one in stack("monolith").resources if one.inputs.get("kind") == "PodMonitor"
    }
    assert [one for one in findings(stack("monolith")) if one.urn in watched] == []


@pytest.mark.slow
def test_without_a_kind_nothing_is_registered():
    made = {str(one.inputs.get("apiVersion")) for one in stack("monolith", "none").resources}
    assert not any("monitoring" in version for version in made)


def configured(graph: ResourceGraph) -> Ends:
    """The ports of pods that the configuration of the platform's own Prometheus keeps."""
    (files,) = [
        one["data"]
        for one in objects(graph, "ConfigMap")
        if one["metadata"]["name"] == "prometheus-config"
    ]
    found: Ends = set()
    for job in json.loads(files["prometheus.yml"])["scrape_configs"]:
        for each in pods(graph) if "relabel_configs" in job else ():
            keep = job["relabel_configs"][0]
            namespace = each.owner.inputs["metadata"]["namespace"]
            labels = {
                f"__meta_kubernetes_pod_label_{re.sub('[^a-zA-Z0-9_]', '_', key)}": value
                for key, value in each.labels.items()
            }
            for container in each.containers:
                for port in container.get("ports", []):
                    known = {
                        **labels,
                        "__meta_kubernetes_namespace": namespace,
                        "__meta_kubernetes_pod_container_port_name": port["name"],
                    }
                    text = ";".join(known.get(name, "") for name in keep["source_labels"])
                    if re.fullmatch(keep["regex"], text):
                        found.add((namespace, each.name, port["containerPort"]))
    return found


@every_topology
def test_an_own_prometheus_reads_exactly_what_it_may_connect_to(topology: str):
    graph = stack(topology, "standalone")
    cluster = Enforcement(objects(graph, "NetworkPolicy"))
    assert configured(graph)
    assert configured(graph) == reachable(graph, OWN)
    ends = {
        (space, each.name, port): Endpoint(space, each.labels)
        for each in pods(graph)
        for space in [each.owner.inputs["metadata"]["namespace"]]
        for _, port in each.ports
    }
    leaving = {end for end, pod in ends.items() if cluster.leaves(OWN, pod, "TCP", end[2])}
    assert leaving == configured(graph)


def test_an_own_prometheus_alone_may_call_the_api_server():
    graph = stack("monolith", "standalone")
    cluster = Enforcement(objects(graph, "NetworkPolicy"))
    for network in API_SERVER:
        server = Endpoint.address(network.partition("/")[0])
        for each in pods(graph):
            pod = Endpoint(each.owner.inputs["metadata"]["namespace"], each.labels)
            for port in (443, 6443):
                assert cluster.leaves(pod, server, "TCP", port) is (each.name == "prometheus")
            assert not cluster.leaves(pod, server, "TCP", 10250)
        nobody = [one for one in pods(graph) if cluster.arrives(server, _end(one), "TCP", 9090)]
        assert nobody == []


def _end(each: Pods) -> Endpoint:
    return Endpoint(each.owner.inputs["metadata"]["namespace"], each.labels)


@pytest.mark.slow
def test_an_own_prometheus_may_read_servers_and_pooler_of_cloudnative_pg():
    graph = stack("microservices", "standalone", database="cloudnative-pg")
    cluster = Enforcement(objects(graph, "NetworkPolicy"))
    for labels, port in (
        (instance_pods("postgres"), METRICS),
        (pooler_pods("postgres"), POOLER_METRICS),
    ):
        end = Endpoint("qudag-mcp-dev", labels)
        assert cluster.allows(OWN, end, "TCP", port)


def test_the_objects_of_an_own_prometheus_break_no_rule():
    graph = stack("monolith", "standalone")
    made = {
        one.urn
        for one in graph.resources
        if "monitoring" in str(one.inputs.get("metadata", {}).get("namespace"))
        or one.inputs.get("kind") in ("Role", "RoleBinding")
    }
    assert len(made) > 8
    assert [one for one in findings(graph) if one.urn in made] == []


def test_the_example_is_a_stack():
    graph = recorded(example_sections(ROOT / "examples/observability/Pulumi.observability.yaml"))
    spaces = {f"qudag-observed{place}" for place in ("", "-monitoring", "-logs")}
    assert set(graph.outputs["namespaces"]) == spaces


def test_each_probe_names_a_module_that_is_written_for_its_prober():
    graph = stack("microservices")
    (modules,) = [
        json.loads(one["data"]["blackbox.yml"])["modules"]
        for one in objects(graph, "ConfigMap")
        if one["metadata"]["name"] == "qudag-mcp-probes"
    ]
    found = {one["spec"]["module"]: one["spec"] for one in objects(graph, "Probe")}
    assert found.keys() == modules.keys() == {"unauthorized", "metadata"}
    asked = {name: one["targets"]["staticConfig"]["static"] for name, one in found.items()}
    assert asked == {
        "unauthorized": ["https://mcp.example.com/mcp"],
        "metadata": ["https://mcp.example.com/.well-known/oauth-protected-resource/mcp"],
    }
    assert {(one["prober"]["scheme"], one["prober"]["url"]) for one in found.values()} == {
        ("http", "blackbox-exporter.monitoring.svc:9115")
    }
    labels = [one["metadata"]["labels"]["release"] for one in objects(graph, "Probe")]
    assert labels == ["kps", "kps"]
    # The operator gives a series the label ``namespace`` of its Probe, by which alerts select it.
    rules = json.dumps([one["spec"] for one in objects(graph, "PrometheusRule")])
    (selected,) = set(re.findall(r'probe_success\{namespace=~?\\"([^\\]+)', rules))
    spaces = {one["metadata"]["namespace"] for one in objects(graph, "Probe")}
    assert spaces <= set(selected.split("|"))
