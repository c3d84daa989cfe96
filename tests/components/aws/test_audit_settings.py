"""Audit settings of servers on AWS: keys, access logs, listed egress, a web ACL and traces."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from components.aws.alarms import ALARM
from components.aws.database import RdsDataTier
from components.aws.database_args import RdsDataTierArgs
from components.aws.network import AwsEgress
from components.mcp.access import NetworkAccess
from policies import broken_policies
from tests.harness import ResourceGraph, aws_lambda, ecs_fargate
from tests.harness.clouds import AWS, AWS_NETWORK, AWS_SECRET, cloud_config, on_aws, rights

KEY = "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d-0000-4000-8000-0123456789ab"
ACL = (
    "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/mcp"
    "/0a1b2c3d-0000-4000-8000-0123456789ab"
)
BUCKET = "aws:s3/bucket:Bucket"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
ISSUER, ENDPOINTS, S3 = "10.20.0.0/24", "sg-0a1b2c3d4e5f60005", "pl-0a1b2c3d4e5f60006"
LISTED = replace(
    AWS_NETWORK, egress=AwsEgress(networks=[ISSUER], groups=[ENDPOINTS], prefix_lists=[S3])
)
STORES = {
    "aws:cloudwatch/logGroup:LogGroup": "kmsKeyId",
    "aws:dynamodb/table:Table": "serverSideEncryption.kmsKeyArn",
    "aws:elasticache/replicationGroup:ReplicationGroup": "kmsKeyId",
    "aws:lambda/function:Function": "kmsKeyArn",
    "aws:rds/instance:Instance": "kmsKeyId",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        "rules.0.applyServerSideEncryptionByDefault.kmsMasterKeyId"
    ),
    "aws:scheduler/schedule:Schedule": "kmsKeyArn",
    "aws:sqs/queue:Queue": "kmsMasterKeyId",
}
"""What stores something, with the property that names its key."""


def data(**changes: Any) -> ResourceGraph:
    args = RdsDataTierArgs(location=AWS, network=AWS_NETWORK, **changes)
    return on_aws(lambda opts: RdsDataTier("data", args, opts))


def function(**changes: Any) -> ResourceGraph:
    return aws_lambda.graph(websocket=True, **changes)


MADE: Mapping[str, Callable[..., ResourceGraph]] = {
    "function": function,
    "tasks": ecs_fargate.graph,
    "data": data,
}


def dug(tree: Any, path: str) -> Any:
    for step in path.split("."):
        tree = tree[int(step)] if step.isdecimal() else tree.get(step)
    return tree


def keys(graph: ResourceGraph) -> dict[str, Any]:
    return {
        each.name: dug(each.inputs, STORES[each.type])
        for each in graph.resources
        if each.type in STORES
    }


@pytest.mark.parametrize("name", MADE)
def test_one_key_encrypts_all_that_is_stored(name: str):
    graph = MADE[name](kms_key=KEY)
    assert set(keys(graph).values()) == {KEY}
    assert len(keys(graph)) >= 2
    assert set(keys(MADE[name]()).values()) == {None}
    assert broken_policies(graph) == []


def test_roles_that_use_encrypted_data_have_rights_on_that_key_only():
    both = rights(aws_lambda.graph(kms_key=KEY)) | rights(
        ecs_fargate.graph(kms_key=KEY, secrets={"API_KEY": AWS_SECRET})
    )
    assert set(both) == {
        *("mcp-role", "mcp-scheduler-role", "mcp-execution-role", "mcp-task-role"),
    }
    for allowed in both.values():
        assert {arn for action, arn in allowed if action.startswith("kms:")} == {KEY}


def test_a_queue_has_one_kind_of_encryption():
    queue = aws_lambda.graph(kms_key=KEY).one("aws:sqs/queue:Queue").inputs
    assert "sqsManagedSseEnabled" not in queue


def statements(graph: ResourceGraph, name: str) -> list[dict[str, Any]]:
    policy = graph.one("aws:s3/bucketPolicy:BucketPolicy", name=name).inputs["policy"]
    return json.loads(policy)["Statement"]


def test_the_load_balancer_writes_its_access_log_to_a_bucket_of_its_own():
    graph = ecs_fargate.graph(access_log_days=365)
    bucket = graph.one(BUCKET)
    balancer = graph.one("aws:lb/loadBalancer:LoadBalancer")
    name = bucket.inputs["bucket"]
    assert balancer.inputs["accessLogs"] == {"bucket": name, "enabled": True, "prefix": "mcp"}
    transport, written = statements(graph, "mcp-access-logs-over-tls")
    assert transport["Effect"] == "Deny"
    assert written["Principal"] == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
    assert written["Action"] == "s3:PutObject"
    assert written["Resource"] == f"arn:aws:s3:::{name}/mcp/AWSLogs/123456789012/*"
    # AWS writes a test object when logging is switched on: the policy must be there before.
    policy = graph.one("aws:s3/bucketPolicy:BucketPolicy")
    assert policy.urn in balancer.dependencies
    (rule,) = graph.one("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration").inputs[
        "rules"
    ]
    assert rule["expiration"] == {"days": 365}
    assert broken_policies(graph) == []


def test_the_access_log_of_the_code_bucket_is_written_by_s3_of_this_account():
    graph = aws_lambda.graph(access_log_days=90)
    code, logs = (graph.one(BUCKET, name=f"mcp-{role}") for role in ("code", "access-logs"))
    logging = graph.one("aws:s3/bucketLogging:BucketLogging").inputs
    assert (logging["bucket"], logging["targetBucket"]) == (
        code.inputs["bucket"],
        logs.inputs["bucket"],
    )
    written = statements(graph, "mcp-access-logs-over-tls")[1]
    assert written["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert written["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    assert broken_policies(graph) == []


@pytest.mark.parametrize("protect", [True, False])
def test_protected_buckets_are_not_emptied_with_the_stack(protect: bool):
    graphs = [
        made(protect=protect, access_log_days=30) for made in (aws_lambda.graph, ecs_fargate.graph)
    ]
    buckets = [bucket for graph in graphs for bucket in graph.all(BUCKET)]
    assert len(buckets) == 3
    assert {bucket.inputs["forceDestroy"] for bucket in buckets} == {not protect}
    logs = [bucket for bucket in buckets if bucket.name == "mcp-access-logs"]
    assert {bucket.protect for bucket in logs} == {protect}


def ends(graph: ResourceGraph, group: str) -> set[tuple[str, int, str]]:
    names = ("cidrIpv4", "referencedSecurityGroupId", "prefixListId")
    return {
        (
            rule.inputs["ipProtocol"],
            rule.inputs["fromPort"],
            next(rule.inputs[name] for name in names if name in rule.inputs),
        )
        for rule in graph.all(EGRESS)
        if rule.inputs["securityGroupId"] == group
    }


@pytest.mark.parametrize(
    ("graph", "group"),
    [(ecs_fargate.graph, "mcp-tasks-group"), (aws_lambda.graph, "mcp-function-group")],
)
def test_security_groups_allow_the_listed_egress_only(
    graph: Callable[..., ResourceGraph], group: str
):
    assert ends(graph(network=AWS_NETWORK), group) == {("tcp", 443, "0.0.0.0/0")}
    listed = graph(network=LISTED)
    assert ends(listed, group) == {("tcp", 443, end) for end in (ISSUER, ENDPOINTS, S3)}
    assert broken_policies(listed) == []


def test_own_dns_servers_are_allowed_over_both_protocols():
    own = AwsEgress(networks=[ISSUER], dns_servers=["10.0.0.2/32"])
    made = ecs_fargate.graph(network=replace(AWS_NETWORK, egress=own))
    assert ends(made, "mcp-tasks-group") == {
        ("tcp", 443, ISSUER),
        ("udp", 53, "10.0.0.2/32"),
        ("tcp", 53, "10.0.0.2/32"),
    }


def test_a_function_in_the_vpc_is_in_the_private_subnets_and_its_code_changes_no_interface():
    graph = aws_lambda.graph(network=LISTED)
    config = graph.one(aws_lambda.FUNCTION).inputs["vpcConfig"]
    assert config["subnetIds"] == list(AWS_NETWORK.private_subnets)
    refused = graph.one("aws:iam/rolePolicy:RolePolicy", name="mcp-may-not-call-ec2").inputs
    (statement,) = json.loads(refused["policy"])["Statement"]
    assert statement["Effect"] == "Deny"
    arn = graph.one(aws_lambda.FUNCTION).outputs["arn"]
    assert statement["Condition"] == {"ArnEquals": {"lambda:SourceFunctionArn": arn}}
    allowed = {action for action, _ in rights(graph)["mcp-role"] if action.startswith("ec2:")}
    assert allowed <= set(statement["Action"])
    assert "vpcConfig" not in aws_lambda.function()


def test_calls_are_traced_where_tracing_is_on():
    assert aws_lambda.function(tracing=True)["tracingConfig"] == {"mode": "Active"}
    assert "tracingConfig" not in aws_lambda.function()
    actions = {action for action, _ in rights(aws_lambda.graph(tracing=True))["mcp-role"]}
    assert actions >= {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
    assert broken_policies(aws_lambda.graph(tracing=True)) == []


def test_a_web_acl_inspects_the_load_balancers_requests():
    graph = ecs_fargate.graph(web_acl=ACL)
    inputs = graph.one("aws:wafv2/webAclAssociation:WebAclAssociation").inputs
    balancer = graph.one("aws:lb/loadBalancer:LoadBalancer")
    assert inputs == {"resourceArn": balancer.outputs["arn"], "webAclArn": ACL}
    assert broken_policies(graph) == []


def test_without_a_redirect_nothing_listens_on_port_80():
    graph = ecs_fargate.graph(http_redirect=False, access=NetworkAccess(public=True))
    assert {each.inputs["port"] for each in graph.all("aws:lb/listener:Listener")} == {443}
    ingress = graph.all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert {rule.inputs["fromPort"] for rule in ingress} == {443, 8443}


@pytest.mark.parametrize("component", [ecs_fargate, aws_lambda], ids=["ECS", "Lambda"])
def test_alarms_have_a_topic_or_are_said_to_have_none(component: Any):
    missing = component.refused(alarm_topic=None)["alarm_topic"]
    assert "notify nobody" in missing
    assert "alarms_without_topic=True" in missing
    assert list(component.refused(alarms_without_topic=True)) == ["alarms_without_topic"]
    alarms = component.graph(alarm_topic=None, alarms_without_topic=True).all(ALARM)
    assert alarms
    assert not any(alarm.inputs.get("alarmActions") for alarm in alarms)


ELSEWHERE = KEY.replace("eu-central-1", "eu-west-1")


@pytest.mark.parametrize(
    ("refused", "changes", "path", "words"),
    [
        (ecs_fargate.refused, {"kms_key": ELSEWHERE}, "kms_key", "make one in eu-central-1"),
        (aws_lambda.refused, {"kms_key": ELSEWHERE}, "kms_key", "both must be in one region"),
        (aws_lambda.refused, {"kms_key": "alias/mcp"}, "kms_key", "no alias"),
        (
            ecs_fargate.refused,
            {"alarm_topic": "arn:aws:sns:eu-west-1:123456789012:on-call"},
            "alarm_topic",
            "make one in eu-central-1",
        ),
        (
            ecs_fargate.refused,
            {"web_acl": ACL.replace("eu-central-1", "us-east-1")},
            "web_acl",
            "make one in eu-central-1",
        ),
        (ecs_fargate.refused, {"web_acl": "mcp"}, "web_acl", "regional web ACL"),
        (
            ecs_fargate.refused,
            {"access_logs_bucket": "our-logs", "access_log_days": 30},
            "access_log_days",
            "one of the two",
        ),
        (aws_lambda.refused, {"access_log_days": 0}, "access_log_days", "1"),
        (
            ecs_fargate.refused,
            {"network": replace(AWS_NETWORK, egress=AwsEgress())},
            "network.egress.networks",
            "leave egress out",
        ),
        (
            ecs_fargate.refused,
            {"network": replace(AWS_NETWORK, egress=AwsEgress(networks=["2001:db8::/32"]))},
            "network.egress.networks[0]",
            "a network of IPv4",
        ),
        (
            ecs_fargate.refused,
            {"network": replace(AWS_NETWORK, egress=AwsEgress(prefix_lists=["s3"]))},
            "network.egress.prefix_lists[0]",
            "id of a prefix list",
        ),
    ],
)
def test_settings_without_effect_are_refused(
    refused: Callable[..., dict[str, str]], changes: dict[str, Any], path: str, words: str
):
    assert words in refused(**changes)[path]


def test_a_function_in_the_vpc_fetches_keys_at_port_443_only():
    config = cloud_config(budget=aws_lambda.BRIEF)
    odd = replace(config, auth=replace(config.auth, jwks_url="https://login.example.com:8443/keys"))
    assert "port 443" in aws_lambda.refused(config=odd, network=LISTED)["config.auth.jwks_url"]
    assert aws_lambda.graph(config=odd)
