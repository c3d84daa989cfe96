"""The collector of a stack's spans and their store, and that nothing changes without `traces`."""

from __future__ import annotations

import json

import pytest

from components.base.quantities import quantity
from components.mcp.traces import OTLP_HTTP
from components.observability import trace_collector, trace_store
from components.observability.otel_collector import METRICS
from components.observability.store_sizes import TRACE_QUEUE
from policies import findings
from stacks import sink_flows, trace_flows
from tests.harness.graph_queries import objects, pods
from tests.harness.monitored_stacks import stack as standalone
from tests.harness.network_policy_model import Endpoint, Enforcement
from tests.harness.stacks import stack as shipped
from tests.harness.traced_stacks import (
    COLLECTOR,
    MONITORING,
    PLATFORM,
    SERVERS,
    SINK,
    STORE,
    WITHOUT_PROMETHEUS,
    configuration,
    stack,
)
from tests.harness.user_servers import recorded


def test_the_collector_alone_may_send_to_the_store_and_grafana_alone_may_ask_it():
    graph = stack()
    cluster = Enforcement(objects(graph, "NetworkPolicy"))
    for each in pods(graph):
        source = Endpoint(each.owner.inputs["metadata"]["namespace"], each.labels)
        collects = each.name == "trace-collector"
        assert cluster.arrives(source, STORE, "TCP", OTLP_HTTP) is collects, each.name
        asks = cluster.arrives(source, STORE, "TCP", trace_store.TRACE_QUERY)
        assert asks is (each.name == "grafana"), each.name


@pytest.mark.parametrize(
    ("kind", "namespace", "read"),
    [
        ("standalone", MONITORING, True),
        ("operator", "monitoring", True),
        ("none", "monitoring", False),
    ],
)
def test_prometheus_alone_may_read_the_metrics_of_the_collector(
    kind: str, namespace: str, read: bool
):
    cluster = Enforcement(objects(stack(kind), "NetworkPolicy"))
    prometheus = Endpoint.pod(namespace, app="prometheus")
    server = Endpoint.pod(PLATFORM, app="mcp-core")
    assert cluster.arrives(prometheus, COLLECTOR, "TCP", METRICS) is read
    assert cluster.arrives(prometheus, STORE, "TCP", METRICS) is (kind == "standalone")
    assert not cluster.arrives(COLLECTOR, STORE, "TCP", METRICS)
    assert not cluster.arrives(server, COLLECTOR, "TCP", METRICS)


def test_the_own_prometheus_reads_the_collector_under_the_labels_of_the_alert():
    (files,) = [
        one["data"]
        for one in objects(stack(), "ConfigMap")
        if one["metadata"]["name"] == "prometheus-config"
    ]
    jobs = {one["job_name"]: one for one in json.loads(files["prometheus.yml"])["scrape_configs"]}
    relabelled = {
        one.get("target_label"): one.get("replacement")
        for one in jobs["trace-collector/metrics"]["relabel_configs"]
    }
    assert relabelled["exporter"] == relabelled["job"] == "trace-collector"
    roles = {one["metadata"]["namespace"] for one in objects(stack(), "Role")}
    assert roles == {PLATFORM, f"{PLATFORM}-models", MONITORING}
    relabelled = {
        one.get("target_label"): one.get("replacement")
        for one in jobs["trace-store/metrics"]["relabel_configs"]
    }
    assert relabelled["exporter"] == relabelled["job"] == "trace-store"
    groups = json.loads(files["rules.yml"])["groups"]
    (filling,) = [r for g in groups for r in g["rules"] if r.get("alert") == "TraceStoreFilling"]
    assert filling["expr"].endswith(f" < {10 * 1024**3 // 5}")
    (lost,) = [r for g in groups for r in g["rules"] if r.get("alert") == "SpansLost"]
    assert f"{PLATFORM}|{PLATFORM}-models|{MONITORING}" in lost["expr"]


