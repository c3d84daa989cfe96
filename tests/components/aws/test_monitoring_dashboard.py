"""The dashboard on AWS shows each thing, and its metrics and those of the alarms are documented."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any, Final

from tests.components.aws.monitored_program import ALARM, COMPOSITE, graph, own

DASHBOARD: Final = "aws:cloudwatch/dashboard:Dashboard"
METRICS: Final[dict[tuple[str, tuple[str, ...]], set[str]]] = {
    # Lambda Developer Guide, "Types of metrics for Lambda functions"
    ("AWS/Lambda", ("FunctionName",)): {
        *("ConcurrentExecutions", "Errors", "Throttles", "Duration", "Invocations"),
        *("UrlRequestCount", "Url4xxCount", "Url5xxCount", "UrlRequestLatency"),
    },
    # API Gateway Developer Guide, "Monitor HTTP APIs with CloudWatch metrics"
    ("AWS/ApiGateway", ("ApiId",)): {"4xx", "5xx", "Count", "Latency", "IntegrationLatency"},
    # User Guide for Application Load Balancers, "CloudWatch metrics"
    ("AWS/ApplicationELB", ("LoadBalancer",)): {
        *("RequestCount", "HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count"),
        "TargetResponseTime",
    },
    # CloudWatch User Guide, "Amazon ECS Container Insights metrics"
    ("ECS/ContainerInsights", ("ClusterName", "ServiceName")): {
        *("RunningTaskCount", "DesiredTaskCount", "PendingTaskCount"),
    },
    # ECS Developer Guide, "Amazon ECS CloudWatch metrics"
    ("AWS/ECS", ("ClusterName", "ServiceName")): {"CPUUtilization", "MemoryUtilization"},
    # RDS User Guide, "Amazon CloudWatch instance-level metrics for Amazon RDS"
    ("AWS/RDS", ("DBInstanceIdentifier",)): {
        *("CPUUtilization", "DatabaseConnections", "FreeStorageSpace", "ReplicaLag"),
    },
    # ElastiCache User Guide, "Metrics for Valkey and Redis OSS"
    ("AWS/ElastiCache", ("CacheClusterId",)): {
        *("DatabaseMemoryUsagePercentage", "EngineCPUUtilization", "Evictions"),
        *("ReplicationLag", "CurrConnections"),
    },
}
"""Namespaces and dimensions with their metrics, as AWS documents them."""


def test_every_metric_is_documented_with_its_dimensions():
    found: set[tuple[str, tuple[str, ...], str]] = set()
    for one in own(ALARM):
        for query in one.inputs.get("metricQueries", [{"metric": one.inputs}]):
            if metric := query.get("metric"):
                names = tuple(metric["dimensions"])
                found.add((metric["namespace"], names, metric["metricName"]))
    for widget in body()["widgets"]:
        for series in widget["properties"].get("metrics", []):
            if isinstance(series[0], str):
                namespace, metric, *named = series[:-1]
                found.add((namespace, tuple(named[::2]), metric))
    unknown = [(n, d, m) for n, d, m in found if m not in METRICS.get((n, d), set())]
    assert unknown == []
    assert len(found) >= 20


@cache
def body() -> dict[str, Any]:
    return json.loads(graph().one(DASHBOARD, name="alarms-dashboard").inputs["dashboardBody"])


def test_widgets_do_not_overlap_and_stay_within_the_columns():
    taken: set[tuple[int, int]] = set()
    for widget in body()["widgets"]:
        assert widget["x"] + widget["width"] <= 24
        cells = {
            (widget["x"] + dx, widget["y"] + dy)
            for dx in range(widget["width"])
            for dy in range(widget["height"])
        }
        assert not cells & taken, widget
        taken |= cells


def test_the_dashboard_shows_each_thing_and_the_objectives_alarms():
    titles = [w["properties"]["markdown"] for w in body()["widgets"] if w["type"] == "text"]
    assert titles == [
        *("## url", "## ecs", "## data-database", "## data-replica"),
        *("## data-cache-1", "## data-cache-2"),
    ]
    (states,) = [w for w in body()["widgets"] if w["type"] == "alarm"]
    named = {arn.rpartition(":")[2] for arn in states["properties"]["alarms"]}
    assert named == {one.inputs["alarmName"] for one in own(COMPOSITE)}


def test_ids_of_expressions_are_valid_and_refer_to_metrics_of_their_widget():
    """Letters, digits and _, beginning with a small letter (MetricDataQuery, Id)."""
    seen = 0
    for widget in body()["widgets"]:
        options = [
            s[-1] for s in widget["properties"].get("metrics", []) if isinstance(s[-1], dict)
        ]
        ids = {o["id"] for o in options if "id" in o}
        assert all(re.fullmatch(r"[a-z][A-Za-z0-9_]*", id) for id in ids)
        for option in options:
            if "expression" in option:
                used = set(re.findall(r"[a-z]\w*", option["expression"]))
                assert used <= ids
                seen += 1
    assert seen == 4  # two servers, two objectives
