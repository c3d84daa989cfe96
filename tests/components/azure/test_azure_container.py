"""AzureContainerApp, with TLS and replicas, and AzureContainerGroup, which needs a gateway."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from typing import Any

import pytest

from components.azure.container import AzureContainerApp, AzureContainerGroup
from components.azure.container_args import AzureContainerAppArgs, AzureContainerGroupArgs
from components.base.problems import ProblemReport
from components.mcp.access import Access
from components.mcp.timeout_budget import TimeoutBudget
from policies import broken_policies
from tests.harness import ResourceGraph, record
from tests.harness.clouds import AZURE, AZURE_SECRETS, SUBNET, assigned, cloud_config, on_azure

APP = "azure-native:app:ContainerApp"
ENVIRONMENT = "azure-native:app:ManagedEnvironment"
GROUP = "azure-native:containerinstance:ContainerGroup"
LOGGED = "azure-native:monitor:DiagnosticSetting"
REGISTRY = (
    f"/subscriptions/{AZURE.subscription}/resourceGroups/images/providers"
    "/Microsoft.ContainerRegistry/registries/acme"
)
IMAGE = "acme.azurecr.io/qudag-mcp-server:1.2.3"
PUBLIC = Access(public=True)
IN_SUBNET: dict[str, Any] = {"access": Access(), "subnet": SUBNET}


def app_graph(**changes: Any) -> ResourceGraph:
    return recorded_app(**changes) if changes else plain()


def recorded_app(**changes: Any) -> ResourceGraph:
    given: dict[str, Any] = {
        "location": AZURE,
        "image": IMAGE,
        "registry": REGISTRY,
        "config": cloud_config(),
        "access": PUBLIC,
    }
    args = AzureContainerAppArgs(**given | changes)
    return record(lambda: AzureContainerApp("mcp", args, on_azure()))


plain = cache(recorded_app)


def group_graph(**changes: Any) -> ResourceGraph:
    given: dict[str, Any] = {
        "location": AZURE,
        "image": IMAGE,
        "registry": REGISTRY,
        "config": cloud_config(domain="mcp.example.com"),
        "subnet": SUBNET,
    }
    args = AzureContainerGroupArgs(**given | changes)
    return record(lambda: AzureContainerGroup("mcp", args, on_azure()))


def app(**changes: Any) -> dict[str, Any]:
    return app_graph(**changes).one(APP).inputs


def group(**changes: Any) -> dict[str, Any]:
    return group_graph(**changes).one(GROUP).inputs


def refused(graph: Callable[..., ResourceGraph], **changes: Any) -> dict[str, str]:
    with pytest.raises(ProblemReport) as report:
        graph(**changes)
    return {problem.path.removeprefix("mcp."): str(problem) for problem in report.value.problems}


def test_the_outputs_are_those_of_every_target_that_serves_mcp():
    made = group_graph()
    assert made.one("qudag-mcp:index:AzureContainerGroup").outputs == {
        "mcp_url": "https://mcp.example.com/mcp",
        "prm_url": "https://mcp.example.com/.well-known/oauth-protected-resource/mcp",
        "issuer": "https://issuer.example.com",
        "era": "dual",
    }


def test_an_app_is_found_in_its_environments_domain():
    made = app_graph()
    name, domain = made.one(APP).inputs["containerAppName"], made.one(ENVIRONMENT).outputs
    assert made.one("qudag-mcp:index:AzureContainer").outputs["mcp_url"] == (
        f"https://{name}.{domain['defaultDomain']}/mcp"
    )


@pytest.mark.parametrize(
    ("graph", "changes"),
    [
        (app_graph, {}),
        (app_graph, {"secrets": AZURE_SECRETS}),
        (app_graph, IN_SUBNET),
        (app_graph, {"image": "ghcr.io/qudag/server:1.2.3", "registry": None}),
        (group_graph, {}),
    ],
)
def test_every_policy_rule_passes(graph: Callable[..., ResourceGraph], changes: dict[str, Any]):
    assert broken_policies(graph(**changes)) == []


def test_every_role_of_an_app_is_on_one_resource():
    vault = "Microsoft.KeyVault/vaults/qudag-keys/secrets"
    tables = "Microsoft.Storage/storageAccounts/mcpstorage2fe5f324/tableServices/default/tables"
    assert assigned(app_graph(secrets=AZURE_SECRETS)) == {
        # AcrPull
        (
            "7f951dda-4ed3-4680-a7ca-43fe172d538d",
            "Microsoft.ContainerRegistry/registries/acme",
        ),
        # Storage Table Data Contributor
        ("0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3", f"{tables}/sessions"),
        # Key Vault Secrets User
        ("4633458b-17de-408a-b874-0445c86b69e6", f"{vault}/api-key"),
        ("4633458b-17de-408a-b874-0445c86b69e6", f"{vault}/other"),
    }


def test_a_group_may_pull_its_image_and_nothing_more():
    assert assigned(group_graph()) == {
        (
            "7f951dda-4ed3-4680-a7ca-43fe172d538d",
            "Microsoft.ContainerRegistry/registries/acme",
        )
    }


def test_an_app_scales_by_its_requests():
    scale = app()["template"]["scale"]
    assert (scale["minReplicas"], scale["maxReplicas"]) == (1, 10)
    assert scale["rules"] == [
        {"name": "requests", "http": {"metadata": {"concurrentRequests": "100"}}}
    ]


def test_an_app_takes_tls_alone():
    ingress = app()["configuration"]["ingress"]
    assert ingress["allowInsecure"] is False
    assert ingress["targetPort"] == 8080


@pytest.mark.parametrize(("era", "kept"), [("modern", "none"), ("legacy", "sticky")])
def test_sessions_are_kept_and_sent_home_where_the_era_has_them(era: Any, kept: str):
    made = app_graph(config=cloud_config(era=era))
    ingress = made.one(APP).inputs["configuration"]["ingress"]
    assert ingress["stickySessions"] == {"affinity": kept}
    assert bool(made.all("azure-native:storage:Table")) is (kept == "sticky")


def test_a_private_app_stands_in_the_subnets_network():
    made = app_graph(**IN_SUBNET)
    environment = made.one(ENVIRONMENT).inputs
    assert environment["vnetConfiguration"] == {
        "infrastructureSubnetId": SUBNET,
        "internal": True,
    }
    assert environment["publicNetworkAccess"] == "Disabled"
    assert app_graph().one(ENVIRONMENT).inputs["publicNetworkAccess"] == "Enabled"


def test_an_apps_secrets_are_references_that_its_identity_reads():
    made = app(secrets=AZURE_SECRETS)
    (identity,) = made["identity"]["userAssignedIdentities"]
    assert made["configuration"]["secrets"][0] == {
        "name": "api-key",
        "keyVaultUrl": f"https://qudag-keys.vault.azure.net/secrets/api-key/{'0' * 32}",
        "identity": identity,
    }
    (container,) = made["template"]["containers"]
    assert {"name": "API_KEY", "secretRef": "api-key"} in container["env"]


@pytest.mark.parametrize("graph", [app_graph, group_graph], ids=["app", "group"])
def test_images_are_pulled_by_the_identity(graph: Callable[..., ResourceGraph]):
    made = graph()
    identity = made.one("azure-native:managedidentity:UserAssignedIdentity").outputs["id"]
    if graph is group_graph:
        credentials = made.one(GROUP).inputs["imageRegistryCredentials"]
    else:
        credentials = made.one(APP).inputs["configuration"]["registries"]
    assert credentials == [{"server": "acme.azurecr.io", "identity": identity}]


@pytest.mark.parametrize(
    ("graph", "categories"),
    [
        (app_graph, {"ContainerAppConsoleLogs", "ContainerAppSystemLogs"}),
        (group_graph, {"ContainerInstanceLog", "ContainerEvent"}),
    ],
    ids=["app", "group"],
)
def test_logs_reach_a_workspace_without_its_key(
    graph: Callable[..., ResourceGraph], categories: set[str]
):
    made = graph(log_retention_days=90)
    workspace = made.one("azure-native:operationalinsights:Workspace")
    assert workspace.inputs["retentionInDays"] == 90
    assert workspace.inputs["features"] == {"disableLocalAuth": True}
    route = made.one(LOGGED).inputs
    assert route["workspaceId"] == workspace.outputs["id"]
    assert {log["category"] for log in route["logs"]} == categories


def test_a_group_is_as_large_as_the_source_documents():
    made = group()
    (container,) = made["containers"]
    assert container["resources"] == {"requests": {"cpu": 0.5, "memoryInGB": 1}}
    assert container["ports"] == [{"port": 8080, "protocol": "TCP"}]
    assert made["restartPolicy"] == "Always"


def test_a_group_has_a_private_address_alone():
    made = group()
    assert made["ipAddress"]["type"] == "Private"
    assert made["subnetIds"] == [{"id": SUBNET}]


def test_the_grace_outlives_the_longest_tool():
    config = cloud_config(budget=TimeoutBudget(longest_tool=235))
    assert app(config=config)["template"]["terminationGracePeriodSeconds"] == 252


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        (
            {"config": cloud_config(budget=TimeoutBudget(longest_tool=236))},
            "config.budget.longest_tool",
            "1 to 240",
        ),
        (
            {"config": cloud_config(budget=TimeoutBudget(longest_tool=60, drain=600))},
            "config.budget.drain",
            "1 to 600",
        ),
        ({"config": cloud_config(domain="mcp.example.com")}, "config.domain", "404"),
        ({"access": Access()}, "subnet", "set access.public to true"),
        ({"cpu": 0.3, "memory_mb": 614}, "cpu", "by quarters"),
        ({"cpu": 4.25, "memory_mb": 8704}, "cpu", "0.25 to 4"),
        ({"memory_mb": 4096}, "cpu", "twice as many GiB"),
        ({"min_instances": 3, "max_instances": 2}, "min_instances", "above the maximum"),
        ({"registry": None}, "registry", "no right to pull"),
        ({"image": "other.azurecr.io/server:1"}, "registry", "set the id of the registry other"),
        ({"log_retention_days": 731}, "log_retention_days", "30 to 730"),
    ],
)
def test_what_an_app_cannot_be_is_refused(changes: dict[str, Any], path: str, words: str):
    assert words in refused(app_graph, **changes)[path]


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"config": cloud_config()}, "config.domain", "no certificate"),
        (
            {"config": cloud_config(domain="d.example.com", budget=TimeoutBudget(drain=90))},
            "config.budget.drain",
            "not configurable",
        ),
        ({"log_retention_days": 29}, "log_retention_days", "30 to 730"),
        ({"registry": None}, "registry", "no right to pull"),
    ],
)
def test_what_a_group_cannot_be_is_refused(changes: dict[str, Any], path: str, words: str):
    assert words in refused(group_graph, **changes)[path]


@pytest.mark.parametrize(
    "field", ["access", "secrets", "concurrency", "min_instances", "max_instances"]
)
def test_a_group_has_no_field_for_what_it_cannot_do(field: str):
    assert field in {each.name for each in fields(AzureContainerAppArgs)}
    assert field not in {each.name for each in fields(AzureContainerGroupArgs)}


def test_a_zone_redundant_app_has_replicas_in_two_zones_and_a_subnet():
    made = app_graph(zone_redundant=True, min_instances=2, subnet=SUBNET)
    assert made.one(ENVIRONMENT).inputs["zoneRedundant"] is True
    assert made.one("azure-native:storage:StorageAccount").inputs["sku"]["name"] == "Standard_ZRS"
    assert broken_policies(made) == []
    with pytest.raises(ProblemReport) as report:
        app_graph(zone_redundant=True)
    assert {problem.path for problem in report.value.problems} == {
        "mcp.subnet",
        "mcp.min_instances",
    }


def test_the_table_of_a_private_app_accepts_its_subnet_only():
    made = app_graph(private_storage=True, subnet=SUBNET)
    rules = made.one("azure-native:storage:StorageAccount").inputs["networkRuleSet"]
    assert rules["defaultAction"] == "Deny"
    with pytest.raises(ProblemReport) as report:
        app_graph(private_storage=True)
    assert [problem.path for problem in report.value.problems] == ["mcp.private_storage"]
