"""AzureContainerApp with a user's image: the server in the same replica is its reverse proxy."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import Any

import pytest

from components.azure.container import AzureContainerApp
from components.azure.container_args import AzureContainerAppArgs, program_size
from components.base.problems import ProblemReport
from components.mcp.access import Access
from components.mcp.user_container import UserContainer
from policies import broken_policies
from runtime.config import Config
from tests.harness import ResourceGraph, record
from tests.harness.clouds import AZURE, AZURE_SECRETS, cloud_config, on_azure

APP = "azure-native:app:ContainerApp"
REGISTRY = (
    f"/subscriptions/{AZURE.subscription}/resourceGroups/images/providers"
    "/Microsoft.ContainerRegistry/registries/acme"
)
WEATHER = UserContainer(
    image="acme.azurecr.io/weather:2.3.1",
    port=3001,
    path="/api/mcp",
    command=["weather-mcp", "--port=3001"],
    env={"UNITS": "metric"},
    writable=["/var/cache/weather", "/data"],
)


def graph(**changes: Any) -> ResourceGraph:
    given: dict[str, Any] = {
        "location": AZURE,
        "image": "ghcr.io/acme/server:1.2.3",
        "registry": REGISTRY,
        "config": cloud_config(era="modern"),
        "access": Access(public=True),
        "upstream": WEATHER,
        "secrets": AZURE_SECRETS,
    }
    args = AzureContainerAppArgs(**given | changes)
    return record(lambda: AzureContainerApp("mcp", args, on_azure()))


def inputs(**changes: Any) -> dict[str, Any]:
    return graph(**changes).one(APP).inputs


def containers(**changes: Any) -> list[dict[str, Any]]:
    return inputs(**changes)["template"]["containers"]


def probes(container: dict[str, Any]) -> dict[str, Any]:
    return {each["type"]: each for each in container["probes"]}


def test_requests_reach_the_server_alone_while_the_program_answers():
    made = inputs()
    server, program = made["template"]["containers"]
    ingress = made["configuration"]["ingress"]
    assert ingress["targetPort"] == 8080 != WEATHER.port
    assert "additionalPortMappings" not in ingress
    assert probes(server)["Readiness"]["httpGet"]["path"] == "/ready"
    asked = probes(program)
    assert asked["Startup"]["tcpSocket"] == asked["Liveness"]["tcpSocket"] == {"port": 3001}


def test_every_probe_has_numbers_that_azure_accepts_and_a_start_has_a_minute():
    """Those of Container Apps' probes, as the provider documents them."""
    for container in containers():
        for probe in container["probes"]:
            assert 1 <= probe["failureThreshold"] <= 10
            assert 1 <= probe["periodSeconds"] <= 240
            assert 1 <= probe["timeoutSeconds"] <= 240
        start = probes(container)["Startup"]
        assert start["periodSeconds"] * start["failureThreshold"] >= 60


def test_the_programs_own_health_is_asked_for_where_it_has_one():
    _, program = containers(upstream=replace(WEATHER, health="/healthz"))
    asked = {"path": "/healthz", "port": 3001, "scheme": "HTTP"}
    assert probes(program)["Startup"]["httpGet"] == probes(program)["Liveness"]["httpGet"] == asked


def test_the_server_reads_a_configuration_in_which_the_program_is_its_upstream():
    made = graph()
    server, _ = made.one(APP).inputs["template"]["containers"]
    (variable,) = server["env"]
    read = Config.model_validate(tomllib.loads(variable["value"]))
    assert read.upstream is not None
    assert (read.upstream.port, read.upstream.path) == (3001, "/api/mcp")
    assert read.auth.resource == made.one("qudag-mcp:index:AzureContainer").outputs["mcp_url"]


def test_the_program_alone_gets_secrets_and_variables_but_no_identity():
    made = inputs()
    server, program = made["template"]["containers"]
    assert {each["name"] for each in server["env"]} == {"QUDAG_MCP_CONFIG"}
    assert {each["name"] for each in program["env"]} == {"UNITS", *AZURE_SECRETS.versions}
    assert (program["command"], program["args"]) == (["weather-mcp"], ["--port=3001"])
    offered = {each["name"] for each in made["configuration"]["secrets"]}
    assert {each["secretRef"] for each in program["env"] if "secretRef" in each} == offered
    (own,) = made["identity"]["userAssignedIdentities"]
    assert made["configuration"]["identitySettings"] == [{"identity": own, "lifecycle": "None"}]


