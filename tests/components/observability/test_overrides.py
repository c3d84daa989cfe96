"""Durations, severities and labels of alerts that a platform changes."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from components.base.refusal import Refused
from components.observability.platform_files import alert_rules
from components.observability.rules import AlertOverride, MonitoredServer, RuleOptions, rule_groups
from components.observability.rules.catalogue import every_alert
from components.observability.rules.override_problems import reserved_labels
from components.observability.runbook_text import RunbookNames, runbook_texts
from tests.components.observability.alert_cases import Case
from tests.components.observability.objective_cases import OBJECTIVES
from tests.components.observability.test_promtool import (
    ALWAYS,
    CASES,
    PROMTOOL,
    alone,
    case_files,
    options_of,
)

SMALL: Final = RuleOptions(
    namespace="mcp", servers=(MonitoredServer(name="mcp-core"),), gateway="mcp-gateway"
)
DOWN: Final = {"MCPServerDown": AlertOverride(duration="10m", severity="warning")}


def rules(options: RuleOptions) -> list[dict[str, Any]]:
    return [rule for group in rule_groups(options) for rule in group["rules"]]


def test_an_override_changes_the_duration_and_severity_of_one_alert_and_nothing_else():
    for before, after in zip(rules(SMALL), rules(replace(SMALL, overrides=DOWN)), strict=True):
        if before.get("alert") == "MCPServerDown":
            labels = {**before["labels"], "severity": "warning"}
            assert after == {**before, "for": "10m", "labels": labels}
        else:
            assert after == before


def test_all_rules_of_an_alert_are_changed_and_what_is_not_set_stays():
    change = {"LatencyBudgetBurnsFast": AlertOverride(duration="5m")}
    found = [
        (rule["for"], rule["labels"]["severity"], rule["labels"]["scope"])
        for rule in rules(replace(SMALL, overrides=change))
        if rule.get("alert") == "LatencyBudgetBurnsFast"
    ]
    assert found == [("5m", "critical", "server"), ("5m", "critical", "platform")]


def test_labels_are_those_of_every_alert_and_of_no_recorded_series():
    for before, after in zip(
        rules(SMALL), rules(replace(SMALL, labels={"cluster": "eu-1"})), strict=True
    ):
        added = {"cluster": "eu-1"} if "alert" in before else {}
        assert after == {**before, "labels": {**before["labels"], **added}}


def test_the_runbook_in_the_cluster_has_the_changed_values():
    text = runbook_texts(replace(SMALL, overrides=DOWN), RunbookNames())["MCPServerDown"]
    assert "Severity `warning`" in text
    assert "fires after 10m" in text


def test_every_label_of_a_series_that_an_alert_reads_is_reserved():
    """A label of all alerts in its place would make one alert of many."""
    cases = [*CASES.values(), *OBJECTIVES]
    given = {one for case in cases for series in series_of(case) for one in labels_in(series)}
    assert given >= {"job", "pod", "tool_name", "horizontalpodautoscaler", "scaledObject"}
    assert given - reserved_labels() - {"exported_namespace", "exported_exporter"} == set()
    assert not reserved_labels() & {"cluster", "region", "environment", "tier", "owner"}


def series_of(case: Any) -> Iterable[str]:
    if isinstance(case, Case):
        parts = (case.over, case.under, case.strong or {}, *case.others, *case.quiet)
        return [one for part in parts for one in part]
    return list(case.series)


def labels_in(series: str) -> list[str]:
    return re.findall(r'([A-Za-z_]\w*)="', series)


@pytest.mark.parametrize(
    ("change", "at", "said"),
    [
        ({"overrides": {"MCPServerDwn": AlertOverride(duration="2m")}}, "MCPServerDwn", "Down"),
        ({"overrides": {"Watchdog": AlertOverride(duration="2m")}}, "Watchdog", "always fires"),
        ({"overrides": {"MCPServerDown": AlertOverride()}}, "MCPServerDown", "changes nothing"),
        ({"overrides": {"MCPServerDown": "2m"}}, "MCPServerDown", "not an AlertOverride"),
        ({"overrides": {"ValkeyDown": AlertOverride(duration="2m")}}, "ValkeyDown", "not have"),
        (
            {"overrides": DOWN, "disabled": frozenset(["MCPServerDown"])},
            "MCPServerDown",
            "also in disabled",
        ),
        (
            {"overrides": {"MCPServerDown": AlertOverride(duration="60s")}},
            "MCPServerDown.duration",
            "is 1m without this override too",
        ),
        (
            {"overrides": {"MCPServerDown": AlertOverride(severity="critical")}},
            "MCPServerDown.severity",
            "is critical without",
        ),
        (
            {"overrides": {"MCPServerDown": AlertOverride(severity="none")}},
            "MCPServerDown.severity",
            "critical, warning, info",
        ),
        (
            {"overrides": {"MCPServerDown": AlertOverride(duration="5 minutes")}},
            "MCPServerDown.duration",
            "10m",
        ),
        (
            {"overrides": {"MCPServerDown": AlertOverride(duration="8d")}},
            "MCPServerDown.duration",
            "at most 7d",
        ),
        (
            {"overrides": {"CallsCancelledByDrain": AlertOverride(duration="15m")}},
            "CallsCancelledByDrain.duration",
            "less than 15m",
        ),
        ({"overrides": ["MCPServerDown"]}, "", "not a mapping"),
        ({"labels": {"severity": "page"}}, "severity", "which alerts or their series have"),
        ({"labels": {"exported_job": "a"}}, "exported_job", "which alerts or their series have"),
        ({"labels": {"my-team": "a"}}, "my-team", "letters, digits and _"),
        ({"labels": {"cluster": "{{ $labels.pod }}"}}, "cluster", "template"),
        ({"labels": "cluster"}, "", "not a mapping"),
    ],
)
def test_what_has_no_effect_or_breaks_the_rules_is_refused(
    change: dict[str, Any], at: str, said: str
):
    with pytest.raises(Refused) as refused:
        alert_rules(replace(SMALL, **change))
    (problem,) = refused.value.problems
    field = "overrides" if "overrides" in change else "labels"
    assert problem.path == f"alert_rules.{field}" + (f".{at}" if at else "")
    assert said in str(problem)


def test_an_alert_on_what_happened_once_may_wait_until_just_before_it_is_forgotten():
    change = {"CallsCancelledByDrain": AlertOverride(duration="14m")}
    assert "14m" in alert_rules(replace(SMALL, overrides=change))


def later(alert: str, minutes: int) -> tuple[AlertOverride, Case]:
    """Another duration and severity for an alert, and the case that holds with them."""
    case = CASES[alert]
    severity = "info" if case.severity == "warning" else "warning"
    wait = case.wait + 60 * minutes
    override = AlertOverride(duration=f"{wait}s", severity=severity)
    return override, replace(case, wait=wait, severity=severity)


def checked_by_promtool(folder: Path, alert: str, override: AlertOverride) -> list[Path]:
    """The files of an alert's cases, with the rules of a platform that overrides it."""
    options = options_of(alert)
    changed = replace(options, overrides={alert: override}, labels={"cluster": "eu-1"})
    return case_files(folder, alert, alone(rules(changed), alert))


