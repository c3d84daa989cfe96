"""Wrong args of the components of the clouds: which case, which field, and the wrong value."""

from __future__ import annotations

from typing import Any, Final

LATER: Final = "an Output"
"""Stands for an Output, which can only be made inside a program."""

RESOURCE: Final = (
    "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/network/providers"
    "/Microsoft.Network/virtualNetworks/main"
)
"""Id of a resource of Azure."""

_CLOUD: Final = [
    ("config", None),
    ("config", {"role": "tools"}),
    ("config.role", "king"),
    ("config.domain", "mcp.example.com; return 200"),
    ("config.auth.jwks_url", None),
    ("config.auth.jwks_url", "ftp://issuer.example.com/keys"),
    ("config.budget.longest_tool", 100_000),
    ("config.era", "old"),
    ("secrets", "API_KEY"),
    ("protect", "yes"),
    ("location", None),
    ("location", {"region": "somewhere"}),
    ("location", LATER),
]
_AWS: Final = [
    ("location.account", "12345678901"),
    ("location.account", "\u0661" * 12),
    ("location.account", 123456789012),
    ("location.region", "EU-Central-1"),
    ("location.region", "eu-central-\u0661"),
    ("alarm_topic", "on-call"),
    ("secrets", {"API_KEY": "hunter2"}),
    ("secrets", {"api key": "x"}),
    ("log_retention_days", 31),
    ("log_retention_days", 10**5000),
]
_GCP: Final = [
    ("location.project", "acme"),
    ("location.project", "Acme-Prod"),
    ("location.region", "europe-west\u0661"),
    ("location.network", "own"),
    ("location.subnetwork", "own"),
    ("access.allowed_principals", ["allUsers"]),
    ("access.allowed_principals", ["agent@acme-prod.iam.gserviceaccount.com"]),
    ("access.ingress", "none"),
    ("secrets", {"API_KEY": "projects/acme-prod/secrets/key/versions/latest"}),
    ("concurrency", 1001),
    ("concurrency", 10**5000),
]
_AZURE: Final = [
    ("location.subscription", "acme"),
    ("location.subscription", "\u0660" * 8 + "-0000-4000-8000-000000000001"),
    ("location.tenant", "00000000"),
    ("location.region", "West Europe"),
    ("location.region", "eastus\u0662"),
    ("location.tags", {"a<b": "c"}),
    ("location.tags", {"team": "two\nlines"}),
    ("location.tags", {"team": "x" * 257}),
    ("log_retention_days", 10**5000),
]
_VAULT: Final = [
    ("secrets.vault", "qudag-keys"),
    ("secrets.versions", {"API_KEY": "https://qudag-keys.vault.azure.net/secrets/api-key"}),
    ("secrets.versions", {"API_KEY": "hunter2"}),
]
_INSTANCES: Final = [("min_instances", -1), ("min_instances", None), ("max_instances", "many")]

