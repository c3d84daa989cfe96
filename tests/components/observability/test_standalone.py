"""A Prometheus of the platform's own: its rights and its files."""

from __future__ import annotations

import json
from typing import Any

from components.observability.standalone import (
    StandaloneObservability,
    StandaloneObservabilityArgs,
)
from components.observability.targets import ProbedUrl, ScrapeTarget, ServiceTarget
from graph.resource_graph import ResourceGraph
from tests.harness import record
from tests.harness.graph_queries import objects, pods

RULES = "groups: [{name: servers, rules: [{alert: Down, expr: up == 0}]}]"
CORE = ScrapeTarget(
    name="mcp-core",
    namespace="mcp",
    labels={"app": "mcp-core", "app.kubernetes.io/name": "mcp.core"},
    ports={"metrics": "server"},
)
AGENT = ScrapeTarget(
    name="agent",
    namespace="mcp-agents",
    labels={"app": "agent"},
    ports={"inside": "server", "gateway-metrics": "gateway"},
)


def graph(**changes: Any) -> ResourceGraph:
    given: dict[str, Any] = {
        "namespace": "mcp-monitoring",
        "namespaces": {"platform": "mcp", "agents": "mcp-agents"},
        "image": "docker.io/prom/prometheus:v3.16.0",
        "targets": [CORE, AGENT],
        "tls_secret": "mcp-internal-tls-prometheus",
        "ca_secret": "mcp-internal-ca",
        "rules": RULES,
    }
    args = StandaloneObservabilityArgs(**given | changes)
    return record(lambda: StandaloneObservability("observability", args))


def files(made: ResourceGraph) -> dict[str, str]:
    (found,) = objects(made, "ConfigMap")
    return found["data"]


def test_it_may_list_pods_of_the_namespaces_of_its_targets_and_nothing_else():
    made = graph()
    rules = {one["metadata"]["namespace"]: one["rules"] for one in objects(made, "Role")}
    reads = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]
    assert rules == {"mcp": reads, "mcp-agents": reads}
    for binding in objects(made, "RoleBinding"):
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": "prometheus-sa", "namespace": "mcp-monitoring"}
        ]
    assert objects(made, "ClusterRole") == objects(made, "ClusterRoleBinding") == []


def test_its_token_lasts_an_hour_and_no_other_is_mounted():
    (pod,) = pods(graph())
    assert pod.spec["automountServiceAccountToken"] is False
    token = pod.volume("api-token")["projected"]["sources"][0]["serviceAccountToken"]
    assert token == {"path": "token", "expirationSeconds": 3600}
    (mount,) = [m for m in pod.container("prometheus")["volumeMounts"] if m["name"] == "api-token"]
    assert mount["readOnly"] is True


def test_a_pod_is_read_by_its_namespace_its_labels_and_its_port():
    read = json.loads(files(graph())["prometheus.yml"])["scrape_configs"]
    kept = {one["job_name"]: one["relabel_configs"][0] for one in read if "relabel_configs" in one}
    assert kept["mcp-core/metrics"] == {
        "action": "keep",
        "source_labels": [
            "__meta_kubernetes_namespace",
            "__meta_kubernetes_pod_label_app",
            "__meta_kubernetes_pod_label_app_kubernetes_io_name",
            "__meta_kubernetes_pod_container_port_name",
        ],
        "regex": r"mcp;mcp-core;mcp\.core;metrics",
    }
    assert kept["agent/gateway-metrics"]["regex"] == "mcp-agents;agent;gateway-metrics"
    for one in read:
        for found in one.get("kubernetes_sd_configs", []):
            assert found["namespaces"]["names"] == ["mcp", "mcp-agents"]


def test_the_page_of_an_image_needs_no_content_type():
    """Prometheus 3 reads no page without one, unless it is told the format."""
    image = ScrapeTarget(
        name="weather", namespace="mcp", labels={"app": "weather"}, ports={"tls": "image"}
    )
    read = json.loads(files(graph(targets=[CORE, image]))["prometheus.yml"])["scrape_configs"]
    told = {one["job_name"]: one.get("fallback_scrape_protocol") for one in read}
    assert told["weather/tls"] == "PrometheusText0.0.4"
    assert {told[name] for name in told if name != "weather/tls"} == {None}


def test_pods_that_have_ended_are_not_read():
    """They have an address for a while, and would be targets that do not answer."""
    for one in json.loads(files(graph())["prometheus.yml"])["scrape_configs"]:
        if "relabel_configs" in one:
            (dropped,) = [rule for rule in one["relabel_configs"] if rule.get("action") == "drop"]
            assert dropped["source_labels"] == ["__meta_kubernetes_pod_phase"]
            assert set(dropped["regex"].split("|")) == {"Failed", "Succeeded"}


def test_results_of_probes_are_of_the_platform_and_not_of_monitoring():
    """Rules read series of the platform's own namespaces."""
    probed = ProbedUrl(
        module="metadata", url="https://gateway.mcp.svc/a", instance="https://a", namespace="mcp"
    )
    exporter = ServiceTarget(name="blackbox-exporter", port=9115)
    made = graph(probed=[probed], blackbox_exporter=exporter, services=[exporter])
    (probe,) = [
        one
        for one in json.loads(files(made)["prometheus.yml"])["scrape_configs"]
        if one["job_name"] == "probe/metadata"
    ]
    (target,) = probe["static_configs"]
    assert target["targets"] == ["blackbox-exporter-service.mcp-monitoring.svc:9115"]
    assert target["labels"]["namespace"] == "mcp"
    assert target["labels"]["instance"] == "https://a"


def test_a_service_beside_it_is_read_over_tls_under_its_own_name():
    read = json.loads(
        files(graph(services=[ServiceTarget(name="store", port=9428)]))["prometheus.yml"]
    )
    (found,) = [one for one in read["scrape_configs"] if one["job_name"] == "store"]
    host = "store-service.mcp-monitoring.svc"
    assert found["scheme"] == "https"
    assert found["tls_config"] == {"ca_file": "/etc/internal-ca/ca.crt", "server_name": host}
    assert found["static_configs"] == [
        {
            "targets": [f"{host}:9428"],
            "labels": {"namespace": "mcp-monitoring", "exporter": "store"},
        }
    ]


def test_values_are_deleted_before_the_volume_is_full():
    (pod,) = pods(graph(size="10Gi", retention_days=30))
    command = pod.container("prometheus")["command"]
    assert "--storage.tsdb.retention.time=30d" in command
    assert "--storage.tsdb.retention.size=8192MB" in command  # of 10240


def test_probes_and_its_own_metrics_are_read_over_tls():
    made = graph()
    (pod,) = pods(made)
    container = pod.container("prometheus")
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["scheme"] == "HTTPS"
    (itself,) = [
        one
        for one in json.loads(files(made)["prometheus.yml"])["scrape_configs"]
        if one["job_name"] == "prometheus"
    ]
    assert itself["scheme"] == "https"
    assert itself["tls_config"]["server_name"] == "prometheus-service.mcp-monitoring.svc"
    assert "insecure_skip_verify" not in json.dumps(itself)
