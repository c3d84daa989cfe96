"""Findings: their order, severities, house rules, types in other spellings, and refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.base.problems import ProblemReport
from graph.programs import ROOT
from graph.resource_graph import Resource, ResourceGraph
from policies import Finding, Severity, every_rule, findings
from policies.checked_program import refuse_broken
from tests.harness.graphs import cloud, graph

BUCKET, ACL = "aws:s3/bucket:Bucket", "aws:s3/bucketAcl:BucketAcl"
LOGS, QUEUE = "aws:cloudwatch/logGroup:LogGroup", "aws:sqs/queue:Queue"
FUNCTION = "aws:lambda/function:Function"


def ids(found: list[Finding]) -> list[str]:
    return [finding.rule for finding in found]


def inside(type: str, component: str, **inputs: object) -> ResourceGraph:
    """A resource that a component of this type made."""
    holder = Resource(urn="urn:holder", type=component, name="holder", custom=False)
    held = Resource(urn="urn:held", type=type, name="it", parent=holder.urn, inputs=dict(inputs))
    return graph(holder, held)


def test_a_finding_names_rule_resource_path_fix_and_reference():
    (found,) = findings(graph(cloud(ACL, "open", bucket="b", acl="public-read")))
    assert (found.rule, found.severity) == ("aws-s3-004", Severity.CRITICAL)
    assert found.urn.endswith("::open")
    assert found.problem.path == "open.acl"
    assert found.problem.fix == "write private"
    assert found.reference == every_rule()["aws-s3-004"].reference
    assert found.waiver is None


def test_the_most_serious_finding_comes_first():
    found = findings(graph(cloud(LOGS, "a"), cloud(ACL, "b", bucket="b", acl="public-read")))
    assert ids(found) == ["aws-s3-004", "aws-logs-001"]


def test_a_house_rule_concerns_what_our_components_make():
    assert "aws-lambda-005" not in ids(findings(graph(cloud(FUNCTION, "it"))))
    assert "aws-lambda-005" not in ids(findings(inside(FUNCTION, "acme:index:Worker")))
    assert "aws-lambda-005" in ids(findings(inside(FUNCTION, "qudag-mcp:index:AwsLambda")))


def test_a_house_rule_concerns_all_of_our_own_stacks():
    assert "aws-lambda-005" in ids(findings(graph(cloud(FUNCTION, "it")), own=True))


def test_the_default_of_a_cloud_is_allowed_to_others_where_it_is_safe():
    """An SQS queue is encrypted unless that is switched off; our components state it."""
    unstated, off = cloud(QUEUE, "it"), cloud(QUEUE, "it", sqsManagedSseEnabled=False)
    assert ids(findings(graph(unstated))) == []
    assert ids(findings(graph(unstated), own=True)) == ["aws-sqs-001"]
    assert ids(findings(graph(off))) == ["aws-sqs-001"]


@pytest.mark.parametrize(
    ("spelling", "rule", "inputs"),
    [
        ("aws:s3/bucketAclV2:BucketAclV2", "aws-s3-004", {"bucket": "b", "acl": "public-read"}),
        ("aws:alb/listener:Listener", "aws-elb-006", {"protocol": "HTTPS", "sslPolicy": "old"}),
        (
            "azure-native:storage/v20240101:BlobContainer",
            "azure-storage-005",
            {"publicAccess": "Blob"},
        ),
    ],
)
def test_a_type_in_another_spelling_is_held_to_the_same_rules(
    spelling: str, rule: str, inputs: dict[str, object]
):
    assert rule in ids(findings(graph(cloud(spelling, "it", **inputs))))


@pytest.mark.parametrize("action", ["ALLOW", "deny"])
def test_azure_reads_enumerations_without_regard_to_case(action: str):
    app = cloud(
        "azure-native:web:WebApp",
        "it",
        siteConfig={"ipSecurityRestrictionsDefaultAction": action},
    )
    assert not {"azure-web-004", "any-sdk-004"} & {*ids(findings(graph(app), own=True))}
    wrong = cloud("azure-native:web:WebApp", "it", siteConfig={"ftpsState": "Everything"})
    assert "azure-web-003" in ids(findings(graph(wrong)))


@pytest.mark.parametrize(("operator", "found"), [("GreaterThan", False), ("gt", True)])
def test_a_log_alert_compares_as_azure_and_not_as_the_sdk_says(operator: str, found: bool):
    criterion = {"query": "AppRequests", "operator": operator, "threshold": 0}
    rule = cloud(
        "azure-native:monitor:ScheduledQueryRule",
        "it",
        resourceGroupName="g",
        criteria={"allOf": [criterion]},
    )
    assert ("any-sdk-004" in ids(findings(graph(rule)))) is found


def test_a_critical_finding_refuses_a_program_and_names_its_rule(tmp_path: Path):
    with pytest.raises(ProblemReport, match=r"open\.acl: .*\[aws-s3-004, critical\]"):
        refuse_broken(graph(cloud(ACL, "open", bucket="b", acl="public-read")), tmp_path)


def test_strict_refuses_findings_that_are_not_critical(tmp_path: Path):
    kept = graph(cloud(LOGS, "it"))
    assert ids([*refuse_broken(kept, tmp_path)]) == ["aws-logs-001"]
    with pytest.raises(ProblemReport, match="aws-logs-001, medium"):
        refuse_broken(kept, tmp_path, strict=True)


def test_the_program_of_this_checkout_is_always_held_to_every_rule():
    with pytest.raises(ProblemReport, match="aws-logs-001, medium"):
        refuse_broken(graph(cloud(LOGS, "it")), ROOT)
