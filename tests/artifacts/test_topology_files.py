"""The server's own loader reads the files and variables of the pods of each example."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from components.mcp.config_forms import SERVER_YAML
from graph.resource_graph import ResourceGraph
from runtime.agent_role import FILE_VARIABLE, ROLE_VARIABLE, role_of
from runtime.config import Config
from runtime.config_files import load
from stacks.topologies.orchestration import ROLES
from tests.harness.graph_queries import objects, pods
from tests.harness.server_files import local, placed
from tools.example_stacks import recorded

SERVERS: Final = {
    "boilerplate": ("mcp-server", "mcp-server"),
    "single-server": ("mcp-server", "server"),
    "load-balanced": ("qudag-mcp", "qudag-mcp"),
    "orchestration": ("orchestration-engine", "orchestration-engine"),
}
"""The workload and the container of the server of each example with a form of its own."""
pytestmark = pytest.mark.slow


def container(name: str) -> dict[str, Any]:
    workload, inside = SERVERS[name]
    (found,) = [one.container(inside) for one in pods(recorded(name)) if one.name == workload]
    return found


def texts(graph: ResourceGraph, name: str) -> dict[str, str]:
    (found,) = [o["data"] for o in objects(graph, "ConfigMap") if o["metadata"]["name"] == name]
    return found


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def reading(name: str) -> Config:
        graph, server = recorded(name), container(name)
        maps = {one["metadata"]["name"] for one in objects(graph, "ConfigMap")}
        directories = {
            mount["mountPath"]: texts(graph, mount["name"])
            for mount in server["volumeMounts"]
            if mount["name"] in maps
        }
        placed(tmp_path, directories)
        for source in server.get("envFrom", []):
            for key, value in texts(graph, source["configMapRef"]["name"]).items():
                monkeypatch.setenv(key, local(tmp_path, value))
        return load(Path(local(tmp_path, server["command"][-1])))

    return reading


@pytest.mark.parametrize("name", SERVERS)
def test_the_server_of_an_example_reads_its_files_and_listens_where_its_pods_say(
    name: str, read: Any
):
    config, server = read(name), container(name)
    assert config.name == SERVERS[name][0]
    assert {config.server.port, config.server.tls_port, config.server.metrics_port} == {
        port["containerPort"] for port in server["ports"]
    }
    for probe in ("startup", "readiness", "liveness"):
        assert server[f"{probe}Probe"]["httpGet"]["port"] == config.server.port
    assert config.server.environment == "development"


def test_an_image_of_the_boilerplate_finds_its_file_where_the_document_has_it():
    server = container("boilerplate")
    env = {one["name"]: one.get("value") for one in server["env"]}
    assert env["MCP_CONFIG_PATH"] == f"/etc/mcp/{SERVER_YAML}"
    content = yaml.safe_load(texts(recorded("boilerplate"), "mcp-server-config")[SERVER_YAML])
    assert (content["server"]["port"], content["monitoring"]["metrics_port"]) == (8080, 9090)


def test_the_engine_has_the_ports_of_its_document_everywhere():
    graph = recorded("orchestration")
    (service,) = [
        one
        for one in objects(graph, "Service")
        if one["metadata"]["name"] == "orchestration-engine-service"
    ]
    assert {port["port"] for port in service["spec"]["ports"]} == {8001, 9090}
    nginx = texts(graph, "mcp-gateway-nginx")["nginx.conf"]
    assert "orchestration-engine-service.mcp-orchestration.svc:8001" in nginx
    assert {port["containerPort"] for port in container("orchestration")["ports"]} == {
        *(8000, 8001, 9090)
    }


@pytest.mark.parametrize("role", ROLES)
def test_an_agent_reads_its_role_file(role: str, tmp_path: Path):
    graph, agent = recorded("orchestration"), f"{role}-agent"
    (server,) = [one.container("server") for one in pods(graph) if one.name == agent]
    env = {one["name"]: one.get("value", "") for one in server["env"]}
    (mount,) = [m for m in server["volumeMounts"] if m["mountPath"] == env[FILE_VARIABLE]]
    source = tmp_path / "role.yaml"
    source.write_text(texts(graph, mount["name"])[mount["subPath"]])
    found = role_of({**env, FILE_VARIABLE: str(source)})
    assert found is not None
    assert found.role == env[ROLE_VARIABLE] == role.replace("-", "_")
