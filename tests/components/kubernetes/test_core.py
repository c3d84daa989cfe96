"""Core and Monolith: one bounded migration a version, before the pods, and nothing needless."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from components.base.problems import ProblemReport
from components.base.refusal import Refused
from components.kubernetes.core import MIGRATION, Core, CoreArgs, MigrationArgs, Monolith
from components.mcp.server_config import Cache, Database, PodAuth
from components.mcp.timeout_budget import FINAL_SCRAPE_SECONDS, Distance, TimeoutBudget
from tests.harness import Resource, ResourceGraph, record
from tests.harness.graph_queries import Pods, objects, pods
from tests.harness.minimal_args import ISSUER, config, core, monolith

JOB = "kubernetes:batch/v1:Job"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"


def with_database(**changes: Any) -> Any:
    return config(database=Database(host="db"), cache=Cache(host="cache"), **changes)


def graph(args: CoreArgs | None = None) -> ResourceGraph:
    return record(lambda: Core("mcp-core", args or core(config=with_database())))


def job(args: CoreArgs | None = None) -> Resource:
    return graph(args).one(JOB)


def secret_keys(found: Pods) -> dict[str, list[str]]:
    return {
        volume["secret"]["secretName"]: [item["key"] for item in volume["secret"]["items"]]
        for volume in found.spec["volumes"]
        if "secret" in volume
    }


def test_no_new_pod_starts_before_the_schema_is_migrated():
    made = graph()
    assert made.one(JOB).urn in made.one(DEPLOYMENT).dependencies


def test_the_migration_waits_for_the_database_only():
    def program() -> None:
        from components.kubernetes.namespace import LockedNamespace, LockedNamespaceArgs

        database = LockedNamespace("db", LockedNamespaceArgs(name="db"))
        Core("mcp-core", replace(core(config=with_database()), after=[database]))

    made = record(program)
    namespace = made.one("kubernetes:core/v1:Namespace").urn
    assert namespace in made.one(JOB).dependencies
    assert namespace not in made.one(DEPLOYMENT).dependencies


def test_the_migration_ends_by_itself():
    spec = job().inputs["spec"]
    assert 0 < spec["activeDeadlineSeconds"] <= 600
    assert 0 < spec["backoffLimit"] <= 6
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_each_version_of_a_migrations_pod_is_a_job_of_its_own():
    """Kubernetes refuses to change a Job's pod."""

    def name(args: CoreArgs) -> str:
        return job(args).inputs["metadata"]["name"]

    first = core(config=with_database())
    assert name(first) == name(core(config=with_database()))
    assert name(first).startswith(f"{MIGRATION}-")
    assert first.migration
    other = replace(first, migration=replace(first.migration, image="example.com/server:2"))
    assert name(other) != name(first)
    elsewhere = config(database=Database(host="db2"), cache=Cache(host="cache"))
    assert name(core(config=elsewhere)) != name(first)
    assert name(core(config=with_database(), internal_ca_secret="other")) != name(first)


@pytest.mark.parametrize(
    "other",
    [
        {"log_level": "debug"},
        {"budget": TimeoutBudget(longest_tool=300)},
        {"domain": "mcp.example.com"},
        {"cache": None},
    ],
    ids=str,
)
def test_a_setting_of_the_server_does_not_run_the_migration_again(other: dict[str, Any]):
    changed = replace(with_database(), **other)
    assert job(core(config=changed)).inputs == job(core(config=with_database())).inputs


def test_a_migration_without_a_database_is_refused():
    with pytest.raises(ProblemReport, match=r"mcp-core\.migration"):
        graph(replace(core(), migration=MigrationArgs(image="example.com/server:1")))


def test_the_migration_reads_the_database_password_and_no_other_secret():
    (migration,) = [found for found in pods(graph()) if found.name == MIGRATION]
    assert secret_keys(migration) == {
        "mcp-server-secrets": ["database-password"],
        "mcp-internal-ca": ["ca.crt"],
    }


def test_without_a_migration_there_is_no_job():
    assert graph(replace(core(), migration=None)).all(JOB) == []


