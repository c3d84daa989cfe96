"""The server's own loader reads server.toml and node.toml of every service of every stack."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runtime.config import Config, ProtocolSection
from runtime.config_files import load
from runtime.qudag_stand_in import NodeConfig
from runtime.toml_config import Section, read_table
from stacks.config.protocol import Protocol
from tests.harness.stacks import stack

STACKS = ("dev", "staging", "prod")
MEBIBYTE = 1024**2


def config_maps(name: str) -> dict[str, dict[str, str]]:
    return {
        resource.inputs["metadata"]["name"]: resource.inputs["data"]
        for resource in stack(name).all("kubernetes:core/v1:ConfigMap")
    }


def workloads(name: str) -> dict[str, dict[str, Any]]:
    """The pod spec of each workload."""
    return {
        resource.inputs["metadata"]["name"]: resource.inputs["spec"]["template"]["spec"]
        for kind in ("Deployment", "StatefulSet")
        for resource in stack(name).all(f"kubernetes:apps/v1:{kind}")
    }


@dataclass(frozen=True)
class Server:
    """A server of a stack: its ConfigMap, and what it read there."""

    config_map: str
    config: Config


def servers(name: str, directory: Path) -> list[Server]:
    """All servers of a stack; raises for a file that the server would refuse."""
    found: list[Server] = []
    for config_map, content in config_maps(name).items():
        if "server.toml" in content:
            source = directory / f"{config_map}.toml"
            source.write_text(content["server.toml"])
            found.append(Server(config_map, load(source)))
    return found


@pytest.mark.parametrize(("name", "number"), [("dev", 1), ("staging", 8), ("prod", 8)])
def test_every_server_reads_its_configuration(name: str, number: int, tmp_path: Path):
    found = servers(name, tmp_path)
    assert [server.config_map for server in found] == [f"{s.config.name}-config" for s in found]
    assert len({server.config.server.role for server in found}) == len(found) == number


def test_a_server_takes_the_longest_times_that_a_stack_may_be_given():
    fields = Protocol.model_json_schema()["properties"]
    longest = fields["longestToolSeconds"]["maximum"]
    drain = max(limit.get("maximum", 0) for limit in fields["drainSeconds"]["anyOf"])
    assert ProtocolSection(longest_tool_seconds=longest, drain_seconds=drain)


@pytest.mark.parametrize("name", STACKS)
def test_every_server_speaks_tls_and_asks_its_data_tier_for_it(name: str, tmp_path: Path):
    for server in servers(name, tmp_path):
        assert server.config.server.tls_port is not None
        for data in (server.config.database, server.config.redis):
            assert data is None or data.ca_file is not None


@pytest.mark.parametrize("name", ["staging", "prod"])
def test_a_server_with_a_domain_answers_to_no_other(name: str, tmp_path: Path):
    for server in servers(name, tmp_path):
        [host] = server.config.protocol.allowed_hosts
        assert server.config.auth.resource_url == f"https://{host}/mcp"


@pytest.mark.parametrize("name", STACKS)
def test_every_file_in_a_servers_configuration_is_mounted(name: str, tmp_path: Path):
    for server in servers(name, tmp_path):
        [spec] = [
            (pod, container)
            for pod in workloads(name).values()
            for container in pod["containers"]
            if server.config_map in {mount["name"] for mount in container["volumeMounts"]}
        ]
        told = {str(path) for path in paths(server.config) if str(path).startswith("/etc/")}
        assert told <= mounted(*spec)


def paths(section: Section) -> list[Path]:
    """Every path in a configuration."""
    values = [value for _, value in section]
    inside = [path for value in values if isinstance(value, Section) for path in paths(value)]
    return [value for value in values if isinstance(value, Path)] + inside


def mounted(pod: dict[str, Any], container: dict[str, Any]) -> set[str]:
    """Every file that the container finds, from Secrets and ConfigMaps."""
    items = {
        volume["name"]: [item["path"] for item in volume["secret"]["items"]]
        for volume in pod["volumes"]
        if "secret" in volume
    }
    return {
        f"{mount['mountPath']}/{file}"
        for mount in container["volumeMounts"]
        for file in items.get(mount["name"], ["server.toml", "node.toml"])
    }


@pytest.mark.parametrize("name", STACKS)
def test_every_node_reads_its_configuration_and_knows_its_peers(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("POD_NAME", "qudag-integration-0")
    [text] = [c["node.toml"] for c in config_maps(name).values() if "node.toml" in c]
    (tmp_path / "node.toml").write_text(text)
    config = read_table(tmp_path / "node.toml", NodeConfig)
    assert config.node.id == "qudag-integration-0"
    replicas = [
        resource.inputs["spec"]["replicas"]
        for resource in stack(name).all("kubernetes:apps/v1:StatefulSet")
        if resource.inputs["metadata"]["name"] == "qudag-integration"
    ]
    elsewhere = {"prod": ["/ip4/203.0.113.10/tcp/4001"]}.get(name, [])
    assert len(config.network.peers) == sum(replicas) + len(elsewhere)
    assert set(elsewhere) <= set(config.network.peers)


@pytest.mark.parametrize("name", STACKS)
def test_no_config_map_comes_near_what_the_api_server_takes(name: str):
    for content in config_maps(name).values():
        assert sum(len(key) + len(text.encode()) for key, text in content.items()) < MEBIBYTE / 8


@pytest.mark.parametrize("name", STACKS)
def test_no_file_waits_for_a_value_that_only_a_deployment_knows(name: str):
    files = [text for content in config_maps(name).values() for text in content.values()]
    assert not [text for text in files if "[unknown]" in text or "Output[" in text]
