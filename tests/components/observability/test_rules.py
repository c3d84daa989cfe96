"""Rules name metrics that something exports, and have the numbers of the source documents."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any, get_args

import pytest

from components.mcp.metrics import Exporter
from components.mcp.objectives import LATENCY_BOUNDS
from components.observability.dashboards import DashboardOptions, dashboards
from components.observability.rules import RecordingRule, RuleOptions, rule_groups
from components.observability.rules.alert import page_of, uid_of
from components.observability.rules.catalogue import (
    FULL_PLATFORM,
    FULL_PLATFORM_WITH_CLOUDNATIVE_PG,
    every_alert,
)
from components.observability.rules.expression import check, exported, names_in
from components.observability.rules.external_exporters import EXTERNAL_METRIC_NAMES
from components.observability.rules.groups import recorded_of
from components.observability.rules.options import MonitoredServer
from runtime import gateway_metrics, metrics

SMALL = RuleOptions(namespace="mcp", servers=(MonitoredServer(name="mcp-core"),))


def rules(options: RuleOptions) -> list[dict[str, Any]]:
    return [rule for group in rule_groups(options) for rule in group["rules"]]


def alerts(options: RuleOptions) -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for rule in rules(options) if "alert" in rule}


OF_DOCUMENTS = [
    # Document, alert, text in its expression, duration, severity.
    ("S2", "MCPServerDown", " == 0", "1m", "critical"),
    ("S2", "MCPServerHighErrorRate", "[5m]) > 0.1", "2m", "warning"),
    ("S2", "MCPServerHighLatency", "[5m])) > 0.5", "5m", "warning"),
    ("S2", "MCPServerHighMemoryUsage", " / 1024 / 1024 > 400", "5m", "warning"),
    ("S3", "HighErrorRate", " > 0.05", "5m", "critical"),
    ("S3", "HighResponseTime", " > 2", "5m", "critical"),
    ("S3", "ServerCpuNearLimit", " > 0.8", "10m", "critical"),
    ("S3", "ServerMemoryNearLimit", " > 0.8", "10m", "critical"),
    ("S3", "ServiceUnavailable", " == 0", "1m", "critical"),
    ("S3", "AuthenticationFailures", 'status="401"', "5m", "warning"),
    ("S3", "BackupTooOld", " > 3600", "5m", "critical"),
    ("S3", "RecoveryTooSlow", " > 1800", "5m", "warning"),
    ("S3", "SecretTooOld", " > 90", "1h", "warning"),
    ("S4", "HighWorkflowFailureRate", " > 0.1", "2m", "warning"),
    ("S4", "AgentResponseTimeTooHigh", " > 120", "3m", "warning"),
    ("S4", "DatabaseConnectionPoolExhausted", " > 0.9", "1m", "critical"),
    ("S4", "MCPServiceDown", " == 0", "30s", "critical"),
]


@pytest.mark.parametrize(("document", "name", "text", "duration", "severity"), OF_DOCUMENTS)
def test_an_alert_has_the_numbers_of_its_document(
    document: str, name: str, text: str, duration: str, severity: str
):
    rule = alerts(FULL_PLATFORM)[name]
    assert text in rule["expr"]
    assert (rule["for"], rule["labels"]["severity"]) == (duration, severity)
    assert every_alert()[name].source in (document, "S3")


def test_no_other_alert_claims_to_be_of_a_document():
    stated = {name for name, one in every_alert().items() if one.source is not None}
    assert stated - {"AuthorizationFailures"} == {name for _, name, *_ in OF_DOCUMENTS}


def test_dropped_log_lines_are_not_compared_with_those_of_a_forwarder_that_is_not_there():
    without = alerts(replace(FULL_PLATFORM, log_forwarder=None))["LogLinesDropped"]["expr"]
    assert "mcp_log_lines_total" in alerts(FULL_PLATFORM)["LogLinesDropped"]["expr"]
    assert names_in(without) == {"otelcol_exporter_send_failed_log_records"}


@pytest.mark.parametrize("options", [FULL_PLATFORM, FULL_PLATFORM_WITH_CLOUDNATIVE_PG, SMALL])
def test_every_series_of_a_rule_is_exported_or_recorded(options: RuleOptions):
    recorded = {rule["record"] for rule in rules(options) if "record" in rule}
    read = {name for rule in rules(options) for name in names_in(rule["expr"])}
    unknown = {name for name in read - recorded if exported(name) is None}
    assert unknown - EXTERNAL_METRIC_NAMES == {"up"}


@pytest.mark.parametrize(
    ("expression", "what"),
    [
        ("rate(mcp_no_such_total[5m])", "mcp_no_such_total is exported by no program"),
        ('mcp_draining{tool_name="x"}', "mcp_draining has no label tool_name"),
        ("mcp_request_duration_seconds", "exported by no program"),
        ("mcp_draining_bucket", "exported by no program"),
        ('up{workload="x"}', "up has no label workload"),
        ("sum by (namespace) (mcp_draining)", "mcp_draining is read in every namespace"),
        ('up{namespace="a"} / up{job="b"}', "up is read in every namespace"),
    ],
)
def test_an_unknown_name_or_series_of_other_platforms_are_refused(expression: str, what: str):
    with pytest.raises(ValueError, match=re.escape(what)):
        check(expression, [])


@pytest.mark.parametrize("options", [FULL_PLATFORM, FULL_PLATFORM_WITH_CLOUDNATIVE_PG, SMALL])
def test_recorded_series_have_the_namespace_of_the_platform(options: RuleOptions):
    recorded = [rule for rule in rules(options) if "record" in rule]
    assert {rule["labels"]["namespace"] for rule in recorded} == {"mcp"}


def test_functions_labels_and_texts_are_no_names_of_series():
    expression = (
        'sum by (job, le) (rate(a_total{b=~"c d"}[5m])) / ignoring (e) group_left (f) g:h:i '
        "> bool 1e3 or vector(time()) offset 5m"
    )
    assert names_in(expression) == {"a_total", "g:h:i"}


@pytest.mark.parametrize("name", every_alert())
def test_an_alert_says_whose_it_is_and_where_to_look(name: str):
    found = {**alerts(FULL_PLATFORM_WITH_CLOUDNATIVE_PG), **alerts(FULL_PLATFORM)}[name]
    assert set(found["labels"]) == {"severity", "team", "scope", "namespace"}
    notes = found["annotations"]
    assert set(notes) == {"summary", "description", "runbook_page", "dashboard_url"}
    assert notes["runbook_page"] == f"docs/runbooks/{page_of(name)}.md"
    assert notes["dashboard_url"].startswith(f"/d/{found['labels']['namespace']}_")
    assert all(text and "  " not in text for text in notes.values())


def test_the_dashboards_of_alerts_exist():
    """Each has a uid of a page; the exporters decide only which panels a page has."""
    options = DashboardOptions(namespaces=["mcp"], exporters=frozenset(get_args(Exporter)))
    there = {json.loads(text)["uid"] for text in dashboards(options).values()}
    assert {uid_of("mcp", one.dashboard) for one in every_alert().values()} <= there


def test_links_begin_with_the_configured_addresses():
    options = replace(SMALL, runbooks="https://wiki.example.com", grafana="https://g.example.com")
    notes = alerts(options)["MCPServerDown"]["annotations"]
    assert notes["runbook_url"] == "https://wiki.example.com/mcp-server-down.md"
    assert "runbook_page" not in notes
    assert notes["dashboard_url"] == "https://g.example.com/d/mcp_service?var-namespace=mcp"


def test_a_rule_of_a_foreign_exporter_needs_that_exporter():
    without = replace(FULL_PLATFORM, exporters=frozenset())
    gone = alerts(FULL_PLATFORM).keys() - alerts(without).keys()
    assert {"QuotaNearlyUsed", "ScalerErrors", "CertificateNotRenewed", "EndpointDown"} <= gone
    read = {name for rule in rules(without) for name in names_in(rule["expr"])}
    assert read & EXTERNAL_METRIC_NAMES == set()


def test_a_stack_without_a_part_has_no_alerts_about_it():
    few = set(alerts(SMALL))
    assert "MCPServerDown" in few
    for part in ("Backup", "Audit", "Valkey", "Database", "Gateway", "Consensus", "Agent"):
        assert not [name for name in few if name.startswith(part)]


def test_a_404_of_a_modern_server_is_no_error():
    modern = alerts(SMALL)
    assert not [
        name for name, one in modern.items() if "404" in one["expr"] or "4.." in one["expr"]
    ]
    legacy = replace(SMALL, servers=(MonitoredServer(name="mcp-core", era="legacy"),))
    assert alerts(legacy).keys() - modern.keys() == {"SessionsLost"}


def test_a_disabled_alert_is_left_out_and_the_watchdog_stays():
    options = replace(FULL_PLATFORM, disabled=frozenset({"MCPServerHighLatency", "Watchdog"}))
    assert alerts(FULL_PLATFORM).keys() - alerts(options).keys() == {"MCPServerHighLatency"}


def test_a_platform_without_servers_that_export_has_the_watchdog_alone():
    assert set(alerts(RuleOptions(namespace="mcp"))) == {"Watchdog"}


@pytest.mark.parametrize("seconds", [metrics.SECONDS, gateway_metrics.SECONDS])
def test_an_objective_is_a_bound_of_the_exported_histograms(seconds: tuple[float, ...]):
    assert set(LATENCY_BOUNDS) <= set(seconds)


@pytest.mark.parametrize(
    ("name", "page"),
    [("MCPServerDown", "mcp-server-down"), ("ValkeyEvicts", "valkey-evicts")],
)
def test_the_page_of_an_alert_is_its_name_in_words(name: str, page: str):
    assert page_of(name) == page


@pytest.mark.parametrize(
    "change",
    [{"name": "notCamel"}, {"duration": "5 minutes"}, {"summary": " "}, {"expression": ""}],
)
def test_an_alert_that_prometheus_would_refuse_is_refused(change: dict[str, Any]):
    with pytest.raises(ValueError, match=r"."):
        replace(every_alert()["MCPServerDown"], **change)


def test_a_recorded_name_says_its_level():
    with pytest.raises(ValueError, match="level"):
        RecordingRule(name="mcp_errors", expression="vector(1)")


def test_workflows_end_in_the_words_of_the_orchestration_document():
    """``workflow_executions_total{status="failed"}`` and ``{status="completed"}`` (S4)."""
    made = [rule for rules in recorded_of(FULL_PLATFORM).values() for rule in rules]
    ends = [dict(rule.labels) for rule in made if rule.name == "workflow_executions_total"]
    assert ends == [{"status": "failed"}, {"status": "completed"}]
