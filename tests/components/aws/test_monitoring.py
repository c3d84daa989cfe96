"""Alarms and the dashboard on AWS: thresholds, burn rates, what is counted, and who is told."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any, Final

import pulumi
import pytest

from components.aws.container import EcsFargate
from components.aws.container_args import EcsFargateArgs
from components.aws.database import RdsDataTier
from components.aws.database_args import RdsDataTierArgs
from components.aws.function import AwsLambda
from components.aws.function_args import AwsLambdaArgs, LambdaEndpoint
from components.aws.monitoring import AwsMonitoring
from components.aws.monitoring_args import AwsBudget, AwsMonitoringArgs
from components.aws.watched import AwsWatchedFunction
from components.aws.watched_metrics import most_connections
from components.mcp.access import Access, NetworkAccess
from components.mcp.cloud_alarms import burn_alarms
from components.mcp.objectives import Objectives
from tests.harness import Resource, ResourceGraph
from tests.harness.clouds import (
    ARCHIVE,
    AWS,
    AWS_CERTIFICATE,
    AWS_NETWORK,
    AWS_TOPIC,
    cloud_config,
    on_aws,
)

ALARM: Final = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE: Final = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
AT_LEAST, BELOW = "GreaterThanOrEqualToThreshold", "LessThanThreshold"
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


def program(opts: pulumi.ResourceOptions) -> None:
    config = cloud_config()
    shared: dict[str, Any] = {"location": AWS, "alarm_topic": AWS_TOPIC}
    url = AwsLambda(
        "url",
        AwsLambdaArgs(
            **shared,
            archive=ARCHIVE,
            config=config,
            access=Access(public=True),
            endpoint=LambdaEndpoint.FUNCTION_URL,
            reserved_concurrency=50,
        ),
        opts,
    )
    ecs = EcsFargate(
        "ecs",
        EcsFargateArgs(
            **shared,
            network=AWS_NETWORK,
            image="ghcr.io/qudag/server@sha256:" + "0" * 64,
            config=cloud_config(domain="mcp.example.com"),
            certificate=AWS_CERTIFICATE,
            access=NetworkAccess(public=True),
            min_instances=2,
            max_instances=10,
        ),
        opts,
    )
    data = RdsDataTier(
        "data",
        RdsDataTierArgs(location=AWS, network=AWS_NETWORK, read_replica=True, storage_gb=20),
        opts,
    )
    args = AwsMonitoringArgs(
        location=AWS,
        emails=["on-call@example.com"],
        functions=[url.monitored],
        containers=[ecs.monitored],
        databases=data.monitored_databases,
        caches=data.monitored_caches,
        budget=AwsBudget(amount=500, tag="stack$prod"),
    )
    AwsMonitoring("alarms", args, opts)


@cache
def graph() -> ResourceGraph:
    """One of each thing, with its monitoring."""
    return on_aws(program)


def own(token: str) -> list[Resource]:
    """Resources of the monitoring, not the servers' own alarms."""
    return [one for one in graph().all(token) if one.name.startswith("alarms-")]


def alarm(role: str) -> dict[str, Any]:
    return graph().one(ALARM, name=f"alarms-{role}-alarm").inputs


@pytest.mark.parametrize(
    ("objective", "percent", "windows"),
    [
        # The Site Reliability Workbook, chapter 5, table 5-8, for 99.9 %.
        (
            "availability",
            99.9,
            {3600: 0.0144, 300: 0.0144, 21600: 0.006, 1800: 0.006},
        ),
        # 14.4 and 6 times the 5 % that a latency objective of 95 % allows.
        ("latency", 95, {3600: 0.72, 300: 0.72, 21600: 0.3, 1800: 0.3}),
    ],
)
def test_fast_burn_has_the_workbooks_windows(
    objective: str, percent: float, windows: dict[int, float]
):
    given = Objectives(availability_percent=percent, latency_percent=percent)
    (fast,) = [one for one in burn_alarms(given) if one.name == f"{objective}-burns-fast"]
    assert {w.seconds: w.above for pair in fast.pairs for w in pair} == pytest.approx(windows)


def test_slow_burn_has_the_workbooks_windows():
    (slow,) = [one for one in burn_alarms(Objectives()) if one.name == "availability-burns-slowly"]
    assert [(long.seconds, short.seconds) for long, short in slow.pairs] == [
        (86_400, 7_200),
        (259_200, 21_600),
    ]
    assert [long.above for long, _ in slow.pairs] == pytest.approx([0.003, 0.001])


def test_an_objective_has_no_alarm_on_more_than_all_requests():
    lax = Objectives(availability_percent=90, latency_percent=95)
    (fast,) = [one for one in burn_alarms(lax) if one.name == "availability-burns-fast"]
    assert [long.name for long, _ in fast.pairs] == ["6h"]  # 14.4 x 10 % is more than all


