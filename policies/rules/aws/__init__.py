"""Rules for AWS: encrypted, private, logged, backed up, inside its limits."""

from __future__ import annotations

from typing import Final

from ...finding import Severity
from ...rule import CloudRules, Companion, references
from . import (
    access,
    alarms,
    attachments,
    containers,
    data,
    exposure,
    functions,
    network,
    policies,
    retention,
    reverse_proxies,
    services,
    timeouts,
)
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
    PERMISSION,
    PRIVATE,
    QUEUE,
    ROLE,
    ROLE_POLICY,
    ROUTE,
    SCHEDULE,
    SERVICE,
    STAGE,
    SUBSCRIPTION,
    TARGETS,
    TASK,
    TOPIC,
    TOPIC_POLICY,
    URL,
    VERSIONS,
    WEB_ACL,
)

COMPANIONS: Final[tuple[Companion, ...]] = tuple(
    Companion(
        id=id,
        severity=severity,
        reference=reference,
        house=house,
        on=BUCKET,
        companion=companion,
        by="bucket",
        consequence=so,
    )
    for id, severity, reference, house, companion, so in (
        (
            "aws-s3-005",
            Severity.MEDIUM,
            "AWS Security Hub S3.8",
            False,
            PRIVATE,
            "the bucket may become public",
        ),
        (
            "aws-s3-006",
            Severity.LOW,
            "AWS Security Hub S3.14",
            False,
            VERSIONS,
            "overwritten objects cannot be restored",
        ),
        (
            "aws-s3-007",
            Severity.LOW,
            "https://docs.aws.amazon.com/AmazonS3/latest/userguide/serv-side-encryption.html",
            True,  # Amazon S3 encrypts every object since 2023
            ENCRYPTION,
            "objects are not encrypted",
        ),
        (
            "aws-s3-008",
            Severity.LOW,
            "AWS Security Hub S3.5",
            False,
            BUCKET_POLICY,
            "it could be read without TLS",
        ),
    )
)

REFERENCES: Final = references(
    "aws-reference-001",
    (
        (FUNCTION, "role", ROLE, "arn"),
        (FUNCTION, "deadLetterConfig.targetArn", QUEUE, "arn"),
        (FUNCTION, "s3Bucket", BUCKET, "id"),
        (FUNCTION, "loggingConfig.logGroup", LOGS, "name"),
        (FUNCTION, "vpcConfig.securityGroupIds[*]", GROUP, "id"),
        (URL, "functionName", FUNCTION, "name"),
        (PERMISSION, "function", FUNCTION, "name"),
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
        (SUBSCRIPTION, "topic", TOPIC, "arn"),
        (TOPIC_POLICY, "arn", TOPIC, "arn"),
        (DATABASE, "vpcSecurityGroupIds[*]", GROUP, "id"),
        (DATABASE, "dbSubnetGroupName", "aws:rds/subnetGroup:SubnetGroup", "name"),
        (DATABASE, "parameterGroupName", PARAMETERS, "name"),
        (CACHE, "securityGroupIds[*]", GROUP, "id"),
        (CACHE, "subnetGroupName", "aws:elasticache/subnetGroup:SubnetGroup", "name"),
        (CACHE, "userGroupIds[*]", CACHE_USERS, "userGroupId"),
        (CACHE_USERS, "userIds[*]", "aws:elasticache/user:User", "userId"),
    ),
)

RULES: Final = CloudRules(
    required=(
        *functions.REQUIRED,
        *containers.REQUIRED,
        *data.REQUIRED,
        *services.REQUIRED,
        *retention.REQUIRED,
        *alarms.REQUIRED,
    ),
    companions=COMPANIONS,
    references=REFERENCES,
    checks=(
        access.CHECK,
        policies.CHECK,
        attachments.CHECK,
        network.CHECK,
        data.QUEUES,
        exposure.CHECK,
        reverse_proxies.CHECK,
        timeouts.CHECK,
    ),
)
"""All rules for AWS."""
