"""Alarms on AWS: thresholds, burn rates, what is counted, and who is notified."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.aws.monitored import AwsMonitoredFunction
from components.aws.monitored_metrics import most_connections
from components.aws.monitoring import AwsMonitoring
from components.aws.monitoring_args import AwsMonitoringArgs
from components.mcp.cloud_alarms import burn_alarms
from components.mcp.objectives import Objectives
from tests.components.aws.monitored_program import ALARM, COMPOSITE, graph, own
from tests.harness.clouds import AWS, AWS_TOPIC, on_aws

AT_LEAST, BELOW = "GreaterThanOrEqualToThreshold", "LessThanThreshold"


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
        functions=[AwsMonitoredFunction(name="weather", function="weather-1", api="a1b2c3d4e5")],
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
