"""Prod with each kind of database: no plaintext secret, no pods of it, and flows to it alone."""

from __future__ import annotations

import json
import tomllib
from functools import cache
from typing import Any

import pytest

from components.kubernetes.audit_keeper import AUDIT_KEEPER
from graph.programs import record_files
from graph.recorder import record
from graph.resource_graph import STACK_TYPE, ResourceGraph
from graph.stack_files import StackFiles
from graph.stack_yaml import read_stack_file
from policies import broken_policies
from stacks.data_kinds import KINDS
from stacks.program import main
from stacks.topologies.topology import POSTGRES, VALKEY
from tests.harness.containers import ROOT
from tests.harness.data_kinds import (
    ACCOUNT,
    CACHES,
    DATABASES,
    IDENTITIES,
    MADE,
    NETWORK,
    OBJECT,
    ROLE,
    VPC,
    WITHOUT_AUDIT,
    drop_exporter_images,
    prod_with,
    with_cache,
    with_database,
)
from tests.harness.graph_queries import objects
from tests.harness.prod import prod_files
from tests.harness.stacks import stack
from tests.programs.test_stacks import SECRET_PLACES, secret_looking

TASK = "aws:ecs/taskDefinition:TaskDefinition"
DIGEST = f"sha256:{'0' * 64}"
pytestmark = pytest.mark.slow
every_kind = pytest.mark.parametrize(
    ("store", "kind"),
    [*((POSTGRES, kind) for kind in DATABASES), *((VALKEY, kind) for kind in CACHES)],
)


def graph_with(store: str, kind: str) -> ResourceGraph:
    return with_database(kind) if store == POSTGRES else with_cache(kind)


def test_every_kind_outside_the_cluster_is_previewed_here():
    for store, previewed in ((POSTGRES, DATABASES), (VALKEY, CACHES)):
        outside = {
            name
            for name, kind in KINDS[store].items()
            if not kind.in_pods and not kind.tier.in_namespaces
        }
        assert outside == set(previewed)


@every_kind
def test_the_store_has_no_pods_no_volume_and_no_certificate(store: str, kind: str):
    made = graph_with(store, kind)
    names = {one["metadata"]["name"] for one in objects(made, "StatefulSet")}
    assert store not in names
    assert {POSTGRES, VALKEY} - {store} <= names
    required = {one["name"] for one in made.one(STACK_TYPE).outputs["required_secrets"]}
    assert f"mcp-internal-tls-{store}" not in required


@every_kind
def test_no_value_of_prod_with_the_kind_looks_like_a_secret(store: str, kind: str):
    for resource in graph_with(store, kind).resources:
        assert secret_looking(resource.inputs) == []
        said = {
            name: value for name, value in resource.outputs.items() if name not in SECRET_PLACES
        }
        said.pop("data", None)
        assert secret_looking(said) == []


@every_kind
def test_every_rule_passes_on_prod_with_the_kind(store: str, kind: str):
    assert broken_policies(graph_with(store, kind)) == []


@every_kind
def test_the_users_of_the_store_and_no_others_may_connect_to_its_networks(store: str, kind: str):
    def sources(made: ResourceGraph, port: int) -> set[str]:
        found: set[str] = set()
        for policy in objects(made, "NetworkPolicy"):
            for rule in policy["spec"].get("egress", ()):
                ports = {each["port"] for each in rule.get("ports", ())}
                cidrs = {to["ipBlock"]["cidr"] for to in rule.get("to", ()) if "ipBlock" in to}
                if port in ports and cidrs:
                    assert cidrs == {NETWORK}
                    found.add(policy["spec"]["podSelector"]["matchLabels"]["app"])
        return found

    def usual(port: int) -> set[str]:
        return {
            policy["spec"]["podSelector"]["matchLabels"]["app"]
            for policy in objects(stack("prod"), "NetworkPolicy")
            for rule in policy["spec"].get("egress", ())
            if port in {each["port"] for each in rule.get("ports", ())}
        }

    port = {POSTGRES: 5432, VALKEY: 6379}[store]
    own = 10_000 if kind == "azure-redis" else port
    keeper = {AUDIT_KEEPER} if kind in WITHOUT_AUDIT else set[str]()
    assert sources(graph_with(store, kind), own) == usual(port) - keeper


@pytest.mark.parametrize("kind", MADE)
def test_a_cloud_has_the_store_and_prod_protects_it(kind: str):
    made = with_database(kind).one(MADE[kind])
    assert made.protect is True
    assert made.provider is not None


@pytest.mark.parametrize("kind", MADE)
def test_the_stack_exports_where_the_database_and_its_credentials_are(kind: str):
    told = with_database(kind).one(STACK_TYPE).outputs["data"]["postgres"]
    assert told["host"] == told["read_host"]
    assert told["url_secret"]
    assert told["ca"]