def ran(files: Iterable[Path]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PROMTOOL), "test", "rules", *files], capture_output=True, text=True, check=False
    )


ONE_EACH: Final = ("MCPServerDown", "BackupMissing", "CallsCancelledByDrain", "QuotaNearlyUsed")


@pytest.mark.skipif(PROMTOOL is None, reason="needs promtool: tools/programs unpacks it")
@pytest.mark.parametrize("alert", ONE_EACH)
def test_an_alert_with_another_duration_stands_at_its_edge(
    alert: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    override, case = later(alert, 2)
    files = checked_by_promtool(tmp_path, alert, override)
    assert ran(files).returncode == 1  # the cases of the alert without the override
    monkeypatch.setitem(CASES, alert, case)
    result = ran(checked_by_promtool(tmp_path, alert, override))
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
@pytest.mark.skipif(PROMTOOL is None, reason="needs promtool: tools/programs unpacks it")
def test_every_alert_stands_at_the_edge_of_another_duration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    files: list[Path] = []
    for alert in every_alert().keys() & CASES.keys() - {ALWAYS}:
        override, case = later(alert, 1)
        monkeypatch.setitem(CASES, alert, case)
        files += checked_by_promtool(tmp_path, alert, override)
    result = ran(files)
    assert result.returncode == 0, result.stdout + result.stderr
