"""PostgreSQL of Cloud SQL and Valkey of Memorystore, on private addresses of your network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from ..base.limits import refuse
from ..base.problems import Problem
from ..mcp.data_contract import CacheProfile, Contents, Provided
from .facts import CLOUD_SQL_LOG_DAYS
from .identity import only_on, physical
from .location import GcpLocation

_INSTANCE: Final = "gcp:sql/databaseInstance:DatabaseInstance"
_VALKEY: Final = "gcp:memorystore/instance:Instance"
_ACCOUNTS_END: Final = ".gserviceaccount.com"
_FLAGS: Final = {
    "cloudsql.iam_authentication": "on",
    "log_connections": "on",
    "log_disconnections": "on",
}


@dataclass(frozen=True, kw_only=True)
class CloudSql:
    """What Google Cloud needs to know.

    Attributes:
        location: project, region and the network; it has private services access, for PostgreSQL,
            and a policy for connections to Memorystore.
        account: e-mail address of the service account that connects, ``…@….gserviceaccount.com``.
            There is no password: a token of the account is one, for both.
        tier: of the database's machine.
        storage_gb: what it begins with; it grows by itself.
        high_availability: a standby in another zone takes over when the database's own fails.
        backups: daily ones that are kept.
        log_days: how far back within these the database can be restored to any second.
        cache_node: type of the cache's machines.
        cache_replicas: machines that take over when the cache's primary fails.
        type: tells this kind from the others where args are a mapping.
    """

    location: GcpLocation
    account: str
    tier: str = "db-custom-2-7680"
    storage_gb: int = 10
    high_availability: bool = True
    backups: int = 14
    log_days: int = 7
    cache_node: str = "STANDARD_SMALL"
    cache_replicas: int = 1
    type: Literal["cloud-sql"] = "cloud-sql"


def cloud_sql(owner: Component[Any], kind: CloudSql, contents: Contents) -> Provided:
    """Makes both, and lets the account connect to these two instances alone."""
    refuse(_problems(kind, contents))
    location = kind.location
    instance = _instance(owner, kind, contents)
    CloudResource(
        "gcp:sql/database:Database",
        owner.named("database-contents"),
        {
            "project": location.project,
            "instance": instance.output("name"),
            "name": contents.database,
            # With the instance it goes, and without it nothing of it is lost.
            "deletionPolicy": "ABANDON",
        },
        opts=owner.owned(),
    )
    user = CloudResource(
        "gcp:sql/user:User",
        owner.named("database-user"),
        {
            "project": location.project,
            "instance": instance.output("name"),
            "name": kind.account.removesuffix(_ACCOUNTS_END),
            "type": "CLOUD_IAM_SERVICE_ACCOUNT",
            # It has to make the schema, and the instance holds nothing but its database.
            "databaseRoles": ["cloudsqlsuperuser"],
            # PostgreSQL drops no user who owns a schema; with the instance it goes.
            "deletionPolicy": "ABANDON",
        },
        opts=owner.owned(),
    )
    valkey = _valkey(owner, kind, contents)
    at = f"projects/{location.project}"
    instances = {
        "sql": pulumi.Output.concat(f"{at}/instances/", instance.output("name")),
        "cache": pulumi.Output.concat(
            f"{at}/locations/{location.region}/instances/", valkey.output("instanceId")
        ),
    }
    for role, target in (
        ("cloudsql.client", "sql"),
        ("cloudsql.instanceUser", "sql"),
        ("memorystore.dbConnectionUser", "cache"),
    ):
        CloudResource(
            "gcp:projects/iAMMember:IAMMember",
            owner.named(f"may-{role.rpartition('.')[2]}"),
            {
                "project": location.project,
                "role": f"roles/{role}",
                "member": f"serviceAccount:{kind.account}",
                "condition": only_on("its own instance", instances[target]),
            },
            opts=owner.owned(),
        )
    return Provided(
        database=user,
        database_host=instance.output("privateIpAddress"),
        database_user=kind.account.removesuffix(_ACCOUNTS_END),
        database_credentials=f"{at}/serviceAccounts/{kind.account}",
        cache_host=valkey.output("endpoints").apply(_primary),
    )


def _problems(kind: CloudSql, contents: Contents) -> list[Problem]:
    problems = CLOUD_SQL_LOG_DAYS.problems("kind.log_days", kind.log_days, fix="set 1 to 7")
    if not kind.location.network:
        problems.append(
            Problem(
                "kind.location.network",
                "is missing",
                "the database would have a public address, or none",
                "set the id of your network, projects/…/global/networks/…",
            )
        )
    if not kind.account.endswith(_ACCOUNTS_END):
        problems.append(
            Problem(
                "kind.account",
                f"{kind.account!r} is no service account",
                "nobody could connect: there is no password",
                "write the e-mail address of the service account that connects",
            )
        )
    if contents.user != Contents.user:
        problems.append(
            Problem(
                "user",
                f"is {contents.user}, but in Cloud SQL the user is called as its account",
                "there would be no user of that name",
                "leave it out: the output database_user says the name",
            )
        )
    return problems


def _instance(owner: Component[Any], kind: CloudSql, contents: Contents) -> CloudResource:
    location = kind.location
    return CloudResource(
        _INSTANCE,
        owner.named("database"),
        {
            "project": location.project,
            "region": location.region,
            "name": physical(_INSTANCE, owner, location, "database"),
            "databaseVersion": "POSTGRES_17",
            "deletionProtection": contents.protect,
            "settings": {
                "tier": kind.tier,
                "edition": "ENTERPRISE",
                "availabilityType": "REGIONAL" if kind.high_availability else "ZONAL",
                "diskType": "PD_SSD",
                "diskSize": kind.storage_gb,
                "diskAutoresize": True,
                "deletionProtectionEnabled": contents.protect,
                "retainBackupsOnDelete": contents.protect,
                "backupConfiguration": {
                    "enabled": True,
                    "pointInTimeRecoveryEnabled": True,
                    "transactionLogRetentionDays": kind.log_days,
                    "backupRetentionSettings": {
                        "retainedBackups": kind.backups,
                        "retentionUnit": "COUNT",
                    },
                },
                "ipConfiguration": {
                    "ipv4Enabled": False,
                    "privateNetwork": location.network,
                    "sslMode": "ENCRYPTED_ONLY",
                },
                "databaseFlags": [{"name": name, "value": value} for name, value in _FLAGS.items()],
                "insightsConfig": {"queryInsightsEnabled": True},
            },
        },
        outputs=("privateIpAddress",),
        opts=owner.owned(protect=contents.protect),
    )


def _valkey(owner: Component[Any], kind: CloudSql, contents: Contents) -> CloudResource:
    location = kind.location
    kept = contents.cache_profile is CacheProfile.SESSIONS
    return CloudResource(
        _VALKEY,
        owner.named("cache"),
        {
            "project": location.project,
            "location": location.region,
            "instanceId": physical(_VALKEY, owner, location, "cache"),
            "engineVersion": "VALKEY_8_0",
            "mode": "CLUSTER_DISABLED",
            "shardCount": 1,
            "replicaCount": kind.cache_replicas,
            "nodeType": kind.cache_node,
            "authorizationMode": "IAM_AUTH",
            "transitEncryptionMode": "SERVER_AUTHENTICATION",
            "zoneDistributionConfig": {"mode": "MULTI_ZONE"},
            "engineConfigs": {"maxmemory-policy": "noeviction" if kept else "allkeys-lru"},
            "persistenceConfig": {"mode": "AOF", "aofConfig": {"appendFsync": "EVERY_SEC"}}
            if kept
            else {"mode": "DISABLED"},
            "automatedBackupConfig": {
                "retention": f"{kind.backups * 24 * 3600}s",
                "fixedFrequencySchedule": {"startTime": {"hours": 3}},
            }
            if kept
            else None,
            "desiredAutoCreatedEndpoints": [
                {"network": location.network, "projectId": location.project}
            ],
            "deletionProtectionEnabled": contents.protect,
        },
        outputs=("endpoints",),
        opts=owner.owned(protect=contents.protect),
    )


def _primary(endpoints: list[Mapping[str, Any]]) -> str:
    """The address that takes writes; the others are for readers."""
    connections = [each["pscAutoConnection"] for end in endpoints for each in end["connections"]]
    primary = [c for c in connections if c.get("connectionType") == "CONNECTION_TYPE_PRIMARY"]
    return (primary or connections)[0]["ipAddress"]