def test_windows_are_within_what_cloudwatch_evaluates():
    """A day below periods of an hour, else seven days (CloudWatch API, PutMetricAlarm)."""
    for one in own(ALARM):
        given = one.inputs
        queries = given.get("metricQueries", [])
        periods = {query["metric"]["period"] for query in queries if "metric" in query}
        periods |= {given["period"]} if "period" in given else set()
        (period,) = periods  # an expression's metrics have one
        assert period % 60 == 0
        assert period * given["evaluationPeriods"] <= (86_400 if period < 3600 else 604_800)


def test_a_burn_needs_both_windows_and_tells_of_its_end():
    topic = graph().one("aws:sns/topic:Topic", name="alarms-topic")
    arn = f"arn:aws:sns:{AWS.region}:{AWS.account}:{topic.inputs['name']}"
    found = graph().one(COMPOSITE, name="alarms-ecs-availability-burns-fast-alarm").inputs
    names = [
        alarm(f"ecs-availability-burns-fast-{window}")["name"]
        for window in ("1h", "5m", "6h", "30m")
    ]
    one, two, three, four = (f'ALARM("{name}")' for name in names)
    assert found["alarmRule"] == f"({one} AND {two}) OR ({three} AND {four})"
    assert (found["alarmActions"], found["okActions"]) == ([arn], [arn])
    assert found["alarmDescription"].startswith("critical: ecs: ")


def test_alarms_of_windows_tell_nobody_and_all_others_do():
    for one in own(ALARM):
        tells = bool(one.inputs.get("alarmActions")) and bool(one.inputs.get("okActions"))
        assert tells == ("metricQueries" not in one.inputs), one.name
    assert len(own(COMPOSITE)) == 8  # two servers, two objectives, fast and slow


class Number(float):
    """A value of metric math, where a division by zero has no result."""

    def __truediv__(self, other: float) -> Number:
        return Number(float("nan") if other == 0 else float(self) / float(other))

    def __add__(self, other: float) -> Number:
        return Number(float(self) + float(other))


def _fill(value: Number | None, other: float) -> Number:
    return Number(other) if value is None else value


def _if(condition: bool, yes: float, no: float) -> float:
    return yes if condition else no


def value(queries: list[dict[str, Any]], data: dict[str, float]) -> float:
    """What the expression that is returned gives for sums of metrics; absent: no data."""
    (returned,) = [one for one in queries if one["returnData"]]
    known = {one["id"]: one["metric"]["metricName"] for one in queries if "metric" in one}
    values = {id: Number(data[name]) if name in data else None for id, name in known.items()}
    names: dict[str, Any] = {**values, "FILL": _fill, "IF": _if}
    return float(eval(returned["expression"], {"__builtins__": {}}, names))


@pytest.mark.parametrize(
    ("data", "share"),
    [
        ({}, 0),
        ({"RequestCount": 100}, 0),
        ({"RequestCount": 98, "HTTPCode_ELB_5XX_Count": 2}, 0.02),
        ({"RequestCount": 100, "HTTPCode_Target_5XX_Count": 3}, 0.03),
        ({"RequestCount": 90, "HTTPCode_Target_5XX_Count": 1, "HTTPCode_ELB_5XX_Count": 10}, 0.11),
        ({"HTTPCode_ELB_5XX_Count": 7}, 1),
    ],
)
def test_the_share_of_failed_requests_of_a_load_balancer(data: dict[str, float], share: float):
    queries = alarm("ecs-availability-burns-fast-5m")["metricQueries"]
    assert value(queries, data) == pytest.approx(share)


@pytest.mark.parametrize(
    ("data", "share"),
    [({}, 0), ({"UrlRequestCount": 50, "Url5xxCount": 5}, 0.1), ({"UrlRequestCount": 9}, 0)],
)
def test_the_share_of_failed_requests_of_a_function_url(data: dict[str, float], share: float):
    queries = alarm("url-availability-burns-slowly-1d")["metricQueries"]
    assert value(queries, data) == pytest.approx(share)


