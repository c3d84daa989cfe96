"""CloudSqlDataTier: private, encrypted, backed up, protected, and without a password."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from components.base.problems import ProblemReport
from components.gcp.database import CloudSqlDataTier
from components.gcp.database_args import CloudSqlDataTierArgs
from components.mcp.data_tier import CacheProfile, Stores
from policies import broken_policies
from tests.harness import ResourceGraph, record
from tests.harness.clouds import GCP, GCP_PRIVATE, granted

INSTANCE = "gcp:sql/databaseInstance:DatabaseInstance"
VALKEY = "gcp:memorystore/instance:Instance"
ACCOUNT = "core@acme-prod.iam.gserviceaccount.com"
ARGS = CloudSqlDataTierArgs(location=GCP_PRIVATE, account=ACCOUNT)


def graph(**changes: Any) -> ResourceGraph:
    return record(lambda: CloudSqlDataTier("data", replace(ARGS, **changes)))


def settings(**changes: Any) -> dict[str, Any]:
    return graph(**changes).one(INSTANCE).inputs["settings"]


def test_the_outputs_are_those_of_every_kind():
    made = graph()
    name = made.one(INSTANCE).inputs["name"]
    cache = made.one(VALKEY).inputs["instanceId"]
    assert made.one("qudag-mcp:index:CloudSqlDataTier").outputs == {
        "database_host": f"address-of.{name}",
        "database_port": 5432,
        "database_name": "qudag_mcp",
        "database_user": "core@acme-prod.iam",
        "database_credentials": f"projects/acme-prod/serviceAccounts/{ACCOUNT}",
        "cache_host": f"address-of.{cache}",
        "cache_port": 6379,
        "cache_user": "default",
        "cache_name": "",
        "host": f"address-of.{name}",
        "read_host": f"address-of.{name}",
        "url_secret": f"projects/acme-prod/serviceAccounts/{ACCOUNT}",
        "read_url_secret": f"projects/acme-prod/serviceAccounts/{ACCOUNT}",
        "ca": f"authority-of.{name}",
        "backup_location": "",
    }


def test_one_store_alone_has_no_resource_and_no_right_of_the_other():
    cache, database = graph(stores=Stores.CACHE), graph(stores=Stores.DATABASE)
    assert not cache.all(INSTANCE)
    assert {role for _, role, _ in granted(cache)} == {"roles/memorystore.dbConnectionUser"}
    assert not database.all(VALKEY)
    assert "roles/memorystore.dbConnectionUser" not in {role for _, role, _ in granted(database)}


@pytest.mark.parametrize("profile", CacheProfile)
def test_every_policy_rule_passes(profile: CacheProfile):
    assert broken_policies(graph(cache_profile=profile, protect=True)) == []


def test_the_database_has_a_private_address_alone_and_takes_tls_alone():
    assert settings()["ipConfiguration"] == {
        "ipv4Enabled": False,
        "privateNetwork": "projects/acme-prod/global/networks/own",
        "sslMode": "ENCRYPTED_ONLY",
        "serverCaMode": "GOOGLE_MANAGED_INTERNAL_CA",
    }
    assert graph().one(INSTANCE).inputs["databaseVersion"] == "POSTGRES_17"


def test_the_database_can_be_restored_to_any_second_of_a_week():
    backups = settings()["backupConfiguration"]
    assert backups["enabled"] is True
    assert backups["pointInTimeRecoveryEnabled"] is True
    assert backups["transactionLogRetentionDays"] == 7
    assert backups["backupRetentionSettings"]["retainedBackups"] == 14


def test_protection_is_on_both_sides():
    made = graph(protect=True)
    instance, cache = made.one(INSTANCE), made.one(VALKEY)
    assert instance.protect
    assert cache.protect
    assert instance.inputs["deletionProtection"] is True
    assert instance.inputs["settings"]["deletionProtectionEnabled"] is True
    assert cache.inputs["deletionProtectionEnabled"] is True
    assert settings()["deletionProtectionEnabled"] is False


def test_database_users_have_no_password():
    made = graph()
    user = made.one("gcp:sql/user:User").inputs
    assert user["type"] == "CLOUD_IAM_SERVICE_ACCOUNT"
    assert user["name"] == "core@acme-prod.iam"
    assert "password" not in user
    assert "rootPassword" not in made.one(INSTANCE).inputs
    assert made.one(VALKEY).inputs["authorizationMode"] == "IAM_AUTH"


def test_the_account_may_connect_to_these_instances_alone():
    core = "serviceAccount:core"
    database = 'project if resource.name == "projects/acme-prod/instances/data-database-df5272c8"'
    cache = (
        'project if resource.name == "projects/acme-prod/locations/europe-west1/instances/'
        'data-cache-fbb24e59"'
    )
    assert granted(graph()) == {
        (core, "roles/cloudsql.client", database),
        (core, "roles/cloudsql.instanceUser", database),
        (core, "roles/memorystore.dbConnectionUser", cache),
    }


def test_sessions_are_persisted_and_never_evicted():
    made = graph(cache_profile=CacheProfile.SESSIONS).one(VALKEY).inputs
    assert made["persistenceConfig"]["mode"] == "AOF"
    assert made["engineConfigs"] == {"maxmemory-policy": "noeviction"}
    assert made["automatedBackupConfig"]["retention"] == "1209600s"


def test_a_cache_is_not_persisted_and_evicts():
    made = graph(cache_profile=CacheProfile.CACHE).one(VALKEY).inputs
    assert made["persistenceConfig"] == {"mode": "DISABLED"}
    assert made["engineConfigs"] == {"maxmemory-policy": "allkeys-lru"}
    assert "automatedBackupConfig" not in made


def test_the_cache_takes_tls_alone_on_the_network():
    made = graph().one(VALKEY).inputs
    assert made["transitEncryptionMode"] == "SERVER_AUTHENTICATION"
    assert made["desiredAutoCreatedEndpoints"] == [
        {"network": "projects/acme-prod/global/networks/own", "projectId": "acme-prod"}
    ]


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"location": GCP}, "location.network", "a public address, or none"),
        ({"account": "core"}, "account", "the e-mail address of a service account"),
        ({"point_in_time_days": 8}, "point_in_time_days", "1 to 7"),
    ],
)
def test_invalid_args_are_refused(changes: dict[str, Any], path: str, words: str):
    with pytest.raises(ProblemReport) as report:
        graph(**changes)
    (problem,) = report.value.problems
    assert problem.path == f"data.{path}"
    assert words in str(problem)


def test_a_cache_alone_names_its_authority_and_lets_further_accounts_in():
    made = graph(stores=Stores.CACHE, cache_accounts=["state@acme-prod.iam.gserviceaccount.com"])
    cache = made.one(VALKEY).inputs["instanceId"]
    assert made.one("qudag-mcp:index:CloudSqlDataTier").outputs["ca"] == f"authority-of.{cache}\n"
    members = {each.inputs["member"] for each in made.all("gcp:projects/iAMMember:IAMMember")}
    others = "serviceAccount:state@acme-prod.iam.gserviceaccount.com"
    assert members == {f"serviceAccount:{ACCOUNT}", others}
