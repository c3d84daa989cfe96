"""A stack's receiver of OTLP: what sends to it, and what has no trace of it."""

from __future__ import annotations

import json
import tomllib
from typing import Any, Final, cast

import pytest

from policies import broken_policies
from tests.harness import ResourceGraph
from tests.harness.authority_certificate import CERTIFICATE
from tests.harness.cloud_user_servers import ENTRY, SERVER
from tests.harness.prod import WITHOUT_A_CLUSTER, clouds_alone, prod

pytestmark = pytest.mark.slow
TOKEN: Final = "QUDAG_MCP_OTLP_TOKEN"
VAULT: Final = (
    "/subscriptions/0a1b2c3d-0000-4000-8000-000000000001/resourceGroups/keys/providers"
    "/Microsoft.KeyVault/vaults/qudag-prod"
)
URL: Final = "https://otlp.example.com:4318"
OTLP: Final[dict[str, dict[str, Any]]] = {
    "aws": {
        "url": URL,
        "token": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:qudag-mcp/otlp-a1B2c3",
        "networks": ["203.0.113.0/24"],
    },
    "gcp": {"url": URL, "token": "projects/qudag-prod/secrets/otlp/versions/1"},
    "azure": {
        "url": URL,
        "token": f"https://qudag-prod.vault.azure.net/secrets/otlp/{'0' * 32}",
        "vault": VAULT,
    },
}
CLOUDS: Final = {cloud: {"otlp": {**section, "ca": CERTIFICATE}} for cloud, section in OTLP.items()}


def servers(graph: ResourceGraph) -> dict[str, dict[str, Any]]:
    """server.toml of each task, service, app and function, by the name of the resource."""
    found: dict[str, dict[str, Any]] = {}
    for one in graph.resources:
        text = json.dumps(one.inputs, default=str)
        if "QUDAG_MCP_CONFIG" in text and not one.type.startswith("kubernetes:"):
            found[one.name] = tomllib.loads(_config(one.inputs))
    return found


def _config(value: Any) -> str:
    """The variable's value, wherever a cloud has it."""
    match value:
        case {"name": "QUDAG_MCP_CONFIG", "value": str(text)}:
            return text
        case {"QUDAG_MCP_CONFIG": str(text)}:
            return text
        case dict():
            return _first([*cast("dict[str, Any]", value).values()])
        case list():
            return _first(cast("list[Any]", value))
        case str() if value.startswith("["):
            return _config(json.loads(value))
        case _:
            return ""


def _first(values: list[Any]) -> str:
    return next((found for each in values if (found := _config(each))), "")


def test_containers_send_and_functions_do_not():
    graph = prod(kubernetes=WITHOUT_A_CLUSTER, clouds=CLOUDS)
    sending = {name for name, tables in servers(graph).items() if "traces" in tables}
    silent = set(servers(graph)) - sending
    assert {name.rpartition("-")[0].removesuffix("-") for name in sending} == {
        "aws-container",
        "gcp-container",
        "azure-container",
    }
    assert {name for name in silent if "function" not in name} == set()
    assert len(silent) == 3
    for name in sending:
        tables = servers(graph)[name]
        assert tables["log_export"]["endpoint"] == f"{URL}/v1/logs"
        assert tables["log_export"]["token_env"] == TOKEN
        assert tables["log_export"]["ca"] == CERTIFICATE
        assert tables["server"]["environment"] == "prod"
    assert broken_policies(graph) == []


def test_no_other_resource_than_rights_and_one_rule_of_egress_is_new():
    before = {(one.type, one.name) for one in clouds_alone().resources}
    graph = prod(kubernetes=WITHOUT_A_CLUSTER, clouds=CLOUDS)
    new = {(one.type, one.name) for one in graph.resources} - before
    assert {token for token, _ in new} == {
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        "gcp:secretmanager/secretIamMember:SecretIamMember",
        "azure-native:authorization:RoleAssignment",
    }
    assert len(new) == 3
    (rule,) = [one for one in graph.resources if one.name.endswith("otlp-to-203.0.113.0-24")]
    assert (rule.inputs["fromPort"], rule.inputs["toPort"]) == (4318, 4318)
    assert rule.inputs["cidrIpv4"] == "203.0.113.0/24"


def test_the_reverse_proxy_before_a_users_image_sends_as_well():
    server = {**SERVER, "targets": ["aws-container"], "image": f"ghcr.io/acme/w@sha256:{'a' * 64}"}
    graph = prod(
        kubernetes=WITHOUT_A_CLUSTER,
        clouds=CLOUDS,
        servers={"weather": server},
        containers={"aws": {"servers": {"weather": dict(ENTRY)}}},
    )
    (name,) = [name for name in servers(graph) if "weather" in name]
    assert servers(graph)[name]["traces"]["endpoint"] == f"{URL}/v1/traces"
    (task,) = [one for one in graph.resources if one.name == name]
    proxy, image = json.loads(task.inputs["containerDefinitions"])
    assert [one["name"] for one in proxy["secrets"]] == [TOKEN]
    assert [one["name"] for one in image["secrets"]] == ["API_KEY"]
