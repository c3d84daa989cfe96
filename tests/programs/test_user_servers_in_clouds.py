"""Stacks with servers of the user's own in a cloud: the same fields, outputs and checks."""

from __future__ import annotations

import copy
import json
import tomllib
from typing import Any, Final

import pytest

from components.base.problems import ProblemReport
from graph.resource_graph import ResourceGraph
from policies import broken_policies
from runtime.config import Config
from tests.harness.cloud_user_servers import ARN, CERTIFICATE, ENTRY, SERVER, one, sections
from tests.harness.graph_queries import pods
from tests.harness.user_servers import recorded_once
from tests.policies.broken import Broken


def alone() -> dict[str, Any]:
    """The same server in the cloud alone."""
    written = sections({**SERVER, "targets": ["aws-container"]})
    of_a_cluster = ("topology", "domain", "network")
    kept = {section: one for section, one in written.items() if section not in of_a_cluster}
    return {**kept, "kubernetes": {"enabled": False}}


def containers(graph: ResourceGraph) -> list[dict[str, Any]]:
    (task,) = graph.all("aws:ecs/taskDefinition:TaskDefinition")
    return json.loads(task.inputs["containerDefinitions"])


def test_the_outputs_of_a_target_are_those_of_the_cluster_at_its_own_address():
    told = recorded_once(sections()).outputs["servers"]["weather"]
    assert told["mcp_url"] == "https://mcp.example.com/servers/weather/mcp"
    there = told["targets"]["aws-container"]
    assert there["mcp_url"] == "https://weather.aws.example.com/mcp"
    assert there["prm_url"] == (
        "https://weather.aws.example.com/.well-known/oauth-protected-resource/mcp"
    )
    for output in ("issuer", "era", "scopes"):
        assert there[output] == told[output]
    assert there["scopes"] == ["base", "weather.read"]
    assert there["dns_target"]


def test_a_stack_without_a_cluster_has_the_server_alone():
    graph = recorded_once(alone())
    outputs = graph.outputs
    assert [*pods(graph)] == []
    assert {made.type.partition(":")[0] for made in graph.resources if made.custom} <= {
        *("aws", "pulumi"),
    }
    told = outputs["servers"]["weather"]
    assert told["mcp_url"] == outputs["mcp_url"] == outputs["audience"]
    assert told["mcp_url"] == "https://weather.aws.example.com/mcp"
    assert "targets" not in outputs


def test_the_fields_of_a_server_arrive_in_its_task():
    graph = recorded_once(sections())
    server, program = containers(graph)
    read = Config.model_validate(tomllib.loads(server["environment"][0]["value"]))
    assert read.upstream is not None
    assert (read.upstream.port, read.upstream.path) == (3001, "/api/mcp")
    assert (read.upstream.health, read.upstream.forward_token) == ("/healthz", True)
    assert read.auth.resource == "https://weather.aws.example.com/mcp"
    assert read.auth.required_scopes == ("base", "weather.read")
    assert (read.protocol.era, read.protocol.longest_tool_seconds) == ("modern", 90)
    assert program["image"] == "ghcr.io/acme/weather-mcp:2.3.1"
    assert [program["entryPoint"], program["command"]] == [["weather-mcp"], ["--port=3001"]]
    assert program["environment"] == [{"name": "UNITS", "value": "metric"}]
    assert program["secrets"] == [{"name": "API_KEY", "valueFrom": ARN}]
    assert program["user"] == "1000:1000"
    assert program["memory"] == 1024
    task = one(graph, "aws:ecs/taskDefinition:TaskDefinition").inputs
    assert (task["cpu"], task["memory"]) == ("256", "2048")
    bounds = one(graph, "aws:appautoscaling/target:Target").inputs
    assert (bounds["minCapacity"], bounds["maxCapacity"]) == (2, 6)
    policy = one(graph, "aws:appautoscaling/policy:Policy").inputs
    assert policy["targetTrackingScalingPolicyConfiguration"]["targetValue"] == 60


def test_a_copy_of_the_image_is_used_where_the_entry_names_one():
    copy_of = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/weather:2.3.1"
    _, program = containers(recorded_once(sections(entry={**ENTRY, "image": copy_of})))
    assert program["image"] == copy_of


def test_a_stdio_server_runs_behind_the_bridge_there_too():
    server = {
        "image": "ghcr.io/acme/notes-mcp:1.0.0",
        "transport": "stdio",
        "command": ["notes-mcp"],
        "era": "modern",
        "targets": ["aws-container"],
    }
    made = alone()
    made["servers"] = {"weather": server}
    made["containers"]["aws"]["servers"]["weather"].pop("secrets")
    front, program = containers(recorded_once(made))
    assert program["entryPoint"] == ["qudag-mcp-server"]
    assert program["command"][0] == "bridge"
    assert program["command"][-2:] == ["--", "notes-mcp"]
    read = tomllib.loads(front["environment"][0]["value"])
    assert read["upstream"]["health"] == "/ready"


def test_a_server_is_private_unless_its_entry_says_public():
    balancer = "aws:lb/loadBalancer:LoadBalancer"
    assert one(recorded_once(alone()), balancer).inputs["internal"] is True
    made = alone()
    made["containers"]["aws"]["servers"]["weather"]["public"] = True
    assert one(recorded_once(made), balancer).inputs["internal"] is False


