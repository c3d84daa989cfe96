"""promtool runs every alert: it fires, it does not, and it stands at the edge of its duration."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from components.observability.rules import RuleOptions, rule_groups
from components.observability.rules.catalogue import CLUSTER_OF_POSTGRES, EVERYTHING, every_alert
from components.observability.rules.expression import names_in
from tests.components.observability.alert_cases import SERVERS, STEP, Case, Series
from tests.components.observability.alert_cases_of_agents import ORCHESTRATION
from tests.components.observability.alert_cases_of_platforms import (
    CLUSTER,
    GATEWAY,
    LOGS,
    SERVERS_OF_USERS,
    TRACES,
)
from tests.components.observability.alert_cases_of_stores import STORES
from tests.components.observability.objective_cases import OBJECTIVES, ObjectiveCase
from tools.programs_on_path import find

CASES: Final = {
    **SERVERS,
    **GATEWAY,
    **STORES,
    **CLUSTER,
    **ORCHESTRATION,
    **SERVERS_OF_USERS,
    **LOGS,
    **TRACES,
}
ALWAYS: Final = "Watchdog"
ABSENT: Final = {
    "ServiceUnavailable",
    "PlatformDown",
    "BackupMissing",
    "BaseBackupMissing",
    "VolumeBackupMissing",
    ALWAYS,
}
"""Alerts on series that are not there: those of other namespaces do not end them."""
PROMTOOL: Final = find("promtool")


def test_every_alert_has_a_case():
    assert CASES.keys() | {case.alert for case in OBJECTIVES} == every_alert().keys()


def of_one(options: RuleOptions, alert: str) -> dict[str, Any]:
    """The rule file with one alert and the recorded series that it reads."""
    groups = rule_groups(options)
    rules = [rule for group in groups for rule in group["rules"]]
    chosen = [rule for rule in rules if rule.get("alert") == alert]
    assert chosen, alert
    read = {name for rule in chosen for name in names_in(rule["expr"])}
    recorded = [rule for rule in rules if rule.get("record") in read]
    return {"groups": [{"name": "one", "rules": [*recorded, *chosen]}]}


def of_another(options: RuleOptions) -> RuleOptions:
    """A second platform of the same cluster, with the same servers."""
    return replace(options, namespace="other", further_namespaces=("other-agents",))


def firing(alert: str, at: int, samples: Iterable[tuple[Mapping[str, str], int]]) -> dict[str, Any]:
    """That these alerts fire at a time in seconds, with the number of each set of labels."""
    by = "count by (severity, team, scope, namespace)"
    return {
        "expr": f'{by} (ALERTS{{alertname="{alert}",alertstate="firing"}})',
        "eval_time": f"{at}s",
        "exp_samples": [
            {
                "labels": "{" + ", ".join(f'{name}="{one}"' for name, one in labels.items()) + "}",
                "value": count,
            }
            for labels, count in samples
        ],
    }


def labels(severity: str, team: str, scope: str) -> dict[str, str]:
    return {"namespace": "mcp", "scope": scope, "severity": severity, "team": team}


def fires(alert: str, at: int, case: Case, count: int, namespace: str = "mcp") -> dict[str, Any]:
    found = {**labels(case.severity, case.team, case.scope), "namespace": namespace}
    return firing(alert, at, [(found, count)] if count else [])


def scenario(name: str, given: Series, step: int, *expected: dict[str, Any]) -> dict[str, Any]:
    values = [{"series": one, "values": value} for one, value in given.items()]
    return {
        "name": name,
        "interval": f"{step}s",
        "input_series": values,
        "promql_expr_test": list(expected),
    }


def elsewhere(given: Series) -> Series:
    """The same series of another platform in the cluster."""
    return {re.sub(r'namespace="mcp"', 'namespace="other"', one): v for one, v in given.items()}


def of_one_platform(given: Series) -> Series:
    """The series without those of the other platform."""
    return {one: values for one, values in given.items() if 'namespace="other"' not in one}


def scenarios(alert: str, case: Case) -> Iterator[dict[str, Any]]:
    late = case.begins + case.wait + 1200
    first = case.begins + case.wait
    over = {**elsewhere(case.under), **case.over}
    yield scenario("over", over, STEP, fires(alert, late, case, case.count))
    for other in case.others:
        yield scenario("other", other, STEP, fires(alert, late, case, case.count))
    for other in case.quiet:
        yield scenario("quiet", other, STEP, fires(alert, late, case, 0))
    edge = [fires(alert, first, case, case.count)]
    if first >= STEP:
        edge.append(fires(alert, first - STEP, case, 0))
    yield scenario("edge", case.strong or case.over, STEP, *edge)
    if alert != ALWAYS:
        yield scenario("under", case.under, STEP, fires(alert, late, case, 0))
    if alert not in ABSENT:
        there = {**elsewhere(case.strong or case.over), **case.under}
        yield scenario("elsewhere", there, STEP, fires(alert, late, case, 0))


def of_objectives(case: ObjectiveCase) -> dict[str, Any]:
    """Both alerts have one name: the team is that of the platform, or of servers."""
    teams = {"platform": "platform", "server": "servers"}
    expected = [
        firing(case.alert, at, [(labels(case.severity, teams[s], s), 1) for s in scopes])
        for at, scopes in case.expected.items()
    ]
    return scenario(case.name, case.series, case.step, *expected)


def options_of(alert: str) -> RuleOptions:
    """The catalogue that the case of an alert is for."""
    case = CASES.get(alert)
    return CLUSTER_OF_POSTGRES if case is not None and case.postgres_cluster else EVERYTHING


def rules_of(alert: str) -> dict[str, Any]:
    """The rule file with an alert."""
    return of_one(options_of(alert), alert)


def of_two_platforms(
    folder: Path, alert: str, case: Case, rules: Mapping[str, Any] | None = None
) -> Path:
    """Write the rules of two platforms, and that the alert is that of the broken one.

    Args:
        folder: for the files.
        alert: its name.
        case: of the alert.
        rules: of the platform ``mcp`` with the alert; None: as they are.
    """
    beside = of_one(of_another(options_of(alert)), alert)
    for name, found in (("mcp", rules or rules_of(alert)), ("other", beside)):
        (folder / f"{alert}.{name}.yaml").write_text(yaml.safe_dump(dict(found)))
    broken, well = of_one_platform(case.strong or case.over), of_one_platform(case.under)
    given = {"mcp": {**broken, **elsewhere(well)}, "other": {**elsewhere(broken), **well}}
    late = case.begins + case.wait + STEP
    tests = [
        scenario(name, series, STEP, fires(alert, late, case, case.count, name))
        for name, series in given.items()
    ]
    written = folder / f"{alert}.yaml"
    both = [f"{alert}.{name}.yaml" for name in ("mcp", "other")]
    every = {"evaluation_interval": f"{STEP}s", "rule_files": both}
    written.write_text(yaml.safe_dump({**every, "tests": tests}))
    return written


def case_files(folder: Path, alert: str, rules: Mapping[str, Any], name: str = "") -> list[Path]:
    """Write rules and the cases of their alert for promtool; returns the files with cases."""
    name = name or alert
    case = CASES.get(alert)
    (folder / f"{name}.rules.yaml").write_text(yaml.safe_dump(dict(rules)))
    at_steps = {STEP: list(scenarios(alert, case))} if case else {}
    for one in OBJECTIVES:
        if one.alert == alert:
            at_steps.setdefault(one.step, []).append(of_objectives(one))
    files: list[Path] = []
    for step, tests in at_steps.items():
        files.append(folder / f"{name}.{step}.yaml")
        every = {"evaluation_interval": f"{step}s", "rule_files": [f"{name}.rules.yaml"]}
        files[-1].write_text(yaml.safe_dump({**every, "tests": tests}))
    return files


@pytest.mark.slow
@pytest.mark.skipif(PROMTOOL is None, reason="needs promtool: tools/programs unpacks it")
def test_every_alert_fires_when_it_should_and_only_then(tmp_path: Path):
    files = [
        file for alert in every_alert() for file in case_files(tmp_path, alert, rules_of(alert))
    ]
    ran = subprocess.run(
        [str(PROMTOOL), "test", "rules", *files], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.slow
@pytest.mark.skipif(PROMTOOL is None, reason="needs promtool: tools/programs unpacks it")
def test_of_two_platforms_in_one_prometheus_only_the_broken_one_has_alerts(tmp_path: Path):
    cases = {alert: case for alert, case in CASES.items() if alert != ALWAYS}
    files = [of_two_platforms(tmp_path, alert, case) for alert, case in cases.items()]
    ran = subprocess.run(
        [str(PROMTOOL), "test", "rules", *files], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.slow
@pytest.mark.skipif(PROMTOOL is None, reason="needs promtool: tools/programs unpacks it")
def test_promtool_accepts_the_rules_of_two_platforms(tmp_path: Path):
    """It refuses two rules that record the same series."""
    for name, own in {"all": EVERYTHING, "cluster": CLUSTER_OF_POSTGRES}.items():
        other = [
            {**group, "name": f"other-{group['name']}"} for group in rule_groups(of_another(own))
        ]
        file = tmp_path / f"{name}.yaml"
        file.write_text(yaml.safe_dump({"groups": [*rule_groups(own), *other]}))
        ran = subprocess.run(
            [str(PROMTOOL), "check", "rules", "--lint-fatal", file],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
