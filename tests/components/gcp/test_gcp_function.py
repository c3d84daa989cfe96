"""GcpFunction: what is built, who may build and call it, how long a call may take."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from components.base.problems import ProblemReport
from components.gcp.access import GcpAccess
from components.gcp.function import GcpFunction
from components.gcp.function_args import GcpFunctionArgs
from components.mcp.timeout_budget import TimeoutBudget
from policies import broken_policies
from tests.harness import ResourceGraph, record
from tests.harness.clouds import (
    AGENT,
    ARCHIVE,
    GCP,
    GCP_PRIVATE,
    GCP_SECRETS,
    NAMED,
    cloud_config,
    granted,
)

FUNCTION = "gcp:cloudfunctionsv2/function:Function"
OBJECT = "gcp:storage/bucketObject:BucketObject"


def args(**changes: Any) -> GcpFunctionArgs:
    given: dict[str, Any] = {
        "location": GCP,
        "archive": ARCHIVE,
        "config": cloud_config(),
        "access": NAMED,
    }
    return GcpFunctionArgs(**given | changes)


def graph(**changes: Any) -> ResourceGraph:
    return recorded(**changes) if changes else plain()


def recorded(**changes: Any) -> ResourceGraph:
    return record(lambda: GcpFunction("mcp", args(**changes)))


plain = cache(recorded)


def function(**changes: Any) -> dict[str, Any]:
    return graph(**changes).one(FUNCTION).inputs


def refused(**changes: Any) -> dict[str, str]:
    with pytest.raises(ProblemReport) as report:
        graph(**changes)
    return {problem.path.removeprefix("mcp."): str(problem) for problem in report.value.problems}


def test_the_outputs_are_those_of_every_target_that_serves_mcp():
    made = graph(config=cloud_config(domain="mcp.example.com", era="modern"))
    assert made.one("qudag-mcp:index:GcpFunction").outputs == {
        "mcp_url": "https://mcp.example.com/mcp",
        "prm_url": "https://mcp.example.com/.well-known/oauth-protected-resource/mcp",
        "issuer": "https://issuer.example.com",
        "era": "modern",
    }


def test_without_a_domain_it_is_found_at_its_services_own_address():
    made = graph()
    name = made.one(FUNCTION).inputs["name"]
    address = f"https://{name}-number-of-acme-prod.europe-west1.run.app"
    outputs = made.one("qudag-mcp:index:GcpFunction").outputs
    assert outputs["mcp_url"] == f"{address}/mcp"
    assert outputs["prm_url"] == f"{address}/.well-known/oauth-protected-resource/mcp"


@pytest.mark.parametrize("changes", [{}, {"location": GCP_PRIVATE, "secrets": GCP_SECRETS}])
def test_every_policy_rule_passes(changes: dict[str, Any]):
    assert broken_policies(graph(**changes)) == []


def test_every_role_is_on_one_thing_or_says_by_a_condition_which():
    run, build = "serviceAccount:mcp-run-dd243804", "serviceAccount:mcp-build-ab6bd860"
    assert granted(graph(secrets=GCP_SECRETS)) == {
        (run, "roles/secretmanager.secretAccessor", "qudag-database"),
        (run, "roles/secretmanager.secretAccessor", "qudag-redis"),
        (
            run,
            "roles/datastore.user",
            'project if resource.name == "projects/acme-prod/databases/mcp-state-da13a5b3"',
        ),
        (build, "roles/storage.objectViewer", "mcp-source-0c29a221"),
        (
            build,
            "roles/storage.objectViewer",
            'project if resource.name.startsWith("projects/_/buckets/gcf-v2-sources-")',
        ),
        (build, "roles/artifactregistry.writer", "mcp-images-b340c5dd"),
        (build, "roles/logging.logWriter", "project"),
        ("serviceAccount:agent", "roles/run.invoker", "mcp-a1da3319"),
    }


def test_the_build_has_a_service_account_of_its_own():
    made = function()
    builds, runs = (
        made["buildConfig"]["serviceAccount"],
        made["serviceConfig"]["serviceAccountEmail"],
    )
    assert builds.startswith("projects/acme-prod/serviceAccounts/mcp-build-")
    assert runs.startswith("mcp-run-")


def test_other_code_is_another_object_and_the_same_function():
    other = replace(ARCHIVE, digest="f" * 64)
    before, after = graph(), graph(archive=other)
    changed = {
        resource.name
        for resource in before.resources
        if after.one(resource.type, name=resource.name).inputs != resource.inputs
    }
    assert changed == {"mcp-archive", "mcp-function"}
    assert after.one(OBJECT).inputs["name"] == "ffffffffffffffff.zip"
    assert after.one(FUNCTION).inputs["name"] == before.one(FUNCTION).inputs["name"]


def test_the_source_bucket_is_private_and_versioned():
    bucket = graph().one("gcp:storage/bucket:Bucket").inputs
    assert bucket["uniformBucketLevelAccess"] is True
    assert bucket["publicAccessPrevention"] == "enforced"
    assert bucket["versioning"] == {"enabled": True}


@pytest.mark.parametrize(("longest", "timeout"), [(60, 65), (535, 540), (3595, 3600)])
def test_a_call_has_the_budgets_time_and_a_step(longest: int, timeout: int):
    budget = TimeoutBudget(longest_tool=longest)
    made = function(config=cloud_config(budget=budget))
    assert made["serviceConfig"]["timeoutSeconds"] == timeout


def test_a_call_longer_than_an_hour_is_refused_with_the_clouds_limit():
    budget = TimeoutBudget(longest_tool=3596)
    said = refused(config=cloud_config(budget=budget))["config.budget.longest_tool"]
    assert "3601 s" in said
    assert "1 to 3600" in said
    assert "Cloud Run functions, Quotas" in said
    assert "fix: set at most 3595" in said


def test_the_invoker_is_all_users_only_with_public_access():
    def callers(**changes: Any) -> list[str]:
        bindings = graph(**changes).all("gcp:cloudrunv2/serviceIamMember:ServiceIamMember")
        return [binding.inputs["member"] for binding in bindings]

    assert callers() == [AGENT]
    assert callers(access=GcpAccess(public=True)) == ["allUsers"]


@pytest.mark.parametrize(
    ("access", "path", "fix"),
    [
        (GcpAccess(), "access.allowed_principals", "set access.public to true"),
        (
            GcpAccess(public=True, allowed_principals=[AGENT]),
            "access.allowed_principals",
            "leave out one",
        ),
        (
            GcpAccess(allowed_principals=["allUsers"]),
            "access.allowed_principals[0]",
            "write a user, a group or a service account",
        ),
        (
            GcpAccess(allowed_principals=["allAuthenticatedUsers"]),
            "access.allowed_principals[0]",
            "write a user, a group or a service account",
        ),
    ],
)
def test_access_without_callers_or_with_a_public_principal_is_refused(
    access: GcpAccess, path: str, fix: str
):
    assert fix in refused(access=access)[path]


@pytest.mark.parametrize(
    "name",
    [
        "projects/acme-prod/secrets/qudag-database/versions/latest",
        "projects/acme-prod/secrets/qudag-database",
        "qudag-database",
    ],
)
def test_a_secret_that_is_not_one_version_is_refused(name: str):
    said = refused(secrets={"DATABASE_PASSWORD": name})["secrets.DATABASE_PASSWORD"]
    assert "is a value that is not shown here" in said
    assert "write one version of a secret" in said


def test_secrets_are_filled_from_their_versions():
    variables = function(secrets=GCP_SECRETS)["serviceConfig"]["secretEnvironmentVariables"]
    assert variables[0] == {
        "key": "DATABASE_PASSWORD",
        "projectId": "acme-prod",
        "secret": "qudag-database",
        "version": "3",
    }


@pytest.mark.parametrize(("era", "kept"), [("modern", False), ("legacy", True), ("dual", True)])
def test_sessions_are_kept_where_the_era_has_them(era: Any, kept: bool):
    made = graph(config=cloud_config(era=era))
    databases = made.all("gcp:firestore/database:Database")
    fields = made.all("gcp:firestore/field:Field")
    said = made.one(FUNCTION).inputs["serviceConfig"]["environmentVariables"]["QUDAG_MCP_CONFIG"]
    assert bool(databases) is kept
    assert ('kind = "firestore"' in said) is kept
    assert {f.inputs["collection"] for f in fields} == ({"sessions"} if kept else set())
    assert all("ttlConfig" in f.inputs for f in fields)


def test_protect_covers_the_session_database_in_pulumi_and_in_the_cloud():
    database = graph(protect=True).one("gcp:firestore/database:Database")
    assert database.protect
    assert database.inputs["deleteProtectionState"] == "DELETE_PROTECTION_ENABLED"
    assert database.inputs["deletionPolicy"] == "PREVENT"


def test_private_addresses_are_reached_through_the_places_network_alone():
    assert "directVpcEgress" not in function()["serviceConfig"]
    config = function(location=GCP_PRIVATE)["serviceConfig"]
    assert config["directVpcEgress"] == "VPC_EGRESS_PRIVATE_RANGES_ONLY"
    assert config["directVpcNetworkInterfaces"] == [
        {
            "network": "projects/acme-prod/global/networks/own",
            "subnetwork": "projects/acme-prod/regions/europe-west1/subnetworks/own",
        }
    ]


def test_its_logs_are_kept_for_the_days_that_are_said():
    made = graph(log_retention_days=90)
    bucket = made.one("gcp:logging/projectBucketConfig:ProjectBucketConfig")
    sink = made.one("gcp:logging/projectSink:ProjectSink")
    assert bucket.inputs["retentionDays"] == 90
    assert sink.inputs["destination"] == f"logging.googleapis.com/{bucket.outputs['id']}"
    assert f'service_name="{made.one(FUNCTION).inputs["name"]}"' in sink.inputs["filter"]


def test_the_function_waits_for_every_right_that_it_starts_with():
    made = graph(secrets=GCP_SECRETS)
    waited = {urn.rpartition("::")[2] for urn in made.one(FUNCTION).dependencies}
    assert {
        "mcp-reads-qudag-database",
        "mcp-uses-state",
        "mcp-build-reads-source",
        "mcp-build-writes-images",
        "mcp-archive",
    } <= waited
