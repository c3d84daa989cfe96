"""A recorded graph of AWS resources as a Terraform module, which scanners of Terraform can read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from graph.resource_graph import Resource, ResourceGraph
from policies.rules.aws import COMPANIONS, REFERENCES

TYPES: Final[Mapping[str, str]] = {
    "apigatewayv2/api": "apigatewayv2_api",
    "apigatewayv2/apiMapping": "apigatewayv2_api_mapping",
    "apigatewayv2/domainName": "apigatewayv2_domain_name",
    "apigatewayv2/integration": "apigatewayv2_integration",
    "apigatewayv2/route": "apigatewayv2_route",
    "apigatewayv2/stage": "apigatewayv2_stage",
    "appautoscaling/policy": "appautoscaling_policy",
    "appautoscaling/target": "appautoscaling_target",
    "budgets/budget": "budgets_budget",
    "cloudwatch/compositeAlarm": "cloudwatch_composite_alarm",
    "cloudwatch/dashboard": "cloudwatch_dashboard",
    "cloudwatch/logGroup": "cloudwatch_log_group",
    "cloudwatch/metricAlarm": "cloudwatch_metric_alarm",
    "dynamodb/table": "dynamodb_table",
    "ec2/securityGroup": "security_group",
    "ecs/cluster": "ecs_cluster",
    "ecs/service": "ecs_service",
    "ecs/taskDefinition": "ecs_task_definition",
    "elasticache/parameterGroup": "elasticache_parameter_group",
    "elasticache/replicationGroup": "elasticache_replication_group",
    "elasticache/subnetGroup": "elasticache_subnet_group",
    "elasticache/user": "elasticache_user",
    "elasticache/userGroup": "elasticache_user_group",
    "iam/role": "iam_role",
    "iam/rolePolicy": "iam_role_policy",
    "lambda/function": "lambda_function",
    "lambda/functionEventInvokeConfig": "lambda_function_event_invoke_config",
    "lambda/functionUrl": "lambda_function_url",
    "lambda/permission": "lambda_permission",
    "lb/listener": "lb_listener",
    "lb/loadBalancer": "lb",
    "lb/targetGroup": "lb_target_group",
    "rds/instance": "db_instance",
    "rds/parameterGroup": "db_parameter_group",
    "rds/subnetGroup": "db_subnet_group",
    "s3/bucket": "s3_bucket",
    "s3/bucketLifecycleConfiguration": "s3_bucket_lifecycle_configuration",
    "s3/bucketLogging": "s3_bucket_logging",
    "s3/bucketObjectv2": "s3_object",
    "s3/bucketOwnershipControls": "s3_bucket_ownership_controls",
    "s3/bucketPolicy": "s3_bucket_policy",
    "s3/bucketPublicAccessBlock": "s3_bucket_public_access_block",
    "s3/bucketServerSideEncryptionConfiguration": "s3_bucket_server_side_encryption_configuration",
    "s3/bucketVersioning": "s3_bucket_versioning",
    "scheduler/schedule": "scheduler_schedule",
    "sns/topic": "sns_topic",
    "sns/topicPolicy": "sns_topic_policy",
    "sns/topicSubscription": "sns_topic_subscription",
    "sqs/queue": "sqs_queue",
    "vpc/securityGroupEgressRule": "vpc_security_group_egress_rule",
    "vpc/securityGroupIngressRule": "vpc_security_group_ingress_rule",
    "wafv2/webAclAssociation": "wafv2_web_acl_association",
}
"""Terraform's names of the types, without ``aws_``."""

