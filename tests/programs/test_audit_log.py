"""A platform with an audit log: who has which password, who may reach PostgreSQL, what is set."""

from __future__ import annotations

import tomllib
from functools import cache
from typing import Any

import pytest

from graph.resource_graph import ResourceGraph
from runtime.audit_command import AuditConfig
from runtime.config import Config, MigrationConfig
from runtime.toml_config import validated
from stacks.topologies import TOPOLOGIES
from stacks.topologies.topology import POSTGRES
from tests.harness.graph_queries import objects, pods
from tests.harness.topologies import NETWORK
from tests.harness.user_servers import recorded

pytestmark = pytest.mark.slow
KEEPER = "mcp-audit-keeper"
WRITE, KEEP = "audit-password", "audit-keeper-password"
RECORDED = sorted(name for name, one in TOPOLOGIES.items() if POSTGRES in one.data and one.jobs)
SERVERS: dict[str, Any] = {"weather": {"image": "ghcr.io/acme/weather:1"}}


@cache
def platform(topology: str, *, servers: bool = False, mode: str = "best-effort") -> ResourceGraph:
    given: dict[str, Any] = {
        "topology": topology,
        "network": NETWORK,
        "audit": {"enabled": True, "mode": mode},
    }
    if servers:
        given |= {"servers": SERVERS, "domain": "mcp.example.com"}
    return recorded(given)


def holders(graph: ResourceGraph, key: str) -> set[str]:
    """The workloads whose pods mount a key of the passwords."""
    return {
        each.name
        for each in pods(graph)
        for volume in each.spec["volumes"]
        for item in volume.get("secret", {}).get("items", [])
        if volume["secret"]["secretName"] == "mcp-server-secrets" and item["key"] == key
    }


def files(graph: ResourceGraph, name: str) -> dict[str, dict[str, Any]]:
    """The TOML files of this name by the ConfigMap that has them."""
    return {
        made["metadata"]["name"]: tomllib.loads(made["data"][name])
        for made in objects(graph, "ConfigMap")
        if name in made["data"]
    }


@pytest.mark.parametrize("topology", RECORDED)
def test_the_server_behind_the_gateway_writes_and_jobs_keep(topology: str):
    graph = platform(topology)
    upstream = TOPOLOGIES[topology].front.upstream
    jobs = {job.name for job in TOPOLOGIES[topology].jobs}
    assert holders(graph, WRITE) == {upstream, "postgres"}
    assert holders(graph, KEEP) == {KEEPER, "postgres", *jobs}
    audited = {name for name, tables in files(graph, "server.toml").items() if "audit" in tables}
    assert len(audited) == 1
    required = {
        key
        for secret in graph.outputs["required_secrets"]
        if secret["kind"] == "passwords"
        for key in secret["keys"]
    }
    assert {WRITE, KEEP} <= required


@pytest.mark.parametrize("topology", ["monolith", "microservices"])
def test_programs_read_the_files_that_are_mounted(topology: str):
    graph = platform(topology, mode="required")
    (server,) = [one for one in files(graph, "server.toml").values() if "audit" in one]
    section = validated("server.toml", server, Config).audit
    assert section is not None
    assert (section.user, section.mode, section.host) == (
        "qudag_audit",
        "required",
        "postgres-service",
    )
    assert str(section.password_file) == f"/etc/secrets/{WRITE}"
    (migration,) = files(graph, "migration.toml").values()
    owner = validated("migration.toml", migration, MigrationConfig).audit_keeper
    (job,) = files(graph, "audit.toml").values()
    keeper = validated("audit.toml", job, AuditConfig).audit_keeper
    assert owner is not None
    assert (owner.user, keeper.user) == ("qudag_audit_keeper", "qudag_audit_keeper")
    assert keeper.retention_days == 30
    assert str(keeper.password_file) == f"/etc/secrets/{KEEP}"


def test_the_authorizer_writes_where_the_gateway_asks_it():
    graph = platform("microservices", servers=True)
    assert holders(graph, WRITE) == {"mcp-core", "mcp-auth", "postgres"}
    assert "mcp-auth" not in holders(graph, "database-password")
    confs = [
        made["data"]["nginx.conf"]
        for made in objects(graph, "ConfigMap")
        if "auth_request " in made["data"].get("nginx.conf", "")
    ]
    assert ["proxy_set_header Mcp-Method $http_mcp_method;" in conf for conf in confs] == [True]


def test_only_writers_and_jobs_may_reach_postgres():
    def sources(graph: ResourceGraph) -> set[str]:
        (policy,) = [
            one
            for one in objects(graph, "NetworkPolicy")
            if one["metadata"]["name"] == "postgres-flows"
        ]
        return {
            peer["podSelector"]["matchLabels"]["app"]
            for rule in policy["spec"]["ingress"]
            for peer in rule["from"]
        }

    without = {f.source for f in TOPOLOGIES["microservices"].flows if f.target == POSTGRES}
    assert sources(platform("microservices")) == without | {KEEPER}
    assert sources(platform("microservices", servers=True)) == without | {KEEPER, "mcp-auth"}


def test_the_job_has_a_deadline_and_runs_as_nobody_once_a_day():
    (job,) = objects(platform("microservices"), "CronJob")
    assert job["metadata"]["name"] == KEEPER
    assert job["spec"]["schedule"] == "17 2 * * *"
    template = job["spec"]["jobTemplate"]["spec"]
    assert template["activeDeadlineSeconds"] == 3600
    assert template["template"]["spec"]["automountServiceAccountToken"] is False


def test_a_stack_without_it_has_nothing_of_it():
    graph = recorded({"topology": "microservices", "network": NETWORK})
    assert objects(graph, "CronJob") == []
    assert holders(graph, WRITE) | holders(graph, KEEP) == set()
    assert "audit" not in str(files(graph, "server.toml"))


def test_closed_months_go_to_the_bucket_by_the_job_alone():
    bucket = {
        "url": "s3://acme-audit/dev",
        "endpoint": "https://s3.example.com:9000",
        "key": "audit-bucket",
        "networks": ["10.60.0.0/28"],
    }
    audit = {"enabled": True, "bucket": bucket}
    graph = recorded({"topology": "microservices", "network": NETWORK, "audit": audit})
    (job,) = files(graph, "audit.toml").values()
    section = validated("audit.toml", job, AuditConfig).audit_bucket
    assert section is not None
    assert (section.stack, section.url) == ("qudag-mcp-dev", "s3://acme-audit/dev")
    mounted = {
        f"{mount['mountPath']}/{item['key']}"
        for each in pods(graph)
        if each.name == KEEPER
        for mount in each.spec["containers"][0]["volumeMounts"]
        for volume in each.spec["volumes"]
        if volume["name"] == mount["name"]
        for item in volume.get("secret", {}).get("items", [])
    }
    assert {str(section.access_key_file), str(section.secret_key_file)} <= mounted
    readers = {
        each.name
        for each in pods(graph)
        for volume in each.spec["volumes"]
        if volume.get("secret", {}).get("secretName") == "audit-bucket"
    }
    assert readers == {KEEPER}
    reaching = {
        policy["spec"]["podSelector"]["matchLabels"]["app"]
        for policy in objects(graph, "NetworkPolicy")
        for rule in policy["spec"].get("egress", ())
        if {"ipBlock": {"cidr": "10.60.0.0/28"}} in rule.get("to", ())
        and {port["port"] for port in rule["ports"]} == {9000}
    }
    assert reaching == {KEEPER}
    required = {one["name"]: one["keys"] for one in graph.outputs["required_secrets"]}
    assert required["audit-bucket"] == ["access-key", "secret-key"]
