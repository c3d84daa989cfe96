"""The objects of the Prometheus Operator: one PodMonitor for each target."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from components.base.problems import ProblemReport
from components.observability.operator import OperatorObservability, OperatorObservabilityArgs
from components.observability.targets import ScrapeTarget
from graph.resource_graph import ResourceGraph
from tests.harness import record
from tests.harness.graph_queries import objects


def target(**changes: Any) -> ScrapeTarget:
    given: dict[str, Any] = {
        "name": "weather",
        "namespace": "mcp-tools",
        "labels": {"app": "weather"},
        "ports": {"metrics": "server"},
    }
    return ScrapeTarget(**given | changes)


def graph(*targets: ScrapeTarget, **changes: Any) -> ResourceGraph:
    args = OperatorObservabilityArgs(
        namespace="mcp-tools", targets=targets or [target()], **changes
    )
    return record(lambda: OperatorObservability("observability", args))


def refusal(*targets: ScrapeTarget, **changes: Any) -> list[tuple[str, str]]:
    with pytest.raises(ProblemReport) as report:
        graph(*targets, **changes)
    return [(one.path, one.what) for one in report.value.problems]


def test_a_target_has_a_monitor_in_its_namespace():
    other = target(name="notes", namespace="mcp-notes", labels={"app": "notes"})
    made = objects(graph(target(), other), "PodMonitor")
    assert {one["metadata"]["namespace"]: one["spec"]["selector"] for one in made} == {
        "mcp-tools": {"matchLabels": {"app": "weather"}},
        "mcp-notes": {"matchLabels": {"app": "notes"}},
    }
    assert all("namespaceSelector" not in one["spec"] for one in made)


def test_each_port_is_read_in_the_interval_under_the_name_of_the_workload():
    (made,) = objects(
        graph(target(ports={"server": "server", "inside": "gateway"}), scrape_seconds=15),
        "PodMonitor",
    )
    endpoints = made["spec"]["podMetricsEndpoints"]
    assert [(one["port"], one["path"], one["interval"]) for one in endpoints] == [
        ("server", "/metrics", "15s"),
        ("inside", "/metrics", "15s"),
    ]
    named = [
        {rule["targetLabel"]: rule["replacement"] for rule in one["relabelings"]}
        for one in endpoints
    ]
    assert named == [
        {"job": "weather", "exporter": "server"},
        {"job": "weather", "exporter": "gateway"},
    ]


def test_rules_are_those_of_the_file_in_either_form():
    written = "groups: [{name: servers, rules: [{alert: Down, expr: up == 0}]}]"
    as_json = json.dumps(yaml.safe_load(written))
    for text in (written, as_json):
        (made,) = objects(graph(rules=text, labels={"release": "kps"}), "PrometheusRule")
        assert made["spec"]["groups"] == [
            {"name": "servers", "rules": [{"alert": "Down", "expr": "up == 0"}]}
        ]
        assert made["metadata"]["namespace"] == "mcp-tools"
        assert made["metadata"]["labels"]["release"] == "kps"
    assert objects(graph(), "PrometheusRule") == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("no rules", ""),
        ("groups: [", ""),
        ("rules: []", ""),
        ("groups: []", ""),
        ("groups: [{rules: []}]", ".groups[0]"),
        ("groups: [{name: a, rules: []}, {name: a, rules: []}]", ""),
        ("groups: [{name: a, rules: [{expr: up}]}]", ".groups[0].rules[0]"),
        ("groups: [{name: a, rules: [{alert: A, record: b, expr: up}]}]", ".groups[0].rules[0]"),
    ],
)
def test_a_text_that_is_no_rule_file_is_refused(text: str, path: str):
    assert [at for at, _ in refusal(rules=text)] == [f"observability.rules{path}"]


def test_a_target_that_exports_too_much_is_dropped():
    (made,) = objects(graph(), "PodMonitor")
    assert made["spec"]["sampleLimit"] == 10_000


def test_the_objects_have_the_labels_that_a_prometheus_selects():
    (made,) = objects(graph(labels={"release": "kube-prometheus-stack"}), "PodMonitor")
    assert made["metadata"]["labels"]["release"] == "kube-prometheus-stack"


@pytest.mark.parametrize("key", ["app", "app.kubernetes.io/part-of", "qudag-mcp/stack"])
def test_labels_of_the_component_are_refused(key: str):
    assert [path for path, _ in refusal(labels={key: "mine"})] == [f"observability.labels.{key}"]


@pytest.mark.parametrize("field", ["labels", "ports"])
def test_a_target_without_labels_or_ports_is_refused(field: str):
    assert refusal(target(**{field: {}})) == [(f"observability.targets[0].{field}", "is empty")]


def test_no_targets_are_refused():
    with pytest.raises(ProblemReport) as report:
        record(
            lambda: OperatorObservability("o", OperatorObservabilityArgs(namespace="n", targets=[]))
        )
    assert [one.path for one in report.value.problems] == ["o.targets"]


def test_two_targets_of_one_name_are_refused():
    assert [what for _, what in refusal(target(), target(ports={"other": "server"}))] == [
        "2 targets have the name weather"
    ]


@pytest.mark.parametrize("seconds", [4, 61])
def test_an_interval_in_which_rates_have_no_values_is_refused(seconds: int):
    assert [path for path, _ in refusal(scrape_seconds=seconds)] == ["observability.scrape_seconds"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("route: {receiver: a}", "no list of receivers"),
        ("receivers: [{name: a}]", "has no route"),
        ("route: {receiver: b}\nreceivers: [{name: a}]", "has a route to b"),
        ("route: {receiver: a, routes: [{receiver: c}]}\nreceivers: [{name: a}]", "to c"),
        ("- a", "has no route"),
    ],
)
def test_routes_that_the_operator_would_refuse_are_refused(text: str, what: str):
    with pytest.raises(ProblemReport, match=what):
        graph(routes=text)


def test_routes_become_an_alertmanager_config_with_the_labels():
    routes = "route: {receiver: a}\nreceivers: [{name: a}]"
    (made,) = objects(graph(routes=routes, labels={"release": "kps"}), "AlertmanagerConfig")
    assert made["metadata"]["labels"]["release"] == "kps"
    assert made["spec"]["route"] == {"receiver": "a"}
    assert objects(graph(), "AlertmanagerConfig") == []