def test_a_server_mounts_the_passwords_of_what_it_uses_and_no_others():
    def keys(**changes: Any) -> dict[str, list[str]]:
        args = replace(core(config=config(**changes)), migration=None)
        (found,) = pods(graph(args))
        return secret_keys(found)

    certificate = {"mcp-internal-tls": ["tls.crt", "tls.key"]}
    issuer = {"mcp-issuer-keys": ["jwks.json"]}
    asked = PodAuth(issuer=ISSUER, jwks_url=f"{ISSUER}/certs")
    assert keys() == certificate | issuer
    assert keys(auth=asked) == certificate
    assert keys(cache=Cache(host="cache"), auth=asked) == certificate | {
        "mcp-internal-ca": ["ca.crt"],
        "mcp-server-secrets": ["redis-password"],
    }


def test_drain_outlives_the_longest_tool_and_the_grace_outlives_the_drain():
    budget = TimeoutBudget(longest_tool=300)
    (found,) = pods(graph(replace(core(config=config(budget=budget)), migration=None)))
    timeouts = budget.at(Distance.SERVER)
    waits = found.container("mcp-core")["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert waits == timeouts.pre_stop > 0
    assert timeouts.drain > 300
    assert found.spec["terminationGracePeriodSeconds"] > waits + timeouts.drain


def test_liveness_asks_the_server_and_readiness_its_dependencies():
    (found,) = pods(graph(replace(core(), migration=None)))
    server = found.container("mcp-core")
    assert server["livenessProbe"]["httpGet"]["path"] == "/health"
    assert server["startupProbe"]["httpGet"]["path"] == "/health"
    assert server["readinessProbe"]["httpGet"]["path"] == "/ready"


def the_monolith() -> ResourceGraph:
    settings = with_database(name="mcp-server", http=8081, https=8444)
    return record(lambda: Monolith("mcp-server", monolith(replicas=1, config=settings)))


def test_a_monolith_is_one_workload_of_gateway_and_server():
    found = next(p for p in pods(the_monolith()) if p.name == "mcp-server")
    assert [c["name"] for c in found.containers] == ["gateway", "server"]


def test_no_two_containers_of_a_monolith_claim_the_same_port():
    found = next(p for p in pods(the_monolith()) if p.name == "mcp-server")
    ports = [port for c in found.containers for port in c["ports"]]
    assert len({port["containerPort"] for port in ports}) == len(ports)
    assert len({port["name"] for port in ports}) == len(ports)
    assert all(len(port["name"]) <= 15 for port in ports)


def test_a_monoliths_service_offers_the_gateway_and_not_the_server_behind_it():
    (service,) = objects(the_monolith(), "Service")
    assert {port["targetPort"] for port in service["spec"]["ports"]} == {"http", "https"}


def test_a_monoliths_pods_live_as_long_as_the_slower_of_the_two_needs():
    found = next(p for p in pods(the_monolith()) if p.name == "mcp-server")
    budget = TimeoutBudget()
    graces = [budget.at(Distance.SERVER).grace, budget.at(Distance.GATEWAY).grace]
    assert found.spec["terminationGracePeriodSeconds"] == max(graces) + FINAL_SCRAPE_SECONDS


def test_a_monoliths_probes_ask_each_container_on_its_own_port():
    found = next(p for p in pods(the_monolith()) if p.name == "mcp-server")
    asked = {c["name"]: c["livenessProbe"]["httpGet"]["port"] for c in found.containers}
    assert asked == {"gateway": 8080, "server": 8081}


@pytest.mark.parametrize(
    ("era", "cache", "kept"),
    [("modern", None, False), ("dual", None, True), ("dual", Cache(host="cache"), False)],
)
def test_a_client_keeps_its_pod_of_a_monolith_with_sessions_in_memory(
    era: Any, cache: Cache | None, kept: bool
):
    given = config(era=era, cache=cache, http=8081, https=8444)
    made = record(lambda: Monolith("mcp-server", monolith(config=given)))
    (service,) = objects(made, "Service")
    assert (service["spec"].get("sessionAffinity") == "ClientIP") is kept


def test_a_monolith_with_different_body_limits_of_gateway_and_server_is_refused():
    given = monolith()
    with pytest.raises(Refused, match=r"gateway\.max_body"):
        record(
            lambda: Monolith("m", replace(given, gateway=replace(given.gateway, max_body="50m")))
        )
    same = replace(given, gateway=replace(given.gateway, max_body="4096k"))
    assert record(lambda: Monolith("m", same))
