"""The rules and receivers of a stack follow from what it has and from its section observability."""

from __future__ import annotations

import json
import re
from typing import Any, Final, cast

import pytest

from graph.resource_graph import ResourceGraph
from tests.harness.graph_queries import objects
from tests.harness.monitored_stacks import alerts, stack
from tests.harness.stacks import stack as shipped
from tests.harness.user_servers import NETWORK, recorded


def test_rules_watch_what_the_stack_has():
    """A monolith has a gateway, a server, both stores with exporters, and no backups."""
    found = alerts(stack("monolith"))
    assert {"Watchdog", "PlatformDown", "MCPServerDown", "DatabaseDown"} <= found
    assert not {"BackupTooOld", "HighWorkflowFailureRate"} & found


def test_metrics_that_an_image_names_are_recorded_under_one_name():
    (made,) = objects(stack("monolith"), "PrometheusRule")
    rules = {
        rule["record"]: rule
        for g in made["spec"]["groups"]
        for rule in g["rules"]
        if "record" in rule
    }
    of = '{exporter="image",job="weather",namespace="qudag-mcp-dev"}'
    accuracy = rules["job:model_accuracy:min"]
    assert accuracy["expr"].endswith(f"(weather_accuracy{of})")
    assert accuracy["labels"] == {"namespace": "qudag-mcp-dev"}
    assert rules["job:active_users:sum"]["expr"].startswith("sum without (")
    assert "job:model_inference_seconds:p95_rate5m" not in rules


@pytest.mark.slow
def test_rules_of_the_orchestration_watch_its_agents_and_those_of_a_cluster_its_replicas():
    assert "HighWorkflowFailureRate" in alerts(stack("orchestration"))
    cluster = alerts(stack("microservices", database="cloudnative-pg"))
    assert "DatabaseReplicationLag" in cluster
    assert "DatabaseReplicationLag" not in alerts(stack("microservices"))


def rules(graph: ResourceGraph) -> dict[str, dict[str, Any]]:
    (made,) = objects(graph, "PrometheusRule")
    every = [rule for group in made["spec"]["groups"] for rule in group["rules"]]
    return {rule["alert"]: rule for rule in every if "alert" in rule}


def test_the_section_alerts_changes_the_rules():
    found = rules(stack("monolith"))
    assert found["MCPServerHighLatency"]["expr"].endswith(" > 7")
    assert found["HighErrorRate"]["expr"].endswith(" > 0.03")
    assert "MCPServerHighMemoryUsage" not in found
    assert "QuotaNearlyUsed" in found
    assert "EndpointDown" in found
    notes = found["HighErrorRate"]["annotations"]
    assert notes["runbook_url"] == "https://wiki.example.com/runbooks/high-error-rate.md"
    assert notes["dashboard_url"].startswith("https://grafana.example.com/d/")
    assert "take at most 30 s" in found["LatencyBudgetBurnsFast"]["annotations"]["summary"]
    assert "> 0.072" in found["AvailabilityBudgetBurnsFast"]["expr"]  # 14.4 times 0.5 %


def test_the_receivers_of_a_stack_are_in_an_alertmanager_config():
    (made,) = objects(stack("monolith"), "AlertmanagerConfig")
    spec = made["spec"]
    named = [one["name"] for one in spec["receivers"]]
    assert named == ["nobody", "dead-mans-switch", "on-call", "chat", "mail", "hook"]
    keys = set(re.findall(r'"key": "([a-z]+)"', json.dumps(spec)))
    assert keys == {"pagerduty", "slack", "smtp", "hook", "switch"}
    (switch,) = [one for one in spec["route"]["routes"] if one["receiver"] == "dead-mans-switch"]
    assert switch["repeatInterval"] == "2m"
    teams = {one["receiver"]: one["matchers"][1:] for one in spec["route"]["routes"]}
    assert teams["mail"] == [{"name": "team", "value": "data", "matchType": "="}]
    assert teams["hook"] == []


def named_keys(tree: Any) -> set[tuple[str, str]]:
    """Each reference to a key of a Secret: an object of its name and its key alone."""
    if isinstance(tree, dict):
        fields = cast("dict[str, Any]", tree)
        if set(fields) == {"name", "key"}:
            return {(fields["name"], fields["key"])}
        return {each for value in fields.values() for each in named_keys(value)}
    members = cast("list[Any]", tree) if isinstance(tree, list) else []
    return {each for value in members for each in named_keys(value)}


