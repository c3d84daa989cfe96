"""Facts about AWS: names, resource types, outputs, credentials, packages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..base.cloud_facts import Billed, Credentials, ResourceType, resource_type
from ..base.naming import NameRule
from .billed_types import BILLED_TYPES as _BILLED_TYPES
from .common_types import COMMON_TYPES

AWS_ARN: Final = (
    r"arn:aws:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:qudag-mcp/[A-Za-z0-9/_+=.@-]+"
    r"-[A-Za-z0-9]{6}"
)
"""A whole ARN: AWS puts a dash and six characters after the name (CreateSecret)."""

AWS_REFERENCE: Final = rf"{AWS_ARN}(:[A-Za-z0-9_.-]+::)?"
"""The same, and the key of a JSON secret as ECS writes it."""

_DASHED: Final = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_WORD: Final = r"[A-Za-z0-9_-]+"
_LOWER: Final = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
_BUCKET: Final = r"[a-z0-9]([a-z0-9-]*[a-z0-9])"


def _named(
    longest: int, form: str, source: str, *, shortest: int = 1, key: str = "name"
) -> NameRule:
    return NameRule(longest=longest, form=form, source=source, shortest=shortest, key=key)


NAME_RULES: Final[Mapping[str, NameRule]] = {
    "aws:apigatewayv2/api:Api": _named(128, r"[A-Za-z0-9 ._-]+", "API Gateway V2 API, CreateApi"),
    "aws:budgets/budget:Budget": _named(100, r"[^:\\]+", "AWS Budgets API, Budget"),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": _named(
        255, r"[A-Za-z0-9_./ -]+", "CloudWatch API, PutCompositeAlarm", key="alarmName"
    ),
    "aws:cloudwatch/dashboard:Dashboard": _named(
        255, _WORD, "CloudWatch API, PutDashboard", key="dashboardName"
    ),
    "aws:cloudwatch/logGroup:LogGroup": _named(
        512, r"[A-Za-z0-9_./#-]+", "CloudWatch Logs API, CreateLogGroup"
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": _named(
        255, r"[A-Za-z0-9_./ -]+", "CloudWatch API, PutMetricAlarm"
    ),
    "aws:dynamodb/table:Table": _named(
        255, r"[A-Za-z0-9_.-]+", "DynamoDB API, CreateTable", shortest=3
    ),
    "aws:ec2/securityGroup:SecurityGroup": _named(
        255, r"(?!sg-)[A-Za-z0-9 ._:/()#,@+=;{}!$*-]+", "EC2 API, CreateSecurityGroup"
    ),
    "aws:ecs/cluster:Cluster": _named(255, _WORD, "ECS API, CreateCluster"),
    "aws:ecs/service:Service": _named(255, _WORD, "ECS API, CreateService"),
    "aws:ecs/taskDefinition:TaskDefinition": _named(
        255, _WORD, "ECS API, RegisterTaskDefinition", key="family"
    ),
    "aws:elasticache/parameterGroup:ParameterGroup": _named(
        255, _LOWER, "ElastiCache API, CreateCacheParameterGroup"
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": _named(
        40, _LOWER, "ElastiCache API, CreateReplicationGroup", key="replicationGroupId"
    ),
    "aws:elasticache/subnetGroup:SubnetGroup": _named(
        255, _LOWER, "ElastiCache API, CreateCacheSubnetGroup"
    ),
    "aws:elasticache/user:User": _named(
        40, _LOWER, "ElastiCache User Guide, Authenticating with IAM", key="userId"
    ),
    "aws:elasticache/userGroup:UserGroup": _named(
        40, _LOWER, "ElastiCache API, CreateUserGroup", key="userGroupId"
    ),
    "aws:iam/policy:Policy": _named(128, r"[A-Za-z0-9_+=,.@-]+", "IAM API, CreatePolicy"),
    "aws:iam/role:Role": _named(64, r"[A-Za-z0-9_+=,.@-]+", "IAM API, CreateRole"),
    "aws:rds/instance:Instance": _named(63, _LOWER, "RDS API, CreateDBInstance", key="identifier"),
    "aws:rds/parameterGroup:ParameterGroup": _named(255, _LOWER, "RDS API, CreateDBParameterGroup"),
    "aws:rds/subnetGroup:SubnetGroup": _named(255, _LOWER, "RDS API, CreateDBSubnetGroup"),
    "aws:s3/bucket:Bucket": _named(
        63, _BUCKET, "S3 User Guide, Bucket naming rules", shortest=3, key="bucket"
    ),
    "aws:scheduler/schedule:Schedule": _named(
        64, r"[A-Za-z0-9_.-]+", "EventBridge Scheduler API, CreateSchedule"
    ),
    "aws:sns/topic:Topic": _named(256, _WORD, "SNS API, CreateTopic"),
    "aws:sqs/queue:Queue": _named(80, _WORD, "SQS API, CreateQueue"),
    "aws:lb/loadBalancer:LoadBalancer": _named(
        32, r"(?!internal-)" + _DASHED, "ELBv2 API, CreateLoadBalancer"
    ),
    "aws:lb/targetGroup:TargetGroup": _named(32, _DASHED, "ELBv2 API, CreateTargetGroup"),
    "aws:lambda/function:Function": _named(64, r"[A-Za-z0-9_-]+", "Lambda API, CreateFunction"),
}
"""By type token; each with the property that holds the name."""

RESOURCE_TYPES: Final[Mapping[str, ResourceType]] = {
    **COMMON_TYPES,
    "aws:apigatewayv2/api:Api": resource_type(
        "protocolType",
        harmless="its routes and stages say who may call it",
    ),
    "aws:apigatewayv2/apiMapping:ApiMapping": resource_type(
        "apiId",
        "domainName",
        harmless="it joins a domain name with a stage",
    ),
    "aws:apigatewayv2/domainName:DomainName": resource_type("domainName"),
    "aws:apigatewayv2/integration:Integration": resource_type("apiId", "integrationType"),
    "aws:apigatewayv2/route:Route": resource_type("apiId"),
    "aws:apigatewayv2/stage:Stage": resource_type("apiId", "name"),
    "aws:appautoscaling/policy:Policy": resource_type(
        "name",
        "resourceId",
        harmless="it changes the number of tasks",
    ),
    "aws:appautoscaling/target:Target": resource_type(
        "resourceId",
        "scalableDimension",
        "serviceNamespace",
        harmless="it bounds the number of tasks",
    ),
    "aws:budgets/budget:Budget": resource_type(
        "accountId",
        "namePrefix",
        harmless="it reads costs, and sends to a topic",
    ),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": resource_type(
        alarm=("alarmActions", "actionsEnabled")
    ),
    "aws:cloudwatch/dashboard:Dashboard": resource_type(
        harmless="it draws metrics",
    ),
    "aws:cloudwatch/logGroup:LogGroup": resource_type(
        "logGroupClass", holds="the log events in it"
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": resource_type(
        alarm=("alarmActions", "actionsEnabled")
    ),
    "aws:dynamodb/table:Table": resource_type(
        "hashKey", "rangeKey", "attributes", holds="the items in it"
    ),
    "aws:ec2/securityGroup:SecurityGroup": resource_type("description", "vpcId"),
    "aws:ecs/cluster:Cluster": resource_type(),
    "aws:ecs/service:Service": resource_type("cluster", "launchType", "schedulingStrategy"),
    "aws:ecs/taskDefinition:TaskDefinition": resource_type(""),
    "aws:elasticache/parameterGroup:ParameterGroup": resource_type(
        "description",
        "family",
        harmless="it tunes memory; users give the access",
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": resource_type(
        *("atRestEncryptionEnabled", "engine", "kmsKeyId", "networkType", "port"),
        "subnetGroupName",
        holds="the keys in it",
    ),
    "aws:elasticache/subnetGroup:SubnetGroup": resource_type(
        harmless="it names subnets",
    ),
    "aws:elasticache/user:User": resource_type("userName"),
    "aws:elasticache/userGroup:UserGroup": resource_type("engine"),
    "aws:iam/role:Role": resource_type("path"),
    "aws:iam/rolePolicy:RolePolicy": resource_type("name", "role"),
    "aws:lambda/function:Function": resource_type("packageType"),
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": resource_type(
        "functionName", "qualifier"
    ),
    "aws:lambda/functionUrl:FunctionUrl": resource_type("functionName"),
    "aws:lambda/permission:Permission": resource_type(""),
    "aws:lb/listener:Listener": resource_type("loadBalancerArn"),
    "aws:lb/loadBalancer:LoadBalancer": resource_type("internal", "loadBalancerType"),
    "aws:lb/targetGroup:TargetGroup": resource_type("port", "protocol", "targetType", "vpcId"),
    "aws:rds/instance:Instance": resource_type(
        *("dbName", "dbSubnetGroupName", "engine", "kmsKeyId", "storageEncrypted", "username"),
        holds="the databases in it",
    ),
    "aws:rds/parameterGroup:ParameterGroup": resource_type("family"),
    "aws:rds/subnetGroup:SubnetGroup": resource_type(
        harmless="it names subnets",
    ),
    "aws:s3/bucket:Bucket": resource_type("objectLockEnabled", holds="the objects in it"),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": resource_type("bucket"),
    "aws:s3/bucketLogging:BucketLogging": resource_type("bucket"),
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": resource_type(
        "bucket",
        harmless="it only prevents deletion",
    ),
    "aws:s3/bucketObjectv2:BucketObjectv2": resource_type("bucket", "key"),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": resource_type("bucket"),
    "aws:s3/bucketPolicy:BucketPolicy": resource_type("bucket"),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": resource_type("bucket"),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        resource_type("bucket")
    ),
    "aws:s3/bucketVersioning:BucketVersioning": resource_type("bucket"),
    "aws:scheduler/schedule:Schedule": resource_type("groupName"),
    "aws:sns/topic:Topic": resource_type("fifoTopic", "namePrefix"),
    "aws:sns/topicPolicy:TopicPolicy": resource_type("arn"),
    "aws:sns/topicSubscription:TopicSubscription": resource_type("endpoint", "protocol", "topic"),
    "aws:sqs/queue:Queue": resource_type("fifoQueue", holds="the messages in it"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": resource_type(
        "securityGroupId", outbound=True
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": resource_type("securityGroupId"),
    "aws:wafv2/webAclAssociation:WebAclAssociation": resource_type(""),
}
"""A row for each type that a component registers, and for common ones of users' programs."""

