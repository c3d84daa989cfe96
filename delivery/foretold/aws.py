"""Outputs of AWS resources that follow from names, region and account.

Where AWS makes up an id, the logical name stands in its place, as in everything that refers to it.
"""

from __future__ import annotations

from typing import Final

_ARN: Final = "arn:aws:{service}:{{region}}:{{account}}:{rest}"


def _arn(service: str, rest: str) -> str:
    return _ARN.format(service=service, rest=rest)


AWS: Final = {
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
    "aws:cloudwatch/logGroup:LogGroup": {"arn": _arn("logs", "log-group:{name}")},
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
    "aws:elasticache/user:User": {"arn": _arn("elasticache", "user:{userId}")},
    "aws:s3/bucket:Bucket": {"id": "{bucket}", "arn": "arn:aws:s3:::{bucket}"},
}
