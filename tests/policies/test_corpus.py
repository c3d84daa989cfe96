"""Rules report each dangerous graph, with path and severity, and no harmless one like it."""

from __future__ import annotations

from typing import Any

import pytest

from graph.resource_graph import ResourceGraph
from policies import every_rule, findings
from policies.finding import Finding, Severity
from tests.policies.corpus import Case, cases, graph_of, set_at, settings

DANGEROUS = list(cases("dangerous"))
HARMLESS = list(cases("harmless"))
SETTINGS = settings()


def named(case: Case) -> str:
    return f"{case.rule}: {case.name}"


@pytest.mark.parametrize("case", DANGEROUS, ids=named)
def test_a_dangerous_graph_is_found_with_rule_path_and_fix(case: Case):
    found = [
        one for one in findings(case.graph) if (one.rule, one.problem.path) == (case.rule, case.at)
    ]
    assert found, shown(findings(case.graph))
    assert {one.severity for one in found} == {case.severity}
    assert all(one.problem.fix and one.reference for one in found)


@pytest.mark.parametrize("case", HARMLESS, ids=named)
def test_a_harmless_graph_that_looks_alike_passes(case: Case):
    found = [
        one
        for one in findings(case.graph)
        if case.none or one.rule == case.rule or one.severity is Severity.CRITICAL
    ]
    assert not found, shown(found)


@pytest.mark.parametrize(
    ("rule", "token", "path", "dangerous", "safe"), SETTINGS, ids=lambda said: str(said)[:60]
)
def test_a_setting_is_found_where_it_is_dangerous_and_passes_where_it_is_safe(
    rule: str, token: str, path: str, dangerous: Any, safe: Any
):
    at = f"it.{path}"
    assert at in paths_of(rule, graph_of({"type": token, "inputs": set_at(path, dangerous)}))
    assert at not in paths_of(rule, graph_of({"type": token, "inputs": set_at(path, safe)}))


def paths_of(rule: str, graph: ResourceGraph) -> set[str]:
    return {one.problem.path for one in findings(graph) if one.rule == rule}


def test_a_finding_names_the_open_rule_of_a_security_group():
    rule = {"securityGroupId": "sg-1", "ipProtocol": "tcp", "fromPort": 22, "toPort": 22}
    token = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    graph = graph_of(
        {"name": "a", "type": token, "inputs": {**rule, "cidrIpv4": "10.0.0.0/8"}},
        {"name": "b", "type": token, "inputs": {**rule, "cidrIpv4": "0.0.0.0/0"}},
    )
    (found,) = [one for one in findings(graph) if one.rule == "aws-ec2-006"]
    assert found.problem.path == "b.cidrIpv4"
    assert "on port 22" in found.problem.what


def test_the_corpus_has_enough_cases_with_unique_names():
    names = [case.name + case.rule for case in (*DANGEROUS, *HARMLESS)]
    assert len(DANGEROUS) >= 120
    assert len(HARMLESS) >= 40
    assert len(names) == len(set(names))


def test_every_rule_that_a_graph_names_exists():
    assert {case.rule for case in (*DANGEROUS, *HARMLESS)} <= every_rule().keys()


def shown(found: list[Finding]) -> str:
    return "\n".join(f"{one.label} {one.problem.path}: {one.problem.what}" for one in found)


def test_a_document_is_found_however_much_white_space_is_around_it():
    policy = '{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}]}'
    inputs = {"bucket": "b", "policy": policy + " " * 300_000}
    padded = graph_of({"type": "aws:s3/bucketPolicy:BucketPolicy", "inputs": inputs})
    assert paths_of("aws-iam-006", padded) == {"it.policy.Statement[0].Principal"}
