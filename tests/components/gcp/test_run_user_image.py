"""CloudRun with a user's image: the server in the same instance is its reverse proxy."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import Any

import pytest

from components.base.problems import ProblemReport
from components.gcp.container import CloudRun
from components.gcp.container_args import CloudRunArgs, program_cpu
from components.mcp.user_container import UserContainer
from policies import broken_policies
from runtime.config import Config
from tests.harness import ResourceGraph, record
from tests.harness.clouds import GCP, GCP_SECRETS, NAMED, cloud_config

SERVICE = "gcp:cloudrunv2/service:Service"
IMAGES = "europe-docker.pkg.dev/acme-prod/mcp"
WEATHER = UserContainer(
    image=f"{IMAGES}/weather:2.3.1",
    port=3001,
    path="/api/mcp",
    command=["weather-mcp", "--port=3001"],
    env={"UNITS": "metric"},
)


def graph(**changes: Any) -> ResourceGraph:
    given: dict[str, Any] = {
        "location": GCP,
        "image": f"{IMAGES}/server:1.2.3",
        "config": cloud_config(era="modern"),
        "access": NAMED,
        "upstream": WEATHER,
        "secrets": GCP_SECRETS,
    }
    return record(lambda: CloudRun("mcp", CloudRunArgs(**given | changes)))


def containers(**changes: Any) -> list[dict[str, Any]]:
    return graph(**changes).one(SERVICE).inputs["template"]["containers"]


def test_requests_reach_the_server_alone_once_the_program_answers():
    server, program = containers()
    assert server["ports"] == {"name": "http1", "containerPort": 8080}
    assert "ports" not in program
    assert server["dependsOns"] == [program["name"]]
    for probe in ("startupProbe", "livenessProbe"):
        assert server[probe]["httpGet"] == {"path": "/ready", "port": 8080}
    assert program["startupProbe"]["tcpSocket"] == {"port": 3001}


def test_the_programs_own_health_is_asked_for_where_it_has_one():
    _, program = containers(upstream=replace(WEATHER, health="/healthz"))
    assert program["startupProbe"]["httpGet"] == {"path": "/healthz", "port": 3001}


def test_the_server_reads_a_configuration_in_which_the_program_is_its_upstream():
    server, _ = containers()
    (variable,) = server["envs"]
    read = Config.model_validate(tomllib.loads(variable["value"]))
    assert read.upstream is not None
    assert (read.upstream.port, read.upstream.path) == (3001, "/api/mcp")
    (host,) = read.auth.resource_hosts
    assert host.startswith("mcp-")
    assert host.endswith("-*.run.app")


def test_the_program_alone_gets_secrets_and_variables():
    server, program = containers()
    assert {each["name"] for each in server["envs"]} == {"QUDAG_MCP_CONFIG"}
    assert {each["name"] for each in program["envs"]} == {"UNITS", *GCP_SECRETS}
    assert (program["commands"], program["args"]) == (["weather-mcp"], ["--port=3001"])


def test_sessions_of_an_image_have_no_store():
    kept = {made.type for made in graph(config=cloud_config(), max_instances=1).resources}
    assert not any("firestore" in token for token in kept)


@pytest.mark.parametrize(
    ("cpu", "memory_mb", "wanted"),
    [(0.1, 512, 1), (1.5, 512, 2), (0.1, 4096, 1), (0.1, 4097, 2), (0.1, 25_000, 8)],
)
def test_an_image_gets_the_cpus_that_its_memory_needs(cpu: float, memory_mb: int, wanted: int):
    assert program_cpu(replace(WEATHER, cpu=cpu, memory_mb=memory_mb)) == wanted


@pytest.mark.parametrize("changes", [{}, {"config": cloud_config(), "max_instances": 1}])
def test_every_policy_rule_passes(changes: dict[str, Any]):
    assert broken_policies(graph(**changes)) == []


def test_a_service_whose_requests_reach_the_program_breaks_a_policy():
    made = graph()
    server, program = made.one(SERVICE).inputs["template"]["containers"]
    program["ports"] = server.pop("ports")
    said = "\n".join(map(str, broken_policies(made)))
    assert "containers[1].ports" in said
    assert "without a token" in said


@pytest.mark.parametrize("number", [0, 1])
def test_a_container_without_a_startup_probe_breaks_a_policy(number: int):
    made = graph()
    del made.one(SERVICE).inputs["template"]["containers"][number]["startupProbe"]
    (problem,) = broken_policies(made)
    assert f"containers[{number}].startupProbe" in str(problem)


@pytest.mark.parametrize(
    ("changes", "path", "fix"),
    [
        ({"config": cloud_config()}, "max_instances", "set it to 1"),
        ({"upstream": replace(WEATHER, user=1000)}, "upstream.user", "USER in the image"),
        ({"upstream": replace(WEATHER, writable=["/data"])}, "upstream.writable", "in the image"),
        ({"upstream": replace(WEATHER, port=8080)}, "upstream.port", "another port"),
        (
            {"upstream": replace(WEATHER, env={"DATABASE_PASSWORD": "x"})},
            "secrets.DATABASE_PASSWORD",
            "one of the two",
        ),
    ],
)
def test_what_cannot_work_is_refused(changes: dict[str, Any], path: str, fix: str):
    with pytest.raises(ProblemReport) as report:
        graph(**changes)
    problems = {p.path.removeprefix("mcp."): str(p) for p in report.value.problems}
    assert fix in problems[path]
