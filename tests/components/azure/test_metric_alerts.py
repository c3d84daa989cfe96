"""Alert rules on metrics in Azure: thresholds and windows."""

from __future__ import annotations

import pytest

from components.azure.metric_alerts import most_connections, of_app
from components.azure.monitored import (
    AzureMonitoredApp,
)
from components.azure.tokens import METRIC_ALERT
from components.mcp.cloud_alarms import CloudThresholds
from tests.harness.azure_monitoring import APP, METRICS, alert, graph


@pytest.mark.parametrize(
    ("role", "aggregation", "operator", "threshold", "minutes"),
    [
        # S3: above 80 % of a resource for 15 minutes; a replica has 0.25 + 0.5 CPUs, 1.5 GiB.
        ("run-cpu", "Average", "GreaterThan", 600_000_000, 15),
        ("run-memory", "Average", "GreaterThan", 1_288_490_189, 15),
        ("run-replicas", "Average", "GreaterThanOrEqual", 10, 15),
        ("run-missing", "Maximum", "LessThan", 2, 5),
        ("run-restarts", "Maximum", "GreaterThan", 0, 5),
        # One a second.
        ("run-throttled", "Total", "GreaterThan", 300, 5),
        ("data-database-cpu", "Average", "GreaterThan", 80, 15),
        ("data-database-storage", "Average", "GreaterThan", 90, 15),
        ("data-database-alive", "Maximum", "LessThan", 1, 5),
        # S4: above 90 % of the connections; Standard_D2ds_v5 accepts 844 from users.
        ("data-database-connections", "Average", "GreaterThanOrEqual", 760, 5),
        ("replica-replication", "Maximum", "GreaterThan", 30, 5),
        ("data-cache-memory", "Maximum", "GreaterThan", 80, 15),
        ("data-cache-evictions", "Total", "GreaterThan", 0, 5),
    ],
)
def test_thresholds(role: str, aggregation: str, operator: str, threshold: float, minutes: int):
    given = alert(METRIC_ALERT, role)
    (criterion,) = given["criteria"]["allOf"]
    assert (criterion["timeAggregation"], criterion["operator"]) == (aggregation, operator)
    assert criterion["threshold"] == threshold
    assert given["windowSize"] == f"PT{minutes}M"


def test_refused_requests_are_those_with_429():
    (criterion,) = alert(METRIC_ALERT, "run-throttled")["criteria"]["allOf"]
    assert criterion["dimensions"] == [
        {"name": "statusCode", "operator": "Include", "values": ["429"]}
    ]


def test_only_a_replica_has_an_alert_on_replication():
    found = {one.name for one in graph().all(METRIC_ALERT) if "replication" in one.name}
    assert found == {"alarms-replica-replication-alert"}


def test_every_metric_and_aggregation_is_documented():
    for one in graph().all(METRIC_ALERT):
        (criterion,) = one.inputs["criteria"]["allOf"]
        metrics = METRICS[criterion["metricNamespace"].lower()]
        assert criterion["timeAggregation"] in metrics[criterion["metricName"]], one.name
        (scope,) = one.inputs["scopes"]
        assert f"/providers/{criterion['metricNamespace']}/" in scope


def test_a_redis_metric_is_evaluated_no_more_often_than_it_is_measured():
    for one in graph().all(METRIC_ALERT):
        (criterion,) = one.inputs["criteria"]["allOf"]
        if criterion["metricNamespace"] == "Microsoft.Cache/redisEnterprise":
            assert one.inputs["evaluationFrequency"] == "PT5M"


@pytest.mark.parametrize(
    ("machine", "accepted"),
    [
        # Azure Database for PostgreSQL, "Limits", maximum user connections
        ("Standard_B1ms", 35),
        ("Standard_B2s", 414),
        ("Standard_B2ms", 844),
        ("Standard_D2ds_v5", 844),
        ("Standard_D4ads_v5", 1703),
        ("Standard_D8s_v3", 3422),
        ("Standard_E2ds_v5", 1703),
        ("Standard_D96ds_v5", 4985),
        ("Custom_1_2", None),
    ],
)
def test_connections_of_a_sku(machine: str, accepted: int | None):
    assert most_connections(machine) == accepted


@pytest.mark.parametrize(
    ("fewest", "most", "alerts"),
    [(1, 1, {"missing"}), (0, 1, {"replicas"}), (2, 10, {"missing", "replicas"})],
)
def test_an_app_that_cannot_scale_is_not_always_at_its_most_replicas(
    fewest: int, most: int, alerts: set[str]
):
    app = AzureMonitoredApp(
        name="run",
        app=APP,
        workspace=APP,
        cpu=0.5,
        memory_mb=1024,
        min_instances=fewest,
        max_instances=most,
    )
    found = {one.role for one in of_app(app, CloudThresholds())}
    assert found == {*alerts, "cpu", "memory", "restarts", "throttled"}
