"""EcsFargate with a user's image: the server in the same task is its reverse proxy."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from typing import Any

import pytest

from components.mcp.user_container import UserContainer
from policies import broken_policies
from policies.rules.aws.reverse_proxies import health_is_seen
from runtime.config import Config
from tests.harness import ResourceGraph
from tests.harness.clouds import AWS_SECRET, rights
from tests.harness.ecs_fargate import CONFIG, graph, refused

TASK = "aws:ecs/taskDefinition:TaskDefinition"
SERVICE = "aws:ecs/service:Service"
TARGETS = "aws:lb/targetGroup:TargetGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
REPOSITORIES = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/qudag"
DIGEST = "@sha256:" + "0" * 64
WEATHER = UserContainer(
    image=f"{REPOSITORIES}/weather{DIGEST}",
    port=3001,
    path="/api/mcp",
    health="/healthz",
    command=["weather-mcp", "--port=3001"],
    env={"UNITS": "metric"},
    writable=["/var/cache/weather"],
    user=1000,
    forward_token=True,
)
MODERN = replace(CONFIG, era="modern")


def front(**changes: Any) -> ResourceGraph:
    given = {"upstream": WEATHER, "config": MODERN, "secrets": {"API_KEY": AWS_SECRET}}
    return graph(**given | changes)


def containers(**changes: Any) -> list[dict[str, Any]]:
    return json.loads(front(**changes).one(TASK).inputs["containerDefinitions"])


def test_the_load_balancer_reaches_the_server_and_nothing_reaches_the_program():
    made = front()
    server, program = containers()
    assert made.one(SERVICE).inputs["loadBalancers"][0]["containerName"] == server["name"]
    assert server["portMappings"] == [{"containerPort": 8443, "protocol": "tcp"}]
    assert "portMappings" not in program
    ports = {rule.inputs["fromPort"] for rule in made.all(INGRESS)}
    assert ports == {80, 443, 8443}


def test_the_server_reads_a_configuration_in_which_the_program_is_its_upstream():
    server, _ = containers()
    (variable,) = server["environment"]
    read = Config.model_validate(tomllib.loads(variable["value"]))
    assert read.upstream is not None
    assert read.upstream.model_dump() == {
        "port": 3001,
        "path": "/api/mcp",
        "health": "/healthz",
        "forward_token": True,
    }
    assert read.auth.resource == "https://mcp.example.com/mcp"
    assert read.state is None


def test_the_program_is_hardened_as_the_server_and_alone_gets_the_secrets():
    server, program = containers()
    assert "secrets" not in server
    assert program["secrets"] == [{"name": "API_KEY", "valueFrom": AWS_SECRET}]
    assert program["environment"] == [{"name": "UNITS", "value": "metric"}]
    assert (program["entryPoint"], program["command"]) == (["weather-mcp"], ["--port=3001"])
    assert program["user"] == "1000:1000"
    assert program["readonlyRootFilesystem"] is True
    assert program["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}
    paths = [each["containerPath"] for each in program["linuxParameters"]["tmpfs"]]
    assert paths == ["/tmp", "/var/cache/weather"]
    assert program["memory"] == 512


def test_an_image_keeps_its_own_command_and_runs_as_nobody():
    _, program = containers(upstream=UserContainer(image="ghcr.io/acme/weather:1"), secrets={})
    assert not program.keys() & {"entryPoint", "command"}
    assert program["user"] == "65534:65534"


def test_the_program_ends_after_the_server_and_a_program_that_hangs_is_replaced():
    server, program = containers()
    assert server["dependsOn"] == [{"containerName": program["name"], "condition": "START"}]
    assert program["essential"]
    assert front().one(TARGETS).inputs["healthCheck"]["path"] == "/ready"


def test_the_task_may_pull_both_images_and_do_nothing_else():
    made = front(image=f"{REPOSITORIES}/server{DIGEST}")
    pulled = {
        target.rpartition("/")[2]
        for action, target in rights(made)["mcp-execution-role"]
        if action == "ecr:BatchGetImage"
    }
    assert pulled == {"server", "weather"}
    assert not rights(made).get("mcp-task-role")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"config": CONFIG, "max_instances": 1},
        {"upstream": UserContainer(image="ghcr.io/acme/weather:1"), "secrets": {}},
    ],
)
def test_every_policy_rule_passes(changes: dict[str, Any]):
    assert broken_policies(front(**changes)) == []


def test_a_load_balancer_that_reaches_the_program_breaks_a_policy():
    made = front()
    made.one(SERVICE).inputs["loadBalancers"][0]["containerName"] = "program"
    (problem,) = broken_policies(made)
    assert "without a token" in str(problem)


def test_a_program_whose_health_is_not_asked_for_breaks_a_policy():
    made = front()
    made.one(TARGETS).inputs["healthCheck"]["path"] = "/health"
    (problem,) = broken_policies(made)
    assert "write /ready" in str(problem)


def test_only_one_container_may_be_without_a_health_check_of_its_own():
    server, program = containers()
    assert health_is_seen(json.dumps([server, program]))
    assert not health_is_seen(json.dumps([program]))
    assert not health_is_seen(json.dumps([server, program, {**program, "name": "more"}]))
    bare: dict[str, Any] = {**server, "environment": []}
    assert not health_is_seen(json.dumps([bare, program]))


@pytest.mark.parametrize(
    ("changes", "path", "fix"),
    [
        ({"config": CONFIG}, "max_instances", "set it to 1"),
        ({"memory_mb": 1024, "upstream": replace(WEATHER, memory_mb=1000)}, "memory_mb", "1256"),
        ({"upstream": replace(WEATHER, port=8443)}, "upstream.port", "another port"),
        ({"upstream": replace(WEATHER, port=8080)}, "upstream.port", "another port"),
        ({"upstream": replace(WEATHER, user=0)}, "upstream.user", "another user"),
        (
            {"upstream": replace(WEATHER, env={"API_TOKEN": "hunter2hunter2"})},
            "upstream.env.API_TOKEN",
            "rotate it",
        ),
        ({"upstream": replace(WEATHER, env={"API_KEY": "x"})}, "secrets.API_KEY", "one of the two"),
        ({"upstream": replace(WEATHER, path="mcp")}, "upstream.path", "/mcp"),
        ({"upstream": replace(WEATHER, image="weather")}, "upstream.image", "registry"),
    ],
)
def test_what_cannot_work_is_refused(changes: dict[str, Any], path: str, fix: str):
    problems = refused(
        **{"upstream": WEATHER, "config": MODERN, "secrets": {"API_KEY": AWS_SECRET}} | changes
    )
    assert fix in problems[path]
