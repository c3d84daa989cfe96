"""What a server can be configured with depends on where it runs, by type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pytest

from components.base.arguments import arguments
from components.base.problems import ProblemReport
from components.mcp.auth import JWKS_MAX_AGE
from components.mcp.server_config import CloudServerConfig, PodAuth, PodServerConfig, ToolServer
from runtime.auth_config import AuthSection

PUBLISHED: Mapping[str, Any] = {
    "issuer": "https://issuer.example.com",
    "jwksUrl": "https://issuer.example.com/jwks.json",
}
MOUNTED: Mapping[str, Any] = {"issuer": PUBLISHED["issuer"], "jwks_secret": "issuer-keys"}
ONLY_IN_A_POD = {
    *("tool_servers", "protected_resources", "database", "cache", "node"),
    *("http", "https", "consensus_timeout", "region", "traces", "form"),
    *("workers", "user_keys_secret", "additional_domains", "audit"),
    "proxies_in_front",  # in a cloud it is always one: the cloud's own
}


def problems(cls: type[Any], **given: Any) -> dict[str, str]:
    with pytest.raises(ProblemReport) as report:
        arguments(cls, {"role": "tools", "auth": PUBLISHED} | given, at="config")
    return {problem.path: str(problem) for problem in report.value.problems}


def test_a_pod_has_configuration_fields_that_a_cloud_has_not():
    in_a_cloud, in_a_pod = (
        {field.name for field in fields(cls)} for cls in (CloudServerConfig, PodServerConfig)
    )
    assert in_a_pod - in_a_cloud == ONLY_IN_A_POD
    assert in_a_cloud <= in_a_pod


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("database", {"host": "db"}),
        ("cache", {"host": "cache"}),
        ("node", {}),
        ("http", 9000),
        ("https", 9443),
        ("user_keys_secret", "mcp-user-keys"),
    ],
)
def test_a_mapping_for_a_cloud_has_no_field_of_a_pod(field: str, value: Any):
    assert "has no field" in problems(CloudServerConfig, **{field: value})[f"config.{field}"]


def test_a_server_in_a_cloud_needs_the_address_of_the_keys():
    auth = {key: value for key, value in PUBLISHED.items() if key != "jwksUrl"}
    assert "is missing" in problems(CloudServerConfig, auth=auth)["config.auth.jwksUrl"]
    mounted = auth | {"jwksSecret": "issuer-keys"}
    assert "has no field" in problems(CloudServerConfig, auth=mounted)["config.auth.jwksSecret"]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "could not verify any token"),
        ({"jwks_url": "https://a.example/keys", "jwks_secret": "keys"}, "leave out one of the two"),
    ],
)
def test_a_pod_has_exactly_one_source_of_the_issuers_keys(keys: Any, words: str):
    auth = PodAuth(issuer="https://issuer.example.com", **keys)
    (problem,) = auth.refusals()
    assert words in str(problem)


def test_an_age_of_fetched_keys_is_refused_where_none_are_fetched() -> None:
    url = "https://issuer.example.com"
    assert not PodAuth(issuer=url, jwks_url=f"{url}/keys", jwks_max_age_seconds=60).refusals()
    (problem,) = PodAuth(**MOUNTED, jwks_max_age_seconds=60).refusals()
    assert problem.path == "jwks_max_age_seconds"


def test_the_server_and_the_components_have_one_default_age_of_fetched_keys() -> None:
    """The default is left out of server.toml, so the server must have the same one."""
    assert AuthSection.model_fields["jwks_max_age_seconds"].default == JWKS_MAX_AGE


def test_a_tool_server_that_could_not_be_called_is_refused():
    servers = [
        ToolServer(name="a", host="a"),
        ToolServer(name="a", host="b", longest_tool_seconds=61),
    ]
    config = PodServerConfig(role="core", auth=PodAuth(**MOUNTED), tool_servers=servers)
    found = {problem.path: str(problem) for problem in config.refusals()}
    assert "a is listed already" in found["tool_servers[1].name"]
    assert "ends every call after 60 s" in found["tool_servers[1].longest_tool_seconds"]
    for name in ("3d", "a" * 46):
        (problem,) = ToolServer(name=name, host="a").refusals()
        assert problem.path == "name"
