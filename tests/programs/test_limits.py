"""The limits of a stack reach its servers, and agree with the gateway's."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from components.mcp.server_limits import nginx_bytes
from tests.harness.graph_queries import STACKS, objects
from tests.harness.stacks import stack


def servers(name: str) -> dict[str, dict[str, Any]]:
    """The server.toml of each server, by the name of its ConfigMap."""
    return {
        made["metadata"]["name"]: tomllib.loads(made["data"]["server.toml"])
        for made in objects(stack(name), "ConfigMap")
        if "port" in made["data"].get("server.toml", "")
    }


def nginx_conf(name: str) -> str:
    (found,) = [
        made["data"]["nginx.conf"]
        for made in objects(stack(name), "ConfigMap")
        if "nginx.conf" in made["data"]
    ]
    return found


@pytest.mark.parametrize("name", STACKS)
def test_gateway_and_servers_have_one_limit_of_bodies(name: str):
    limit = nginx_conf(name).partition("client_max_body_size ")[2].partition(";")[0]
    found = {one["limits"]["max_body_bytes"] for one in servers(name).values() if "limits" in one}
    assert found == {nginx_bytes(limit)}


@pytest.mark.parametrize("name", STACKS)
def test_every_server_limits_what_one_user_may_do(name: str):
    limited = [one["limits"] for one in servers(name).values() if "limits" in one]
    assert limited
    for limits in limited:
        assert limits["messages_per_second"] == 10
        assert limits["burst"] == 20


@pytest.mark.parametrize("name", STACKS)
def test_only_the_server_behind_the_gateway_reads_x_forwarded_for(name: str):
    behind = [
        made
        for made, toml in servers(name).items()
        if toml.get("server", {}).get("proxies_in_front")
    ]
    assert len(behind) == 1