@pytest.mark.parametrize(
    ("role", "statistic"),
    [("ecs", "PR(0:2.5)"), ("url", "PR(0:2500)")],  # seconds, and milliseconds
)
def test_the_share_of_slow_requests_is_in_the_metrics_unit(role: str, statistic: str):
    queries = alarm(f"{role}-latency-burns-fast-1h")["metricQueries"]
    (metric,) = [query for query in queries if "metric" in query]
    assert metric["metric"]["stat"] == statistic
    assert value(queries, {metric["metric"]["metricName"]: 97}) == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("role", "metric", "comparison", "threshold", "minutes"),
    [
        # S3: above 80 % of a resource for 15 minutes; S4: above 90 % of the connections.
        ("ecs-cpu", "CPUUtilization", AT_LEAST, 80, 15),
        ("ecs-memory", "MemoryUtilization", AT_LEAST, 80, 15),
        ("ecs-tasks", "RunningTaskCount", BELOW, 2, 5),
        ("ecs-most-tasks", "DesiredTaskCount", AT_LEAST, 10, 15),
        ("url-concurrency", "ConcurrentExecutions", AT_LEAST, 40, 5),
        ("data-database-cpu", "CPUUtilization", AT_LEAST, 80, 15),
        ("data-database-storage", "FreeStorageSpace", BELOW, 2 * 2**30, 15),
        ("data-database-connections", "DatabaseConnections", AT_LEAST, 356, 5),
        ("data-replica-replication", "ReplicaLag", AT_LEAST, 30, 5),
        ("data-cache-1-memory", "DatabaseMemoryUsagePercentage", AT_LEAST, 80, 5),
        ("data-cache-1-evictions", "Evictions", AT_LEAST, 1, 5),
        ("data-cache-2-replication", "ReplicationLag", AT_LEAST, 30, 5),
    ],
)  # fmt: skip
def test_thresholds(role: str, metric: str, comparison: str, threshold: float, minutes: int):
    given = alarm(role)
    assert (given["metricName"], given["comparisonOperator"]) == (metric, comparison)
    assert given["threshold"] == pytest.approx(threshold, rel=0.01)
    assert given["period"] * given["evaluationPeriods"] == minutes * 60


def test_no_data_is_an_alarm_where_something_must_run():
    missing = {one.name for one in own(ALARM) if one.inputs["treatMissingData"] == "breaching"}
    assert missing == {"alarms-ecs-tasks-alarm", "alarms-data-replica-replication-alarm"}


@pytest.mark.parametrize(
    ("machine", "accepted"),
    [
        # Observed on RDS for PostgreSQL: 81 to 87, 184 to 198, 403 to 413, 839 to 857, 5000.
        ("db.t4g.micro", (70, 81)),
        ("db.t3.small", (165, 184)),
        ("db.t4g.medium", (380, 403)),
        ("db.m7g.large", (780, 839)),
        ("db.r6g.large", (1500, 1801)),
        ("db.r6g.8xlarge", (5000, 5000)),
        ("db.z1d.large", None),
    ],
)
def test_connections_of_an_instance_class_are_rather_too_few(
    machine: str, accepted: tuple[int, int] | None
):
    found = most_connections(machine)
    if accepted is None:
        assert found is None
    else:
        assert found is not None
        assert accepted[0] <= found <= accepted[1]


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


def test_only_cloudwatch_and_budgets_of_the_account_publish():
    policy = graph().one("aws:sns/topicPolicy:TopicPolicy", name="alarms-topic-policy")
    statements = json.loads(policy.inputs["policy"])["Statement"]
    sources = {
        s["Principal"]["Service"]: (s["Action"], s["Condition"]["ArnLike"]["aws:SourceArn"])
        for s in statements
    }
    assert sources == {
        "cloudwatch.amazonaws.com": (
            "sns:Publish",
            f"arn:aws:cloudwatch:{AWS.region}:{AWS.account}:alarm:*",
        ),
        "budgets.amazonaws.com": ("sns:Publish", f"arn:aws:budgets::{AWS.account}:*"),
    }
    assert all(
        s["Condition"]["StringEquals"] == {"aws:SourceAccount": AWS.account} for s in statements
    )


def test_a_topic_of_yours_is_used_and_no_other_made():
    args = AwsMonitoringArgs(
        location=AWS,
        topic=AWS_TOPIC,
        emails=["on-call@example.com"],
        functions=[AwsWatchedFunction(name="weather", function="weather-1", api="a1b2c3d4e5")],
    )
    made = on_aws(lambda opts: AwsMonitoring("alarms", args, opts))
    assert made.all("aws:sns/topic:Topic") == []
    (mail,) = made.all("aws:sns/topicSubscription:TopicSubscription")
    assert (mail.inputs["topic"], mail.inputs["protocol"]) == (AWS_TOPIC, "email")
    for one in made.all(COMPOSITE):
        assert one.inputs["alarmActions"] == [AWS_TOPIC]


def test_the_budget_tells_of_costs_and_of_forecasts_of_the_stack_alone():
    given = graph().one("aws:budgets/budget:Budget", name="alarms-budget").inputs
    assert (given["limitAmount"], given["timeUnit"]) == ("500", "MONTHLY")
    assert given["costFilters"] == [{"name": "TagKeyValue", "values": ["user:stack$prod"]}]
    assert [each["notificationType"] for each in given["notifications"]] == ["ACTUAL", "FORECASTED"]
    assert all(each["subscriberSnsTopicArns"] for each in given["notifications"])


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