def test_the_alarms_of_the_cloud_watch_a_database_of_rds():
    made = with_database("rds").all("aws:cloudwatch/metricAlarm:MetricAlarm")
    named = "aws-monitoring-data-database-"
    found = [one.name.removeprefix(named) for one in made if one.name.startswith(named)]
    assert found == ["connections-alarm", "cpu-alarm", "storage-alarm"]


def test_rds_in_prod_has_a_standby_and_two_weeks_of_backups():
    made = with_database("rds").one(MADE["rds"]).inputs
    assert (made["multiAz"], made["backupRetentionPeriod"]) == (True, 14)
    assert made["instanceClass"] == "db.t4g.medium"


def test_another_kind_of_database_changes_no_urn_of_the_cache():
    def of_the_cache(made: ResourceGraph) -> set[str]:
        return {one.urn for one in made.resources if "data-cache" in one.urn}

    assert of_the_cache(with_database("rds")) == of_the_cache(stack("prod")) != set()


@cache
def without_a_cluster() -> ResourceGraph:
    file = ROOT / "examples/databases/Pulumi.rds-without-cluster.yaml"
    written = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in read_stack_file(file).items()
    }
    return record(main, stack="rds-without-cluster", config=written)


def test_a_stack_with_rds_and_no_cluster_has_servers_that_use_it():
    made = without_a_cluster()
    assert not [one.name for one in made.resources if one.is_kubernetes_object]
    assert made.one(MADE["rds"]).protect is True
    containers = json.loads(made.one(TASK).inputs["containerDefinitions"])
    text = next(
        variable["value"]
        for variable in containers[0]["environment"]
        if variable["name"] == "QUDAG_MCP_CONFIG"
    )
    settings = tomllib.loads(text)
    told = made.one(STACK_TYPE).outputs["data"]["postgres"]
    assert settings["database"]["host"] == told["host"]
    assert settings["database"]["password_secret"] == told["url_secret"]
    assert settings["server"]["role"] == "core"
    assert "migration" in {one["name"] for one in containers}


def test_every_rule_passes_on_the_stack_without_a_cluster():
    assert broken_policies(without_a_cluster()) == []


def test_a_server_of_a_topology_without_stores_uses_rds():
    files = json.loads(prod_files().to_json())
    changed: dict[str, Any] = {
        "topology": "none",
        "data": {"kind": "rds", "rds": DATABASES["rds"]["rds"]},
        "servers": {"weather": {"image": f"ghcr.io/acme/weather:1@{DIGEST}", "uses": ["postgres"]}},
        "network": {"public": True, "issuer": ["10.20.0.0/24"], "prometheus": {}},
    }
    files["config"] |= {
        f"qudag-mcp:{name}": value if isinstance(value, str) else json.dumps(value)
        for name, value in changed.items()
    }
    del files["config"]["qudag-mcp:audit"]  # no migration would make its table
    drop_exporter_images(files["config"])
    made = record_files(ROOT, StackFiles.from_json(json.dumps(files)))
    (deployment,) = [
        one for one in objects(made, "Deployment") if one["metadata"]["name"] == "weather"
    ]
    pod = deployment["spec"]["template"]["spec"]
    program = next(c for c in [*pod["initContainers"], *pod["containers"]] if c["name"] == "server")
    variables = {each["name"]: each for each in program["env"]}
    host = made.one(STACK_TYPE).outputs["data"]["postgres"]["host"]
    assert variables["DATABASE_URL"]["value"] == (
        f"postgresql://{host}:5432/qudag_mcp?sslmode=verify-full"
        "&sslrootcert=/etc/database-ca/ca.crt"
    )
    assert variables["PGPASSWORD"]["valueFrom"]["secretKeyRef"]["name"] == "mcp-database"
    assert broken_policies(made) == []


@pytest.mark.parametrize("kind", IDENTITIES)
def test_servers_and_migrations_log_in_with_tokens_and_mount_no_password(kind: str):
    made = with_database(kind)
    told = made.one(STACK_TYPE).outputs["data"]["postgres"]
    configs = {one["metadata"]["name"]: one["data"] for one in objects(made, "ConfigMap")}
    core = tomllib.loads(configs["mcp-core-config"]["server.toml"])["database"]
    migration = tomllib.loads(configs["mcp-migration-config"]["migration.toml"])["database"]
    service = {"cloud-sql": "cloud-sql", "azure-postgresql": "azure"}[kind]
    verified = {"cloud-sql": "ca", "azure-postgresql": None}[kind]
    for found in (core, migration):
        assert found["host"] == told["host"]
        assert found["user"] == told["database_user"]
        assert (found["token"], found.get("verify")) == (service, verified)
        assert found["ca_file"] == "/etc/database-ca/ca.crt"
        assert "password_file" not in found
    required = {
        one["name"]: one["keys"] for one in made.one(STACK_TYPE).outputs["required_secrets"]
    }
    assert required["mcp-database"] == ["ca.crt"]
    assert "database-password" not in required.get("mcp-server-secrets", [])


