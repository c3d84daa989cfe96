"""AzurePostgresqlDataTier: in the network, encrypted, backed up, locked, and without a password."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from components.azure.database import AzurePostgresqlDataTier
from components.azure.database_args import AzurePostgresqlDataTierArgs
from components.base.problems import ProblemReport
from components.mcp.data_tier import CacheProfile, Stores
from policies import broken_policies
from tests.harness import ResourceGraph, record
from tests.harness.clouds import AZURE, SUBNET, on_azure

SERVER = "azure-native:dbforpostgresql:Server"
CLUSTER = "azure-native:redisenterprise:RedisEnterprise"
DATABASE = "azure-native:redisenterprise:Database"
LOCK = "azure-native:authorization:ManagementLockByScope"
ZONES = SUBNET.partition("Microsoft.Network")[0] + "Microsoft.Network/privateDnsZones"
ARGS = AzurePostgresqlDataTierArgs(
    location=AZURE,
    subnet=SUBNET.replace("apps", "database"),
    dns_zone=f"{ZONES}/own.postgres.database.azure.com",
    cache_subnet=SUBNET.replace("apps", "endpoints"),
    cache_dns_zone=f"{ZONES}/privatelink.redis.azure.net",
)


def graph(**changes: Any) -> ResourceGraph:
    args = replace(ARGS, **changes)
    return record(lambda: AzurePostgresqlDataTier("data", args, on_azure()))


def server(**changes: Any) -> dict[str, Any]:
    return graph(**changes).one(SERVER).inputs


def test_the_outputs_are_those_of_every_kind():
    made = graph()
    identity = made.one("azure-native:managedidentity:UserAssignedIdentity")
    cache = made.one(CLUSTER).inputs["clusterName"]
    assert made.one("qudag-mcp:index:AzurePostgresqlDataTier").outputs == {
        "database_host": f"{made.one(SERVER).inputs['serverName']}.postgres.database.azure.com",
        "database_port": 5432,
        "database_name": "qudag_mcp",
        "database_user": identity.inputs["resourceName"],
        "database_credentials": identity.outputs["id"],
        "cache_host": f"{cache}.westeurope.redis.azure.net",
        "cache_port": 10000,
        "cache_user": identity.outputs["principalId"],
        "cache_name": "",
        "host": f"{made.one(SERVER).inputs['serverName']}.postgres.database.azure.com",
        "read_host": f"{made.one(SERVER).inputs['serverName']}.postgres.database.azure.com",
        "url_secret": identity.outputs["id"],
        "read_url_secret": identity.outputs["id"],
        "ca": "DigiCert Global Root G2",
        "backup_location": "",
    }


def test_one_store_alone_has_no_resource_of_the_other_and_needs_no_place_for_it():
    neither = {"subnet": None, "dns_zone": None}
    cache = graph(stores=Stores.CACHE, **neither)
    assert not cache.all(SERVER)
    assert cache.one("qudag-mcp:index:AzurePostgresqlDataTier").outputs["host"] == ""
    database = graph(stores=Stores.DATABASE, cache_subnet=None, cache_dns_zone=None)
    assert not database.all(CLUSTER)
    assert not database.all("azure-native:network:PrivateEndpoint")
    assert database.one("qudag-mcp:index:AzurePostgresqlDataTier").outputs["cache_host"] == ""


@pytest.mark.parametrize(
    ("stores", "missing"),
    [
        (Stores.DATABASE, {"subnet", "dns_zone"}),
        (Stores.CACHE, {"cache_subnet", "cache_dns_zone"}),
        (Stores.BOTH, {"subnet", "dns_zone", "cache_subnet", "cache_dns_zone"}),
    ],
)
def test_places_of_a_store_are_required_with_it(stores: Stores, missing: set[str]):
    problems = AzurePostgresqlDataTierArgs(location=AZURE, stores=stores).refusals()
    assert {problem.path for problem in problems} == missing


@pytest.mark.parametrize("profile", CacheProfile)
def test_every_policy_rule_passes(profile: CacheProfile):
    assert broken_policies(graph(cache_profile=profile, protect=True)) == []


def test_the_database_is_reached_in_its_subnet_alone():
    assert server()["network"] == {
        "delegatedSubnetResourceId": ARGS.subnet,
        "privateDnsZoneArmResourceId": ARGS.dns_zone,
        "publicNetworkAccess": "Disabled",
    }
    assert server()["version"] == "17"


def test_database_users_have_no_password():
    made = server()
    assert made["authConfig"] == {
        "activeDirectoryAuth": "Enabled",
        "passwordAuth": "Disabled",
        "tenantId": AZURE.tenant,
    }
    assert "administratorLoginPassword" not in made
    assert graph().one(DATABASE).inputs["accessKeysAuthentication"] == "Disabled"


def test_its_own_identity_is_the_user_of_both():
    made = graph()
    identity = made.one("azure-native:managedidentity:UserAssignedIdentity").outputs
    admin = made.one("azure-native:dbforpostgresql:AdministratorsMicrosoftEntra").inputs
    assert admin["objectId"] == identity["principalId"]
    user = made.one("azure-native:redisenterprise:AccessPolicyAssignment").inputs
    assert user["user"] == {"objectId": identity["principalId"]}


def test_backups_are_kept_in_another_region_too():
    assert server()["backup"] == {"backupRetentionDays": 14, "geoRedundantBackup": "Enabled"}


def test_connections_are_encrypted():
    parameters = {
        made.inputs["configurationName"]: made.inputs["value"]
        for made in graph().all("azure-native:dbforpostgresql:Configuration")
    }
    assert parameters["require_secure_transport"] == "on"
    assert parameters["ssl_min_protocol_version"] == "TLSv1.2"
    assert graph().one(DATABASE).inputs["clientProtocol"] == "Encrypted"
    assert graph().one(CLUSTER).inputs["minimumTlsVersion"] == "1.2"


def test_the_server_is_changed_one_change_at_a_time_and_locked_last():
    made = graph(protect=True)
    parts = "azure-native:dbforpostgresql:"
    changes = [one for one in made.resources if one.type.startswith(parts) and one.type != SERVER]
    changes += [one for one in made.all(LOCK) if one.name == "data-database-lock"]
    own = {one.urn: one for one in changes}
    before = {one.name: {own[d].name for d in one.dependencies if d in own} for one in changes}
    order = ["require-secure-transport", "ssl-min-protocol-version", "log-connections"]
    order += ["database-user", "database-contents", "database-lock"]
    names = [f"data-{name}" for name in order]
    assert before == {
        name: ({names[place - 1]} if place else set()) for place, name in enumerate(names)
    }


def test_the_cache_is_locked_after_its_last_change():
    made = graph(protect=True)
    (lock,) = [one for one in made.all(LOCK) if one.name == "data-cache-lock"]
    assert made.one("azure-native:redisenterprise:AccessPolicyAssignment").urn in lock.dependencies


def test_protection_is_on_both_sides():
    made = graph(protect=True)
    assert made.one(SERVER).protect
    assert made.one(CLUSTER).protect
    assert {lock.inputs["scope"] for lock in made.all(LOCK)} == {
        made.one(SERVER).outputs["id"],
        made.one(CLUSTER).outputs["id"],
    }
    assert graph().all(LOCK) == []


def test_sessions_are_persisted_and_never_evicted():
    made = graph(cache_profile=CacheProfile.SESSIONS).one(DATABASE).inputs
    assert made["persistence"] == {"aofEnabled": True, "aofFrequency": "1s"}
    assert made["evictionPolicy"] == "NoEviction"


def test_a_cache_is_not_persisted_and_evicts():
    made = graph(cache_profile=CacheProfile.CACHE).one(DATABASE).inputs
    assert made["persistence"] == {"aofEnabled": False, "rdbEnabled": False}
    assert made["evictionPolicy"] == "AllKeysLRU"


def test_the_cache_is_reached_by_its_private_endpoint_alone():
    made = graph()
    assert made.one(CLUSTER).inputs["publicNetworkAccess"] == "Disabled"
    endpoint = made.one("azure-native:network:PrivateEndpoint").inputs
    assert endpoint["subnet"] == {"id": ARGS.cache_subnet}
    (connection,) = endpoint["privateLinkServiceConnections"]
    assert connection["privateLinkServiceId"] == made.one(CLUSTER).outputs["id"]


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"backup_days": 6}, "backup_days", "7 to 35"),
        ({"database_tier": "Burstable"}, "high_availability", "set database_tier to General"),
    ],
)
def test_invalid_args_are_refused(changes: dict[str, Any], path: str, words: str):
    with pytest.raises(ProblemReport) as report:
        graph(**changes)
    (problem,) = report.value.problems
    assert problem.path == f"data.{path}"
    assert words in str(problem)


def test_an_identity_of_yours_logs_in_to_a_cache_alone():
    yours = "0a1b2c3d-0000-4000-8000-0123456789ef"
    made = graph(stores=Stores.CACHE, cache_principal=yours)
    assert not made.all("azure-native:managedidentity:UserAssignedIdentity")
    user = made.one("azure-native:redisenterprise:AccessPolicyAssignment").inputs["user"]
    assert user == {"objectId": yours}
    told = made.one("qudag-mcp:index:AzurePostgresqlDataTier").outputs
    assert (told["cache_user"], told["ca"]) == (yours, "DigiCert Global Root G2")
