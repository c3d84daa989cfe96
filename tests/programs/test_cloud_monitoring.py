"""The alarms that a stack has in clouds: of every server, for whom, and by which numbers."""

from __future__ import annotations

from typing import Any, Final

import pytest

from components.clouds import CLOUDS
from policies import broken_policies
from stacks.targets import TARGETS
from tests.harness import ResourceGraph
from tests.harness.prod import WITHOUT_A_CLUSTER, clouds_alone, prod

ALARM: Final = "aws:cloudwatch/metricAlarm:MetricAlarm"
POLICY: Final = "gcp:monitoring/alertPolicy:AlertPolicy"
LOG_ALERT: Final = "azure-native:monitor:ScheduledQueryRule"
METRIC_ALERT: Final = "azure-native:monitor:MetricAlert"
COMPOSITE: Final = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
WITHOUT_A_TOPIC: Final = {
    "aws": {"alarmTopic": None, "monitoring": {"emails": ["on-call@example.com"]}}
}


def names(graph: ResourceGraph, token: str, monitoring: str) -> list[str]:
    return [
        one.name.removeprefix(f"{monitoring}-")
        for one in graph.all(token)
        if one.name.startswith(f"{monitoring}-")
    ]


def test_each_server_of_prod_has_alarms_on_both_objectives():
    ends = [
        f"{objective}-burns-{speed}-alarm"
        for objective in ("availability", "latency")
        for speed in ("fast", "slowly")
    ]
    assert names(clouds_alone(), COMPOSITE, "aws-monitoring") == [
        f"{server}-{end}" for server in ("aws-container", "aws-function") for end in ends
    ]


def test_each_service_of_google_cloud_has_alert_policies_that_notify_the_address():
    found = names(clouds_alone(), POLICY, "gcp-monitoring")
    for server in ("gcp-container", "gcp-function"):
        ends = {end.removeprefix(f"{server}-") for end in found if end.startswith(server)}
        assert ends == {
            *("availability-burns-fast-alert", "availability-burns-slowly-alert"),
            *("latency-burns-fast-alert", "latency-burns-slowly-alert"),
            *("instances-alert", "throttled-alert", "cpu-alert", "memory-alert", "failures-alert"),
        }
    told = {tuple(one.inputs["notificationChannels"]) for one in clouds_alone().all(POLICY)}
    ((channel,),) = told
    assert channel.startswith("projects/qudag-prod/notificationChannels/")


def test_each_server_on_azure_has_alert_rules_that_notify_the_address():
    ends = [
        f"{objective}-burns-{speed}-alert"
        for objective in ("availability", "latency")
        for speed in ("fast", "slowly")
    ]
    assert names(clouds_alone(), LOG_ALERT, "azure-monitoring") == [
        *(f"azure-container-{end}" for end in ends),
        *(f"azure-function-{end}" for end in sorted([*ends, "instances-alert"])),
    ]
    assert set(names(clouds_alone(), METRIC_ALERT, "azure-monitoring")) == {
        f"azure-container-{role}-alert"
        for role in ("cpu", "memory", "missing", "replicas", "restarts", "throttled")
    }
    told = {tuple(one.inputs["actions"]["actionGroups"]) for one in clouds_alone().all(LOG_ALERT)}
    ((group,),) = told
    assert "/providers/Microsoft.Insights/actionGroups/azure-monitoring-emails-" in group


def test_alarms_of_prod_notify_the_topic_of_the_stack_file():
    topic = "arn:aws:sns:eu-west-1:123456789012:on-call"
    actions = [one.inputs.get("alarmActions") for one in clouds_alone().all(COMPOSITE)]
    assert actions == [[topic]] * 8
    assert clouds_alone().all("aws:sns/topic:Topic") == []


@pytest.mark.slow
def test_without_a_topic_the_servers_own_alarms_notify_that_of_the_monitoring():
    graph = prod(kubernetes=WITHOUT_A_CLUSTER, clouds=WITHOUT_A_TOPIC)
    (topic,) = graph.all("aws:sns/topic:Topic")
    arn = f"arn:aws:sns:eu-west-1:123456789012:{topic.inputs['name']}"
    told = {tuple(one.inputs.get("alarmActions", ())) for one in graph.all(ALARM)}
    assert told == {(arn,), ()}
    silent = [one for one in graph.all(ALARM) if not one.inputs.get("alarmActions")]
    assert all("metricQueries" in one.inputs for one in silent)
    assert graph.outputs["monitoring"]["aws"]["topic"] == arn
    assert [str(problem) for problem in broken_policies(graph)] == []


@pytest.mark.slow
def test_objectives_and_thresholds_are_those_of_the_alerts_in_a_cluster():
    alerts: dict[str, Any] = {
        "objectives": {"availabilityPercent": 99, "latencySeconds": 5, "latencyPercent": 90},
        "thresholds": {"resourcePercent": 70},
    }
    graph = prod(kubernetes=WITHOUT_A_CLUSTER, observability={"alerts": alerts})
    role = "aws-monitoring-aws-container"
    failed = graph.one(ALARM, name=f"{role}-availability-burns-fast-1h-alarm").inputs
    slow = graph.one(ALARM, name=f"{role}-latency-burns-slowly-3d-alarm").inputs
    assert (failed["threshold"], slow["threshold"]) == (0.144, 0.1)
    assert slow["metricQueries"][0]["metric"]["stat"] == "PR(0:5)"
    assert graph.one(ALARM, name=f"{role}-cpu-alarm").inputs["threshold"] == 70


@pytest.mark.slow
def test_a_stack_without_the_section_has_only_the_servers_own_alarms():
    without = {"monitoring": None}
    graph = prod(
        kubernetes=WITHOUT_A_CLUSTER, clouds=dict.fromkeys(("aws", "azure", "gcp"), without)
    )
    assert graph.all(COMPOSITE) == graph.all(POLICY) == graph.all(LOG_ALERT) == []
    assert "monitoring" not in graph.outputs
    assert len(graph.all(ALARM)) == 6


def test_every_cloud_has_monitoring():
    assert [cloud.key for cloud in CLOUDS if TARGETS[cloud.key].monitor] == ["aws", "gcp", "azure"]
