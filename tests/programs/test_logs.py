"""Which log files the collectors of a stack read, and what they may connect to."""

from __future__ import annotations

import json
import tomllib
from functools import cache
from typing import Any, Final

import pytest

from components.mcp.server_config import METRICS as METRICS_OF_FORWARDER
from components.observability import log_collector, log_forwarder, log_store
from components.observability.otel_collector import METRICS
from graph.resource_graph import ResourceGraph
from policies import findings
from stacks import log_flows, sink_flows
from tests.harness.graph_queries import objects, pods
from tests.harness.network_policy_model import Endpoint, Enforcement
from tests.harness.user_servers import NETWORK, recorded

PLATFORM: Final = "qudag-mcp-dev"
COLLECTOR: Final = Endpoint.pod(f"{PLATFORM}-logs", app="log-collector")
STORE: Final = Endpoint.pod(f"{PLATFORM}-monitoring", app="log-store")
SINK: Final = {
    "kind": "otlp",
    "url": "https://logs.example.com:4318/intake",
    "networks": ["192.0.2.0/24"],
    "token": {"secret": "log-sink", "key": "token"},
}
FORWARDER: Final = Endpoint.pod(f"{PLATFORM}-monitoring", app="log-forwarder")
OPENSEARCH: Final = {
    "kind": "opensearch",
    "url": "https://search.example.com:9200",
    "networks": ["192.0.2.0/24"],
    "user": "logs",
    "password": {"secret": "log-sink", "key": "password"},
    "retention": {
        "user": "log-retention",
        "password": {"secret": "log-retention", "key": "password"},
    },
}


@cache
def forwarding() -> ResourceGraph:
    """A stack that writes its lines to an OpenSearch."""
    observability = {"kind": "operator", "logs": {"sink": OPENSEARCH}}
    return recorded({"topology": "monolith", "network": NETWORK, "observability": observability})


@cache
def stack(own: bool = True) -> ResourceGraph:
    """A stack with a store of its own, or with a sink outside."""
    network = {key: value for key, value in NETWORK.items() if key != "prometheus"}
    if own:
        return recorded(
            {
                "topology": "monolith",
                "network": network,
                "kubernetes": {"apiServer": ["10.96.0.1/32"]},
                "observability": {"kind": "standalone", "logs": {}},
            }
        )
    logs = {"sink": SINK, "addresses": "drop", "subjects": "drop", "queueBytes": "2Gi"}
    return recorded({"topology": "monolith", "network": network, "observability": {"logs": logs}})


def configuration(graph: ResourceGraph) -> dict[str, Any]:
    (found,) = [
        one["data"]["collector.json"]
        for one in objects(graph, "ConfigMap")
        if one["metadata"]["name"] == "log-collector-config"
    ]
    return json.loads(found)


@pytest.mark.parametrize(
    ("own", "namespaces"), [(True, ["", "-monitoring"]), (False, [""])], ids=["store", "sink"]
)
def test_files_of_the_platforms_namespaces_are_read_and_no_others(own: bool, namespaces: list[str]):
    receivers = configuration(stack(own))["receivers"]
    assert receivers["filelog"]["include"] == [
        f"/var/log/pods/{PLATFORM}{suffix}_*/*/*.log" for suffix in namespaces
    ]


def test_lines_of_every_pod_have_the_name_of_its_workload():
    form = configuration(stack())["processors"]["transform/form"]["log_statements"][0]
    (pattern,) = {
        one.partition("(?P<service>")[2].partition(")")[0] for one in form["statements"][1:]
    }
    wanted = {each.name for each in pods(stack()) if each.name != "log-collector"}
    assert wanted <= set(pattern.split("|"))


def test_collectors_may_connect_to_the_store_and_nothing_may_connect_to_them_but_prometheus():
    cluster = Enforcement(objects(stack(), "NetworkPolicy"))
    assert cluster.arrives(COLLECTOR, STORE, "TCP", 9428)
    prometheus = Endpoint.pod(f"{PLATFORM}-monitoring", app="prometheus")
    server = Endpoint.pod(PLATFORM, app="mcp-server")
    assert cluster.arrives(prometheus, COLLECTOR, "TCP", METRICS)
    assert not cluster.arrives(server, COLLECTOR, "TCP", METRICS)
    assert not cluster.arrives(server, STORE, "TCP", 9428)
    assert not cluster.arrives(COLLECTOR, server, "TCP", 8443)


def test_collectors_may_connect_to_the_networks_of_a_sink_at_its_port():
    (policy,) = [
        one["spec"]
        for one in objects(stack(own=False), "NetworkPolicy")
        if one["metadata"]["name"] == "log-collector-flows"
    ]
    to_sink = [rule for rule in policy["egress"] if "192.0.2.0/24" in str(rule)]
    assert to_sink == [
        {
            "to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}],
            "ports": [{"protocol": "TCP", "port": 4318}],
        }
    ]
    exporters = configuration(stack(own=False))["exporters"]
    addresses = {one["logs_endpoint"] for one in exporters.values()}
    assert addresses == {"https://logs.example.com:4318/intake/v1/logs"}


