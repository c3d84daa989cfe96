"""McpService and the configuration files of every server."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.base.refusal import Refused
from components.kubernetes.resources import Resources
from components.kubernetes.server import McpService
from components.mcp.data_tier import CacheProfile
from components.mcp.server_config import (
    Cache,
    Database,
    NodeConfig,
    PodAuth,
    PodServerConfig,
    ToolServer,
)
from components.mcp.server_limits import ServerLimits
from runtime.limits_config import LimitsSection
from runtime.redis_config import RedisSection
from runtime.state_config import StateSection
from runtime.tool_servers_config import ToolServerSection
from tests.harness import ResourceGraph, record
from tests.harness.graph_queries import objects, pods
from tests.harness.minimal_args import ISSUER, config, server


def graph(settings: PodServerConfig) -> ResourceGraph:
    return record(lambda: McpService(settings.name, server(config=settings)))


def files(**changes: Any) -> dict[str, Any]:
    """The server's configuration files, parsed."""
    (config_map,) = objects(graph(config(**changes)), "ConfigMap")
    return {name: tomllib.loads(text) for name, text in config_map["data"].items()}


def test_a_role_is_a_configuration_and_a_label_and_nothing_more():
    one, other = (
        graph(config(name="mcp-auth", role=role)).to_json() for role in ("auth", "crypto")
    )
    (auth,) = pods(graph(config(name="mcp-auth", role="auth")))
    assert auth.labels["component"] == "auth"
    checksum = auth.annotations["qudag-mcp/files-checksum"]
    (crypto,) = pods(graph(config(name="mcp-auth", role="crypto")))
    other = other.replace(crypto.annotations["qudag-mcp/files-checksum"], checksum)
    assert other.replace("crypto", "auth") == one


def test_the_service_is_found_under_the_servers_name():
    made = graph(config(name="mcp-auth", role="auth"))
    (service,) = objects(made, "Service")
    assert service["metadata"]["name"] == "mcp-auth-service"
    host = made.one("qudag-mcp:index:McpService").outputs["host"]
    assert host == "mcp-auth-service.qudag-mcp-dev.svc"


def test_a_password_is_named_by_its_file_and_never_by_its_value():
    written = files(database=Database(host="db"), cache=Cache(host="cache"))["server.toml"]
    assert written["database"] == {
        "host": "db",
        "port": 5432,
        "name": "qudag_mcp",
        "user": "qudag",
        "password_file": "/etc/secrets/database-password",
        "ca_file": "/etc/internal-ca/ca.crt",
        "max_connections": 8,
        "min_connections": 2,
        "acquire_seconds": 3,
        "idle_seconds": 600,
        "lifetime_seconds": 1800,
    }
    assert written["redis"] == {
        "host": "cache",
        "port": 6379,
        "password_file": "/etc/secrets/redis-password",
        "ca_file": "/etc/internal-ca/ca.crt",
        "max_connections": 20,
    }


@pytest.mark.parametrize("era", ["legacy", "dual"])
def test_sessions_of_a_server_with_valkey_are_in_it_and_apart_from_other_servers(era: Any):
    given = files(era=era, name="mcp-core", cache=Cache(host="cache", max_connections=3))
    written = given["server.toml"]
    assert written["state"] == {"kind": "valkey", "key_prefix": "mcp-core:"}
    assert StateSection.model_validate(written["state"])
    assert RedisSection.model_validate(written["redis"]).max_connections == 3


@pytest.mark.parametrize("changes", [{"era": "dual"}, {"era": "modern", "cache": Cache(host="c")}])
def test_a_server_without_valkey_or_without_sessions_has_no_store(changes: Any):
    assert "state" not in files(**changes)["server.toml"]


@pytest.mark.parametrize(
    ("era", "cached", "kept"),
    [
        ("modern", False, False),
        ("modern", True, False),
        ("dual", False, True),
        ("dual", True, False),
        ("legacy", False, True),
        ("legacy", True, False),
    ],
)
def test_clients_keep_their_pod_where_sessions_are_in_its_memory(
    era: Any, cached: bool, kept: bool
):
    cache = Cache(host="cache") if cached else None
    (service,) = objects(graph(config(era=era, cache=cache)), "Service")
    assert (service["spec"].get("sessionAffinity") == "ClientIP") is kept


def test_sessions_in_a_valkey_that_evicts_them_are_refused():
    lossy = Cache(host="cache", profile=CacheProfile.CACHE)
    with pytest.raises(Refused, match=r"(?s)config\.cache\.profile: is CACHE.*set era to modern"):
        graph(config(era="dual", cache=lossy))
    assert graph(config(era="modern", cache=lossy))


def test_server_toml_has_no_sections_for_absent_dependencies():
    assert not {"database", "redis", "qudag"} & files()["server.toml"].keys()


