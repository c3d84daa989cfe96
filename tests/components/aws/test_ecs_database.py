"""EcsFargate with PostgreSQL: what reads the password, what migrates, and who may connect."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from typing import Any

import pytest

from components.base.problems import ProblemReport
from components.mcp.cloud_database import AUTHORITY_VARIABLE, CloudDatabase
from policies import broken_policies
from tests.harness import ResourceGraph
from tests.harness.clouds import AWS_NETWORK, AWS_SECRET
from tests.harness.ecs_fargate import CONFIG, graph

PASSWORD = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:qudag-mcp/database-a1B2c3"
DATABASE = CloudDatabase(
    host="db.internal", user="qudag", password_secret=PASSWORD, name="qudag_mcp"
)
TASK = "aws:ecs/taskDefinition:TaskDefinition"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
POLICY = "aws:iam/rolePolicy:RolePolicy"


def made(**changes: Any) -> ResourceGraph:
    core = replace(CONFIG, role="core")
    return graph(config=core, database=DATABASE, database_authority=AWS_SECRET, **changes)


def containers() -> dict[str, dict[str, Any]]:
    found = json.loads(made().one(TASK).inputs["containerDefinitions"])
    return {one["name"]: one for one in found}


def test_every_policy_rule_passes():
    assert broken_policies(made(protect=True)) == []


def test_the_server_reads_the_password_from_its_secret_and_verifies_the_authority():
    server = containers()["mcp-server"]
    text = next(v["value"] for v in server["environment"] if v["name"] == "QUDAG_MCP_CONFIG")
    assert tomllib.loads(text)["database"] == {
        "host": "db.internal",
        "port": 5432,
        "name": "qudag_mcp",
        "user": "qudag",
        "password_secret": PASSWORD,
        "ca_env": AUTHORITY_VARIABLE,
    }
    assert {"name": AUTHORITY_VARIABLE, "valueFrom": AWS_SECRET} in server["secrets"]


def test_a_task_migrates_before_its_server_starts():
    found = containers()
    migration, server = found["migration"], found["mcp-server"]
    assert server["dependsOn"] == [{"containerName": "migration", "condition": "SUCCESS"}]
    assert migration["essential"] is False
    assert migration["command"] == ["migrate"]
    assert migration["environment"] == server["environment"]
    assert (migration["user"], migration["readonlyRootFilesystem"]) == ("65534:65534", True)


def test_the_tasks_may_connect_to_the_port_of_the_database_in_the_vpc_alone():
    rules = {(r.inputs["fromPort"], r.inputs.get("cidrIpv4")) for r in made().all(EGRESS)}
    assert (5432, AWS_NETWORK.vpc_cidr) in rules
    assert {cidr for port, cidr in rules if port == 5432} == {AWS_NETWORK.vpc_cidr}
    assert 5432 not in {r.inputs["fromPort"] for r in graph().all(EGRESS)}


def test_the_servers_role_alone_reads_the_password_and_nothing_else_of_the_kind():
    policies = [json.loads(one.inputs["policy"]) for one in made().all(POLICY)]
    reading = [
        statement
        for policy in policies
        for statement in policy["Statement"]
        if statement["Action"] == ["secretsmanager:GetSecretValue"]
    ]
    assert sorted(str(one["Resource"]) for one in reading) == sorted(
        [
            str([PASSWORD]),
            str([":".join(AWS_SECRET.split(":")[:7])]),
        ]
    )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"database": DATABASE}, "database_authority"),
        ({"database_authority": AWS_SECRET}, "database_authority"),
    ],
)
def test_a_database_and_its_authority_are_given_together(changes: dict[str, Any], field: str):
    with pytest.raises(ProblemReport) as report:
        graph(**changes)
    assert [one.path.rpartition(".")[2] for one in report.value.problems] == [field]