def test_only_the_namespace_of_collectors_admits_volumes_of_the_node():
    key = "pod-security.kubernetes.io/enforce"
    standards = {
        one["metadata"]["name"]: one["metadata"]["labels"][key]
        for one in objects(stack(), "Namespace")
    }
    assert standards.pop(f"{PLATFORM}-logs") == "privileged"
    assert set(standards.values()) == {"restricted"}
    there = {
        each.name
        for each in pods(stack())
        if each.owner.inputs["metadata"]["namespace"] == f"{PLATFORM}-logs"
    }
    assert there == {"log-collector"}


def test_a_collector_reads_log_files_and_writes_only_its_state():
    (found,) = [each for each in pods(stack()) if each.name == "log-collector"]
    folders = {
        volume["name"]: volume["hostPath"]["path"]
        for volume in found.spec["volumes"]
        if "hostPath" in volume
    }
    assert folders == {
        "pods": "/var/log/pods",
        "state": f"/var/lib/qudag-mcp-logs/{PLATFORM}-logs",
    }
    (container,) = found.containers
    mounts = {one["name"]: one for one in container["volumeMounts"] if one["name"] in folders}
    assert mounts["pods"]["readOnly"] is True
    context = container["securityContext"]
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert context["readOnlyRootFilesystem"] is True
    assert context["allowPrivilegeEscalation"] is False
    assert found.spec["automountServiceAccountToken"] is False


@pytest.mark.parametrize("own", [True, False], ids=["store", "sink"])
def test_no_policy_is_broken(own: bool):
    assert findings(stack(own), own=True) == []


def test_names_and_ports_of_flows_are_those_of_the_components():
    assert log_flows.LOG_COLLECTOR == log_collector.LOG_COLLECTOR
    assert log_flows.LOG_STORE == log_store.LOG_STORE
    assert (log_flows.STORE_PORT, sink_flows.COLLECTOR_METRICS) == (9428, METRICS)
    assert log_store.LOG_STORE_PORT == log_flows.STORE_PORT
    assert log_flows.LOG_FORWARDER == log_forwarder.LOG_FORWARDER
    assert log_flows.LOG_RETENTION == log_forwarder.LOG_RETENTION
    assert log_flows.FORWARDER_PORT == log_forwarder.LOG_FORWARDER_PORT


def test_the_store_keeps_lines_for_90_days_unless_the_volume_is_full():
    (found,) = [each for each in pods(stack()) if each.name == "log-store"]
    command = found.containers[0]["command"]
    assert "-retentionPeriod=90d" in command
    assert f"-retention.maxDiskSpaceUsageBytes={20 * 1024**3 * 8 // 10}" in command


def test_the_token_is_read_from_its_file_and_is_in_no_object():
    made = configuration(stack(own=False))
    assert made["extensions"]["bearertokenauth"]["filename"] == "/etc/otlp-sink/token"
    wanted = [
        one for one in stack(own=False).outputs["required_secrets"] if one["name"] == "log-sink"
    ]
    assert [(one["namespace"], one["keys"]) for one in wanted] == [(f"{PLATFORM}-logs", ["token"])]


def test_the_namespaces_of_collectors_and_of_the_store_can_be_named():
    named = recorded(
        {
            "topology": "monolith",
            "network": {key: value for key, value in NETWORK.items() if key != "prometheus"},
            "kubernetes": {
                "apiServer": ["10.96.0.1/32"],
                "namespaces": {"logs": "their-logs", "monitoring": "their-monitoring"},
            },
            "observability": {"kind": "standalone", "logs": {}},
        }
    )
    there = {one["metadata"]["name"] for one in objects(named, "Namespace")}
    assert there == {PLATFORM, "their-logs", "their-monitoring"}


def test_prometheus_has_the_alerts_about_collectors():
    (files,) = [
        one["data"]
        for one in objects(stack(), "ConfigMap")
        if one["metadata"]["name"] == "prometheus-config"
    ]
    groups = json.loads(files["rules.yml"])["groups"]
    alerts = {rule.get("alert") for group in groups for rule in group["rules"]}
    assert {"LogQueueFilling", "LogLinesDropped"} <= alerts


def test_only_the_forwarder_and_the_retention_may_connect_to_opensearch():
    """Collectors connect to the forwarder, and nothing else does."""
    cluster = Enforcement(objects(forwarding(), "NetworkPolicy"))
    assert cluster.arrives(COLLECTOR, FORWARDER, "TCP", 4318)
    assert not cluster.arrives(Endpoint.pod(PLATFORM, app="mcp-server"), FORWARDER, "TCP", 4318)
    to_sink = {
        one["metadata"]["name"]: rule["ports"]
        for one in objects(forwarding(), "NetworkPolicy")
        for rule in one["spec"].get("egress", ())
        if "192.0.2.0/24" in str(rule)
    }
    port = [{"protocol": "TCP", "port": 9200}]
    assert to_sink == {"log-forwarder-flows": port, "log-retention-flows": port}


