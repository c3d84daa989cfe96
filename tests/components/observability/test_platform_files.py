"""Scrape targets, rules and dashboards for a program that puts a platform together itself."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from components.base.refusal import Refused
from components.mcp.objectives import Objectives
from components.observability import platform_files
from components.observability.platform_files import (
    alert_rules,
    grafana_dashboards,
    scrape_targets,
)
from components.observability.rules import MonitoredServer, RuleOptions
from components.observability.rules.options import Thresholds

WATCHED = RuleOptions(
    namespace="tools",
    servers=(MonitoredServer(name="weather"), MonitoredServer(name="image", exports=False)),
    gateway="edge",
    valkey="redis",
)
FUNCTIONS = (alert_rules, grafana_dashboards, scrape_targets)


def test_each_part_that_exports_metrics_is_read_once():
    found = {one.name: one for one in scrape_targets(WATCHED)}
    assert {name: dict(one.ports) for name, one in found.items()} == {
        "weather": {"metrics": "server"},
        "edge": {"gateway-metrics": "gateway"},
        "redis": {"metrics": "valkey"},
    }
    assert {one.namespace for one in found.values()} == {"tools"}
    assert all(one.labels == {"app": name} for name, one in found.items())
    assert {one.namespace for one in scrape_targets(WATCHED, "other")} == {"other"}


def test_rules_name_the_parts_of_the_platform_alone():
    text = alert_rules(WATCHED)
    alerts = {
        rule["alert"]
        for group in json.loads(text)["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert {"PlatformDown", "MCPServerDown", "ValkeyDown", "Watchdog"} <= alerts
    assert not {"DatabaseDown", "BackupTooOld", "SpansLost"} & alerts
    jobs = set(re.findall(r'job=\\"([^\\]+)\\"', text))
    assert jobs <= {"weather", "image", "edge", "redis"}


def test_dashboards_show_what_is_watched():
    pytest.importorskip(platform_files.SDK)
    few, more = grafana_dashboards(WATCHED), grafana_dashboards(WATCHED, {"weather": "/servers/w"})
    assert "qudag-mcp-overview" in few
    assert set(more) - set(few) == {"qudag-mcp-server-weather"}
    uids = {name: json.loads(text)["uid"] for name, text in more.items()}
    assert len(set(uids.values())) == len(uids)
    assert uids["qudag-mcp-server-weather"] == f"{WATCHED.namespace}_server-weather"
    expressions = " ".join(few.values())
    assert "redis_memory" in expressions
    assert "pg_stat" not in expressions


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("watched", "path", "said"),
    [
        ({"namespace": "tools"}, "", "not RuleOptions"),
        (RuleOptions(namespace="Tools"), ".namespace", "'Tools'"),
        (RuleOptions(namespace="tools", gateway='a"} or vector(1)'), ".gateway", "vector(1)"),
        (RuleOptions(namespace="tools", servers=("a",)), ".servers[0]", "not a MonitoredServer"),  # pyright: ignore[reportArgumentType]
        (
            RuleOptions(namespace="tools", servers=(MonitoredServer(name="A b"),)),
            ".servers[0].name",
            "'A b'",
        ),
        (RuleOptions(namespace="tools", agents=("A",)), ".agents[0]", "'A'"),
        (RuleOptions(namespace="tools", further_namespaces=("A",)), ".further_namespaces[0]", "A"),
        (
            RuleOptions(namespace="tools", disabled=frozenset(["PlatformDwn"])),
            ".disabled",
            "write PlatformDown",
        ),
        (
            RuleOptions(namespace="tools", exporters=frozenset(["kube-state"])),  # pyright: ignore[reportArgumentType]
            ".exporters",
            "kube-state-metrics",
        ),
    ],
)
def test_what_no_rule_can_watch_is_refused(function: Any, watched: Any, path: str, said: str):
    with pytest.raises(Refused) as refused:
        function(watched)
    (problem,) = [one for one in refused.value.problems if one.path.startswith(function.__name__)]
    assert problem.path == function.__name__ + path
    assert said in str(problem)


def test_the_missing_package_of_dashboards_is_named(monkeypatch: pytest.MonkeyPatch):

    def nothing(_name: str) -> None:
        return None

    monkeypatch.setattr(platform_files, "find_spec", nothing)
    with pytest.raises(Refused, match=r"pip install 'pulumi_qudag_mcp\[dashboards\]'"):
        grafana_dashboards(WATCHED)
    assert alert_rules(WATCHED)


def watched(**given: Any) -> RuleOptions:
    return RuleOptions(namespace="tools", **given)


def server(**given: Any) -> RuleOptions:
    return watched(servers=(MonitoredServer(name="weather", **given),))


@pytest.mark.parametrize(
    ("options", "path", "fix"),
    [
        (server(era="new"), "servers[0].era", "one of modern, legacy, dual"),
        (server(named={"speed": "model_speed"}), "servers[0].named.speed", "one of accuracy"),
        (server(named={"accuracy": "b ar"}), "servers[0].named.accuracy", "model_accuracy"),
        (server(cores="2"), "servers[0].cores", "write 2"),
        (server(memory_bytes=0), "servers[0].memory_bytes", "from 1"),
        (watched(servers=(MonitoredServer(name="a"),) * 2), "servers[1].name", "leave one out"),
        (watched(further_namespaces="ab"), "further_namespaces", "a list"),
        (watched(drain_seconds=0), "drain_seconds", "from 1"),
        (watched(database="mysql"), "database", "postgres-exporter"),
        (watched(runbooks="http://x y"), "runbooks", "such as https://git.example.com"),
        (watched(disabled="Watchdog"), "disabled", "a set"),
        (watched(thresholds=Thresholds(error_percent=200)), "thresholds.error_percent", "to 99.9"),
        (
            watched(thresholds=Thresholds(tool_latency_seconds=300)),
            "thresholds.tool_latency_seconds",
            "to 299",
        ),
        (
            watched(objectives=Objectives(latency_seconds=3)),
            "objectives.latency_seconds",
            "2.5, 5",
        ),
        (
            watched(objectives=Objectives(availability_percent=100)),
            "objectives.availability_percent",
            "to 99.999",
        ),
    ],
)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_values_that_no_rule_can_have_are_refused_by_each_function(
    function: Any, options: RuleOptions, path: str, fix: str
):
    with pytest.raises(Refused) as refused:
        function(options)
    assert f"{function.__name__}.{path}" in {one.path for one in refused.value.problems}
    assert any(fix in one.fix for one in refused.value.problems)


@pytest.mark.parametrize(
    ("paths", "at"),
    [
        ({"weather": "servers/weather"}, "paths.weather"),
        ({"We ather": "/servers/weather"}, "paths['We ather']"),
        (["/servers/weather"], "paths"),
    ],
)
def test_paths_of_dashboards_are_those_of_servers_at_the_gateway(paths: Any, at: str):
    with pytest.raises(Refused) as refused:
        grafana_dashboards(WATCHED, paths)
    assert [one.path for one in refused.value.problems] == [f"grafana_dashboards.{at}"]