def test_the_collector_may_connect_to_the_networks_of_a_sink_at_its_port():
    (policy,) = [
        one["spec"]
        for one in objects(stack("none"), "NetworkPolicy")
        if one["metadata"]["name"] == "trace-collector-flows"
    ]
    to_sink = [rule for rule in policy["egress"] if "192.0.2.0/24" in str(rule)]
    ports = [{"protocol": "TCP", "port": 4319}]
    assert to_sink == [{"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "ports": ports}]
    made = configuration(stack("none"))
    assert made["exporters"]["otlphttp"]["endpoint"] == "https://traces.example.com:4319/intake"
    assert made["exporters"]["otlphttp"]["sending_queue"]["queue_size"] == 32 * 1024**2
    policies = {one["name"]: one for one in made["processors"]["tail_sampling"]["policies"]}
    assert policies["share"]["probabilistic"]["sampling_percentage"] == 1.5
    assert policies["slow"]["latency"]["threshold_ms"] == 500


def test_the_decision_waits_for_the_slowest_server_of_a_user():
    wait = configuration(stack())["processors"]["tail_sampling"]["decision_wait"]
    assert int(wait[:-1]) > SERVERS["weather"]["longestToolSeconds"]


def test_each_end_has_a_certificate_for_the_name_that_the_other_one_verifies():
    wanted = {
        one["name"]: one
        for one in stack().outputs["required_secrets"]
        if one["kind"] == "internal-certificate"
    }
    assert "trace-store" in configuration(stack())["exporters"]["otlphttp"]["endpoint"]
    for workload in ("trace-collector", "trace-store"):
        secret = wanted[f"mcp-internal-tls-{workload}"]
        assert secret["namespace"] == MONITORING
        assert f"{workload}-service.{MONITORING}.svc" in secret["dns_names"]


def test_the_keys_of_a_sink_are_wanted_where_the_collector_runs_and_are_in_no_object():
    wanted = [
        (one["namespace"], one["keys"])
        for one in stack("none").outputs["required_secrets"]
        if one["name"] == "trace-sink"
    ]
    assert wanted == [(MONITORING, ["ca.crt", "token"])]
    (pod,) = [each for each in pods(stack("none")) if each.name == "trace-collector"]
    mounted = {m["mountPath"] for c in pod.containers for m in c["volumeMounts"]}
    assert {"/etc/otlp-sink", "/etc/otlp-sink-ca"} <= mounted


def test_a_sink_may_have_the_authority_of_the_platform():
    ca = {"secret": "mcp-internal-ca", "key": "ca.crt"}
    traces = {"sink": {**SINK, "ca": ca}}
    observability = {"observability": {"traces": traces}}
    graph = recorded({"topology": "monolith", "network": WITHOUT_PROMETHEUS, **observability})
    wanted = [
        (one["namespace"], one["kind"], one["keys"])
        for one in graph.outputs["required_secrets"]
        if one["name"] == "mcp-internal-ca"
    ]
    assert wanted == [(space, "authority", ["ca.crt"]) for space in (PLATFORM, MONITORING)]


@pytest.mark.parametrize("kind", ["standalone", "operator", "none"])
def test_no_policy_is_broken(kind: str):
    assert findings(stack(kind), own=True) == []


@pytest.mark.parametrize("name", ["trace-collector", "trace-store"])
def test_its_pods_cannot_write_outside_of_their_volumes_and_have_no_rights(name: str):
    (found,) = [each for each in pods(stack()) if each.name == name]
    assert len(found.containers) == (2 if name == "trace-store" else 1)
    for container in found.containers:
        context = container["securityContext"]
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
    assert found.spec["securityContext"]["runAsNonRoot"] is True
    assert found.spec["automountServiceAccountToken"] is False


def test_a_sidecar_of_jaeger_deletes_its_traces_before_they_fill_the_volume():
    """It starts first, has the same volume and user, and answers Jaeger's liveness probe."""
    (found,) = [each for each in pods(stack()) if each.name == "trace-store"]
    (store,) = found.spec["containers"]
    (limit,) = found.spec["initContainers"]
    assert limit["restartPolicy"] == "Always"
    mounts = [
        [one for one in each["volumeMounts"] if one["name"] == "data"] for each in (store, limit)
    ]
    assert mounts[0] == mounts[1] == [{"name": "data", "mountPath": "/data"}]
    users = {each["securityContext"]["runAsUser"] for each in (store, limit)}
    assert len(users) == 1  # only Jaeger's own user may read its folders
    probed = limit["startupProbe"]["tcpSocket"]["port"]
    assert store["livenessProbe"]["httpGet"] == {"path": "/", "port": probed, "scheme": "HTTP"}
    assert store["readinessProbe"]["httpGet"]["port"] == 13133
    command = limit["command"]
    assert command[:4] == ["qudag-mcp-server", "limit-trace-store", "/data/keys", "/data/values"]
    given = dict(zip(command[4::2], command[5::2], strict=True))
    gibibytes = 1024**3
    assert given == {
        "--most-bytes": str(9 * gibibytes),
        "--least-free-bytes": str(gibibytes // 2),
        "--health": "http://localhost:13133/status",
        "--port": str(probed),
    }


def test_a_jaeger_without_the_sidecar_has_a_liveness_probe_of_its_own():
    args = trace_store.TraceStoreArgs(namespace="n", image="jaeger:2", tls_secret="tls")
    (made,) = [
        one for one in trace_store.TraceStore.manifests("t", args) if one.kind == "StatefulSet"
    ]
    spec = made.fields["spec"]["template"]["spec"]
    assert "initContainers" not in spec
    probes = {
        spec["containers"][0][f"{one}Probe"]["httpGet"]["port"] for one in ("liveness", "readiness")
    }
    assert probes == {trace_store.HEALTH}


def test_names_and_ports_of_flows_are_those_of_the_components():
    assert trace_flows.TRACE_COLLECTOR == trace_collector.TRACE_COLLECTOR
    assert trace_flows.TRACE_STORE == trace_store.TRACE_STORE
    assert (trace_flows.SPANS, sink_flows.COLLECTOR_METRICS) == (OTLP_HTTP, METRICS)
    assert trace_flows.TRACE_QUERY == trace_store.TRACE_QUERY
    most = quantity(trace_collector.RESOURCES.memory_limit) / trace_collector.QUEUE_SHARE
    assert quantity(TRACE_QUEUE.most) == most


def test_grafana_leads_from_an_exemplar_to_its_trace():
    (text,) = [
        one["data"]["platform.yaml"]
        for one in objects(stack(), "ConfigMap")
        if one["metadata"]["name"] == "grafana-data-sources"
    ]
    prometheus, traces = json.loads(text)["datasources"]
    assert traces["type"] == "jaeger"
    assert traces["url"] == f"https://trace-store-service.{MONITORING}.svc:16686"
    (leads,) = prometheus["jsonData"]["exemplarTraceIdDestinations"]
    assert leads == {"name": "trace_id", "datasourceUid": traces["uid"]}


def test_prometheus_keeps_exemplars_with_traces():
    (found,) = [each for each in pods(stack()) if each.name == "prometheus"]
    assert "--enable-feature=exemplar-storage" in found.containers[0]["command"]


def test_without_the_section_nothing_of_it_is_in_any_object():
    text = json.dumps([each.inputs for each in shipped("dev").resources], default=str)
    words = ("trace-collector", "trace-store", "QUDAG_MCP_TRACES", "[traces]", "exemplar-storage")
    assert [word for word in words if word in text] == []
    assert "otelcol" not in text
    assert '"port": 4318' not in text


def test_an_own_prometheus_without_the_section_keeps_no_exemplars_and_reads_no_collector():
    without = standalone("monolith", "standalone")
    (found,) = [each for each in pods(without) if each.name == "prometheus"]
    assert not [one for one in found.containers[0]["command"] if "feature" in one]
    assert {one["metadata"]["namespace"] for one in objects(without, "Role")} == {PLATFORM}
    assert "SpansLost" not in json.dumps(objects(without, "ConfigMap"), default=str)
