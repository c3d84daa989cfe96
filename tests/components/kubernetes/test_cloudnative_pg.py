"""CloudNativePgDataTier: what the operator is told, and which connections its pods may have.

The operator does not run here. Its labels, ports and rules are those of CloudNativePG 1.30.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from components.base.problems import ProblemReport
from components.kubernetes.cloudnative_pg import CloudNativePgDataTier, service_names
from components.kubernetes.cloudnative_pg_args import LoginRole, PgBouncer
from components.kubernetes.cloudnative_pg_backup import ObjectStorage
from components.kubernetes.party import Neighbour
from policies import findings
from tests.harness import ResourceGraph, record
from tests.harness.graph_queries import objects
from tests.harness.minimal_args import NAMESPACE, cloudnative_pg
from tests.harness.network_policy_model import Endpoint, Enforcement

TOKEN = "qudag-mcp:index:CloudNativePgDataTier"
STORAGE = ObjectStorage(
    provider="aws",
    url="s3://acme-backups/postgres",
    identity="arn:aws:iam::123456789012:role/postgres-backups",
    networks=["10.1.0.0/28"],
)
GOOGLE = replace(
    STORAGE,
    provider="gcp",
    url="gs://acme-backups/postgres",
    identity="backups@acme-prod.iam.gserviceaccount.com",
)
AZURE = replace(
    STORAGE,
    provider="azure",
    url="https://acmebackups.blob.core.windows.net/postgres/prod",
    identity="0a1b2c3d-0000-4000-8000-0123456789ab",
)
PROMETHEUS = Neighbour(name="prometheus", namespace="monitoring", labels={"app": "prometheus"})
CORE = Neighbour(name="core", namespace=NAMESPACE, labels={"app": "mcp-core"})
FULL: dict[str, Any] = {
    "backup": STORAGE,
    "pooler": PgBouncer(),
    "prometheus": PROMETHEUS,
    "clients": [CORE],
    "roles": [LoginRole(name="qudag_audit", password_secret="mcp-audit")],
}


def graph(**args: Any) -> ResourceGraph:
    return record(lambda: CloudNativePgDataTier("postgres", cloudnative_pg(**args)))


def spec(kind: str, **args: Any) -> dict[str, Any]:
    (found,) = objects(graph(**args), kind)
    return found["spec"]


def refused(**args: Any) -> dict[str, str]:
    """The consequence of each problem by its path."""
    with pytest.raises(ProblemReport) as report:
        graph(**args)
    return {
        problem.path.removeprefix("postgres."): problem.consequence
        for problem in report.value.problems
    }


def test_the_defaults_are_three_servers_of_which_two_have_each_acknowledged_row():
    made = spec("Cluster")
    assert made["instances"] == 3
    assert made["postgresql"]["synchronous"] == {
        "method": "any",
        "number": 1,
        "dataDurability": "required",
        "failoverQuorum": True,
    }


def test_connections_without_tls_are_rejected_before_any_other_rule():
    made = spec("Cluster")
    assert made["postgresql"]["pg_hba"][0].split() == ["hostnossl", "all", "all", "all", "reject"]
    assert made["certificates"] == {
        "serverTLSSecret": "mcp-internal-tls-postgres",
        "serverCASecret": "mcp-internal-ca",
    }


def test_nobody_logs_in_as_superuser_and_the_audit_role_gets_no_power():
    made = spec("Cluster", **FULL)
    assert made["enableSuperuserAccess"] is False
    (role,) = made["managed"]["roles"]
    assert (role["name"], role["login"], role["superuser"]) == ("qudag_audit", True, False)
    assert role["passwordSecret"] == {"name": "mcp-audit"}


def test_a_parameter_is_added_to_the_defaults_and_may_replace_one():
    given = {"work_mem": "8MB", "shared_buffers": "512MB"}
    made = spec("Cluster", parameters=given)["postgresql"]["parameters"]
    assert made["max_connections"] == "200"
    assert made.items() >= given.items()


def test_every_wal_file_goes_to_the_store_that_the_schedule_backs_up_to():
    made = graph(**FULL)
    (store,) = objects(made, "ObjectStore")
    (cluster,) = objects(made, "Cluster")
    (schedule,) = objects(made, "ScheduledBackup")
    (plugin,) = cluster["spec"]["plugins"]
    assert plugin["isWALArchiver"] is True
    assert plugin["parameters"]["barmanObjectName"] == store["metadata"]["name"]
    assert schedule["spec"]["cluster"]["name"] == cluster["metadata"]["name"]
    assert schedule["spec"]["method"] == "plugin"
    assert schedule["spec"]["pluginConfiguration"]["name"] == plugin["name"]
    assert len(schedule["spec"]["schedule"].split()) == 6
    # The in-tree archive is gone in 1.31, and the plugin ignores its retention.
    assert "backup" not in cluster["spec"]
    assert "serverName" not in store["spec"]["configuration"]
    assert store["spec"]["retentionPolicy"] == "30d"


@pytest.mark.parametrize(
    ("storage", "credentials", "annotation", "labels"),
    [
        (
            STORAGE,
            {"s3Credentials": {"inheritFromIAMRole": True}},
            "eks.amazonaws.com/role-arn",
            {},
        ),
        (
            GOOGLE,
            {"googleCredentials": {"gkeEnvironment": True}},
            "iam.gke.io/gcp-service-account",
            {},
        ),
        (
            AZURE,
            {"azureCredentials": {"inheritFromAzureAD": True}},
            "azure.workload.identity/client-id",
            {"azure.workload.identity/use": "true"},
        ),
    ],
    ids=["aws", "gcp", "azure"],
)
def test_the_pods_reach_the_bucket_by_their_identity_and_no_key(
    storage: ObjectStorage, credentials: Any, annotation: str, labels: dict[str, str]
):
    made = graph(backup=storage)
    (store,) = objects(made, "ObjectStore")
    (cluster,) = objects(made, "Cluster")
    configuration = store["spec"]["configuration"]
    assert {key: value for key, value in configuration.items() if "Credentials" in key} == (
        credentials
    )
    account = cluster["spec"]["serviceAccountTemplate"]["metadata"]["annotations"]
    assert account == {annotation: storage.identity}
    assert cluster["spec"].get("inheritedMetadata", {}).get("labels", {}) == labels


@pytest.mark.parametrize(("given", "folder"), [(None, "postgres"), ("postgres-18", "postgres-18")])
def test_the_folder_of_the_backups_is_the_clusters_name_or_the_given_one(
    given: str | None, folder: str
):
    made = spec("Cluster", backup=replace(STORAGE, server_name=given))
    assert made["plugins"][0]["parameters"]["serverName"] == folder


def test_pgbouncer_has_the_pool_of_the_boilerplate_and_tests_each_connection():
    made = spec("Pooler", **FULL)["pgbouncer"]
    assert made["poolMode"] == "session"
    assert made["parameters"] == {
        "max_client_conn": "1000",
        "default_pool_size": "20",
        "min_pool_size": "5",
        "query_wait_timeout": "3",
        "server_idle_timeout": "600",
        "server_lifetime": "1800",
        "server_check_delay": "0",
        "client_tls_sslmode": "require",
        "server_tls_sslmode": "verify-ca",
    }


def test_clients_connect_to_pgbouncer_where_there_is_one():
    hosts = {
        pooler: graph(pooler=pooler).one(TOKEN).outputs["database_host"]
        for pooler in (None, PgBouncer())
    }
    assert hosts[None] == f"postgres-rw.{NAMESPACE}.svc"
    assert hosts[PgBouncer()] == f"postgres-pooler.{NAMESPACE}.svc"
    assert service_names("postgres", pooler=True) == [
        *("postgres-rw", "postgres-ro", "postgres-r", "postgres-pooler")
    ]


def test_the_owner_is_the_operators_secret_or_the_given_one():
    made = graph()
    assert made.one(TOKEN).outputs["database_credentials"] == "postgres-app"
    assert "secret" not in objects(made, "Cluster")[0]["spec"]["bootstrap"]["initdb"]
    given = spec("Cluster", credentials_secret="mcp-database-owner")
    assert given["bootstrap"]["initdb"]["secret"] == {"name": "mcp-database-owner"}


def test_what_holds_data_is_protected():
    made = graph(**FULL, protect=True)
    protected = {one.inputs["kind"] for one in made.resources if one.custom and one.protect}
    assert protected == {"Cluster", "ObjectStore"}


def test_prometheus_finds_the_servers_by_the_operators_label():
    made = spec("PodMonitor", **FULL)
    assert made["selector"] == {"matchLabels": {"cnpg.io/cluster": "postgres"}}
    assert made["podMetricsEndpoints"] == [{"port": "metrics"}]
    assert objects(graph(), "PodMonitor") == []
    assert objects(graph(**FULL, pod_monitor=False), "PodMonitor") == []


def test_the_outputs_name_the_standbys_the_authority_and_the_bucket():
    found = graph(**FULL).one(TOKEN).outputs
    assert found["read_host"] == f"postgres-ro.{NAMESPACE}.svc"
    assert (found["ca"], found["backup_location"]) == ("mcp-internal-ca", STORAGE.url)
    single = graph(instances=1, synchronous=0).one(TOKEN).outputs
    assert single["read_host"] == single["host"] == f"postgres-rw.{NAMESPACE}.svc"


def test_no_rule_of_the_policies_finds_anything_in_a_full_tier():
    assert [str(found.problem) for found in findings(graph(**FULL))] == []


SERVER = Endpoint.pod(NAMESPACE, **{"cnpg.io/cluster": "postgres", "cnpg.io/podRole": "instance"})
JOB = Endpoint.pod(NAMESPACE, **{"cnpg.io/cluster": "postgres", "cnpg.io/jobRole": "join"})
POOLER = Endpoint.pod(NAMESPACE, **{"cnpg.io/cluster": "postgres", "cnpg.io/podRole": "pooler"})
OTHER = Endpoint.pod(NAMESPACE, **{"cnpg.io/cluster": "other", "cnpg.io/podRole": "instance"})
CLIENT = Endpoint.pod(NAMESPACE, app="mcp-core")
STRANGER = Endpoint.pod(NAMESPACE, app="weather")
OPERATOR = Endpoint.pod("cnpg-system", **{"app.kubernetes.io/name": "cloudnative-pg"})
SCRAPER = Endpoint.pod("monitoring", app="prometheus")
API_SERVER = Endpoint.address("192.0.2.10")
BUCKET = Endpoint.address("10.1.0.5")
ELSEWHERE = Endpoint.address("203.0.113.7")
ALLOWED = [
    *((SERVER, SERVER, port) for port in (5432, 8000)),
    *((JOB, SERVER, port) for port in (5432, 8000)),
    *((OPERATOR, SERVER, port) for port in (5432, 8000)),
    *((pods, API_SERVER, 6443) for pods in (SERVER, JOB, POOLER)),
    *((pods, BUCKET, 443) for pods in (SERVER, JOB)),
    (POOLER, SERVER, 5432),
    (SCRAPER, SERVER, 9187),
    (SCRAPER, POOLER, 9127),
    (CLIENT, POOLER, 5432),
]


def test_the_pods_have_exactly_the_connections_that_the_operator_needs():
    enforced = Enforcement(objects(graph(**FULL), "NetworkPolicy"))
    ends = (SERVER, JOB, POOLER, OTHER, CLIENT, STRANGER, OPERATOR, SCRAPER)
    outside = (API_SERVER, BUCKET, ELSEWHERE)
    ports = (443, 5432, 6443, 8000, 9127, 9187)
    found = {
        (source, target, port)
        for source in (*ends, *outside)
        for target in (*ends, *outside)
        for port in ports
        if {source, target} & {SERVER, JOB, POOLER} and enforced.allows(source, target, "TCP", port)
    }
    wanted = {*ALLOWED, *((pods, API_SERVER, 443) for pods in (SERVER, JOB, POOLER))}
    assert found == wanted


def test_clients_reach_the_servers_where_there_is_no_pgbouncer():
    enforced = Enforcement(objects(graph(clients=[CORE]), "NetworkPolicy"))
    assert enforced.arrives(CLIENT, SERVER, "TCP", 5432)
    assert not enforced.arrives(STRANGER, SERVER, "TCP", 5432)
    assert not enforced.leaves(SERVER, BUCKET, "TCP", 443)


@pytest.mark.parametrize(("storage", "reached"), [(GOOGLE, True), (STORAGE, False)])
def test_only_google_clouds_metadata_server_is_reached(storage: ObjectStorage, reached: bool):
    enforced = Enforcement(objects(graph(backup=storage), "NetworkPolicy"))
    metadata = {("169.254.169.252", 988), ("169.254.169.254", 80)}
    for address, port in metadata:
        assert enforced.leaves(SERVER, Endpoint.address(address), "TCP", port) is reached
    assert not enforced.leaves(SERVER, Endpoint.address("169.254.169.254"), "TCP", 443)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no transaction could be acknowledged": ({"instances": 1}, "synchronous"),
    "no API server": ({"api_server": []}, "api_server"),
    "a parameter of the operator": ({"parameters": {"archive_mode": "off"}}, "archive_mode"),
    "a database that a crash destroys": ({"parameters": {"fsync": "off"}}, "fsync"),
    "buffers above the memory": ({"parameters": {"shared_buffers": "3GB"}}, "shared_buffers"),
    "buffers without a number": ({"parameters": {"shared_buffers": "much"}}, "shared_buffers"),
    "an image without a version": ({"image": "example.com/postgresql:latest"}, "image"),
    "only a digest": ({"image": f"example.com/postgresql@sha256:{'1' * 64}"}, "image"),
    "a role of the operator": (
        {"roles": [LoginRole(name="streaming_replica", password_secret="a")]},
        "roles[0].name",
    ),
    "the owner again": (
        {"roles": [LoginRole(name="qudag", password_secret="a")]},
        "roles[0].name",
    ),
    "a role that reads everything": (
        {"roles": [LoginRole(name="a", password_secret="a", member_of=["pg_read_all_data"])]},
        "member_of[0]",
    ),
    "a bucket of another cloud": ({"backup": replace(STORAGE, url=GOOGLE.url)}, "url"),
    "no network of the bucket": ({"backup": replace(STORAGE, networks=[])}, "networks"),
    "every network": ({"backup": replace(STORAGE, networks=["0.0.0.0/0"])}, "networks"),
    "five fields": ({"backup": replace(STORAGE, schedule="0 2 * * *")}, "schedule"),
    "no second 61": ({"backup": replace(STORAGE, schedule="61 0 2 * * *")}, "schedule"),
    "an access key for an identity": (
        {"backup": replace(STORAGE, identity="AKIAIOSFODNN7EXAMPLE")},
        "identity",
    ),
    "clients by no label": ({"clients": [replace(CORE, labels={})]}, "clients[0].labels"),
    "more kept than pooled": ({"pooler": PgBouncer(pool_size=2)}, "min_connections"),
    "a long name": ({"cluster": "a" * 51}, "cluster"),
}


@pytest.mark.parametrize(("args", "path"), REFUSED.values(), ids=REFUSED)
def test_what_the_operator_or_postgresql_would_refuse_is_refused(args: dict[str, Any], path: str):
    assert any(path in found for found in refused(**args))