def test_the_program_may_write_its_directories_which_no_other_container_sees():
    template = inputs()["template"]
    server, program = template["containers"]
    assert "volumeMounts" not in server
    mounted = {each["volumeName"]: each["mountPath"] for each in program["volumeMounts"]}
    assert [*mounted.values()] == ["/var/cache/weather", "/data"]
    assert template["volumes"] == [{"name": n, "storageType": "EmptyDir"} for n in mounted]
    assert "volumes" not in inputs(upstream=replace(WEATHER, writable=[]))["template"]


def test_sessions_of_an_image_have_no_store():
    kept = {made.type for made in graph(config=cloud_config(), max_instances=1).resources}
    assert not any("storage" in token for token in kept)


@pytest.mark.parametrize(
    ("cpu", "memory_mb", "wanted"),
    [
        (0.1, 512, (0.25, 512)),
        (0.1, 513, (0.5, 1024)),
        (0.3, 100, (0.5, 1024)),
        (1, 2048, (1, 2048)),
        (3.5, 7168, (3.5, 7168)),
    ],
)
def test_an_image_gets_what_it_asks_for_in_the_ratio_of_the_cloud(
    cpu: float, memory_mb: int, wanted: tuple[float, int]
):
    upstream = replace(WEATHER, cpu=cpu, memory_mb=memory_mb)
    assert program_size(upstream) == wanted
    made = [each["resources"] for each in containers(upstream=upstream)]
    cpus = sum(each["cpu"] for each in made)
    gib = sum(float(each["memory"].removesuffix("Gi")) for each in made)
    assert gib == 2 * cpus
    assert cpus <= 4


@pytest.mark.parametrize("changes", [{}, {"config": cloud_config(), "max_instances": 1}])
def test_every_policy_rule_passes(changes: dict[str, Any]):
    assert broken_policies(graph(**changes)) == []


def test_an_ingress_to_the_programs_port_breaks_a_policy():
    made = graph()
    made.one(APP).inputs["configuration"]["ingress"]["targetPort"] = 3001
    (problem,) = broken_policies(made)
    assert "ingress.targetPort" in str(problem)
    assert "without a token" in str(problem)


def test_another_open_port_breaks_a_policy():
    made = graph()
    ingress = made.one(APP).inputs["configuration"]["ingress"]
    ingress["additionalPortMappings"] = [{"external": True, "targetPort": 3001}]
    (problem,) = broken_policies(made)
    assert "additionalPortMappings" in str(problem)


def test_an_image_without_the_server_in_front_of_it_breaks_a_policy():
    made = graph()
    made.one(APP).inputs["template"]["containers"].reverse()
    said = "\n".join(map(str, broken_policies(made)))
    assert "containers[0]" in said
    assert "without a token" in said


def test_an_image_that_gets_tokens_of_the_identity_breaks_a_policy():
    made = graph()
    del made.one(APP).inputs["configuration"]["identitySettings"]
    (problem,) = broken_policies(made)
    assert "identitySettings" in str(problem)


def test_a_server_whose_readiness_leaves_the_image_out_breaks_a_policy():
    made = graph()
    made.one(APP).inputs["template"]["containers"][0]["probes"].pop()
    (problem,) = broken_policies(made)
    assert "containers[0].probes" in str(problem)


@pytest.mark.parametrize("number", [0, 1])
def test_a_container_without_probes_breaks_a_policy(number: int):
    made = graph()
    del made.one(APP).inputs["template"]["containers"][number]["probes"]
    assert any("probes" in str(problem) for problem in broken_policies(made))


@pytest.mark.parametrize(
    ("changes", "path", "fix"),
    [
        ({"config": cloud_config()}, "max_instances", "set it to 1"),
        ({"upstream": replace(WEATHER, user=1000)}, "upstream.user", "USER in the image"),
        ({"upstream": replace(WEATHER, port=8080)}, "upstream.port", "another port"),
        ({"upstream": replace(WEATHER, cpu=3.6)}, "upstream.memory_mb", "at most 3.5 CPUs"),
        ({"upstream": replace(WEATHER, memory_mb=7169)}, "upstream.memory_mb", "7168 MiB"),
        ({"registry": None}, "registry", "registry acme"),
        (
            {"upstream": replace(WEATHER, image="other.azurecr.io/weather:1")},
            "registry",
            "registry other",
        ),
        (
            {"upstream": replace(WEATHER, env={"API_KEY": "x"})},
            "secrets.API_KEY",
            "one of the two",
        ),
    ],
)
def test_what_cannot_work_is_refused(changes: dict[str, Any], path: str, fix: str):
    with pytest.raises(ProblemReport) as report:
        graph(**changes)
    problems = {p.path.removeprefix("mcp."): str(p) for p in report.value.problems}
    assert fix in problems[path]