def test_a_server_with_a_domain_answers_to_no_other_name():
    protocol = files(domain="mcp.example.com")["server.toml"]["protocol"]
    assert protocol["allowed_hosts"] == ["mcp.example.com"]
    assert files()["server.toml"]["protocol"]["allowed_hosts"] == []


def test_keys_come_from_the_issuer_or_from_a_mounted_file():
    asked = PodAuth(issuer=ISSUER, jwks_url=f"{ISSUER}/certs")
    auth = files(auth=asked)["server.toml"]["auth"]
    assert (auth["issuer"], auth["jwks_url"]) == (ISSUER, f"{ISSUER}/certs")
    assert "jwks_file" not in auth
    assert files()["server.toml"]["auth"]["jwks_file"] == "/etc/issuer/jwks.json"


def test_a_node_has_a_file_of_its_own():
    written = files(node=NodeConfig(peers=["/dns4/a/tcp/4001"]))
    assert written["server.toml"]["qudag"]["node_config"] == "/etc/qudag/node.toml"
    assert written["node.toml"]["network"]["peers"] == ["/dns4/a/tcp/4001"]
    assert written["node.toml"]["crypto"]["algorithm"] == "ml-kem-768"


def test_the_servers_drain_is_what_the_pods_grace_leaves_time_for():
    made = graph(config())
    (found,) = pods(made)
    (config_map,) = objects(made, "ConfigMap")
    written = tomllib.loads(config_map["data"]["server.toml"])
    protocol, waits = written["protocol"], written["server"]["final_scrape_seconds"]
    sleeps = found.containers[0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert protocol["drain_seconds"] + waits + sleeps < found.spec["terminationGracePeriodSeconds"]
    assert waits > 60  # the longest time between two reads of Prometheus
    assert protocol["drain_seconds"] > protocol["longest_tool_seconds"]


def test_server_toml_has_the_limits_of_the_args():
    limits = ServerLimits(max_body="50m", messages_per_second=3, memories_per_user=7)
    written = files(limits=limits)["server.toml"]["limits"]
    assert written["max_body_bytes"] == 50 * 1024 * 1024
    assert written["messages_per_second"] == 3
    assert written["memories_per_user"] == 7
    assert LimitsSection.model_validate(written)


def test_servers_listen_on_both_address_families():
    assert files()["server.toml"]["server"]["host"] == "::"


def test_a_tool_server_is_written_with_everything_that_its_calls_need():
    asked = ToolServer(
        name="weather",
        host="weather-service",
        path="/sse/mcp",
        era="legacy",
        scopes=["weather.read"],
        send_user=True,
        longest_tool_seconds=30,
    )
    plain = ToolServer(name="state", host="mcp-state-service")
    written = files(tool_servers=[asked, plain])["server.toml"]["tool_servers"]
    sections = [ToolServerSection.model_validate(entry) for entry in written]
    authority = Path("/etc/internal-ca/ca.crt")
    assert sections == [
        ToolServerSection(
            name="weather",
            url="https://weather-service:8443/sse/mcp",
            ca_file=authority,
            era="legacy",
            scopes=("weather.read",),
            send_user=True,
            longest_tool_seconds=30,
        ),
        ToolServerSection(
            name="state", url="https://mcp-state-service:8443/mcp", ca_file=authority
        ),
    ]


@pytest.mark.parametrize(
    ("cpu_limit", "changes", "problems"),
    [
        ("2", {"era": "modern"}, []),
        ("1001m", {"era": "modern"}, []),
        ("1", {"era": "modern"}, ["the CPU limit of 1 is 1 core, rounded up"]),
        ("2", {"era": "legacy"}, ["legacy sessions are in the memory of one process"]),
        ("2", {"era": "dual"}, ["legacy sessions are in the memory of one process"]),
        ("2", {"era": "dual", "cache": Cache(host="cache")}, []),
        ("2", {"era": "modern", "node": NodeConfig()}, ["the server is a QuDAG node"]),
        (
            "500m",
            {"era": "dual", "node": NodeConfig()},
            ["CPU limit of 500m", "legacy sessions", "QuDAG node"],
        ),
    ],
)
def test_workers_that_could_not_share_the_calls_are_refused(
    cpu_limit: str, changes: dict[str, Any], problems: list[str]
):
    args = server(
        config=config(workers=2, **changes),
        resources=Resources(cpu="100m", cpu_limit=cpu_limit),
    )
    found = args.refusals()
    assert [problem.path for problem in found] == ["config.workers"] * len(problems)
    for problem, said in zip(found, problems, strict=True):
        assert said in problem.what
    assert replace(args, config=replace(args.config, workers=1)).refusals() == []