BILLED_TYPES: Final[Mapping[str, Billed]] = _BILLED_TYPES
"""By type token: how AWS bills for a resource."""


def _arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{{region}}:{{account}}:{rest}"


PREDICTED_OUTPUTS: Final[Mapping[str, Mapping[str, str]]] = {
    "aws:iam/role:Role": {"arn": "arn:aws:iam::{account}:role/{name}"},
    "aws:lambda/function:Function": {
        "arn": _arn("lambda", "function:{name}"),
        "invokeArn": "arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/"
        "arn:aws:lambda:{region}:{account}:function:{name}/invocations",
    },
    "aws:dynamodb/table:Table": {
        "arn": _arn("dynamodb", "table/{name}"),
        "streamArn": _arn("dynamodb", "table/{name}/stream/latest"),
    },
    "aws:sqs/queue:Queue": {"arn": _arn("sqs", "{name}")},
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": {
        "arn": _arn("cloudwatch", "alarm:{alarmName}")
    },
    "aws:cloudwatch/logGroup:LogGroup": {"arn": _arn("logs", "log-group:{name}")},
    "aws:sns/topic:Topic": {"arn": _arn("sns", "{name}")},
    "aws:apigatewayv2/api:Api": {
        "executionArn": _arn("execute-api", "{logical}"),
        "apiEndpoint": "https://{logical}.execute-api.{region}.amazonaws.com",
    },
    "aws:apigatewayv2/domainName:DomainName": {
        "domainNameConfiguration.targetDomainName": "d-{logical}.execute-api.{region}.amazonaws.com"
    },
    "aws:lambda/functionUrl:FunctionUrl": {
        "functionUrl": "https://{logical}.lambda-url.{region}.on.aws/",
    },
    "aws:ecs/cluster:Cluster": {"arn": _arn("ecs", "cluster/{name}")},
    "aws:lb/loadBalancer:LoadBalancer": {
        "arn": _arn("elasticloadbalancing", "loadbalancer/app/{name}/{logical}"),
        "arnSuffix": "app/{name}/{logical}",
        "dnsName": "{logical}.{region}.elb.amazonaws.com",
    },
    "aws:lb/targetGroup:TargetGroup": {
        "arn": _arn("elasticloadbalancing", "targetgroup/{name}/{logical}"),
        "arnSuffix": "targetgroup/{name}/{logical}",
    },
    "aws:rds/instance:Instance": {
        "address": "{identifier}.{logical}.{region}.rds.amazonaws.com",
        "masterUserSecrets.0.secretArn": _arn("secretsmanager", "secret:rds!db-{logical}"),
    },
    "aws:elasticache/replicationGroup:ReplicationGroup": {
        "arn": _arn("elasticache", "replicationgroup:{replicationGroupId}"),
        "primaryEndpointAddress": "master.{replicationGroupId}.{logical}.cache.amazonaws.com",
    },
    "aws:iam/policy:Policy": {"arn": "arn:aws:iam::{account}:policy/{name}"},
    "aws:elasticache/user:User": {"arn": _arn("elasticache", "user:{userId}")},
    "aws:s3/bucket:Bucket": {"id": "{bucket}", "arn": "arn:aws:s3:::{bucket}"},
}

PROVIDER_VALUES: Final = {"region": "region", "account": "allowedAccountIds"}
"""Names in ``PREDICTED_OUTPUTS`` that refer to the provider, each with its property."""

OUTPUTS_UNLIKE_INPUTS: Final[tuple[str, ...]] = ()
"""Properties whose outputs differ in structure from the inputs of the same name."""

CREDENTIALS: Final = Credentials(
    variables=(
        *("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"),
        *("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
        *("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"),
    ),
    files=(".aws/credentials", ".aws/config"),
    vendor="Amazon",
    fix="aws sso login, or set AWS_PROFILE",
)
"""Where the provider finds credentials."""

SECRET_INPUTS: Final[Mapping[str, tuple[str, ...]]] = {
    "aws:ssm/parameter:Parameter": ("value",),
}

VALUES_UNLIKE_THE_SDK: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {}
