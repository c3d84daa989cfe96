"""Rules for AWS: encrypted, private, logged, backed up, inside its limits."""

from __future__ import annotations

from typing import Final

from ...rule import CloudRules, Companion, Reference
from . import containers, data, functions, outside_components
from .access import policies_are_exact
from .exposure import only_load_balancers_are_public
from .fronts import programs_are_reached_through_the_server
from .timeouts import timeouts_outlive_the_tool
from .types import (
    API,
    BALANCER,
    BUCKET,
    BUCKET_LOGGING,
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
    LIFECYCLE,
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
    WEB_ACL,
)

COMPANIONS: Final[tuple[Companion, ...]] = (
    Companion(
        on=BUCKET, companion=PRIVATE, by="bucket", consequence="the bucket may become public"
    ),
    Companion(
        on=BUCKET,
        companion=VERSIONS,
        by="bucket",
        consequence="overwritten objects cannot be restored",
    ),
    Companion(
        on=BUCKET, companion=ENCRYPTION, by="bucket", consequence="objects are not encrypted"
    ),
    Companion(
        on=BUCKET, companion=BUCKET_POLICY, by="bucket", consequence="it could be read without TLS"
    ),
)

REFERENCES: Final[tuple[Reference, ...]] = tuple(
    Reference(on=on, path=path, to=to, output=output)
    for on, path, to, output in (
        (FUNCTION, "role", ROLE, "arn"),
        (FUNCTION, "deadLetterConfig.targetArn", QUEUE, "arn"),
        (FUNCTION, "s3Bucket", BUCKET, "id"),
        (FUNCTION, "loggingConfig.logGroup", LOGS, "name"),
        (FUNCTION, "vpcConfig.securityGroupIds[*]", GROUP, "id"),
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
        *(
            (each, "bucket", BUCKET, "id")
            for each in (BUCKET_LOGGING, BUCKET_POLICY, ENCRYPTION, LIFECYCLE, PRIVATE, VERSIONS)
        ),
        (BUCKET_LOGGING, "targetBucket", BUCKET, "id"),
        (WEB_ACL, "resourceArn", BALANCER, "arn"),
        (DATABASE, "vpcSecurityGroupIds[*]", GROUP, "id"),
        (DATABASE, "dbSubnetGroupName", "aws:rds/subnetGroup:SubnetGroup", "name"),
        (DATABASE, "parameterGroupName", PARAMETERS, "name"),
        (CACHE, "securityGroupIds[*]", GROUP, "id"),
        (CACHE, "subnetGroupName", "aws:elasticache/subnetGroup:SubnetGroup", "name"),
        (CACHE, "userGroupIds[*]", CACHE_USERS, "userGroupId"),
        (CACHE_USERS, "userIds[*]", "aws:elasticache/user:User", "userId"),
    )
)

RULES: Final = CloudRules(
    required=(
        *functions.REQUIRED,
        *containers.REQUIRED,
        *data.REQUIRED,
        *outside_components.REQUIRED,
    ),
    companions=COMPANIONS,
    references=REFERENCES,
    checks=(
        policies_are_exact,
        data.queues_are_encrypted,
        only_load_balancers_are_public,
        programs_are_reached_through_the_server,
        timeouts_outlive_the_tool,
    ),
)
"""All rules for AWS."""
