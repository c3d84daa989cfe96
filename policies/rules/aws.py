"""What AWS resources must be: encrypted, private, logged, backed up, inside AWS's limits."""

from __future__ import annotations

from typing import Final

from components.aws.facts import AWS_ARN

from ..rule import Companion, Reference, Required
from . import (
    aws_containers as aws_task_settings,
)
from . import (
    aws_serverless as aws_settings,
)
from . import (
    resources_outside_components as beside,
)
from .aws_types import (
    API,
    BALANCER,
    BUCKET,
    BUCKET_POLICY,
    CACHE,
    CACHE_USERS,
    CLUSTER,
    DATABASE,
    ENCRYPTION,
    EVENTS,
    FUNCTION,
    GROUP,
    IN,
    INTEGRATION,
    LISTENER,
    LOGS,
    OUT,
    PARAMETERS,
    PRIVATE,
    QUEUE,
    ROLE,
    ROLE_POLICY,
    ROUTE,
    SCHEDULE,
    SERVICE,
    STAGE,
    TARGETS,
    TASK,
    URL,
    VERSIONS,
)

REQUIRED: Final[tuple[Required, ...]] = (
    *aws_settings.REQUIRED,
    *aws_task_settings.REQUIRED,
    *beside.AWS,
)

COMPANIONS: Final[tuple[Companion, ...]] = (
    Companion(
        on=BUCKET, companion=PRIVATE, by="bucket", consequence="the bucket may become public"
    ),
    Companion(
        on=BUCKET, companion=VERSIONS, by="bucket", consequence="what is overwritten is gone"
    ),
    Companion(
        on=BUCKET, companion=ENCRYPTION, by="bucket", consequence="objects are not encrypted"
    ),
    Companion(
        on=BUCKET, companion=BUCKET_POLICY, by="bucket", consequence="it is read without TLS"
    ),
)

REFERENCES: Final[tuple[Reference, ...]] = tuple(
    Reference(on=on, path=path, to=to, output=output)
    for on, path, to, output in (
        (FUNCTION, "role", ROLE, "arn"),
        (FUNCTION, "deadLetterConfig.targetArn", QUEUE, "arn"),
        (FUNCTION, "s3Bucket", BUCKET, "id"),
        (FUNCTION, "loggingConfig.logGroup", LOGS, "name"),
        (URL, "functionName", FUNCTION, "name"),
        ("aws:lambda/permission:Permission", "function", FUNCTION, "name"),
        (ROLE_POLICY, "role", ROLE, "name"),
        (EVENTS, "functionName", FUNCTION, "name"),
        (SCHEDULE, "target.arn", FUNCTION, "arn"),
        (SCHEDULE, "target.roleArn", ROLE, "arn"),
        (SCHEDULE, "target.deadLetterConfig.arn", QUEUE, "arn"),
        (INTEGRATION, "apiId", API, "id"),
        (INTEGRATION, "integrationUri", FUNCTION, "invokeArn"),
        (ROUTE, "apiId", API, "id"),
        (STAGE, "apiId", API, "id"),
        (STAGE, "accessLogSettings.destinationArn", LOGS, "arn"),
        (TASK, "executionRoleArn", ROLE, "arn"),
        (TASK, "taskRoleArn", ROLE, "arn"),
        (SERVICE, "cluster", CLUSTER, "arn"),
        (SERVICE, "networkConfiguration.securityGroups[*]", GROUP, "id"),
        (SERVICE, "loadBalancers[*].targetGroupArn", TARGETS, "arn"),
        (BALANCER, "securityGroups[*]", GROUP, "id"),
        (LISTENER, "loadBalancerArn", BALANCER, "arn"),
        (IN, "securityGroupId", GROUP, "id"),
        (OUT, "securityGroupId", GROUP, "id"),
        (DATABASE, "vpcSecurityGroupIds[*]", GROUP, "id"),
        (DATABASE, "dbSubnetGroupName", "aws:rds/subnetGroup:SubnetGroup", "name"),
        (DATABASE, "parameterGroupName", PARAMETERS, "name"),
        (CACHE, "securityGroupIds[*]", GROUP, "id"),
        (CACHE, "subnetGroupName", "aws:elasticache/subnetGroup:SubnetGroup", "name"),
        (CACHE, "userGroupIds[*]", CACHE_USERS, "userGroupId"),
        (CACHE_USERS, "userIds[*]", "aws:elasticache/user:User", "userId"),
    )
)

POLICY_DOCUMENTS: Final = (
    (ROLE, "assumeRolePolicy"),
    (ROLE, "inlinePolicies[*].policy"),
    (ROLE_POLICY, "policy"),
    ("aws:iam/policy:Policy", "policy"),
    (BUCKET_POLICY, "policy"),
    ("aws:sqs/queuePolicy:QueuePolicy", "policy"),
)
"""Type tokens, each with the path of a policy document."""

UNBOUNDED: Final[dict[str, str]] = {
    "ecr:GetAuthorizationToken": "a token is for all that the account may pull: it has no resource",
}
"""Actions that AWS allows on every resource only, each with its reason."""

OUTSIDE: Final[tuple[str, ...]] = (
    # What the configuration names: secrets under qudag-mcp/, and the load balancer's certificate.
    AWS_ARN,
    r"arn:aws:acm:[a-z0-9-]+:\d{12}:certificate/[\w-]+",
    # Images that were pushed before: the repository is not this stack's to make.
    r"arn:aws:ecr:[a-z0-9-]+:\d{12}:repository/[\w./-]+",
)
"""ARNs of resources that no stack of ours makes."""
