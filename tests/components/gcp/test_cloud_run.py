"""CloudRun: the source documents' service, with the budget's times and its own identity."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from components.base.problems import ProblemReport
from components.gcp.access import GcpAccess
from components.gcp.container import CloudRun
from components.gcp.container_args import CloudRunArgs
from components.mcp.timeout_budget import TimeoutBudget
from policies import broken_policies
from tests.harness import ResourceGraph, record
from tests.harness.clouds import AGENT, GCP, GCP_PRIVATE, GCP_SECRETS, NAMED, cloud_config, granted

SERVICE = "gcp:cloudrunv2/service:Service"


def args(**changes: Any) -> CloudRunArgs:
    given: dict[str, Any] = {
        "location": GCP,
        "image": "europe-docker.pkg.dev/acme-prod/mcp/server:1.2.3",
        "config": cloud_config(),
        "access": NAMED,
    }
    return CloudRunArgs(**given | changes)


def graph(**changes: Any) -> ResourceGraph:
    return recorded(**changes) if changes else plain()


def recorded(**changes: Any) -> ResourceGraph:
    return record(lambda: CloudRun("mcp", args(**changes)))


plain = cache(recorded)


def service(**changes: Any) -> dict[str, Any]:
    return graph(**changes).one(SERVICE).inputs


def template(**changes: Any) -> dict[str, Any]:
    return service(**changes)["template"]


def container(**changes: Any) -> dict[str, Any]:
    (only,) = template(**changes)["containers"]
    return only


def test_the_outputs_are_those_of_every_target_that_serves_mcp():
    made = graph(config=cloud_config(domain="mcp.example.com"))
    assert made.one("qudag-mcp:index:CloudRun").outputs == {
        "mcp_url": "https://mcp.example.com/mcp",
        "prm_url": "https://mcp.example.com/.well-known/oauth-protected-resource/mcp",
        "issuer": "https://issuer.example.com",
        "era": "dual",
    }


def test_without_a_domain_it_is_found_at_its_own_address():
    made = graph()
    name = made.one(SERVICE).inputs["name"]
    assert made.one("qudag-mcp:index:CloudRun").outputs["mcp_url"] == (
        f"https://{name}-number-of-acme-prod.europe-west1.run.app/mcp"
    )


@pytest.mark.parametrize("changes", [{}, {"location": GCP_PRIVATE, "secrets": GCP_SECRETS}])
def test_every_policy_rule_passes(changes: dict[str, Any]):
    assert broken_policies(graph(**changes)) == []


def test_the_defaults_are_the_source_documents():
    made = template()
    assert made["executionEnvironment"] == "EXECUTION_ENVIRONMENT_GEN2"
    assert made["scaling"] == {"minInstanceCount": 1, "maxInstanceCount": 10}
    assert made["maxInstanceRequestConcurrency"] == 100
    only = container()
    assert only["resources"]["limits"] == {"cpu": "1", "memory": "512Mi"}
    assert only["resources"]["cpuIdle"] is False
    assert only["ports"]["containerPort"] == 8080
    assert (only["startupProbe"]["periodSeconds"], only["startupProbe"]["failureThreshold"]) == (
        5,
        10,
    )
    assert only["livenessProbe"]["periodSeconds"] == 10
    for probe in ("startupProbe", "livenessProbe"):
        assert only[probe]["httpGet"] == {"path": "/health", "port": 8080}


def test_every_role_is_on_one_thing_or_says_by_a_condition_which():
    run = "serviceAccount:mcp-run-dd243804"
    assert granted(graph(secrets=GCP_SECRETS)) == {
        (run, "roles/secretmanager.secretAccessor", "qudag-database"),
        (run, "roles/secretmanager.secretAccessor", "qudag-redis"),
        (
            run,
            "roles/datastore.user",
            'project if resource.name == "projects/acme-prod/databases/mcp-state-da13a5b3"',
        ),
        ("serviceAccount:agent", "roles/run.invoker", "mcp-a1da3319"),
    }


@pytest.mark.parametrize(("longest", "timeout"), [(60, "65s"), (295, "300s"), (3595, "3600s")])
def test_a_request_has_the_budgets_time_and_a_step(longest: int, timeout: str):
    assert template(config=cloud_config(budget=TimeoutBudget(longest_tool=longest)))["timeout"] == (
        timeout
    )


@pytest.mark.parametrize(
    ("changes", "path", "limit"),
    [
        (
            {"config": cloud_config(budget=TimeoutBudget(longest_tool=3596))},
            "config.budget.longest_tool",
            "1 to 3600",
        ),
        ({"concurrency": 1001}, "concurrency", "1 to 1000"),
        (
            {"config": cloud_config(budget=TimeoutBudget(drain=90))},
            "config.budget.drain",
            "10 s after",
        ),
        ({"cpu": 0.5}, "cpu", "1, 2, 4, 6, 8"),
        ({"min_instances": 11}, "min_instances", "max_instances is 10"),
        (
            {"secrets": {"QUDAG_MCP_CONFIG": GCP_SECRETS["REDIS_PASSWORD"]}},
            "secrets.QUDAG_MCP_CONFIG",
            "use another name",
        ),
        ({"access": GcpAccess()}, "access.allowed_principals", "every call is answered 403"),
    ],
)
def test_args_beyond_cloud_run_limits_are_refused(changes: dict[str, Any], path: str, limit: str):
    with pytest.raises(ProblemReport) as report:
        graph(**changes)
    (problem,) = report.value.problems
    assert problem.path == f"mcp.{path}"
    assert limit in str(problem)


@pytest.mark.parametrize(("era", "kept"), [("modern", False), ("legacy", True), ("dual", True)])
def test_sessions_are_kept_and_sent_home_where_the_era_has_them(era: Any, kept: bool):
    made = graph(config=cloud_config(era=era))
    assert made.one(SERVICE).inputs["template"]["sessionAffinity"] is kept
    assert bool(made.all("gcp:firestore/database:Database")) is kept


def test_the_invoker_is_all_users_only_with_public_access():
    binding = "gcp:cloudrunv2/serviceIamMember:ServiceIamMember"
    assert graph().one(binding).inputs["member"] == AGENT
    assert graph(access=GcpAccess(public=True)).one(binding).inputs["member"] == "allUsers"
    assert service()["invokerIamDisabled"] is False


def test_ingress_is_set_explicitly():
    assert service()["ingress"] == "INGRESS_TRAFFIC_ALL"
    behind = GcpAccess(public=True, ingress="internal-and-load-balancer")
    assert service(access=behind)["ingress"] == "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"


@pytest.mark.parametrize(
    ("project", "secret"), [("acme-prod", "api-key"), ("keys", "projects/keys/secrets/api-key")]
)
def test_secrets_come_from_numbered_versions_and_stand_nowhere(project: str, secret: str):
    secrets = {"API_KEY": f"projects/{project}/secrets/api-key/versions/7"}
    envs = {env["name"]: env for env in container(secrets=secrets)["envs"]}
    assert envs["API_KEY"] == {
        "name": "API_KEY",
        "valueSource": {"secretKeyRef": {"secret": secret, "version": "7"}},
    }


def test_protect_covers_the_service_in_pulumi_and_in_the_cloud():
    made = graph(protect=True).one(SERVICE)
    assert made.protect
    assert made.inputs["deletionProtection"] is True
    assert service()["deletionProtection"] is False


def test_private_addresses_are_reached_through_the_places_network_alone():
    assert "vpcAccess" not in template()
    assert template(location=GCP_PRIVATE)["vpcAccess"]["egress"] == "PRIVATE_RANGES_ONLY"
