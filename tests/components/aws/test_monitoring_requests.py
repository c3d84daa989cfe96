"""The requests that create alarms and a dashboard: botocore knows them, and moto runs them."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from botocore.session import Session
from botocore.validate import ParamValidator
from moto import mock_aws

from tests.components.aws.monitored_program import ALARM, COMPOSITE, graph, own
from tests.components.aws.test_monitoring_dashboard import DASHBOARD
from tests.harness.clouds import AWS

pytestmark = pytest.mark.slow

NAMES: Final = {
    (ALARM, "name"): "AlarmName",
    (ALARM, "metricQueries"): "Metrics",
    (ALARM, "okActions"): "OKActions",
    (COMPOSITE, "okActions"): "OKActions",
    ("aws:sns/topicPolicy:TopicPolicy", "arn"): "TopicArn",
    ("aws:sns/topicSubscription:TopicSubscription", "topic"): "TopicArn",
}
"""Parameters that the provider calls otherwise than AWS, besides the first letter."""
OPERATIONS: Final = {
    ALARM: ("cloudwatch", "PutMetricAlarm"),
    COMPOSITE: ("cloudwatch", "PutCompositeAlarm"),
    DASHBOARD: ("cloudwatch", "PutDashboard"),
    "aws:sns/topicSubscription:TopicSubscription": ("sns", "Subscribe"),
}


def client(service: str) -> Any:
    session: Any = Session()
    return session.create_client(service, region_name=AWS.region)


def capital(name: str) -> str:
    return name[0].upper() + name[1:]


def query(given: dict[str, Any]) -> dict[str, Any]:
    """A query as CloudWatch takes it: the provider has statistic and metric in one object."""
    made = {capital(key): value for key, value in given.items() if key != "metric"}
    if metric := given.get("metric"):
        made["MetricStat"] = {
            "Metric": {
                "Namespace": metric["namespace"],
                "MetricName": metric["metricName"],
                "Dimensions": dimensions(metric["dimensions"]),
            },
            "Period": metric["period"],
            "Stat": metric["stat"],
        }
    return made


def dimensions(given: dict[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in given.items()]


def requests(token: str) -> list[dict[str, Any]]:
    """The parameters of each request of a type, as AWS calls them."""
    found: list[dict[str, Any]] = []
    for one in own(token):
        given = {NAMES.get((token, key), capital(key)): v for key, v in one.inputs.items()}
        if "Metrics" in given:
            given["Metrics"] = [query(each) for each in given["Metrics"]]
        if "Dimensions" in given:
            given["Dimensions"] = dimensions(given["Dimensions"])
        found.append(given)
    return found


@mock_aws
@pytest.mark.parametrize("token", OPERATIONS)
def test_botocore_knows_every_parameter(token: str):
    service, operation = OPERATIONS[token]
    shape = client(service).meta.service_model.operation_model(operation).input_shape
    asked = requests(token)
    assert asked
    for given in asked:
        assert set(given) <= set(shape.members), operation
        validator: Any = ParamValidator()
        report = validator.validate(given, shape)
        assert not report.has_errors(), report.generate_report()


@mock_aws
def test_botocore_knows_the_budget():
    budgets = client("budgets")
    given = graph().one("aws:budgets/budget:Budget", name="alarms-budget").inputs
    filters = {one["name"]: one["values"] for one in given["costFilters"]}
    budgets.create_budget(
        AccountId=AWS.account,
        Budget={
            "BudgetName": given["name"],
            "BudgetType": given["budgetType"],
            "TimeUnit": given["timeUnit"],
            "BudgetLimit": {"Amount": given["limitAmount"], "Unit": given["limitUnit"]},
            "CostFilters": filters,
        },
        NotificationsWithSubscribers=[
            {
                "Notification": {
                    "NotificationType": one["notificationType"],
                    "ComparisonOperator": one["comparisonOperator"],
                    "Threshold": one["threshold"],
                    "ThresholdType": one["thresholdType"],
                },
                "Subscribers": [
                    {"SubscriptionType": "SNS", "Address": topic}
                    for topic in one["subscriberSnsTopicArns"]
                ],
            }
            for one in given["notifications"]
        ],
    )
    (found,) = budgets.describe_budgets(AccountId=AWS.account)["Budgets"]
    assert (found["BudgetLimit"], found["CostFilters"]) == (
        {"Amount": "500", "Unit": "USD"},
        {"TagKeyValue": ["user:stack$prod"]},
    )


@mock_aws
def test_moto_creates_the_alarms_and_returns_them():
    cloudwatch = client("cloudwatch")
    asked = requests(ALARM)
    for given in asked:
        cloudwatch.put_metric_alarm(**given)
    made: dict[str, Any] = {
        one["AlarmName"]: one
        for page in cloudwatch.get_paginator("describe_alarms").paginate()
        for one in page["MetricAlarms"]
    }
    assert len(made) == len(asked) >= 40
    for given in asked:
        found = made[given["AlarmName"]]
        for key in ("Threshold", "ComparisonOperator", "EvaluationPeriods", "TreatMissingData"):
            assert found[key] == given[key], given["AlarmName"]
        for wanted, got in zip(given.get("Metrics", []), found.get("Metrics", []), strict=True):
            assert (got["Id"], got["ReturnData"]) == (wanted["Id"], wanted["ReturnData"])
            assert got.get("Expression") == wanted.get("Expression")


@mock_aws
def test_moto_stores_the_dashboard_as_it_is():
    cloudwatch = client("cloudwatch")
    (given,) = requests(DASHBOARD)
    cloudwatch.put_dashboard(**given)
    found = cloudwatch.get_dashboard(DashboardName=given["DashboardName"])
    assert json.loads(found["DashboardBody"]) == json.loads(given["DashboardBody"])


@mock_aws
def test_moto_gives_the_topic_its_policy_and_subscribes_the_address():
    sns = client("sns")
    topic = graph().one("aws:sns/topic:Topic", name="alarms-topic").inputs
    arn = sns.create_topic(Name=topic["name"])["TopicArn"]
    (policy,) = own("aws:sns/topicPolicy:TopicPolicy")
    assert policy.inputs["arn"] == arn
    sns.set_topic_attributes(
        TopicArn=arn, AttributeName="Policy", AttributeValue=policy.inputs["policy"]
    )
    (mail,) = requests("aws:sns/topicSubscription:TopicSubscription")
    sns.subscribe(**mail)
    (found,) = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    assert (found["Protocol"], found["Endpoint"]) == ("email", "on-call@example.com")
