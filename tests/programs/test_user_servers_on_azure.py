"""Stacks with servers of the user's own on Azure: the same fields, outputs and checks."""

from __future__ import annotations

import json
import tomllib
from typing import Any, Final

import pytest

from components.base.problems import ProblemReport
from graph.resource_graph import ResourceGraph
from policies import broken_policies
from tests.harness.cloud_user_servers import SERVER, one, sections
from tests.harness.user_servers import recorded_once

SUBSCRIPTION: Final = "0a1b2c3d-0000-4000-8000-000000000001"
OF_AZURE: Final = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/mcp/providers"
SUBNET: Final = f"{OF_AZURE}/Microsoft.Network/virtualNetworks/main/subnets/weather"


def on_azure(**entry: Any) -> dict[str, Any]:
    """The server on Azure, without the field that it lacks."""
    server = {name: value for name, value in SERVER.items() if name != "user"}
    server |= {"targets": ["kubernetes", "azure-container"], "scale": {"min": 1, "max": 6}}
    given = {
        "subnet": SUBNET,
        "vault": f"{OF_AZURE}/Microsoft.KeyVault/vaults/mcp-keys",
        "secrets": {"API_KEY": f"https://mcp-keys.vault.azure.net/secrets/weather/{'0' * 32}"},
        **entry,
    }
    location = {
        "subscription": SUBSCRIPTION,
        "tenant": "0a1b2c3d-0000-4000-8000-000000000002",
        "location": "westeurope",
    }
    return {
        **sections(server),
        "clouds": {"azure": location},
        "containers": {"azure": {"enabled": False, "servers": {"weather": given}}},
    }


def test_a_server_on_azure_has_the_same_outputs_and_fields():
    graph = recorded_once(on_azure())
    told = graph.outputs["servers"]["weather"]
    there = told["targets"]["azure-container"]
    assert {output: there[output] for output in ("issuer", "era", "scopes")} == {
        output: told[output] for output in ("issuer", "era", "scopes")
    }
    template = one(graph, "azure-native:app:ContainerApp").inputs["template"]
    server, program = template["containers"]
    read = tomllib.loads(server["env"][0]["value"])
    assert read["upstream"] == {
        "port": 3001,
        "path": "/api/mcp",
        "health": "/healthz",
        "forward_token": True,
    }
    assert read["auth"]["resource_url"] == there["mcp_url"] != told["mcp_url"]
    assert read["auth"]["required_scopes"] == ["base", "weather.read"]
    assert program["image"] == "ghcr.io/acme/weather-mcp:2.3.1"
    assert program["resources"] == {"cpu": 0.5, "memory": "1Gi"}
    assert server["resources"] == {"cpu": 0.25, "memory": "0.5Gi"}
    assert [each["mountPath"] for each in program["volumeMounts"]] == ["/var/cache/weather"]
    assert {each["name"] for each in program["env"]} == {"UNITS", "API_KEY"}
    scale = template["scale"]
    assert (scale["minReplicas"], scale["maxReplicas"]) == (1, 6)
    assert broken_policies(graph) == []


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        ({"public": True}, '"publicNetworkAccess": "Enabled"'),
        ({"subnet": f"{SUBNET}-2"}, f"{SUBNET}-2"),
        ({"image": "ghcr.io/copies/weather:2.3.1"}, "ghcr.io/copies/weather:2.3.1"),
        ({"concurrency": 44}, '"concurrentRequests": "44"'),
    ],
)
def test_each_field_of_an_entry_on_azure_has_an_effect(entry: dict[str, Any], shown: str):
    def made(graph: ResourceGraph) -> str:
        return json.dumps([each.inputs for each in graph.resources if "azure" in each.type])

    assert shown not in made(recorded_once(on_azure()))
    assert shown in made(recorded_once(on_azure(**entry)))


def test_an_image_that_is_too_large_for_azure_is_refused_at_the_server():
    made = on_azure()
    made["servers"]["weather"]["resources"] = {"memoryLimit": "8Gi"}
    made["kubernetes"] = {"containerLimits": False}
    with pytest.raises(ProblemReport) as report:
        recorded_once(made)
    (problem,) = report.value.problems
    assert problem.path.startswith("qudag-mcp:servers.weather (azure-container-weather.upstream")
    assert "7680 MiB" in str(problem)