WRONG_IN_CLOUDS: Final[dict[str, list[tuple[str, Any]]]] = {
    "AwsBackupBucket": [
        ("location", None),
        ("writer", "arn:aws:iam::123456789012:user/somebody"),
        ("writer", None),
        ("data_region", "Frankfurt"),
        ("kms_key", "alias/backups"),
        ("retention_days", 0),
        ("retention_days", "30"),
        ("lock_days", 0),
        ("protect", "yes"),
    ],
    "GcpBackupBucket": [
        ("location.project", "Acme"),
        ("writer", "user:somebody@example.com"),
        ("data_region", "frankfurt"),
        ("kms_key", "backups"),
        ("retention_days", 4000),
        ("overwrites", "yes"),
    ],
    "AzureBackupStorage": [
        ("location.subscription", "prod"),
        ("writer", "somebody@example.com"),
        ("writer.issuer", "http://oidc.example.com"),
        ("writer.namespace", "Qudag"),
        ("writer.service_account", "a b"),
        ("data_region", "West Europe"),
        ("key", "https://qudag-prod.vault.azure.net/keys/backups"),
        ("lock_days", 0),
        ("zone_redundant", "yes"),
    ],
    "RdsDataTier": [
        ("location", None),
        ("network", "vpc-0123456789abcdef0"),
        ("user", 'q"; drop'),
        ("cache_replicas", "two"),
        ("high_availability", 1),
        ("network.vpc", "vpc-1"),
        ("network.vpc_cidr", "10.0.0.0"),
        ("network.vpc_cidr", "2001:db8::/32"),
        ("network.private_subnets", ["subnet-1", "subnet-2"]),
        ("network.public_subnets", ["subnet-\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661"]),
        ("allowed_networks", ["10.0.0.1/8"]),
        ("allowed_networks", ["2001:db8::/32"]),
        ("allowed_groups", ["sg-servers"]),
        ("database_machine", "t4g.medium"),
        ("cache_machine", "db.t4g.small"),
        ("cache_password", "two words and no more"),
        ("cache_password", "short"),
        ("max_storage_gb", 20),
        ("backup_days", 10**5000),
    ],
    "CloudSqlDataTier": [
        ("location", LATER),
        ("account", None),
        ("account", "core@example.com"),
        ("backup_days", "14"),
        ("database_machine", "custom 2"),
        ("cache_machine", "standard-small"),
    ],
    "AzurePostgresqlDataTier": [
        ("location", None),
        ("database_tier", "Basic"),
        ("storage_gb", "32Gi"),
        ("subnet", "database"),
        ("dns_zone", "own.postgres.database.azure.com"),
        ("cache_subnet", f"{RESOURCE}/sub nets"),
        ("cache_dns_zone", f"{RESOURCE}/\u0661"),
        ("database_machine", "D2ds v5"),
        ("cache_machine", "balanced"),
        *_AZURE[:-1],
    ],
    "AwsLambda": [
        *_CLOUD,
        *_AWS,
        ("certificate", "mcp.example.com"),
        ("archive.digest", "abc"),
        ("archive", "function.zip"),
        ("access", None),
        ("endpoint", "http-api"),
    ],
    "EcsFargate": [
        *_CLOUD,
        *_AWS,
        ("image", "server"),
        ("cpu", "512"),
        ("cpu", 10**400),
        ("access", 1),
        ("access.allowed_networks", ["10.8.0.0"]),
        ("access.allowed_networks", ["0.0.0.0/0"]),
        ("certificate", f"arn:aws:acm:eu-west-1:{'1' * 12}:certificate/1"),
        ("access_logs_bucket", "Our Logs"),
        ("config.auth.jwks_url", "https://issuer.example.com:99999/keys"),
        ("config.auth.jwks_max_age_seconds", 9),
        ("memory_mb", 10**5000),
        ("min_instances", 0),
    ],
    "GcpFunction": [*_CLOUD, *_GCP, *_INSTANCES, ("access", True)],
    "CloudRun": [*_CLOUD, *_GCP, ("cpu", 10**400), *_INSTANCES, ("image", "server")],
    "AzureFunction": [
        *_CLOUD,
        *_AZURE,
        *_VAULT,
        ("subnet", "apps"),
        ("access.allowed_networks", ["everyone"]),
        ("max_instances", "x"),
        ("access", None),
    ],
    "AzureContainerApp": [
        *_CLOUD,
        *_INSTANCES,
        *_AZURE,
        *_VAULT,
        ("image", "a b"),
        ("registry", 5),
        ("registry", "acme"),
        ("subnet", "apps"),
        ("cpu", 10**400),
    ],
    "AzureContainerGroup": [
        *_AZURE,
        ("registry", "acme"),
        ("subnet", "apps"),
        ("subnet", None),
        ("image", "a b"),
        ("memory_mb", "1Gi"),
    ],
}
