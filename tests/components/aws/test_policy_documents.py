"""What stands in JSON, where no SDK's types look, is what AWS's own rules take.

moto holds policy documents to IAM's grammar, and botocore holds requests to the services' models.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

import pulumi
import pytest
from botocore.session import Session
from botocore.validate import ParamValidator
from moto import mock_aws

from components.aws.container import EcsFargate
from components.aws.container_args import EcsFargateArgs
from components.aws.function import AwsLambda
from components.aws.function_args import AwsLambdaArgs
from components.mcp.access import Access, NetworkAccess
from components.mcp.timeout_budget import TimeoutBudget
from tests.harness import ResourceGraph
from tests.harness.clouds import (
    ARCHIVE,
    AWS,
    AWS_CERTIFICATE,
    AWS_NETWORK,
    AWS_SECRET,
    AWS_TOPIC,
    cloud_config,
    on_aws,
)

ECR = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/qudag/server@sha256:" + "0" * 64


@functools.cache
def graph() -> ResourceGraph:
    def program(opts: pulumi.ResourceOptions) -> None:
        function = AwsLambdaArgs(
            location=AWS,
            alarm_topic=AWS_TOPIC,
            archive=ARCHIVE,
            config=cloud_config(budget=TimeoutBudget(longest_tool=20)),
            access=Access(public=True),
            websocket=True,
            secrets={"API_KEY": AWS_SECRET},
        )
        AwsLambda("fn", function, opts)
        tasks = EcsFargateArgs(
            location=AWS,
            alarm_topic=AWS_TOPIC,
            network=AWS_NETWORK,
            image=ECR,
            config=cloud_config(domain="mcp.example.com"),
            certificate=AWS_CERTIFICATE,
            access=NetworkAccess(public=True),
            secrets={"API_KEY": AWS_SECRET},
        )
        EcsFargate("ecs", tasks, opts)

    return on_aws(program)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Clients of an account that is moto's; nothing leaves this process."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        session: Any = Session()
        yield functools.partial(session.create_client, region_name=AWS.region)


def request_problems(service: str, operation: str, request: dict[str, Any]) -> str:
    """What botocore would say before it sends the request; empty when it would send it."""
    session: Any = Session()
    shape = session.get_service_model(service).operation_model(operation).input_shape
    validator: Any = ParamValidator()
    return validator.validate(request, shape).generate_report()


def test_every_role_and_each_of_its_policies_is_iams(aws: Any):
    iam = aws("iam")
    for role in graph().all("aws:iam/role:Role"):
        iam.create_role(
            RoleName=role.inputs["name"], AssumeRolePolicyDocument=role.inputs["assumeRolePolicy"]
        )
    for policy in graph().all("aws:iam/rolePolicy:RolePolicy"):
        iam.put_role_policy(
            RoleName=policy.inputs["role"],
            PolicyName=policy.inputs["name"],
            PolicyDocument=policy.inputs["policy"],
        )
    assert len(iam.list_roles()["Roles"]) == 4


def test_a_policy_that_is_not_iams_would_be_seen(aws: Any):
    iam = aws("iam")
    iam.create_role(
        RoleName="it",
        AssumeRolePolicyDocument=graph().all("aws:iam/role:Role")[0].inputs["assumeRolePolicy"],
    )
    wrong = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "read"}]}'
    with pytest.raises(iam.exceptions.MalformedPolicyDocumentException):
        iam.put_role_policy(RoleName="it", PolicyName="it", PolicyDocument=wrong)


def test_the_container_is_one_that_ecs_knows():
    task = graph().one("aws:ecs/taskDefinition:TaskDefinition").inputs
    containers = json.loads(task["containerDefinitions"])
    request = {"family": task["family"], "containerDefinitions": containers}
    assert request_problems("ecs", "RegisterTaskDefinition", request) == ""
    misspelt = {**containers[0], "stoptimeout": 70}
    wrong = request_problems(
        "ecs", "RegisterTaskDefinition", {**request, "containerDefinitions": [misspelt]}
    )
    assert "stoptimeout" in wrong


def test_the_task_is_registered_as_it_stands(aws: Any):
    task = graph().one("aws:ecs/taskDefinition:TaskDefinition").inputs
    registered = aws("ecs").register_task_definition(
        family=task["family"],
        requiresCompatibilities=task["requiresCompatibilities"],
        networkMode=task["networkMode"],
        cpu=task["cpu"],
        memory=task["memory"],
        executionRoleArn=task["executionRoleArn"],
        taskRoleArn=task["taskRoleArn"],
        containerDefinitions=json.loads(task["containerDefinitions"]),
    )["taskDefinition"]
    assert registered["status"] == "ACTIVE"
    assert "FARGATE" in registered["requiresCompatibilities"]


def test_the_bucket_takes_its_policy_and_its_name(aws: Any):
    s3 = aws("s3")
    bucket = graph().one("aws:s3/bucket:Bucket").inputs["bucket"]
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": AWS.region})
    policy = graph().one("aws:s3/bucketPolicy:BucketPolicy").inputs["policy"]
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]) == json.loads(policy)
