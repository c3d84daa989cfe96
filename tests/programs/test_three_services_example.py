"""The stack of examples/topologies/three-services, with the values of its source document.

The numbers here are those of the production deployment guide, not of the code.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from stacks.topologies import TOPOLOGIES
from tests.harness.graph_queries import pods
from tests.harness.topologies import recorded
from tests.harness.topology_examples import (
    EXAMPLES,
    NFS,
    deployment,
    graph,
    objects_named,
    sections,
)

SERVICES: Final = {
    "mcp-typescript-api": (3000, "/api/v1", 3, "api"),
    "mcp-learning-system": (8001, "/ml", 2, "ml"),
    "mcp-rust-server": (8002, "/compute", 3, "compute"),
}
"""Of the production deployment guide: port, path, pods and tier."""
each_service = pytest.mark.parametrize("service", SERVICES)


@each_service
def test_a_service_has_the_port_pods_resources_and_user_of_the_guide(service: str):
    port, _, replicas, tier = SERVICES[service]
    spec = deployment(graph("three-services"), service)
    template = spec["template"]
    (image,) = template["spec"]["initContainers"]
    assert spec["replicas"] == replicas
    assert image["ports"] == [{"name": "http", "containerPort": port, "protocol": "TCP"}]
    asked, limited = image["resources"]["requests"], image["resources"]["limits"]
    assert (asked["cpu"], asked["memory"]) == ("250m", "512Mi")
    assert (limited["cpu"], limited["memory"]) == ("1", "2Gi")
    assert image["securityContext"]["runAsUser"] == image["securityContext"]["runAsGroup"] == 1001
    assert image["livenessProbe"]["httpGet"]["path"] == "/health"
    assert template["metadata"]["labels"]["tier"] == tier


@each_service
def test_a_service_is_reached_at_the_path_of_the_guide(service: str):
    _, path, _, _ = SERVICES[service]
    conf = objects_named(graph("three-services"), "mcp-gateway-nginx")["data"]["nginx.conf"]
    assert f"location = {path}/mcp {{" in conf
    assert f"location = {path}/health {{" in conf
    assert f"proxy_pass https://server-{service}/health;" in conf
    assert f"/servers/{service}" not in conf


@each_service
def test_a_service_without_an_image_is_a_stand_in_on_its_port(service: str):
    port, _, _, _ = SERVICES[service]
    made = graph("three-services")
    (image,) = deployment(made, service)["template"]["spec"]["initContainers"]
    command = image["command"]
    assert command[:2] == ["qudag-mcp-server", "bridge"]
    assert command[command.index("--port") + 1] == str(port)
    assert command[-3:] == ["qudag-mcp-server", "stand-in", service]
    assert "qudag-mcp-server" in image["image"]
    assert set(made.outputs["stand_ins"]) == SERVICES.keys()


def test_a_service_with_an_image_runs_it_and_is_no_stand_in():
    stated = sections(EXAMPLES["three-services"])
    own = {"image": "ghcr.io/your-org/mcp-rust-server:v1.0.0", "resources": {"cpu": "500m"}}
    made = recorded(
        TOPOLOGIES[stated.pop("topology")], stated | {"servers": {"mcp-rust-server": own}}
    )
    (image,) = deployment(made, "mcp-rust-server")["template"]["spec"]["initContainers"]
    assert image["image"] == own["image"]
    assert "command" not in image
    assert image["resources"]["requests"]["cpu"] == "500m"
    assert image["resources"]["requests"]["memory"] == "512Mi"
    assert set(made.outputs["stand_ins"]) == SERVICES.keys() - {"mcp-rust-server"}


@each_service
def test_a_service_gets_addresses_and_passwords_of_the_stores(service: str):
    spec = deployment(graph("three-services"), service)["template"]["spec"]
    (image,) = spec["initContainers"]
    env = {each["name"]: each for each in image["env"]}
    assert env["DATABASE_URL"]["value"].startswith("postgresql://postgres-service:5432/")
    assert "sslmode=verify-full" in env["DATABASE_URL"]["value"]
    assert env["REDIS_URL"]["value"] == "rediss://redis-service:6379"
    assert env["REDIS_USERNAME"]["value"] == service
    assert env["REDIS_KEY_PREFIX"]["value"] == f"{service}:"
    for name, secret, key in (
        ("PGPASSWORD", "mcp-server-secrets", "database-password"),
        ("REDIS_PASSWORD", f"mcp-valkey-{service}", "password"),
    ):
        assert env[name]["valueFrom"]["secretKeyRef"] == {"name": secret, "key": key}
    authority = env["REDIS_CA_FILE"]["value"]
    assert authority in env["DATABASE_URL"]["value"]
    assert authority.rpartition("/")[0] in {m["mountPath"] for m in image["volumeMounts"]}


def test_the_namespace_of_the_three_services_has_the_label_for_monitoring():
    labels = objects_named(graph("three-services"), "mcp-production")["metadata"]["labels"]
    assert labels["monitoring"] == "enabled"
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_without_volumes_in_the_stack_file_there_are_none():
    kinds = {resource.inputs.get("kind") for resource in graph("three-services").resources}
    assert "PersistentVolume" not in kinds


@pytest.mark.parametrize(("name", "size"), [("mcp-data", "50Gi"), ("mcp-models", "100Gi")])
def test_the_volumes_are_the_guides_and_the_learning_system_alone_mounts_them(name: str, size: str):
    made = graph("three-services", NFS)
    volume = objects_named(made, f"mcp-production-{name}")["spec"]
    assert volume == {
        "capacity": {"storage": size},
        "accessModes": ["ReadWriteMany"],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "fast-ssd",
        "nfs": {"server": "nfs-server.example.com", "path": f"/exports/{name}"},
    }
    claim = objects_named(made, name)["spec"]
    assert claim["volumeName"] == f"mcp-production-{name}"
    assert claim["accessModes"] == ["ReadWriteMany"]
    mounting = {
        found.name
        for found in pods(made)
        for each in found.spec["volumes"]
        if each.get("persistentVolumeClaim", {}).get("claimName") == name
    }
    assert mounting == {"mcp-learning-system"}


def test_a_service_of_the_topology_is_added_by_one_entry():
    source = TOPOLOGIES["three-services"]
    search = {"port": 8003, "pathPrefix": "/search", "uses": ["redis"]}
    added = replace(source, servers={**source.servers, "mcp-search": search})
    before, after = recorded(source), recorded(added)
    new = {r.name for r in after.resources} - {r.name for r in before.resources}
    assert new == {
        "mcp-search",
        *(f"mcp-search-{role}" for role in ("pods", "service", "identity", "tls")),
        "flows-mcp-search",
    }
    assert "mcp-search" in after.outputs["stand_ins"]
    conf = objects_named(after, "mcp-gateway-nginx")["data"]["nginx.conf"]
    assert "location = /search/mcp {" in conf