def test_cloud_sql_in_prod_is_private_with_a_standby_and_an_authority_of_its_own():
    made = with_database("cloud-sql").one(MADE["cloud-sql"]).inputs
    settings = made["settings"]
    assert settings["availabilityType"] == "REGIONAL"
    assert settings["ipConfiguration"] == {
        "ipv4Enabled": False,
        "privateNetwork": VPC,
        "serverCaMode": "GOOGLE_MANAGED_INTERNAL_CA",
        "sslMode": "ENCRYPTED_ONLY",
    }
    assert settings["backupConfiguration"]["backupRetentionSettings"]["retainedBackups"] == 14
    assert (made["deletionProtection"], settings["deletionProtectionEnabled"]) == (True, True)
    granted = {
        one.inputs["role"]: one.inputs["member"]
        for one in with_database("cloud-sql").resources
        if one.type == "gcp:projects/iAMMember:IAMMember" and "cloudsql" in one.inputs["role"]
    }
    member = f"serviceAccount:{ACCOUNT}"
    assert granted == {"roles/cloudsql.client": member, "roles/cloudsql.instanceUser": member}


def test_postgresql_of_azure_in_prod_is_private_with_a_standby_and_one_administrator():
    graph = with_database("azure-postgresql")
    made = graph.one(MADE["azure-postgresql"]).inputs
    assert made["highAvailability"] == {"mode": "ZoneRedundant"}
    assert made["backup"]["backupRetentionDays"] == 14
    assert made["network"]["publicNetworkAccess"] == "Disabled"
    assert made["authConfig"]["passwordAuth"] == "Disabled"
    admin = graph.one("azure-native:dbforpostgresql:AdministratorsMicrosoftEntra").inputs
    assert (admin["principalName"], admin["objectId"]) == (
        "mcp-core",
        OBJECT,
    )
    locks = [r for r in graph.resources if "ManagementLock" in r.type]
    assert [lock.inputs["level"] for lock in locks] == ["CanNotDelete"]


def test_databases_of_clouds_are_protected_in_prod_unless_it_is_written():
    files = json.loads(prod_files().to_json())
    drop_exporter_images(files["config"])
    for written, expected in (({}, True), ({"protect": False}, False)):
        data = {"kind": "rds", **DATABASES["rds"], **written}
        files["config"]["qudag-mcp:data"] = json.dumps(data)
        made = record_files(ROOT, StackFiles.from_json(json.dumps(files))).one(MADE["rds"])
        assert (made.protect, made.inputs["deletionProtection"]) == (expected, expected)


def test_servers_log_in_to_rds_with_tokens_of_their_pods_and_no_password():
    data = {"kind": "rds", "rds": {"networks": [NETWORK], "tokenUser": "mcp"}}
    made = prod_with(json.dumps(data), json.dumps({"aws": {"role": ROLE}}))
    assert broken_policies(made) == []
    assert made.one(MADE["rds"]).inputs["iamDatabaseAuthenticationEnabled"] is True
    sections = [
        tomllib.loads(text)["database"]
        for one in objects(made, "ConfigMap")
        for name, text in one["data"].items()
        if name.endswith(".toml") and "[database]" in text
    ]
    assert sections
    assert {(one["token"], one["user"]) for one in sections} == {("rds", "mcp")}
    assert not any("password_file" in one for one in sections)
    secrets = made.one(STACK_TYPE).outputs["required_secrets"]
    assert {one["name"]: one["keys"] for one in secrets}["mcp-database"] == ["ca.crt"]


@pytest.mark.parametrize("kind", ["rds", "cloud-sql"])
def test_a_read_replica_has_a_host_of_its_own_and_keeps_every_rule(kind: str):
    ((section, options),) = DATABASES[kind].items()
    data = {"kind": kind, section: {**options, "readReplica": True}}
    made = prod_with(json.dumps(data), json.dumps(IDENTITIES.get(kind, {})))
    assert broken_policies(made) == []
    told = made.one(STACK_TYPE).outputs["data"]["postgres"]
    assert told["read_host"] != told["host"]
    assert told["read_url_secret"] == told["url_secret"]
    instances = made.all(MADE[kind])
    (replica,) = [
        one
        for one in instances
        if "replicateSourceDb" in one.inputs or "masterInstanceName" in one.inputs
    ]
    assert len(instances) == 2
    assert replica.protect is True
