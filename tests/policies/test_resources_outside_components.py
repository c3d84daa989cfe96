"""What a program makes beside the components is asked the same questions."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pytest

from components.base.cloud_resource import CloudResource
from policies import broken_policies
from tests.harness import record

ALL = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::*"}
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
SSH = {"protocol": "tcp", "fromPort": 22, "toPort": 22, "cidrBlocks": ["0.0.0.0/0"]}


def document(*statements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def refused(token: str, inputs: dict[str, Any]) -> list[str]:
    def program() -> None:
        CloudResource(token, "it", inputs, opts=pulumi.ResourceOptions())

    return [problem.path for problem in broken_policies(record(program))]


@pytest.mark.parametrize(
    ("token", "inputs", "path"),
    [
        ("aws:iam/role:Role", {"managedPolicyArns": [ADMIN]}, "it.managedPolicyArns[0]"),
        (
            "aws:iam/role:Role",
            {"inlinePolicies": [{"name": "a", "policy": document({**ALL, "Resource": "*"})}]},
            "it.inlinePolicies[0].policy.Statement[0].Resource",
        ),
        (
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
            {"role": "it", "policyArn": ADMIN},
            "it.policyArn",
        ),
        (
            "aws:iam/policy:Policy",
            {"policy": document({"Effect": "Allow", "Action": "*", "Resource": "*"})},
            "it.policy.Statement[0].Action",
        ),
        ("aws:iam/policy:Policy", {"policy": document(ALL)}, "it.policy.Statement[0].Resource"),
        (
            "aws:iam/policy:Policy",
            {"policy": document({"Effect": "Allow", "NotAction": "iam:*", "Resource": "arn:x"})},
            "it.policy.Statement[0].NotAction",
        ),
        ("aws:ec2/securityGroup:SecurityGroup", {"ingress": [SSH]}, "it.ingress[0].cidrBlocks"),
        (
            "aws:ec2/securityGroupRule:SecurityGroupRule",
            {"type": "ingress", "securityGroupId": "sg-1", **SSH},
            "it.cidrBlocks",
        ),
        ("aws:s3/bucketAcl:BucketAcl", {"bucket": "b", "acl": "public-read"}, "it.acl"),
        (
            "gcp:projects/iAMBinding:IAMBinding",
            {"project": "p", "role": "roles/owner", "members": ["user:a@example.com"]},
            "it.condition",
        ),
        (
            "gcp:storage/bucketIAMBinding:BucketIAMBinding",
            {"bucket": "b", "role": "roles/storage.objectViewer", "members": ["allUsers"]},
            "it.members[0]",
        ),
        (
            "gcp:compute/firewall:Firewall",
            {"network": "main", "sourceRanges": ["0.0.0.0/0"], "allows": [{"protocol": "all"}]},
            "it.sourceRanges",
        ),
    ],
)
def test_broad_rights_outside_components_are_refused(token: str, inputs: dict[str, Any], path: str):
    assert path in refused(token, inputs)


@pytest.mark.parametrize(
    ("token", "inputs", "path"),
    [
        (
            "aws:ec2/securityGroup:SecurityGroup",
            {"ingress": [{**SSH, "fromPort": 443, "toPort": 443}]},
            "it.ingress[0].cidrBlocks",
        ),
        (
            "aws:ec2/securityGroup:SecurityGroup",
            {"ingress": [{**SSH, "cidrBlocks": ["10.0.0.0/8"]}]},
            "it.ingress[0].cidrBlocks",
        ),
        ("aws:s3/bucketAcl:BucketAcl", {"bucket": "b", "acl": "private"}, "it.acl"),
        (
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
            {"role": "it", "policyArn": "arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess"},
            "it.policyArn",
        ),
    ],
)
def test_bounded_rights_outside_components_are_accepted(
    token: str, inputs: dict[str, Any], path: str
):
    assert path not in refused(token, inputs)
