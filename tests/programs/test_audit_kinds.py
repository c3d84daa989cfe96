"""The audit log with each kind of PostgreSQL that makes no roles for it itself."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from graph.resource_graph import ResourceGraph
from policies import findings
from runtime.audit_command import AuditConfig
from runtime.config import Config, MigrationConfig
from runtime.toml_config import validated
from tests.harness.graph_queries import objects, pods
from tests.harness.topologies import NETWORK
from tests.harness.user_servers import recorded
from tests.programs.test_audit_log import KEEPER, files
from tests.stacks.test_cloudnative_pg import BACKUP

pytestmark = pytest.mark.slow
KINDS: dict[str, dict[str, Any]] = {
    "cloudnative-pg": {
        "cloudnativePg": {"image": "ghcr.io/cloudnative-pg/postgresql:17.6", "backup": BACKUP}
    },
    "external": {
        "external": {
            "host": "db.example.com",
            "name": "mcp",
            "user": "mcp_owner",
            "networks": ["10.50.1.0/24"],
            "password": {"secret": "their-database", "key": "pw"},
            "ca": {"secret": "their-database", "key": "ca.crt"},
        }
    },
}
SHARED = ("mcp-server-secrets", "audit-password"), ("mcp-server-secrets", "audit-keeper-password")
PASSWORDS = {
    "cloudnative-pg": (("mcp-audit-writer", "password"), ("mcp-audit-owner", "password")),
    "external": SHARED,
}
"""The Secrets with the passwords of the role that writes and of the owner."""
each = pytest.mark.parametrize("kind", KINDS)


@cache
def graph(kind: str, topology: str = "microservices") -> ResourceGraph:
    return recorded(
        {
            "topology": topology,
            "network": NETWORK,
            "kubernetes": {"apiServer": ["10.96.0.1/32"]},
            "audit": {"enabled": True},
            "data": {"kind": kind, **KINDS[kind]},
        }
    )


def readers(made: ResourceGraph, secret: str, key: str) -> set[str]:
    """The workloads whose pods mount a key of a Secret."""
    return {
        one.name
        for one in pods(made)
        for volume in one.spec["volumes"]
        for item in volume.get("secret", {}).get("items", [])
        if (volume["secret"]["secretName"], item["key"]) == (secret, key)
    }


@each
def test_the_server_writes_and_only_jobs_have_the_owners_password(kind: str):
    writes, keeps = PASSWORDS[kind]
    assert readers(graph(kind), *writes) == {"mcp-core", "mcp-migration"}
    assert readers(graph(kind), *keeps) == {KEEPER, "mcp-migration"}
    required = {
        (secret["name"], key)
        for secret in graph(kind).outputs["required_secrets"]
        for key in secret["keys"]
    }
    assert {writes, keeps} <= required
    if kind == "cloudnative-pg":
        assert not {*SHARED} & required


@each
def test_each_program_reads_the_password_that_is_mounted(kind: str):
    made = graph(kind)
    mounted = {
        (mount["mountPath"], item["key"])
        for one in pods(made)
        for container in one.spec["containers"]
        for mount in container["volumeMounts"]
        for volume in one.spec["volumes"]
        if volume["name"] == mount["name"]
        for item in volume.get("secret", {}).get("items", [])
    }
    (server,) = [one for one in files(made, "server.toml").values() if "audit" in one]
    (migration,) = files(made, "migration.toml").values()
    (job,) = files(made, "audit.toml").values()
    writer = validated("server.toml", server, Config).audit
    steps = validated("migration.toml", migration, MigrationConfig)
    keeper = validated("audit.toml", job, AuditConfig).audit_keeper
    assert writer is not None
    assert steps.audit_roles is not None
    assert steps.audit_keeper is not None
    assert (steps.audit_keeper.host, steps.audit_keeper.name) == (keeper.host, keeper.name)
    assert (writer.user, keeper.user) == ("qudag_audit", "qudag_audit_keeper")
    for section in (writer, steps.audit_roles, steps.audit_keeper, keeper):
        assert section.password_file is not None
        assert (str(section.password_file.parent), section.password_file.name) in mounted
    for section in (writer, steps.audit_keeper, keeper):
        assert section.ca_file is not None
        assert (str(section.ca_file.parent), section.ca_file.name) in mounted


def test_the_operator_makes_both_roles_without_power():
    (cluster,) = objects(graph("cloudnative-pg"), "Cluster")
    roles = {role["name"]: role for role in cluster["spec"]["managed"]["roles"]}
    assert {name: role["passwordSecret"]["name"] for name, role in roles.items()} == {
        "qudag_audit": "mcp-audit-writer",
        "qudag_audit_keeper": "mcp-audit-owner",
    }
    for role in roles.values():
        assert role["login"] is True
        assert not any(role.get(right) for right in ("superuser", "createrole", "createdb"))
        assert not role.get("inRoles")


def test_secrets_of_other_namespaces_are_required_where_their_readers_run():
    made = graph("cloudnative-pg", "orchestration")
    listed = {
        (secret["namespace"], secret["name"]): set(secret["keys"])
        for secret in made.outputs["required_secrets"]
    }
    mounted = {
        (one["metadata"]["namespace"], volume["secret"]["secretName"])
        for kind in ("Deployment", "Job", "CronJob")
        for one in objects(made, kind)
        for template in [one["spec"].get("jobTemplate", one)["spec"]["template"]]
        for volume in template["spec"]["volumes"]
        if volume.get("secret", {}).get("secretName", "").startswith("mcp-audit-")
    }
    assert {name for _, name in mounted} == {"mcp-audit-writer", "mcp-audit-owner"}
    for where in mounted:
        assert "password" in listed[where]
    (cluster,) = objects(made, "Cluster")
    there = cluster["metadata"]["namespace"]
    assert listed[there, "mcp-audit-owner"] == {"username", "password"}


@each
def test_the_policies_find_nothing_in_it(kind: str):
    assert [str(one.problem) for one in findings(graph(kind))] == []


def test_without_an_audit_log_the_operator_makes_no_role():
    made = recorded(
        {
            "topology": "microservices",
            "network": NETWORK,
            "kubernetes": {"apiServer": ["10.96.0.1/32"]},
            "data": {"kind": "cloudnative-pg", **KINDS["cloudnative-pg"]},
        }
    )
    (cluster,) = objects(made, "Cluster")
    assert "managed" not in cluster["spec"]
