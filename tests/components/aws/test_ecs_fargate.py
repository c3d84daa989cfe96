"""EcsFargate: the task's hardening, who reaches what, and what drains."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from typing import Any

import pytest

from components.mcp.access import NetworkAccess
from components.mcp.timeout_budget import Distance, TimeoutBudget
from policies import broken_policies
from tests.harness import ResourceGraph
from tests.harness.clouds import (
    AWS_NETWORK,
    AWS_SECRET,
    rights,
)
from tests.harness.ecs_fargate import CONFIG, graph, slow

COMPONENT = "qudag-mcp:index:EcsFargate"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
TARGETS = "aws:lb/targetGroup:TargetGroup"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
SERVICE = "aws:ecs/service:Service"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
ECR = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/qudag/server@sha256:" + "0" * 64


def container(**changes: Any) -> dict[str, Any]:
    (only,) = json.loads(graph(**changes).one(TASK).inputs["containerDefinitions"])
    return only


def flows(made: ResourceGraph, token: str) -> set[tuple[str, int, str]]:
    """Each rule: the group it is on, the port, and who is at the other end."""
    return {
        (
            rule.inputs["securityGroupId"],
            rule.inputs["fromPort"],
            rule.inputs.get("cidrIpv4") or rule.inputs["referencedSecurityGroupId"],
        )
        for rule in made.all(token)
    }


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"access": NetworkAccess(), "image": ECR, "secrets": {"API_KEY": AWS_SECRET}},
        {"protect": True, "access_logs_bucket": "our-logs", "architecture": "ARM64"},
        {"config": replace(CONFIG, era="modern")},
    ],
)
def test_every_policy_rule_passes(changes: dict[str, Any]):
    assert broken_policies(graph(**changes)) == []


def test_the_outputs_are_those_of_every_target_that_serves_mcp():
    outputs = graph().one(COMPONENT).outputs
    assert {key: outputs[key] for key in ("mcp_url", "prm_url", "issuer", "era")} == {
        "mcp_url": "https://mcp.example.com/mcp",
        "prm_url": "https://mcp.example.com/.well-known/oauth-protected-resource/mcp",
        "issuer": "https://issuer.example.com",
        "era": "dual",
    }
    assert outputs["dns_target"].endswith(".elb.amazonaws.com")


def test_the_task_is_the_source_documents():
    task = graph().one(TASK).inputs
    assert (task["cpu"], task["memory"], task["networkMode"]) == ("512", "1024", "awsvpc")
    made = container()
    assert made["portMappings"] == [{"containerPort": 8443, "protocol": "tcp"}]
    assert {key: made["healthCheck"][key] for key in ("interval", "retries", "startPeriod")} == {
        "interval": 30,
        "retries": 3,
        "startPeriod": 60,
    }


def test_the_container_runs_as_nobody_with_a_read_only_file_system():
    made = container()
    assert made["user"] == "65534:65534"
    assert made["readonlyRootFilesystem"] is True
    assert made["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}


def test_the_health_check_of_the_task_runs_health_check_of_the_server():
    """tests/runtime/test_health_check.py runs it."""
    assert container()["healthCheck"]["command"] == ["CMD", "qudag-mcp-server", "--health-check"]


def test_every_role_may_do_exactly_what_it_is_for():
    made = graph(image=ECR, secrets={"API_KEY": AWS_SECRET})
    logs = "arn:aws:logs:eu-central-1:123456789012:log-group:/ecs/mcp:*"
    repository = "arn:aws:ecr:eu-central-1:123456789012:repository/qudag/server"
    table = "arn:aws:dynamodb:eu-central-1:123456789012:table"
    assert rights(made) == {
        "mcp-execution-role": {
            ("logs:CreateLogStream", logs),
            ("logs:PutLogEvents", logs),
            ("secretsmanager:GetSecretValue", AWS_SECRET),
            # A token is for all that the account may pull: AWS knows no resource for it.
            ("ecr:GetAuthorizationToken", "*"),
            ("ecr:BatchGetImage", repository),
            ("ecr:GetDownloadUrlForLayer", repository),
        },
        "mcp-task-role": {
            ("dynamodb:GetItem", f"{table}/mcp-sessions"),
            ("dynamodb:UpdateItem", f"{table}/mcp-sessions"),
            ("dynamodb:DeleteItem", f"{table}/mcp-sessions"),
        },
    }


def test_without_sessions_the_task_may_do_nothing_and_there_are_no_tables():
    made = graph(config=replace(CONFIG, era="modern"))
    assert rights(made)["mcp-task-role"] == set()
    assert made.all("aws:dynamodb/table:Table") == []
    assert made.one(TARGETS).inputs["stickiness"]["enabled"] is False


def test_a_client_with_a_session_keeps_its_task():
    assert graph().one(TARGETS).inputs["stickiness"] == {
        "type": "lb_cookie",
        "enabled": True,
        "cookieDuration": 3600,
    }


def test_secrets_come_from_secrets_manager_into_the_environment():
    assert container(secrets={"API_KEY": AWS_SECRET})["secrets"] == [
        {"name": "API_KEY", "valueFrom": AWS_SECRET}
    ]


def test_of_a_json_secret_one_key_is_taken_and_all_of_it_may_be_read():
    made = graph(secrets={"API_KEY": f"{AWS_SECRET}:key::"})
    assert container(secrets={"API_KEY": f"{AWS_SECRET}:key::"})["secrets"][0]["valueFrom"] == (
        f"{AWS_SECRET}:key::"
    )
    assert ("secretsmanager:GetSecretValue", AWS_SECRET) in rights(made)["mcp-execution-role"]


def test_the_internet_reaches_the_load_balancer_and_only_that_the_tasks():
    made = graph()
    assert flows(made, INGRESS) == {
        ("mcp-load-balancer-group", 443, "0.0.0.0/0"),
        ("mcp-load-balancer-group", 80, "0.0.0.0/0"),
        ("mcp-tasks-group", 8443, "mcp-load-balancer-group"),
    }
    assert flows(made, EGRESS) == {
        ("mcp-load-balancer-group", 8443, "mcp-tasks-group"),
        ("mcp-tasks-group", 443, "0.0.0.0/0"),
    }


@pytest.mark.parametrize(
    ("allowed", "clients"), [((), {"10.0.0.0/16"}), (["10.8.0.0/16"], {"10.8.0.0/16"})]
)
def test_a_private_load_balancer_accepts_the_vpc_or_the_listed_networks(
    allowed: Any, clients: set[str]
):
    made = graph(access=NetworkAccess(allowed_networks=allowed))
    balancer = made.one(BALANCER).inputs
    assert balancer["internal"] is True
    assert balancer["subnets"] == list(AWS_NETWORK.private_subnets)
    assert {
        who for group, _, who in flows(made, INGRESS) if group == "mcp-load-balancer-group"
    } == clients


def test_tokens_are_encrypted_up_to_the_task():
    made = graph()
    targets = made.one(TARGETS).inputs
    assert (targets["protocol"], targets["port"]) == ("HTTPS", 8443)
    assert targets["healthCheck"]["protocol"] == "HTTPS"
    (variable,) = container()["environment"]
    server = tomllib.loads(variable["value"])["server"]
    assert server["tls_port"] == targets["port"]
    assert server["tls_self_signed"] is True
    assert made.one(SERVICE).inputs["loadBalancers"][0]["containerPort"] == targets["port"]


def test_one_network_more_renames_no_rule_of_the_others():
    one = graph(access=NetworkAccess(allowed_networks=["10.8.0.0/16"]))
    more = graph(access=NetworkAccess(allowed_networks=["10.1.0.0/16", "10.8.0.0/16"]))
    assert {rule.urn for rule in one.all(INGRESS)} < {rule.urn for rule in more.all(INGRESS)}


def test_tasks_have_private_addresses_only():
    network = graph().one(SERVICE).inputs["networkConfiguration"]
    assert network["assignPublicIp"] is False
    assert network["subnets"] == list(AWS_NETWORK.private_subnets)


def test_the_load_balancer_outlives_the_server_and_drains_longer():
    budget = TimeoutBudget(longest_tool=100)
    made = graph(**slow(100))
    server = budget.at(Distance.SERVER)
    assert made.one(BALANCER).inputs["idleTimeout"] > server.timeout
    assert made.one(TARGETS).inputs["deregistrationDelay"] > server.drain
    assert container(**slow(100))["stopTimeout"] > server.drain


def test_the_load_balancer_speaks_tls_alone_and_leads_http_to_it():
    listeners = {
        each.inputs["port"]: each.inputs for each in graph().all("aws:lb/listener:Listener")
    }
    assert listeners[443]["sslPolicy"] == "ELBSecurityPolicy-TLS13-1-3-2021-06"
    assert listeners[80]["defaultActions"][0]["redirect"]["protocol"] == "HTTPS"
    older = graph(tls_minimum="1.2").one("aws:lb/listener:Listener", name="mcp-tls").inputs
    assert older["sslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"


@pytest.mark.parametrize("protect", [True, False])
def test_protect_covers_the_load_balancer_and_the_tables(protect: bool):
    made = graph(protect=protect)
    assert made.one(BALANCER).inputs["enableDeletionProtection"] is protect
    assert {table.protect for table in made.all("aws:dynamodb/table:Table")} == {protect}


def test_a_rollout_that_fails_is_rolled_back_and_never_has_fewer_tasks():
    service = graph().one(SERVICE).inputs
    assert service["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert service["deploymentMinimumHealthyPercent"] == 100


def test_the_service_scales_between_min_and_max_instances():
    made = graph(min_instances=2, max_instances=5)
    bounds = made.one("aws:appautoscaling/target:Target").inputs
    assert (bounds["minCapacity"], bounds["maxCapacity"]) == (2, 5)
    service = made.one(SERVICE).inputs
    cluster = made.one("aws:ecs/cluster:Cluster").inputs
    assert bounds["resourceId"] == f"service/{cluster['name']}/{service['name']}"
    policy = made.one("aws:appautoscaling/policy:Policy").inputs
    assert policy["targetTrackingScalingPolicyConfiguration"]["targetValue"] == 70


def test_both_alarms_have_the_dimensions_of_load_balancer_and_target_group():
    made = graph()
    alarms = made.all("aws:cloudwatch/metricAlarm:MetricAlarm")
    assert {a.inputs["metricName"] for a in alarms} == {
        "UnHealthyHostCount",
        "HTTPCode_Target_5XX_Count",
    }
    suffix = made.one(TARGETS).outputs["arnSuffix"]
    assert {a.inputs["dimensions"]["TargetGroup"] for a in alarms} == {suffix}
