"""promtool runs every alert: it fires, it does not, and it stands at the edge of its duration."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from components.observability.rules import RuleOptions, rule_groups
from components.observability.rules.catalogue import (
    FULL_PLATFORM,
    FULL_PLATFORM_WITH_CLOUDNATIVE_PG,
    every_alert,
)
from components.observability.rules.expression import names_in
from tests.components.observability.alert_cases import SERVERS, STEP, Case, Series
from tests.components.observability.alert_cases_of_agents import ORCHESTRATION
from tests.components.observability.alert_cases_of_platforms import (
    CLUSTER,
    FORWARDER,
    GATEWAY,
    LOGS,
    MONITORING,
    SERVERS_OF_USERS,
    TRACE_STORE,
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
    **FORWARDER,
    **TRACES,
    **TRACE_STORE,
    **MONITORING,
}
ALWAYS: Final = "Watchdog"
ABSENT: Final = {
    "ServiceUnavailable",
    "PlatformDown",
    "BackupMissing",
    "BaseBackupMissing",
    "VolumeBackupMissing",
    "LogRetentionOverdue",
    ALWAYS,
}
"""Alerts on series that are not there: those of other namespaces do not end them."""
PROMTOOL: Final = find("promtool")


def test_every_alert_has_a_case():
    assert CASES.keys() | {case.alert for case in OBJECTIVES} == every_alert().keys()


SHOWN: Final = frozenset({"fires", "does not fire", "stands at the edge of its duration"})


def missing(tests: Iterable[Mapping[str, Any]], wait: int, read: set[str]) -> set[str]:
    """Which of the three kinds of cases an alert does not have.

    Args:
        tests: of promtool, each with series and what is expected.
        wait: seconds for which the condition must hold.
        read: names of the series that the alert reads.
    """
    found: set[str] = set()
    for one in tests:
        expected = [
            (int(each["eval_time"].removesuffix("s")), bool(each["exp_samples"]))
            for each in one["promql_expr_test"]
        ]
        given = {each["series"].partition("{")[0] for each in one["input_series"]}
        if any(fired for _, fired in expected):
            found.add("fires")
        # Without series that the alert reads, each alert would be silent.
        if read & given and expected and not any(fired for _, fired in expected):
            found.add("does not fire")
        step = int(one["interval"].removesuffix("s"))
        at_edge = [
            late >= wait and late - early <= step
            for early, before in expected
            for late, fired in expected
            if fired and not before and late > early
        ]
        if any(at_edge):
            found.add("stands at the edge of its duration")
    return set(SHOWN - found)


def seconds(duration: str) -> int:
    """A duration of a rule: a whole number of one unit."""
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600}[duration[-1]]


def test_every_alert_has_a_case_in_which_it_fires_one_in_which_not_and_one_at_its_edge():
    """Each rule of the alert has them: promtool runs these cases with it."""
    found: dict[str, set[str]] = {}
    for alert in every_alert().keys() - {ALWAYS}:
        rules = rules_of(alert)["groups"][0]["rules"]
        read = {name for rule in rules for name in names_in(rule["expr"])}
        waits = {seconds(rule["for"]) for rule in rules if rule.get("alert") == alert}
        tests = [each for _, made in cases_of(alert) for each in made]
        if lacks := missing(tests, max(waits), read):
            found[alert] = lacks
    assert found == {}


@pytest.mark.parametrize(
    ("left_out", "lacks"),
    [
        ({"over", "other", "edge"}, {"fires", "stands at the edge of its duration"}),
        ({"under", "quiet", "elsewhere"}, {"does not fire"}),
        ({"edge"}, {"stands at the edge of its duration"}),
        (set[str](), set[str]()),
    ],
)
def test_a_case_that_is_not_there_is_missed(left_out: set[str], lacks: set[str]):
    case = CASES["MCPServerDown"]
    tests = [one for one in scenarios("MCPServerDown", case) if one["name"] not in left_out]
    assert missing(tests, case.wait, {"up"}) == lacks


def test_silence_without_series_and_an_edge_before_the_duration_are_no_cases():
    case = CASES["MCPServerDown"]
    silent = replace(case, under={}, quiet=())
    tests = [one for one in scenarios("MCPServerDown", silent) if one["name"] != "elsewhere"]
    assert missing(tests, case.wait, {"up"}) == {"does not fire"}
    tests = list(scenarios("MCPServerDown", case))
    assert missing(tests, case.wait + 1, {"up"}) == {"stands at the edge of its duration"}


def of_one(options: RuleOptions, alert: str) -> dict[str, Any]:
    """The rule file with one alert and the recorded series that it reads."""
    return alone([rule for group in rule_groups(options) for rule in group["rules"]], alert)


def alone(rules: Sequence[Mapping[str, Any]], alert: str) -> dict[str, Any]:
    """The rule file with one alert of these rules and the recorded series that it reads."""
    chosen = [rule for rule in rules if rule.get("alert") == alert]
    assert chosen, alert
    read = {name for rule in chosen for name in names_in(rule["expr"])}
    recorded = [rule for rule in rules if rule.get("record") in read]
    return {"groups": [{"name": "one", "rules": [*recorded, *chosen]}]}


def of_another(options: RuleOptions) -> RuleOptions:
    """A second platform of the same cluster, with the same servers."""
    return replace(
        options, namespace="other", further_namespaces=("other-agents",), monitoring="other"
    )


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
    return (
        FULL_PLATFORM_WITH_CLOUDNATIVE_PG
        if case is not None and case.postgres_cluster
        else FULL_PLATFORM
    )


@cache
def catalogue(*, postgres_cluster: bool) -> tuple[Mapping[str, Any], ...]:
    """Every rule of a catalogue."""
    options = FULL_PLATFORM_WITH_CLOUDNATIVE_PG if postgres_cluster else FULL_PLATFORM
    return tuple(rule for group in rule_groups(options) for rule in group["rules"])


def rules_of(alert: str) -> dict[str, Any]:
    """The rule file with an alert."""
    case = CASES.get(alert)
    return alone(catalogue(postgres_cluster=bool(case and case.postgres_cluster)), alert)


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


def cases_of(alert: str) -> Iterable[tuple[int, list[dict[str, Any]]]]:
    """The tests of an alert, by the seconds between two values."""
    case = CASES.get(alert)
    at_steps = {STEP: list(scenarios(alert, case))} if case else {}
    for one in OBJECTIVES:
        if one.alert == alert:
            at_steps.setdefault(one.step, []).append(of_objectives(one))
    return at_steps.items()


def case_files(folder: Path, alert: str, rules: Mapping[str, Any], name: str = "") -> list[Path]:
    """Write rules and the cases of their alert for promtool; returns the files with cases."""
    name = name or alert
    (folder / f"{name}.rules.yaml").write_text(yaml.safe_dump(dict(rules)))
    files: list[Path] = []
    for step, tests in cases_of(alert):
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
    for name, own in {"all": FULL_PLATFORM, "cluster": FULL_PLATFORM_WITH_CLOUDNATIVE_PG}.items():
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
