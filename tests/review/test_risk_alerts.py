"""Risk: alerts that are removed or fire later, and receivers that are told no more."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from components.observability.rules.catalogue import every_alert
from graph.resource_graph import SECRET, UNKNOWN, Resource, ResourceGraph
from review.diff import diff
from review.risk import risks
from review.risks.classes import RiskClass
from tests.components.observability.mutated_alerts import every_change
from tests.components.observability.test_promtool import rules_of, seconds
from tests.harness.graphs import cloud, findings, graph, kube
from tests.harness.monitored_stacks import API_SERVER
from tests.harness.user_servers import NETWORK, recorded

DOWN: dict[str, Any] = {
    "alert": "ServerDown",
    "expr": 'up{job="mcp-core"} == 0',
    "for": "1m",
    "labels": {"severity": "critical"},
}
SLOW: dict[str, Any] = {
    "alert": "Slow",
    "expr": 'histogram_quantile(0.95, rate(seconds_bucket{le="0.5"}[5m])) > 0.5',
    "for": "5m",
    "labels": {"severity": "warning"},
}
RECORDED: dict[str, Any] = {"record": "job:requests:rate5m", "expr": "rate(requests_total[5m])"}
RECEIVER: dict[str, Any] = {"name": "chat", "slack_configs": [{"channel": "#mcp"}]}
ROUTE: dict[str, Any] = {"receiver": "chat", "routes": [{"matchers": ['severity="critical"']}]}


def rule_object(*rules: dict[str, Any], name: str = "rules") -> Resource:
    groups = [{"name": "servers", "rules": [*rules, RECORDED]}]
    return kube("monitoring.coreos.com/v1:PrometheusRule", name, spec={"groups": groups})


def in_json(*rules: dict[str, Any]) -> Resource:
    text = json.dumps({"groups": [{"name": "servers", "rules": [*rules, RECORDED]}]})
    return kube("core/v1:ConfigMap", "config", data={"rules.yml": text, "a.conf": "alert {"})


def in_yaml(*rules: dict[str, Any]) -> Resource:
    text = yaml.safe_dump({"groups": [{"name": "servers", "rules": [*rules, RECORDED]}]})
    return kube("core/v1:ConfigMap", "config", data={"rules.yml": text, "broken.yml": "alert: ["})


def weakened(before: Resource | None, after: Resource | None, *others: Resource) -> list[str]:
    return findings(RiskClass.ALERTS, before, after, *others)


@pytest.mark.parametrize("made", [rule_object, in_json, in_yaml])
def test_a_removed_alert_is_a_risk(made: Any):
    assert weakened(made(DOWN, SLOW), made(SLOW)) == ["removes the alert ServerDown"]
    assert weakened(made(DOWN, SLOW), None) == ["removes 2 alerts: ServerDown, Slow"]


def test_of_many_removed_alerts_a_few_are_named():
    many = [DOWN | {"alert": f"Alert{number}"} for number in range(10)]
    (found,) = weakened(rule_object(*many), None)
    assert found == ("removes 10 alerts: Alert0, Alert1, Alert2, Alert3, Alert4, Alert5, 4 more")


def test_an_alert_that_moves_to_another_object_is_no_risk():
    before = graph(rule_object(DOWN))
    after = graph(in_json(DOWN))
    assert [one for one in risks(diff(before, after)) if one.risk is RiskClass.ALERTS] == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (DOWN | {"for": "10m"}, "the alert ServerDown fires after 10m in place of 1m"),
        (DOWN | {"for": "1h30m"}, "the alert ServerDown fires after 1h30m in place of 1m"),
        (
            DOWN | {"labels": {"severity": "warning"}},
            "the alert ServerDown has the severity warning in place of critical",
        ),
        (
            SLOW | {"expr": SLOW["expr"].replace("> 0.5", "> 2")},
            "the alert Slow fires above 2 in place of 0.5",
        ),
    ],
)
def test_an_alert_that_fires_later_or_is_less_urgent_is_a_risk(changed: dict[str, Any], said: str):
    before = next(one for one in (DOWN, SLOW) if one["alert"] == changed["alert"])
    assert weakened(rule_object(before), rule_object(changed)) == [said]
    assert weakened(rule_object(changed), rule_object(before)) == []


def test_a_value_below_which_an_alert_fires_is_compared_the_other_way():
    days = {"alert": "Expires", "expr": "expiry - time() < 14 * 86400"}
    fewer = days | {"expr": "expiry - time() < 7 * 86400"}
    said = ["the alert Expires fires below 7 in place of 14"]
    assert weakened(rule_object(days), rule_object(fewer)) == said
    assert weakened(rule_object(fewer), rule_object(days)) == []


def otherwise(alert: str) -> str:
    return f"the expression of the alert {alert} changes: check that it still fires"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('le="0.5"', 'le="2.5"'),
        ("[5m]", "[10m]"),
        ("0.95", "0.99"),
        ("> 0.5", ">= 0.5"),
        ("> 0.5", "> 0.5 and on () vector(0)"),
        ("> 0.5", "> bool 0.5"),
        ("> 0.5", "> -0.5"),
        ("seconds_bucket", "second_bucket"),
    ],
)
def test_a_change_of_an_expression_that_is_no_threshold_is_a_risk_either_way(old: str, new: str):
    other = SLOW | {"expr": SLOW["expr"].replace(old, new)}
    assert weakened(rule_object(SLOW), rule_object(other)) == [otherwise("Slow")]
    assert weakened(rule_object(other), rule_object(SLOW)) == [otherwise("Slow")]


@pytest.mark.parametrize(
    "expression",
    [
        "a unless b > {}",
        "absent(a > {})",
        "count(a > {}) < 3",
        "sum by (job) (a > {}) < 3",
        "a == {}",
        "{} < a",
        "a > b - {}",
        "a > {} - b",
        "a > bool {} == 0",
        "clamp_max(a, {}) > 3",
        "absent(a # of b)\n > {})",
    ],
)
def test_a_number_is_a_threshold_only_where_a_higher_one_means_fewer_alerts(expression: str):
    """In these a higher number means more alerts, or what it means is not known."""
    rules = [DOWN | {"expr": expression.format(number)} for number in (4, 5)]
    for before, after in (rules, rules[::-1]):
        assert weakened(rule_object(before), rule_object(after)) == [otherwise("ServerDown")]


@pytest.mark.parametrize(
    "expression",
    [
        "a > {}",
        "(a / b) > {} and c > 1",
        "c > 1 or (a > {})",
        "sum by (job) (rate(a[5m])) > {} * 60",
        "a > {} unless b > 3",
        '(a{{x="("}} >= {}) and (b < 1)',
    ],
)
def test_a_threshold_of_the_whole_expression_is_compared(expression: str):
    low, high = (DOWN | {"expr": expression.format(number)} for number in (4, 5))
    said = ["the alert ServerDown fires above 5 in place of 4"]
    assert weakened(rule_object(low), rule_object(high)) == said
    assert weakened(rule_object(high), rule_object(low)) == []


def test_alerts_whose_expressions_change_are_all_named():
    many = [DOWN | {"alert": f"Alert{number}"} for number in range(8)]
    after = [one | {"expr": "up == 1"} for one in many]
    (found,) = weakened(rule_object(*many), rule_object(*after))
    assert found == "the expressions of 8 alerts change: check that they fire: " + ", ".join(
        f"Alert{number}" for number in range(8)
    )


def test_a_letter_in_the_place_of_a_number_is_another_expression():
    before = DOWN | {"expr": "N > 5"}
    assert weakened(rule_object(before), rule_object(DOWN | {"expr": "5 > N"})) == [
        otherwise("ServerDown")
    ]


@pytest.mark.parametrize("severity", ["page", "", "Critical"])
def test_a_severity_that_is_not_known_may_be_lower(severity: str):
    changed = DOWN | {"labels": {"severity": severity}}
    (found,) = weakened(rule_object(DOWN), rule_object(changed))
    assert found.endswith("in place of critical")
    assert weakened(rule_object(DOWN | {"labels": {}}), rule_object(DOWN)) == []


def test_a_duration_that_is_none_may_be_longer():
    (found,) = weakened(rule_object(DOWN), rule_object(DOWN | {"for": "1 month"}))
    assert found == "the alert ServerDown fires after 1 month in place of 1m"


READER: dict[str, Any] = DOWN | {"expr": "job:requests:rate5m > 5"}


def recording(rule: dict[str, Any], *alerts: dict[str, Any]) -> Resource:
    groups = [{"name": "servers", "rules": [*alerts, rule]}]
    return kube("monitoring.coreos.com/v1:PrometheusRule", "rules", spec={"groups": groups})


@pytest.mark.parametrize(
    "change", [{"expr": "rate(requests_total[50m])"}, {"labels": {"job": "a"}}, {"record": "a:b:c"}]
)
def test_another_recorded_series_is_a_risk_of_the_alerts_that_read_it(change: dict[str, Any]):
    found = weakened(recording(RECORDED, READER, SLOW), recording(RECORDED | change, READER, SLOW))
    assert found == [
        "changes the recorded series job:requests:rate5m: check that the alerts on it still fire: "
        "ServerDown"
    ]


def test_a_recorded_series_is_read_through_another_one():
    between_them = {"record": "a:b:c", "expr": "sum(job:requests:rate5m)"}
    reader = DOWN | {"expr": "a:b:c > 5"}
    other = RECORDED | {"expr": "vector(0)"}
    before, after = (
        kube(
            "monitoring.coreos.com/v1:PrometheusRule",
            "rules",
            spec={"groups": [{"name": "g", "rules": [one, between_them, reader]}]},
        )
        for one in (RECORDED, other)
    )
    (found,) = weakened(before, after)
    assert found.startswith("changes the recorded series job:requests:rate5m")
    assert found.endswith("ServerDown")


def test_a_recorded_series_that_no_alert_reads_or_that_moves_is_no_risk():
    other = RECORDED | {"expr": "vector(0)"}
    assert weakened(recording(RECORDED, DOWN), recording(other, DOWN)) == []
    moved = kube(
        "core/v1:ConfigMap",
        "config",
        data={"rules.yml": json.dumps({"groups": [{"name": "g", "rules": [RECORDED]}]})},
    )
    before, after = recording(RECORDED, READER), recording(READER, READER)
    found = [
        one.what
        for one in risks(diff(graph(before), graph(after, moved)))
        if one.risk is RiskClass.ALERTS
    ]
    assert found == []


@pytest.mark.parametrize("alert", sorted(every_alert()))
def test_every_small_change_of_an_alert_is_shown_but_those_that_make_it_fire_more(alert: str):
    """What the cases of promtool notice: thresholds, comparisons, durations, matchers."""
    silent: list[str] = []
    for change, file in every_change(alert):
        rules = rules_of(alert)["groups"][0]["rules"]
        before = recording(RECORDED, *rules)
        if weakened(before, recording(RECORDED, *file["groups"][0]["rules"])) == []:
            silent.append(change.what)
    assert [what for what in silent if not fires_more(what)] == []


def fires_more(what: str) -> bool:
    """Whether a change, in words, is a shorter duration or a threshold that is easier to reach."""
    if shorter := re.fullmatch(r"for: (\w+) -> (\w+)", what):
        return seconds(shorter[2]) < seconds(shorter[1])
    number = r"(-?\d[\w.+-]*)"
    if easier := re.fullmatch(rf"(>=?|<=?) {number} -> {number}", what):
        above, old, new = easier[1][0] == ">", float(easier[2]), float(easier[3])
        return new < old if above else new > old
    return False


def test_one_of_several_rules_of_an_alert_is_compared_with_the_rule_like_it():
    slower = SLOW | {"expr": "slow_agents > 120"}
    both = rule_object(SLOW, slower)
    assert weakened(both, rule_object(slower, SLOW)) == []
    weaker = SLOW | {"expr": "slow_agents > 600"}
    said = ["the alert Slow fires above 600 in place of 120"]
    assert weakened(both, rule_object(SLOW, weaker)) == said


def test_a_new_or_unchanged_alert_is_no_risk():
    assert weakened(None, rule_object(DOWN)) == []
    assert weakened(rule_object(DOWN), rule_object(DOWN, SLOW)) == []


@pytest.mark.parametrize("hidden", [SECRET, UNKNOWN])
def test_rules_that_are_not_known_are_not_called_removed(hidden: str):
    after = kube("core/v1:ConfigMap", "config", data={"rules.yml": hidden})
    assert weakened(in_json(DOWN), after) == []
    after = kube("monitoring.coreos.com/v1:PrometheusRule", "rules", spec=hidden)
    assert weakened(rule_object(DOWN), after) == []


def alertmanager(*receivers: dict[str, Any], route: dict[str, Any] = ROUTE) -> Resource:
    text = json.dumps({"route": route, "receivers": list(receivers)})
    return kube("core/v1:ConfigMap", "config", data={"alertmanager.yml": text})


def alertmanager_config(*receivers: dict[str, Any], route: dict[str, Any] = ROUTE) -> Resource:
    spec = {"route": route, "receivers": list(receivers)}
    return kube("monitoring.coreos.com/v1alpha1:AlertmanagerConfig", "routes", spec=spec)


@pytest.mark.parametrize("made", [alertmanager, alertmanager_config])
def test_a_removed_or_changed_receiver_is_a_risk(made: Any):
    second = RECEIVER | {"name": "mail"}
    assert weakened(made(RECEIVER, second), made(RECEIVER)) == [
        "removes the receiver mail of alerts"
    ]
    other = {"name": "chat", "slack_configs": [{"channel": "#nobody"}]}
    (found,) = weakened(made(RECEIVER), made(other))
    assert found == "changes the receiver chat of alerts: slack_configs[0].channel"
    assert "#nobody" not in found
    assert weakened(made(RECEIVER), made(RECEIVER, second)) == []


@pytest.mark.parametrize("made", [alertmanager, alertmanager_config])
def test_changed_routes_are_a_risk(made: Any):
    route = {"receiver": "chat", "routes": [{"matchers": ['severity="info"']}]}
    (found,) = weakened(made(RECEIVER), made(RECEIVER, route=route))
    assert found.startswith("changes which alerts go to which receiver: route")


def test_a_file_with_receivers_of_something_else_is_no_risk():
    before = kube("core/v1:ConfigMap", "c", data={"collector.yaml": "receivers: [{name: otlp}]"})
    assert weakened(before, None) == []


AWS = "aws:cloudwatch/metricAlarm:MetricAlarm"
GCP = "gcp:monitoring/alertPolicy:AlertPolicy"
AZURE = "azure-native:monitor:MetricAlert"
AZURE_LOGS = "azure-native:monitor:ScheduledQueryRule"


@pytest.mark.parametrize(
    ("type", "on", "off", "silent"),
    [
        (AWS, {"alarmActions": ["arn"]}, {"actionsEnabled": False}, {"alarmActions": []}),
        (GCP, {"notificationChannels": ["a"]}, {"enabled": False}, {"notificationChannels": None}),
        (AZURE, {"actions": [{"actionGroupId": "a"}]}, {"enabled": False}, {"actions": []}),
        (AZURE_LOGS, {"actions": {"actionGroups": ["a"]}}, {"enabled": False}, {"actions": {}}),
    ],
)
def test_an_alarm_of_a_cloud_that_ends_or_tells_nobody_is_a_risk(
    type: str, on: dict[str, Any], off: dict[str, Any], silent: dict[str, Any]
):
    before = cloud(type, "errors", **on)
    assert weakened(before, None) == ["deletes the alarm errors"]
    (turned_off,) = weakened(before, cloud(type, "errors", **on | off))
    assert "is turned off" in turned_off
    (unnotified,) = weakened(before, cloud(type, "errors", **on | silent))
    assert "notifies nobody any more" in unnotified
    assert weakened(before, cloud(type, "errors", **on, description="other")) == []
    assert weakened(None, before) == []


def of_stack(kind: str, **section: Any) -> ResourceGraph:
    operator = {"labels": {"release": "kps"}}
    own = kind == "standalone"
    network = {name: value for name, value in NETWORK.items() if name != "prometheus"}
    return recorded(
        {
            "topology": "monolith",
            "domain": "mcp.example.com",
            "network": network if own else NETWORK,
            **({"kubernetes": {"apiServer": API_SERVER}} if own else {}),
            "observability": {
                "kind": kind,
                **({} if own else {"operator": operator}),
                "alerts": {
                    "receivers": [
                        {
                            "name": "chat",
                            "slack": {"channel": "#a", "url": {"secret": "told", "key": "slack"}},
                        }
                    ],
                    **section,
                },
            },
        }
    )


def between(before: ResourceGraph, after: ResourceGraph) -> set[str]:
    return {one.what for one in risks(diff(before, after)) if one.risk is RiskClass.ALERTS}


@pytest.mark.parametrize("kind", ["operator", "standalone"])
def test_a_stack_file_with_weaker_alerts_shows_each_of_them(kind: str):
    before = of_stack(kind)
    other = {
        "name": "chat",
        "slack": {"channel": "#b", "url": {"secret": "told", "key": "slack"}},
    }
    after = of_stack(
        kind,
        disabled=["PlatformDown"],
        thresholds={"errorPercent": 60, "toolErrorsPerSecond": 0.01},
        receivers=[other],
    )
    found = between(before, after)
    assert "removes the alert PlatformDown" in found
    assert "the alert HighErrorRate fires above 0.6 in place of 0.05" in found
    assert not any("MCPServerHighErrorRate" in one for one in found)
    (receiver,) = [one for one in found if "receiver chat" in one or "the receiver" in one]
    assert receiver.endswith(("channel", "]"))
    assert between(before, before) == set()


@pytest.mark.parametrize("kind", ["operator", "standalone"])
def test_an_override_that_weakens_an_alert_is_a_risk(kind: str):
    before = of_stack(kind)
    changes = {
        "HighErrorRate": {"for": "30m", "severity": "warning"},
        "MCPServerHighLatency": {"for": "1m", "severity": "critical"},
    }
    after = of_stack(kind, overrides=changes, labels={"cluster": "eu-1"})
    assert between(before, after) == {
        "the alert HighErrorRate fires after 30m in place of 5m",
        "the alert HighErrorRate has the severity warning in place of critical",
    }
    assert between(after, before) == {
        "the alert MCPServerHighLatency fires after 5m in place of 1m",
        "the alert MCPServerHighLatency has the severity warning in place of critical",
    }


def test_another_kind_of_observability_removes_no_alert():
    found = between(of_stack("operator"), of_stack("standalone"))
    assert not any(one.startswith("removes the alert") for one in found)
    assert not any("fires" in one for one in found)
