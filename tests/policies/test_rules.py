"""Each kind of rule finds what it is for, and lets the rest be."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.base.cloud_resource import CloudResource
from components.base.problems import Problem
from graph.resource_graph import SECRET, UNKNOWN, ResourceGraph
from policies.finding import Severity
from policies.property_paths import values
from policies.rule import Companion, Reference, Required
from policies.rules.aws.access import arns_exist
from policies.rules.aws.policies import policies_are_bounded
from policies.rules.references import companions_exist, references_exist
from policies.rules.settings import names_are_accepted, required_settings_hold
from tests.harness import record

ROLE, RIGHTS = "aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy"
FUNCTION, QUEUE, TABLE = (
    "aws:lambda/function:Function",
    "aws:sqs/queue:Queue",
    "aws:dynamodb/table:Table",
)
OF_A_RULE: Any = {"id": "aws-test-001", "severity": Severity.LOW, "reference": "a document"}
OWN = "arn:aws:dynamodb:eu-west-1:123456789012:table/sessions"
OTHERS = "arn:aws:dynamodb:eu-west-1:123456789012:table/salaries"


def graph(program: Callable[[Callable[..., CloudResource]], object]) -> ResourceGraph:
    """The graph of a program that makes resources of an AWS account by the function it is given."""

    def run() -> None:
        place = {"region": "eu-west-1", "allowedAccountIds": json.dumps(["123456789012"])}
        provider = pulumi.ProviderResource("aws", "aws", place)

        def make(token: str, logical: str, /, *outputs: str, **inputs: Any) -> CloudResource:
            opts = pulumi.ResourceOptions(provider=provider)
            return CloudResource(token, logical, inputs, outputs=outputs, opts=opts)

        program(make)

    return record(run)


def document(actions: Any, resource: Any, **more: Any) -> str:
    statement = {"Effect": "Allow", "Action": actions, "Resource": resource, **more}
    return json.dumps({"Statement": [statement]})


def paths(problems: Any) -> list[str]:
    found: list[Problem] = list(problems)
    assert all(each.what and each.consequence and each.fix for each in found)
    return [each.path for each in found]


def test_a_path_leads_to_each_item_of_a_list():
    tree = {"a": [{"b": 1}, {"c": 2}]}
    assert list(values(tree, "a[*].b")) == [("a[0].b", 1), ("a[1].b", None)]
    assert list(values({}, "a.b")) == [("a.b", None)]


def test_a_required_setting_is_missed_found_wrong_or_right():
    row = Required(
        **OF_A_RULE,
        on=QUEUE,
        path="sqsManagedSseEnabled",
        allowed=(True,),
        consequence="c",
        fix="f",
    )
    found = graph(
        lambda make: (
            make(QUEUE, "none"),
            make(QUEUE, "wrong", sqsManagedSseEnabled=False),
            make(QUEUE, "right", sqsManagedSseEnabled=True),
        )
    )
    assert paths(required_settings_hold(found, [row])) == [
        "none.sqsManagedSseEnabled",
        "wrong.sqsManagedSseEnabled",
    ]


def test_an_allowed_true_does_not_accept_1():
    row = Required(
        **OF_A_RULE, on=QUEUE, path="fifoQueue", allowed=(True,), consequence="c", fix="f"
    )
    assert not row.accepts(1)
    assert row.accepts(True)


def test_a_reference_is_to_a_resource_of_the_graph():
    row = Reference(**OF_A_RULE, on=FUNCTION, path="role", to=ROLE, output="arn")

    def program(make: Callable[..., CloudResource]) -> None:
        role = make(ROLE, "role", "arn", name="role", assumeRolePolicy="{}")
        make(FUNCTION, "right", role=role.output("arn"))
        make(FUNCTION, "wrong", role="arn:aws:iam::123456789012:role/admin")

    assert paths(references_exist(graph(program), [row])) == ["wrong.role"]


def test_a_policy_names_resources_of_the_graph_or_what_lies_outside():
    secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:qudag-mcp/a-a1B2c3"

    def program(make: Callable[..., CloudResource]) -> None:
        table = make(TABLE, "table", "arn", name="sessions")
        index = pulumi.Output.concat(table.output("arn"), "/index/UserIdIndex")
        policy = pulumi.Output.json_dumps({"Statement": [{"Resource": [index, secret]}]})
        make(RIGHTS, "right", role="r", policy=policy)
        make(RIGHTS, "wrong", role="r", policy=document("dynamodb:GetItem", [OWN, OTHERS]))

    found = list(arns_exist(graph(program), outside=[r"arn:aws:secretsmanager:.*:secret:.*"]))
    assert paths(found) == ["wrong.policy"]
    assert OTHERS in found[0].what


def test_a_companion_names_what_it_belongs_to():
    block = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    row = Companion(
        **OF_A_RULE, on="aws:s3/bucket:Bucket", companion=block, by="bucket", consequence="c"
    )

    def program(make: Callable[..., CloudResource]) -> None:
        closed = make("aws:s3/bucket:Bucket", "closed", bucket="closed-1")
        make("aws:s3/bucket:Bucket", "open", bucket="open-1")
        make(block, "block", bucket=closed.output("id"))

    assert paths(companions_exist(graph(program), [row])) == ["open.bucket"]


def test_rights_without_bounds_are_found():
    def found(policy: str) -> list[str]:
        made = graph(lambda make: make(RIGHTS, "it", role="r", policy=policy))
        return paths(policies_are_bounded(made))

    assert found(document("dynamodb:*", OWN)) == ["it.policy.Statement[0].Action"]
    assert found(document(["dynamodb:GetItem"], "*")) == ["it.policy.Statement[0].Resource"]
    assert found(document("xray:PutTraceSegments", "*")) == []
    assert found(document("s3:GetObject", OWN, Principal="*")) == [
        "it.policy.Statement[0].Principal"
    ]
    assert found(document("dynamodb:GetItem", OWN)) == []
    assert (
        found(json.dumps({"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}})) == []
    )


def test_a_name_that_its_cloud_does_not_allow_comes_with_one_that_it_does():
    balancer = "aws:lb/loadBalancer:LoadBalancer"
    (problem,) = names_are_accepted(graph(lambda make: make(balancer, "it", name="x" * 70)))
    assert problem.path == "it.name"
    assert "has 70 characters, and 1 to 32 are allowed" in problem.what
    assert "write 'x" in problem.fix


@pytest.mark.parametrize("hidden", [UNKNOWN, SECRET])
def test_a_name_that_is_not_known_here_is_not_judged(hidden: str):
    balancer = "aws:lb/loadBalancer:LoadBalancer"
    made = graph(lambda make: make(balancer, "it", name=hidden))
    assert list(names_are_accepted(made)) == []
