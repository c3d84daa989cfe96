"""Alert rules and the workbook on Azure: queries, windows, thresholds, and who is notified."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any, Final

import pytest

from components.azure.container import AzureContainerApp
from components.azure.container_args import AzureContainerAppArgs
from components.azure.database import AzurePostgresqlDataTier
from components.azure.database_args import AzurePostgresqlDataTierArgs
from components.azure.function import AzureFunction
from components.azure.function_args import AzureFunctionArgs
from components.azure.log_queries import UNCOUNTED, readable
from components.azure.metric_alerts import most_connections, of_app
from components.azure.monitored import (
    AzureMonitoredApp,
    AzureMonitoredDatabase,
    AzureMonitoredFunction,
)
from components.azure.monitoring import AzureMonitoring
from components.azure.monitoring_args import AzureBudget, AzureMonitoringArgs
from components.azure.tokens import ACTION_GROUP, BUDGET, LOG_ALERT, METRIC_ALERT, WORKBOOK
from components.mcp.access import Access, NetworkAccess
from components.mcp.cloud_alarms import CloudThresholds
from components.mcp.objectives import Objectives
from components.mcp.user_container import UserContainer
from runtime.request_tracking import QUIET_ROUTES
from tests.harness import ResourceGraph, record
from tests.harness.clouds import (
    ARCHIVE,
    AZURE,
    CACHE_DNS_ZONE,
    DNS_ZONE,
    SUBNET,
    cloud_config,
    on_azure,
)

GROUP: Final = (
    f"/subscriptions/{AZURE.subscription}/resourceGroups/on-call/providers"
    "/Microsoft.Insights/actionGroups/on-call"
)
APP: Final = (
    f"/subscriptions/{AZURE.subscription}/resourceGroups/run/providers"
    "/Microsoft.App/containerApps/run"
)
REPLICA: Final = (
    f"/subscriptions/{AZURE.subscription}/resourceGroups/data/providers"
    "/Microsoft.DBforPostgreSQL/flexibleServers/replica"
)
METRICS: Final[dict[str, dict[str, set[str]]]] = {
    # "Supported metrics for ...", name in the REST API with its aggregations
    "microsoft.app/containerapps": {
        "UsageNanoCores": {"Total", "Average", "Maximum", "Minimum"},
        "WorkingSetBytes": {"Total", "Average", "Maximum", "Minimum"},
        "Replicas": {"Total", "Average", "Maximum", "Minimum"},
        "RestartCount": {"Total", "Average", "Maximum", "Minimum"},
        "Requests": {"Total", "Average", "Maximum", "Minimum"},
    },
    "microsoft.dbforpostgresql/flexibleservers": {
        **{
            f"{of}_percent": {"Average", "Maximum", "Minimum"}
            for of in ("cpu", "memory", "storage")
        },
        "active_connections": {"Average", "Maximum", "Minimum"},
        "is_db_alive": {"Average", "Maximum", "Minimum"},
        "physical_replication_delay_in_seconds": {"Average", "Maximum", "Minimum"},
    },
    "microsoft.cache/redisenterprise": {
        "usedmemorypercentage": {"Maximum"},
        "percentProcessorTime": {"Maximum"},
        "evictedkeys": {"Total"},
    },
}


def program() -> None:
    options = on_azure()
    app = AzureContainerApp(
        "run",
        AzureContainerAppArgs(
            location=AZURE,
            image="example.com/server:1",
            config=cloud_config(era="modern"),
            access=Access(public=True),
            min_instances=2,
            max_instances=10,
            upstream=UserContainer(image="example.com/weather:1", port=8000, cpu=0.5),
            cpu=0.25,
            memory_mb=512,
        ),
        options,
    )
    function = AzureFunction(
        "call",
        AzureFunctionArgs(
            location=AZURE,
            archive=ARCHIVE,
            config=cloud_config(),
            access=NetworkAccess(public=True),
            max_instances=40,
        ),
        options,
    )
    data = AzurePostgresqlDataTier(
        "data",
        AzurePostgresqlDataTierArgs(
            location=AZURE,
            subnet=SUBNET,
            dns_zone=DNS_ZONE,
            cache_subnet=SUBNET,
            cache_dns_zone=CACHE_DNS_ZONE,
        ),
        options,
    )
    replica = AzureMonitoredDatabase(
        name="replica", server=REPLICA, machine="Standard_B1ms", replica=True
    )
    AzureMonitoring(
        "alarms",
        AzureMonitoringArgs(
            location=AZURE,
            emails=["on-call@example.com"],
            action_groups=[GROUP],
            apps=[app.monitored],
            functions=[function.monitored],
            databases=[*data.monitored_databases, replica],
            caches=data.monitored_caches,
            budget=AzureBudget(amount=500, start="2026-12", tags={"stack": "prod"}),
        ),
        options,
    )


@cache
def graph() -> ResourceGraph:
    return record(program)


def alert(token: str, role: str) -> dict[str, Any]:
    return graph().one(token, name=f"alarms-{role}-alert").inputs


def query(role: str) -> str:
    (criterion,) = alert(LOG_ALERT, role)["criteria"]["allOf"]
    return criterion["query"]


def name_of(token: str, logical: str, key: str) -> str:
    return graph().one(token, name=logical).inputs[key]


def test_an_objective_burns_by_both_windows_of_either_pair():
    text = query("run-availability-burns-fast")
    # The Site Reliability Workbook, chapter 5, table 5-8, for 99.9 %.
    assert text.splitlines()[-1] == (
        "| where (bad_1h > 0.0144 * all_1h and bad_5m > 0.0144 * all_5m)"
        " or (bad_6h > 0.006 * all_6h and bad_30m > 0.006 * all_30m)"
    )
    counted = re.findall(
        r"bad_(\w+) = sumif\(requests, failed and TimeGenerated > ago\((\w+)\)", text
    )
    assert counted == [(window, window) for window in ("1h", "5m", "6h", "30m")]
    app = name_of("azure-native:app:ContainerApp", "run-app", "containerAppName")
    assert f'ContainerAppName =~ "{app}"' in text
    assert "@" not in text


def test_the_burn_over_three_days_is_left_out_because_a_query_reads_two():
    text = query("run-availability-burns-slowly")
    assert text.splitlines()[-1] == "| where (bad_1d > 0.003 * all_1d and bad_2h > 0.003 * all_2h)"
    windows = {w.name for burn in readable(Objectives()) for pair in burn.pairs for w in pair}
    assert windows == {"1h", "5m", "6h", "30m", "1d", "2h"}


@pytest.mark.parametrize(("percent", "refused"), [(66, True), (67, False)])
def test_an_objective_that_no_rule_can_alert_on_is_refused(percent: float, refused: bool):
    function = AzureMonitoredFunction(name="call", app=APP, workspace=APP, max_instances=40)
    args = AzureMonitoringArgs(
        location=AZURE,
        action_groups=[GROUP],
        functions=[function],
        objectives=Objectives(latency_percent=percent),
    )
    paths = [problem.path for problem in args.refusals()]
    assert paths == (["objectives.latency_percent"] if refused else [])


@pytest.mark.parametrize(
    ("role", "window", "every"),
    [
        ("run-availability-burns-fast", "PT6H", "PT5M"),
        ("run-latency-burns-slowly", "P1D", "PT15M"),
        ("call-availability-burns-fast", "PT6H", "PT5M"),
        ("call-instances", "PT30M", "PT5M"),
    ],
)
def test_a_log_alert_reads_its_longest_window_and_counts_rows(role: str, window: str, every: str):
    given = alert(LOG_ALERT, role)
    assert (given["windowSize"], given["evaluationFrequency"]) == (window, every)
    (criterion,) = given["criteria"]["allOf"]
    assert (criterion["timeAggregation"], criterion["operator"], criterion["threshold"]) == (
        "Count",
        "GreaterThan",
        0,
    )
    source = "run" if role.startswith("run") else "call"
    workspace = name_of(
        "azure-native:operationalinsights:Workspace", f"{source}-logs", "workspaceName"
    )
    (scope,) = given["scopes"]
    assert scope.endswith(f"/workspaces/{workspace}")


def test_slow_requests_are_those_above_the_objective():
    assert "slow = seconds > 2.5" in query("run-latency-burns-fast")
    assert "seconds = DurationMs / 1000.0" in query("call-latency-burns-fast")
    assert "bad_1h > 0.72 * all_1h" in query("run-latency-burns-fast")
    assert "sumif(requests, slow and" in query("run-latency-burns-fast")


def test_a_sampled_request_of_a_function_counts_for_those_that_it_stands_for():
    text = query("call-availability-burns-fast")
    assert text.startswith("AppRequests\n")
    assert "requests = ItemCount" in text
    site = name_of("azure-native:web:WebApp", "call-app", "name")
    assert f'AppRoleName =~ "{site}"' in text


def test_requests_of_the_platform_itself_are_not_counted():
    assert set(UNCOUNTED) == QUIET_ROUTES
    assert 'tostring(line.path) !in ("/health", "/ready")' in query("run-availability-burns-fast")


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


def test_every_alert_notifies_the_address_and_the_action_group():
    (own,) = graph().all(ACTION_GROUP)
    assert [one["emailAddress"] for one in own.inputs["emailReceivers"]] == ["on-call@example.com"]
    assert len(own.inputs["groupShortName"]) <= 12
    for one in graph().all(METRIC_ALERT):
        mail, yours = (each["actionGroupId"] for each in one.inputs["actions"])
        assert (mail.rpartition("/")[2], yours) == (own.inputs["actionGroupName"], GROUP)
    for one in graph().all(LOG_ALERT):
        mail, yours = one.inputs["actions"]["actionGroups"]
        assert (mail.rpartition("/")[2], yours) == (own.inputs["actionGroupName"], GROUP)


def test_what_burns_fast_and_what_does_not_run_is_critical():
    critical = {
        one.name.removeprefix("alarms-").removesuffix("-alert")
        for token in (METRIC_ALERT, LOG_ALERT)
        for one in graph().all(token)
        if one.inputs["severity"] == 0
    }
    assert critical == {
        *(
            f"{of}-{objective}-burns-fast"
            for of in ("run", "call")
            for objective in ("availability", "latency")
        ),
        *("run-missing", "data-database-alive", "replica-alive", "data-cache-evictions"),
    }


def items() -> list[dict[str, Any]]:
    made = graph().one(WORKBOOK, name="alarms-dashboard").inputs
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made["resourceName"])
    return json.loads(made["serializedData"])["items"]


def test_the_workbook_has_charts_of_each_thing():
    titles = [one["content"]["json"] for one in items() if one["type"] == 1]
    monitored = ("run", "call", "data-database", "replica", "data-cache")
    assert titles == [f"## {name}" for name in monitored]
    names = [one["name"] for one in items()]
    assert len(set(names)) == len(names)
    for chart in (one["content"] for one in items() if one["type"] == 10):
        (resource,) = chart["resourceIds"]
        assert f"/providers/{chart['resourceType']}/" in resource.lower()
        for metric in chart["metrics"]:
            name = metric["metric"].removeprefix(f"{metric['namespace']}--")
            wanted = {1: "Total", 3: "Maximum", 4: "Average"}[metric["aggregation"]]
            assert wanted in METRICS[metric["namespace"]][name]
    for chart in (one["content"] for one in items() if one["type"] == 3):
        (workspace,) = chart["crossComponentResources"]
        assert "/Microsoft.OperationalInsights/workspaces/" in workspace
        assert "@" not in chart["query"]


def test_the_budget_counts_the_stack_and_tells_the_action_groups():
    given = graph().one(BUDGET, name="alarms-budget").inputs
    assert given["scope"] == f"/subscriptions/{AZURE.subscription}"
    assert given["timePeriod"] == {"startDate": "2026-12-01T00:00:00Z"}
    assert given["filter"] == {"tags": {"name": "stack", "operator": "In", "values": ["prod"]}}
    assert {one["thresholdType"] for one in given["notifications"].values()} == {
        "Actual",
        "Forecasted",
    }
    assert all(GROUP in one["contactGroups"] for one in given["notifications"].values())


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