def test_each_key_of_a_secret_in_the_alertmanager_config_is_required_in_its_namespace():
    (made,) = objects(stack("monolith"), "AlertmanagerConfig")
    required = {
        (one["namespace"], one["name"], key): one["kind"]
        for one in stack("monolith").outputs["required_secrets"]
        for key in one["keys"]
    }
    namespace, named = made["metadata"]["namespace"], named_keys(made["spec"]["receivers"])
    assert {key for _, key in named} == {"pagerduty", "slack", "smtp", "hook", "switch"}
    assert {required[namespace, name, key] for name, key in named} == {"given"}


@pytest.mark.slow
def test_a_stack_that_tells_nobody_has_no_routes():
    config = {"topology": "monolith", "network": NETWORK, "observability": {"kind": "operator"}}
    assert objects(recorded(config), "AlertmanagerConfig") == []


EVERY_KIND: Final = {
    "of the sources": {
        *("MCPServerDown", "MCPServerHighErrorRate", "MCPServerHighLatency"),
        *("MCPServerHighMemoryUsage", "HighErrorRate", "HighResponseTime", "ServerCpuNearLimit"),
        *("ServerMemoryNearLimit", "ServiceUnavailable", "AuthenticationFailures"),
        "DatabaseConnectionPoolExhausted",
    },
    "of stores": {"DatabaseDown", "ValkeyDown", "ValkeyMemoryNearLimit", "ValkeyEvicts"},
    "of the cluster": {"QuotaNearlyUsed", "AutoscalerAtMaximum", "PodCrashLooping"},
    "of the gateway": {"PlatformDown", "GatewayLimitsRefuse", "IssuerKeysUnreadable"},
    "of the audit log": {"AuditChainBroken", "CallsCancelledByDrain"},
}


@pytest.mark.parametrize("kind", EVERY_KIND)
@pytest.mark.parametrize("name", ["staging", "prod"])
def test_shipped_stacks_have_the_alerts_of_each_kind(name: str, kind: str):
    assert EVERY_KIND[kind] - alerts(shipped(name)) == set()


def test_the_public_address_of_prod_and_its_certificate_are_probed():
    assert {"EndpointDown", "PublicCertificateExpires"} <= alerts(shipped("prod"))
    probed = [one["spec"]["targets"]["staticConfig"] for one in objects(shipped("prod"), "Probe")]
    assert {url for one in probed for url in one["static"]} == {
        "https://mcp.qudag.com/mcp",
        "https://mcp.qudag.com/.well-known/oauth-protected-resource/mcp",
    }


OF_PROMETHEUS = {"RuleEvaluationFailures", "MonitoringConfigurationRefused"}
OF_ALERTMANAGER = {"AlertsNotSent", "NotificationsFail"}


def own(*receivers: dict[str, Any]) -> ResourceGraph:
    """A stack with a Prometheus of its own, and with an Alertmanager if it has receivers."""
    return recorded(
        {
            "topology": "monolith",
            "network": {name: one for name, one in NETWORK.items() if name != "prometheus"},
            "kubernetes": {"apiServer": ["10.96.0.1/32"]},
            "observability": {
                "kind": "standalone",
                "alerts": {"receivers": receivers},
                "standalone": {"alertmanager": {"egress": {"hosts": ["h.example.com:443"]}}}
                if receivers
                else {},
            },
        }
    )


@pytest.mark.parametrize("told", [True, False])
def test_a_stack_with_its_own_prometheus_watches_what_it_has_of_its_own(told: bool):
    """Each alert on Prometheus and Alertmanager reads series of a job that is there."""
    hook = {"name": "hook", "webhook": {"url": {"secret": "told", "key": "hook"}}}
    (files,) = [
        one["data"]
        for one in objects(own(*([hook] if told else [])), "ConfigMap")
        if one["metadata"]["name"] == "prometheus-config"
    ]
    (group,) = [
        one
        for one in json.loads(files["rules.yml"])["groups"]
        if one["name"] == "qudag-mcp-monitoring"
    ]
    expected = OF_PROMETHEUS | OF_ALERTMANAGER if told else OF_PROMETHEUS
    assert {rule["alert"] for rule in group["rules"]} == expected
    read = {
        pair
        for rule in group["rules"]
        for pair in re.findall(r'exporter="([^"]+)",namespace="([^"]+)"', rule["expr"])
    }
    scraped = {
        (one["labels"].get("exporter"), one["labels"].get("namespace"))
        for job in json.loads(files["prometheus.yml"])["scrape_configs"]
        for one in job.get("static_configs", ())
    }
    assert {program for program, _ in read} == {"prometheus", *(["alertmanager"] if told else [])}
    assert read <= scraped


def test_a_stack_with_an_operator_leaves_that_to_its_monitoring():
    assert not (OF_PROMETHEUS | OF_ALERTMANAGER) & rules(stack("monolith")).keys()
