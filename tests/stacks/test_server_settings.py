"""One setting of the stack file reaches the server of every target."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any, cast

import pytest

from components.base.problems import ProblemReport
from graph.programs import record_files
from graph.stack_files import read_stack_files
from runtime.server_config import ServerSection
from tests.harness.containers import ROOT

PAGE = "https://inspector.example.com"


def servers_of(**sections: dict[str, Any]) -> list[dict[str, Any]]:
    """Each server.toml of prod, in ConfigMaps and in variables of clouds, with these settings."""
    files = read_stack_files(ROOT, "prod")
    settings: dict[str, Any] = {}
    for name, section in sections.items():
        key = f"qudag-mcp:{name}"
        settings[key] = json.loads(files.config.get(key, "{}")) | section
    graph = record_files(ROOT, files.over(settings))
    return [each for resource in graph.resources for each in tomls_in(resource.inputs)]


def tomls_in(value: Any) -> list[dict[str, Any]]:
    """Each server.toml in the inputs of a resource; some clouds take them as JSON."""
    if isinstance(value, Mapping):
        return [each for part in cast("Any", value).values() for each in tomls_in(part)]
    if isinstance(value, list):
        return [each for part in cast("list[Any]", value) for each in tomls_in(part)]
    if not isinstance(value, str) or "[protocol]" not in value:
        return []
    if value.startswith(("[{", "{")):
        return tomls_in(json.loads(value))
    return [tomllib.loads(value)]


@cache
def changed() -> list[dict[str, Any]]:
    return servers_of(
        protocol={"allowedOrigins": [PAGE], "jsonAnswers": True},
        observability={"logLevel": "debug"},
        data={
            "databaseConnections": 3,
            "cacheConnections": 5,
            "databasePool": {
                "minConnections": 1,
                "acquireSeconds": 4,
                "idleSeconds": 70,
                "lifetimeSeconds": 90,
            },
        },
        limits={"connections": 1000},
    )


@cache
def unchanged() -> list[dict[str, Any]]:
    return servers_of()


def test_prod_has_servers_in_pods_and_in_clouds():
    where = {"tls_port" in each["server"] for each in changed()}
    assert where == {True, False}


@pytest.mark.parametrize(
    ("section", "key", "usual", "set_to"),
    [
        ("protocol", "allowed_origins", [], [PAGE]),
        ("protocol", "json_answers", False, True),
        ("logging", "level", "info", "debug"),
        ("limits", "connections", 10_000, 1000),
    ],
)
def test_a_setting_reaches_every_server(section: str, key: str, usual: object, set_to: object):
    assert [each[section][key] for each in unchanged()] == [usual] * len(unchanged())
    assert [each[section][key] for each in changed()] == [set_to] * len(changed())


@pytest.mark.parametrize(
    ("section", "usual", "set_to", "servers"),
    [
        ("database", 8, 3, {"mcp-core", "mcp-state", "qudag-integration"}),
        ("redis", 20, 5, {"mcp-core", "mcp-state"}),
    ],
)
def test_a_pool_has_its_size_in_every_server_that_uses_the_store(
    section: str, usual: int, set_to: int, servers: set[str]
):
    for found, size in ((unchanged(), usual), (changed(), set_to)):
        pools = {
            each["server"]["name"]: each[section]["max_connections"]
            for each in found
            if section in each
        }
        assert pools == dict.fromkeys(servers, size)


def test_the_pool_of_the_database_has_the_times_of_its_document_or_those_of_the_stack():
    (usual,) = {tuple(pool_of(each)) for each in unchanged() if "database" in each}
    (set_to,) = {tuple(pool_of(each)) for each in changed() if "database" in each}
    assert usual == (2, 3, 600, 1800)
    assert set_to == (1, 4, 70, 90)


def pool_of(server: dict[str, Any]) -> list[int]:
    names = ("min_connections", "acquire_seconds", "idle_seconds", "lifetime_seconds")
    return [server["database"][name] for name in names]


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "inspector.example.com",
        "http://inspector.example.com",
        f"{PAGE}/",
        f"{PAGE}/page",
        "https://*.example.com",
        "https://user@example.com",
    ],
)
def test_an_invalid_origin_is_refused(origin: str):
    with pytest.raises(ProblemReport) as refused:
        servers_of(protocol={"allowedOrigins": [origin]})
    (problem,) = refused.value.problems
    assert "protocol.allowedOrigins[0]" in problem.path


def test_workers_are_those_of_the_service_that_has_them():
    scaling = {
        "mcp-tools": {"workers": 2, "cpuLimit": "1500m"},
        "mcp-auth": {"workers": 1},
        "mcp-core": {"min": 3, "max": 16},  # room in the quota
    }
    found = {each["server"]["name"]: each["server"] for each in servers_of(scaling=scaling)}
    assert {name for name, server in found.items() if "workers" in server} == {"mcp-tools"}
    section = found["mcp-tools"]
    assert ServerSection.model_validate(section).workers == section["workers"] == 2
