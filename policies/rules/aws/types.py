"""Type tokens of AWS, and conditions that several rules of AWS share."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final, cast

from components.base.limits import Limit

from ...finding import Severity
from ...rule import Required

FUNCTION: Final = "aws:lambda/function:Function"
PERMISSION: Final = "aws:lambda/permission:Permission"
EVENTS: Final = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
URL: Final = "aws:lambda/functionUrl:FunctionUrl"
TABLE: Final = "aws:dynamodb/table:Table"
QUEUE: Final = "aws:sqs/queue:Queue"
LOGS: Final = "aws:cloudwatch/logGroup:LogGroup"
BUCKET: Final = "aws:s3/bucket:Bucket"
PRIVATE: Final = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
VERSIONS: Final = "aws:s3/bucketVersioning:BucketVersioning"
ENCRYPTION: Final = (
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
)
LIFECYCLE: Final = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
BUCKET_LOGGING: Final = "aws:s3/bucketLogging:BucketLogging"
WEB_ACL: Final = "aws:wafv2/webAclAssociation:WebAclAssociation"
BUCKET_POLICY: Final = "aws:s3/bucketPolicy:BucketPolicy"
ROLE: Final = "aws:iam/role:Role"
ROLE_POLICY: Final = "aws:iam/rolePolicy:RolePolicy"
API: Final = "aws:apigatewayv2/api:Api"
INTEGRATION: Final = "aws:apigatewayv2/integration:Integration"
ROUTE: Final = "aws:apigatewayv2/route:Route"
STAGE: Final = "aws:apigatewayv2/stage:Stage"
SCHEDULE: Final = "aws:scheduler/schedule:Schedule"
CLUSTER: Final = "aws:ecs/cluster:Cluster"
TASK: Final = "aws:ecs/taskDefinition:TaskDefinition"
SERVICE: Final = "aws:ecs/service:Service"
BALANCER: Final = "aws:lb/loadBalancer:LoadBalancer"
TARGETS: Final = "aws:lb/targetGroup:TargetGroup"
LISTENER: Final = "aws:lb/listener:Listener"
GROUP: Final = "aws:ec2/securityGroup:SecurityGroup"
IN: Final = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
OUT: Final = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
ALARM: Final = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE_ALARM: Final = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
TOPIC: Final = "aws:sns/topic:Topic"
TOPIC_POLICY: Final = "aws:sns/topicPolicy:TopicPolicy"
SUBSCRIPTION: Final = "aws:sns/topicSubscription:TopicSubscription"
DATABASE: Final = "aws:rds/instance:Instance"
PARAMETERS: Final = "aws:rds/parameterGroup:ParameterGroup"
CACHE: Final = "aws:elasticache/replicationGroup:ReplicationGroup"
CACHE_USERS: Final = "aws:elasticache/userGroup:UserGroup"


def must(  # noqa: PLR0917  (a row of a table)
    id: str,
    severity: Severity,
    reference: str,
    on: str,
    path: str,
    allowed: tuple[Any, ...] | Callable[[Any], bool],
    so: str,
    fix: str,
    *,
    house: bool = False,
    safe_default: bool = False,
    unless: str | None = None,
) -> Required:
    """A row in short form."""
    return Required(
        id=id,
        severity=severity,
        reference=reference,
        house=house,
        on=on,
        path=path,
        allowed=allowed,
        consequence=so,
        fix=fix,
        safe_default=safe_default,
        unless=unless,
    )


def containers(definitions: Any) -> list[dict[str, Any]]:
    """The containers of a task's definitions; none where those are unknown or malformed."""
    try:
        read: Any = json.loads(definitions) if isinstance(definitions, str) else None
    except ValueError:
        return []
    found = cast("list[Any]", read) if isinstance(read, list) else []
    return [cast("dict[str, Any]", each) for each in found if isinstance(each, dict)]


def within(limit: Limit, *, scale: int = 1) -> Callable[[Any], bool]:
    """Whether a whole number is inside the limit, in units that are ``scale`` times smaller."""
    return lambda value: (
        isinstance(value, int) and (limit.least * scale <= value <= limit.most * scale)
    )


def description(value: Any) -> bool:
    """Whether EC2 takes it as the description of a security group or of a rule of one."""
    return isinstance(value, str) and bool(
        re.fullmatch(r"[\w. :/()#,@\[\]+=&;{}!$*-]{1,255}", value, re.ASCII)
    )


def named(value: Any) -> bool:
    """Whether it is a text that is not empty."""
    return isinstance(value, str) and value != ""
