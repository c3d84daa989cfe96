"""Alert rules and the workbook on Azure: severities, who is notified, charts and the budget."""

from __future__ import annotations

from components.azure.tokens import ACTION_GROUP, BUDGET, LOG_ALERT, METRIC_ALERT
from tests.harness.azure_monitoring import GROUP, METRICS, graph, items
from tests.harness.clouds import (
    AZURE,
)


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