NAMES: Final[Mapping[str, str]] = {
    # Plural in Pulumi, where Terraform repeats a block.
    "accessLogs": "access_logs",
    "attributes": "attribute",
    "defaultActions": "default_action",
    "globalSecondaryIndexes": "global_secondary_index",
    "keySchemas": "key_schema",
    "loadBalancers": "load_balancer",
    "parameters": "parameter",
    "passwords": "passwords",
    "rules": "rule",
    "settings": "setting",
    "blockPublicAcls": "block_public_acls",
    "sseAlgorithm": "sse_algorithm",
    "sqsManagedSseEnabled": "sqs_managed_sse_enabled",
    "cidrIpv4": "cidr_ipv4",
    "securityGroupIds": "security_group_ids",
    "functionName": "function_name",
}
MAPS: Final = ("dimensions", "tags", "variables")
"""Mappings whose keys are the user's: attributes, not blocks."""

RENAMED: Final[Mapping[tuple[str, str], str]] = {
    ("aws_lambda_function", "name"): "function_name",
    ("aws_lambda_function_url", "function_name"): "function_name",
    ("aws_cloudwatch_metric_alarm", "name"): "alarm_name",
    ("aws_lambda_permission", "function"): "function_name",
    ("aws_db_instance", "db_name"): "db_name",
    ("aws_lb_listener", "routing_http_response_strict_transport_security_header_value"): (
        "routing_http_response_strict_transport_security_header_value"
    ),
    ("aws_elasticache_replication_group", "transit_encryption_mode"): "transit_encryption_mode",
}


def module(graph: ResourceGraph) -> str:
    """All resources of AWS in the graph, as HCL.

    Raises:
        KeyError: a type has no name in ``TYPES``.
    """
    ours = [each for each in graph.resources if each.type.startswith("aws:")]
    referring = _references(ours)
    return "\n".join(_resource(each, referring.get(each.urn, {})) for each in ours)


def terraform_type(resource: Resource) -> str:
    """Terraform's name of the resource's type."""
    return f"aws_{TYPES[resource.type.split(':')[1]]}"


def _references(resources: Iterable[Resource]) -> dict[str, dict[str, str]]:
    """By URN and value, the expression that names the resource whose output the value is."""
    ours = list(resources)
    rows = [
        *(
            (row.on, row.path.partition("[")[0].partition(".")[0], row.to, row.output)
            for row in REFERENCES
        ),
        *((row.companion, row.by, row.on, "id") for row in COMPANIONS),
    ]
    found: dict[str, dict[str, str]] = {}
    for on, _, to, output in rows:
        for target in (each for each in ours if each.type == to):
            value = target.outputs.get(output)
            if isinstance(value, str):
                expression = f"{terraform_type(target)}.{_label(target)}.{_snake(output)}"
                for each in (each for each in ours if each.type == on):
                    found.setdefault(each.urn, {})[value] = expression
    return found


def _label(resource: Resource) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", resource.name)


def _snake(name: str) -> str:
    known = NAMES.get(name)
    return known or re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def _resource(resource: Resource, expressions: Mapping[str, str]) -> str:
    kind = terraform_type(resource)
    body = [
        line
        for key, value in resource.inputs.items()
        for line in _property(RENAMED.get((kind, _snake(key)), _snake(key)), value, expressions)
    ]
    return "\n".join([f'resource "{kind}" "{_label(resource)}" {{', *body, "}", ""])


def _property(name: str, value: Any, expressions: Mapping[str, str]) -> list[str]:
    match value:
        case dict() if name not in MAPS:
            inner = cast("dict[str, Any]", value)
            lines = [
                f"  {line}"
                for key, each in inner.items()
                for line in _property(_snake(key), each, expressions)
            ]
            return [f"  {name} {{", *lines, "  }"]
        case [{}, *_]:
            items = cast("list[Any]", value)
            return [line for each in items for line in _property(name, each, expressions)]
        case _:
            return [f"  {name} = {_literal(value, expressions)}"]


def _literal(value: Any, expressions: Mapping[str, str]) -> str:
    match value:
        case str() if value in expressions:
            return expressions[value]
        case list():
            return (
                f"[{', '.join(_literal(each, expressions) for each in cast('list[Any]', value))}]"
            )
        case _:
            return json.dumps(value).replace("${", "$${")