def test_the_reference_server_and_a_server_of_the_user_share_the_provider():
    made = sections()
    made["containers"]["aws"] |= {
        "enabled": True,
        "domain": "mcp.aws.example.com",
        "certificate": CERTIFICATE,
    }
    graph = recorded_once(made)
    assert len(graph.all("pulumi:providers:aws")) == 1
    assert [*graph.outputs["targets"]] == ["aws-container"]
    assert len(graph.all("aws:ecs/service:Service")) == 2


@pytest.mark.parametrize(
    ("path", "value", "fix"),
    [
        ("loadBalancers[0].containerName", "program", "write mcp-server"),
        ("loadBalancers[0].containerPort", 3001, "write 8443"),
    ],
)
def test_a_load_balancer_that_reaches_the_image_around_the_server_is_refused(
    path: str, value: Any, fix: str
):
    service = "aws-container-weather-service"
    broken = Broken(resource=service, path=path, value=value, at=f"{service}.{path}", fix=fix)
    problems = broken_policies(broken.of(recorded_once(alone())))
    assert next(one.fix for one in problems if one.path == broken.at).startswith(fix)


@pytest.mark.parametrize("made", [sections(), alone()], ids=["both", "alone"])
def test_every_policy_rule_passes(made: dict[str, Any]):
    assert broken_policies(recorded_once(made)) == []


def test_what_the_cloud_cannot_do_is_refused_at_the_server():
    made = sections({**SERVER, "longestToolSeconds": 600})
    with pytest.raises(ProblemReport) as report:
        recorded_once(made)
    (problem, *_) = report.value.problems
    assert problem.path.startswith("qudag-mcp:servers.weather (aws-container-weather.config.budget")
    assert "stopTimeout on Fargate" in str(problem)


def test_a_server_in_the_cloud_alone_changes_nothing_in_the_cluster():
    with_it, without = sections(), sections()
    with_it["servers"]["more"] = {**SERVER, "targets": ["aws-container"]}
    with_it["containers"]["aws"]["servers"]["more"] = {**ENTRY, "domain": "more.example.com"}
    in_cluster = [
        {
            made.urn: made.inputs
            for made in recorded_once(each).resources
            if "kubernetes" in made.type
        }
        for each in (with_it, copy.deepcopy(without))
    ]
    assert in_cluster[0] == in_cluster[1]


RUN: Final = "gcp:cloudrunv2/service:Service"
AGENT: Final = "serviceAccount:agent@qudag-prod.iam.gserviceaccount.com"
VERSION: Final = "projects/qudag-prod/secrets/weather/versions/3"


def on_google(**entry: Any) -> dict[str, Any]:
    """The server on Google Cloud, without the fields that it lacks."""
    server = {name: value for name, value in SERVER.items() if name not in {"user", "writable"}}
    server |= {"targets": ["kubernetes", "gcp-container"], "scale": {"min": 1, "max": 6}}
    copied = "europe-west1-docker.pkg.dev/qudag-prod/mcp"
    given = {
        "image": f"{copied}/weather:2.3.1",
        "secrets": {"API_KEY": VERSION},
        "invokers": [AGENT],
        **entry,
    }
    front = {"enabled": False, "image": f"{copied}/server:1", "servers": {"weather": given}}
    return {
        **sections(server),
        "clouds": {"gcp": {"project": "qudag-prod", "region": "europe-west1"}},
        "containers": {"gcp": front},
    }


def test_a_server_on_google_cloud_has_the_same_outputs_and_fields():
    graph = recorded_once(on_google())
    told = graph.outputs["servers"]["weather"]
    there = told["targets"]["gcp-container"]
    assert there["mcp_url"].endswith(".run.app/mcp")
    assert {output: there[output] for output in ("issuer", "era", "scopes")} == {
        output: told[output] for output in ("issuer", "era", "scopes")
    }
    template = one(graph, RUN).inputs["template"]
    server, program = template["containers"]
    read = tomllib.loads(server["envs"][0]["value"])
    assert read["upstream"]["port"] == 3001
    assert read["auth"]["required_scopes"] == ["base", "weather.read"]
    assert program["image"].endswith("/weather:2.3.1")
    assert program["resources"]["limits"] == {"cpu": "1", "memory": "1024Mi"}
    assert template["scaling"] == {"minInstanceCount": 1, "maxInstanceCount": 6}
    assert broken_policies(graph) == []


def test_a_port_of_the_image_on_google_cloud_is_refused():
    graph = recorded_once(on_google())
    path, service = "template.containers[0].ports.containerPort", one(graph, RUN).name
    broken = Broken(resource=service, path=path, value=3001, at=f"{service}.{path}", fix="")
    problems = broken_policies(broken.of(graph))
    assert [each.fix for each in problems if each.path == broken.at] == [
        "write 8080, the port of the server in front of it"
    ]


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        ({"public": True, "invokers": []}, "allUsers"),
        ({"invokers": ["user:ada@example.com"]}, "user:ada@example.com"),
        ({"ingress": "internal"}, "INGRESS_TRAFFIC_INTERNAL_ONLY"),
        ({"concurrency": 44}, "44"),
    ],
)
def test_each_field_of_an_entry_on_google_cloud_has_an_effect(entry: dict[str, Any], shown: str):
    def made(graph: ResourceGraph) -> str:
        return json.dumps([each.inputs for each in graph.resources if "gcp:" in each.type])

    assert shown not in made(recorded_once(on_google()))
    assert shown in made(recorded_once(on_google(**entry)))
