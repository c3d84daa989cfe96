"""AzureFunction: no key anywhere, rights on single resources, names that fit, 230 seconds."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from components.azure.function import AzureFunction
from components.azure.function_args import AzureFunctionArgs
from components.azure.identity import ROLES
from components.azure.resource_group import TAGGED
from components.azure.secrets import AzureSecrets
from components.base.problems import ProblemReport
from components.mcp.access import NetworkAccess
from components.mcp.timeout_budget import TimeoutBudget
from policies import broken_policies
from tests.harness import ResourceGraph, record
from tests.harness.clouds import (
    ARCHIVE,
    AZURE,
    AZURE_SECRETS,
    SUBNET,
    assigned,
    cloud_config,
    on_azure,
)

APP = "azure-native:web:WebApp"
STORAGE = "azure-native:storage:StorageAccount"
TABLE = "azure-native:storage:Table"
PUBLISH = "command:local:Command"
PUBLIC = NetworkAccess(public=True)


def args(**changes: Any) -> AzureFunctionArgs:
    given: dict[str, Any] = {
        "location": AZURE,
        "archive": ARCHIVE,
        "config": cloud_config(),
        "access": PUBLIC,
    }
    return AzureFunctionArgs(**given | changes)


def graph(name: str = "mcp", **changes: Any) -> ResourceGraph:
    return record(lambda: AzureFunction(name, args(**changes), on_azure()))


def app(**changes: Any) -> dict[str, Any]:
    return graph(**changes).one(APP).inputs


def settings(**changes: Any) -> dict[str, str]:
    return {one["name"]: one["value"] for one in app(**changes)["siteConfig"]["appSettings"]}


def refused(name: str = "mcp", **changes: Any) -> dict[str, str]:
    with pytest.raises(ProblemReport) as report:
        graph(name, **changes)
    return {
        problem.path.removeprefix(f"{name}."): str(problem) for problem in report.value.problems
    }


def test_the_outputs_are_those_of_every_target_below_the_prefix_api():
    made = graph()
    base = f"https://{made.one(APP).inputs['name']}.azurewebsites.net/api"
    assert made.one("qudag-mcp:index:AzureFunction").outputs == {
        "mcp_url": f"{base}/mcp",
        "prm_url": f"{base}/.well-known/oauth-protected-resource/mcp",
        "issuer": "https://issuer.example.com",
        "era": "dual",
    }


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"secrets": AZURE_SECRETS, "subnet": SUBNET},
        {"access": NetworkAccess(allowed_networks=["203.0.113.0/24"])},
    ],
)
def test_every_policy_rule_passes(changes: dict[str, Any]):
    assert broken_policies(graph(**changes)) == []


def test_every_role_is_on_one_resource():
    storage = "Microsoft.Storage/storageAccounts/mcpstorage2fe5f324"
    vault = "Microsoft.KeyVault/vaults/qudag-keys"
    assert assigned(graph(secrets=AZURE_SECRETS)) == {
        # Storage Blob Data Contributor: the host makes containers of its own
        ("ba92f5b4-2d11-453d-a403-e96b0029c9fe", storage),
        # Storage Table Data Contributor
        (
            "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
            f"{storage}/tableServices/default/tables/sessions",
        ),
        # Monitoring Metrics Publisher
        (
            "3913510d-42f4-4e42-8a64-420c390055eb",
            "Microsoft.Insights/components/mcp-insights-1a72a4fb",
        ),
        # Key Vault Secrets User
        ("4633458b-17de-408a-b874-0445c86b69e6", f"{vault}/secrets/api-key"),
        ("4633458b-17de-408a-b874-0445c86b69e6", f"{vault}/secrets/other"),
    }


def test_a_role_is_given_to_the_apps_own_identity():
    made = graph()
    (identity,) = made.all("azure-native:managedidentity:UserAssignedIdentity")
    for given in made.all("azure-native:authorization:RoleAssignment"):
        assert given.inputs["principalId"] == identity.outputs["principalId"]
        assert given.inputs["principalType"] == "ServicePrincipal"
        assert given.inputs["roleDefinitionId"].startswith(f"/subscriptions/{AZURE.subscription}/")
    assert set(ROLES) >= {"Storage Blob Data Contributor", "Storage Table Data Contributor"}


def test_no_role_is_an_owner_role():
    assert [role for role in ROLES if "Owner" in role] == []


def test_a_private_storage_account_accepts_the_apps_subnet_and_no_other_network():
    closed = graph(subnet=SUBNET, private_storage=True).one(STORAGE).inputs["networkRuleSet"]
    assert closed == {
        "defaultAction": "Deny",
        "bypass": "None",
        "virtualNetworkRules": [{"virtualNetworkResourceId": SUBNET, "action": "Allow"}],
    }
    assert "networkRuleSet" not in graph(subnet=SUBNET).one(STORAGE).inputs
    assert "service endpoint" in refused(private_storage=True)["private_storage"]


def test_zone_redundant_applies_to_the_plan_and_the_storage_account():
    made = graph(zone_redundant=True)
    assert made.one("azure-native:web:AppServicePlan").inputs["zoneRedundant"] is True
    assert made.one(STORAGE).inputs["sku"] == {"name": "Standard_ZRS"}
    assert broken_policies(made) == []
    assert graph().one(STORAGE).inputs["sku"] == {"name": "Standard_LRS"}


def test_its_storage_knows_no_keys():
    account = graph().one(STORAGE).inputs
    assert account["allowSharedKeyAccess"] is False
    assert account["allowBlobPublicAccess"] is False
    assert account["enableHttpsTrafficOnly"] is True
    assert account["minimumTlsVersion"] == "TLS1_2"
    assert account["isLocalUserEnabled"] is False


def test_no_setting_holds_a_key_or_a_password():
    said = settings(secrets=AZURE_SECRETS)
    assert said["AzureWebJobsStorage__accountName"] == "mcpstorage2fe5f324"
    assert said["AzureWebJobsStorage__credential"] == "managedidentity"
    assert said["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"].endswith(";Authorization=AAD")
    assert said["API_KEY"] == (
        "@Microsoft.KeyVault(SecretUri=https://qudag-keys.vault.azure.net/secrets/api-key/"
        "00000000000000000000000000000000)"
    )
    assert not any("AccountKey=" in value for value in said.values())


def test_the_deployment_storage_is_reached_by_identity():
    made = graph()
    storage = made.one(APP).inputs["functionAppConfig"]["deployment"]["storage"]
    identity = made.one("azure-native:managedidentity:UserAssignedIdentity").outputs["id"]
    assert storage == {
        "type": "blobContainer",
        "value": "https://mcpstorage2fe5f324.blob.core.windows.net/packages",
        "authentication": {
            "type": "UserAssignedIdentity",
            "userAssignedIdentityResourceId": identity,
        },
    }


def test_publishing_takes_no_password():
    made = graph()
    for kind in ("WebAppScmAllowed", "WebAppFtpAllowed"):
        assert made.one(f"azure-native:web:{kind}").inputs["allow"] is False
    site = made.one(APP).inputs
    assert site["siteConfig"]["ftpsState"] == "Disabled"
    assert site["httpsOnly"] is True
    assert site["siteConfig"]["minTlsVersion"] == "1.2"


def test_other_code_is_published_anew_and_nothing_else_changes():
    before, after = graph(), graph(archive=replace(ARCHIVE, digest="f" * 64))
    changed = {
        resource.name
        for resource in before.resources
        if after.one(resource.type, name=resource.name).inputs != resource.inputs
    }
    assert changed == {"mcp-publish"}


def test_the_archive_is_published_to_the_app_when_it_is_there():
    made = graph()
    publish, site = made.one(PUBLISH), made.one(APP)
    assert site.urn in publish.dependencies
    assert publish.inputs["environment"] == {
        "SUBSCRIPTION": AZURE.subscription,
        "GROUP": site.inputs["resourceGroupName"],
        "APP": site.inputs["name"],
        "ARCHIVE": ARCHIVE.path,
    }
    assert "config-zip" in publish.inputs["create"]


def test_the_plan_is_flex_consumption_and_the_runtime_python():
    made = graph()
    assert made.one("azure-native:web:AppServicePlan").inputs["sku"] == {
        "name": "FC1",
        "tier": "FlexConsumption",
    }
    config = made.one(APP).inputs["functionAppConfig"]
    assert config["runtime"] == {"name": "python", "version": "3.13"}
    assert config["scaleAndConcurrency"]["instanceMemoryMB"] == 2048


@pytest.mark.parametrize(("era", "kept"), [("modern", False), ("legacy", True), ("dual", True)])
def test_sessions_are_kept_in_the_same_storage_where_the_era_has_them(era: Any, kept: bool):
    made = graph(config=cloud_config(era=era))
    account = made.one(STORAGE).inputs["accountName"]
    tables = made.all(TABLE)
    assert {table.inputs["tableName"] for table in tables} == ({"sessions"} if kept else set())
    assert all(table.inputs["accountName"] == account for table in tables)
    said = {one["name"]: one["value"] for one in made.one(APP).inputs["siteConfig"]["appSettings"]}
    endpoint = f'endpoint = "https://{account}.table.core.windows.net"'
    assert (endpoint in said["QUDAG_MCP_CONFIG"]) is kept


def test_everything_that_takes_tags_has_them():
    made = graph()
    tagged = [resource for resource in made.resources if resource.type in TAGGED]
    assert len(tagged) == 7
    for resource in tagged:
        assert resource.inputs["tags"] == {"project": "qudag-mcp", "stack": "dev"}
        assert resource.inputs["location"] == "westeurope"


def test_a_long_name_keeps_its_suffix_inside_the_24_characters():
    name = graph("the-weather-of-all-the-world").one(STORAGE).inputs["accountName"]
    other = graph("the-weather-of-all-the-words").one(STORAGE).inputs["accountName"]
    assert len(name) == len(other) == 24
    assert name[:16] == other[:16] == "theweatherofallt"
    assert name != other


@pytest.mark.parametrize("name", ["My-Weather_Service", "42", "ünïcode-mcp"])
def test_azure_accepts_the_names_derived_from_any_component_name(name: str):
    made = graph(name)
    account = made.one(STORAGE).inputs["accountName"]
    assert re.fullmatch("[a-z0-9]{3,24}", account)
    assert broken_policies(made) == []


@pytest.mark.parametrize("longest", [226, 300])
def test_a_call_longer_than_azures_load_balancer_waits_is_refused(longest: int):
    config = cloud_config(budget=TimeoutBudget(longest_tool=longest))
    said = refused(config=config)["config.budget.longest_tool"]
    assert f"{longest + 5} s" in said
    assert "1 to 230" in said
    assert "fix: set at most 225" in said
    graph(config=cloud_config(budget=TimeoutBudget(longest_tool=225)))


@pytest.mark.parametrize(
    ("changes", "path", "fix"),
    [
        ({"access": NetworkAccess()}, "access.allowed_networks", "set access.public to true"),
        (
            {"access": NetworkAccess(public=True, allowed_networks=["203.0.113.0/24"])},
            "access.allowed_networks",
            "leave out one",
        ),
        ({"max_instances": 1001}, "max_instances", "at most 1000"),
        ({"log_retention_days": 7}, "log_retention_days", "30 to 730"),
        ({"config": cloud_config(domain="mcp.example.com")}, "config.domain", "leave it out"),
        ({"config": cloud_config(budget=TimeoutBudget(drain=90))}, "config.budget.drain", "leave"),
        (
            {"secrets": replace(AZURE_SECRETS, versions={"API_KEY": "hunter2"})},
            "secrets.versions.API_KEY",
            "write the address of one version of a secret in Key Vault",
        ),
        (
            {
                "secrets": AzureSecrets(
                    vault=f"{AZURE_SECRETS.vault}-2", versions=AZURE_SECRETS.versions
                )
            },
            "secrets.versions.API_KEY",
            "use a secret of the vault",
        ),
    ],
)
def test_invalid_args_are_refused(changes: dict[str, Any], path: str, fix: str):
    assert fix in refused(**changes)[path]


def test_addresses_outside_the_allowed_networks_are_denied():
    restricted = app(access=NetworkAccess(allowed_networks=["203.0.113.0/24"]))["siteConfig"]
    assert restricted["ipSecurityRestrictionsDefaultAction"] == "Deny"
    assert [rule["ipAddress"] for rule in restricted["ipSecurityRestrictions"]] == [
        "203.0.113.0/24"
    ]
    assert app()["siteConfig"]["ipSecurityRestrictionsDefaultAction"] == "Allow"


def test_the_app_depends_on_its_role_assignments():
    made = graph(secrets=AZURE_SECRETS)
    waited = {urn.rpartition("::")[2] for urn in made.one(APP).dependencies}
    rights = {r.name for r in made.all("azure-native:authorization:RoleAssignment")}
    assert rights
    assert rights <= waited


def test_protect_covers_the_storage_account_and_the_tables():
    made = graph(protect=True)
    assert made.one(STORAGE).protect
    assert all(table.protect for table in made.all(TABLE))


def test_protect_ignores_storage_without_sessions():
    made = graph(protect=True, config=cloud_config(era="modern"))
    assert not made.one(STORAGE).protect