def test_each_program_mounts_its_own_login_and_collectors_none():
    mounted = {
        each.name: {
            volume["secret"]["secretName"] for volume in each.spec["volumes"] if "secret" in volume
        }
        for each in pods(forwarding())
        if each.name.startswith("log-")
    }
    assert mounted == {
        "log-collector": {"mcp-internal-ca"},
        "log-forwarder": {"log-sink", "mcp-internal-tls-log-forwarder"},
        "log-retention": {"log-retention", "mcp-internal-ca"},
    }
    monitoring = f"{PLATFORM}-monitoring"
    wanted = {
        one["name"]: one["keys"]
        for one in forwarding().outputs["required_secrets"]
        if one["namespace"] == monitoring
    }
    assert wanted == {
        "log-sink": ["password"],
        "log-retention": ["password"],
        "mcp-internal-ca": ["ca.crt"],
        "mcp-internal-tls-log-forwarder": ["tls.crt", "tls.key"],
    }


def test_prometheus_alone_may_read_the_metrics_of_the_forwarder_under_the_labels_of_its_alerts():
    cluster = Enforcement(objects(forwarding(), "NetworkPolicy"))
    prometheus = Endpoint.pod("monitoring", app="prometheus")
    assert cluster.arrives(prometheus, FORWARDER, "TCP", METRICS_OF_FORWARDER)
    assert not cluster.arrives(COLLECTOR, FORWARDER, "TCP", METRICS_OF_FORWARDER)
    (monitor,) = [
        one
        for one in objects(forwarding(), "PodMonitor")
        if one["spec"]["selector"]["matchLabels"].get("app") == "log-forwarder"
    ]
    assert monitor["metadata"]["namespace"] == f"{PLATFORM}-monitoring"
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    labels = {one["targetLabel"]: one["replacement"] for one in endpoint["relabelings"]}
    assert labels == {"job": "log-forwarder", "exporter": "log-forwarder"}
    (rules,) = objects(forwarding(), "PrometheusRule")
    expressions = {
        rule["alert"]: rule["expr"]
        for group in rules["spec"]["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    for alert in ("LogStoreUnavailable", "LogLinesRefused", "LogRetentionOverdue"):
        assert f"{PLATFORM}-monitoring" in expressions[alert]


def test_the_job_of_the_retention_tells_the_forwarder_of_its_runs():
    (found,) = [
        one["data"]["log-retention.toml"]
        for one in objects(forwarding(), "ConfigMap")
        if one["metadata"]["name"] == "log-retention-config"
    ]
    told = tomllib.loads(found)["forwarder"]
    host = f"log-forwarder-service.{PLATFORM}-monitoring.svc"
    assert told == {"url": f"https://{host}:4318", "ca_file": "/etc/internal-ca/ca.crt"}
    cluster = Enforcement(objects(forwarding(), "NetworkPolicy"))
    job = Endpoint.pod(f"{PLATFORM}-monitoring", app="log-retention")
    assert cluster.arrives(job, FORWARDER, "TCP", 4318)
    (names,) = [
        one["dns_names"]
        for one in forwarding().outputs["required_secrets"]
        if one["name"] == "mcp-internal-tls-log-forwarder"
    ]
    assert host in names


def test_collectors_send_to_the_forwarder_what_it_reads():
    made = configuration(forwarding())
    url = f"https://log-forwarder-service.{PLATFORM}-monitoring.svc:4318/v1/logs"
    for exporter in made["exporters"].values():
        assert exporter["logs_endpoint"] == url
        assert (exporter["encoding"], exporter["compression"]) == ("json", "none")
    indexes = {
        one["attributes"][0]["value"]
        for name, one in made["processors"].items()
        if name.startswith("resource/")
    }
    assert indexes == {"qudag-mcp-logs", "qudag-mcp-security"}


def test_lines_are_kept_for_90_days_unless_another_number_is_set():
    """S3, "Log Aggregation"."""
    (found,) = [
        one["data"]["log-retention.toml"]
        for one in objects(forwarding(), "ConfigMap")
        if one["metadata"]["name"] == "log-retention-config"
    ]
    assert tomllib.loads(found)["retention"] == {"days": 90}


def test_no_policy_is_broken_by_a_forwarder():
    assert findings(forwarding(), own=True) == []


@pytest.mark.parametrize(
    ("sink", "readers"),
    [(SINK, [f"{PLATFORM}-logs"]), (OPENSEARCH, [f"{PLATFORM}-logs", f"{PLATFORM}-monitoring"])],
    ids=["collector", "forwarder"],
)
def test_a_sink_may_have_the_authority_of_the_platform(sink: dict[str, Any], readers: list[str]):
    logs = {"sink": {**sink, "ca": {"secret": "mcp-internal-ca", "key": "ca.crt"}}}
    network = {key: value for key, value in NETWORK.items() if key != "prometheus"}
    graph = recorded({"topology": "monolith", "network": network, "observability": {"logs": logs}})
    wanted = [
        (one["namespace"], one["kind"])
        for one in graph.outputs["required_secrets"]
        if one["name"] == "mcp-internal-ca"
    ]
    assert sorted(wanted) == [(space, "authority") for space in (PLATFORM, *readers)]
