"""Prod with each kind of database and of cache outside the cluster."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from graph.programs import record_files
from graph.resource_graph import ResourceGraph
from graph.stack_files import StackFiles
from tests.harness.containers import ROOT
from tests.harness.prod import prod_files

NETWORK = "10.30.128.0/24"
ACCOUNT = "mcp-core@qudag-prod.iam.gserviceaccount.com"
AZURE = (
    "/subscriptions/0a1b2c3d-0000-4000-8000-000000000001/resourceGroups/network/providers"
    "/Microsoft.Network"
)
OBJECT = "0a1b2c3d-0000-4000-8000-00000000000a"
_ID = "0a1b2c3d-0000-4000-8000-00000000000b"
IDENTITIES: dict[str, dict[str, Any]] = {
    "cloud-sql": {"gcp": {"serviceAccount": ACCOUNT}},
    "azure-postgresql": {"azure": {"clientId": _ID, "tenantId": _ID}},
}
"""Of the programs that log in with tokens, by kind."""
TOKENS = "10.40.7.0/24"
USERS = ("mcp-core", "mcp-migration", "mcp-state", "qudag-integration")
VPC = "projects/qudag-prod/global/networks/main"
SECRET = {"password": {"secret": "data", "key": "pw"}, "ca": {"secret": "data", "key": "ca.crt"}}
DATABASES: dict[str, dict[str, Any]] = {
    "external": {"external": {"host": "db.example.com", "networks": [NETWORK], **SECRET}},
    "rds": {"rds": {"networks": [NETWORK]}},
    "cloud-sql": {"cloudSql": {"networks": [NETWORK], "account": ACCOUNT}},
    "azure-postgresql": {
        "azurePostgresql": {
            "networks": [NETWORK],
            "administrator": {
                "name": "mcp-core",
                "objectId": OBJECT,
            },
            "subnet": f"{AZURE}/virtualNetworks/main/subnets/postgres",
            "dnsZone": f"{AZURE}/privateDnsZones/prod.postgres.database.azure.com",
        }
    },
}
"""The kinds of PostgreSQL outside the cluster, with their sections."""
PRINCIPAL = "0a1b2c3d-0000-4000-8000-0123456789ef"
OURS = (
    "/subscriptions/0a1b2c3d-0000-4000-8000-0123456789ab/resourceGroups/network/providers"
    "/Microsoft.Network"
)
CACHES: dict[str, dict[str, Any]] = {
    "elasticache": {"elasticache": {"networks": [NETWORK]}},
    "memorystore": {"memorystore": {"networks": [NETWORK]}},
    "azure-redis": {
        "azureRedis": {
            "networks": [NETWORK],
            "subnet": f"{OURS}/virtualNetworks/main/subnets/endpoints",
            "dnsZone": f"{OURS}/privateDnsZones/privatelink.redis.azure.net",
            "principal": PRINCIPAL,
        }
    },
    "external": {"externalCache": {"host": "cache.example.com", "networks": [NETWORK], **SECRET}},
}
ROLE = "arn:aws:iam::123456789012:role/mcp-server"
CACHE_ACCOUNT = "mcp-server@acme-prod.iam.gserviceaccount.com"
CACHE_IDENTITIES: dict[str, dict[str, Any]] = {
    "elasticache": {"aws": {"role": ROLE}},
    "memorystore": {"gcp": {"serviceAccount": CACHE_ACCOUNT}},
    "azure-redis": {
        "azure": {
            "clientId": "0a1b2c3d-0000-4000-8000-0123456789cd",
            "tenantId": "0a1b2c3d-0000-4000-8000-0123456789ac",
        }
    },
}
"""The identity of the servers that log in with tokens, by kind."""
CACHE_USERS = ("mcp-core", "mcp-state")
"""The servers of prod's topology that use Valkey."""
MADE = {
    "rds": "aws:rds/instance:Instance",
    "cloud-sql": "gcp:sql/databaseInstance:DatabaseInstance",
    "azure-postgresql": "azure-native:dbforpostgresql:Server",
}
"""The resource of each kind in a cloud that holds the data."""
CACHES_MADE = {
    "elasticache": "aws:elasticache/replicationGroup:ReplicationGroup",
    "memorystore": "gcp:memorystore/instance:Instance",
    "azure-redis": "azure-native:redisenterprise:RedisEnterprise",
}
"""The same for caches."""
WITHOUT_AUDIT = ("azure-postgresql",)
"""Kinds that accept no passwords, which the roles of the audit log have."""
KEPT = ("nodeSize", "protect")


@cache
def prod_with(written: str, identity: str = "{}") -> ResourceGraph:
    """Prod with a section ``data``; of its own one it keeps what no kind has.

    The programs that use the database have the identity, if there is one.
    """
    files = json.loads(prod_files().to_json())
    if given := json.loads(identity):
        settings = json.loads(files["config"]["qudag-mcp:kubernetes"])
        settings["identities"] = dict.fromkeys(USERS, given)
        settings["tokenNetworks"] = [] if "gcp" in given else [TOKENS]
        files["config"]["qudag-mcp:kubernetes"] = json.dumps(settings)
        clouds = json.loads(files["config"]["qudag-mcp:clouds"])
        clouds["gcp"]["network"] = VPC
        files["config"]["qudag-mcp:clouds"] = json.dumps(clouds)
    data = json.loads(files["config"]["qudag-mcp:data"])
    kept = {key: value for key, value in data.items() if key in KEPT}
    chosen = json.loads(written)
    files["config"]["qudag-mcp:data"] = json.dumps({**kept, **chosen})
    drop_exporter_images(files["config"])
    if its := CACHE_IDENTITIES.get(chosen.get("cacheKind", "")):
        kubernetes = json.loads(files["config"]["qudag-mcp:kubernetes"])
        kubernetes["identities"] = dict.fromkeys(CACHE_USERS, its)
        if "gcp" not in its:
            kubernetes["tokenNetworks"] = [TOKENS]
        files["config"]["qudag-mcp:kubernetes"] = json.dumps(kubernetes)
    if "memorystore" in chosen:
        clouds = json.loads(files["config"]["qudag-mcp:clouds"])
        clouds["gcp"]["network"] = "projects/acme-prod/global/networks/main"
        files["config"]["qudag-mcp:clouds"] = json.dumps(clouds)
    if json.loads(written).get("kind") in WITHOUT_AUDIT:
        del files["config"]["qudag-mcp:audit"]
    return record_files(ROOT, StackFiles.from_json(json.dumps(files)))


def drop_exporter_images(config: dict[str, str]) -> None:
    """Take out the images of prod's exporters, which run beside databases in the cluster alone."""
    images = json.loads(config["qudag-mcp:images"])
    del images["postgresExporter"], images["valkeyExporter"]
    config["qudag-mcp:images"] = json.dumps(images)


def with_database(kind: str) -> ResourceGraph:
    identity = json.dumps(IDENTITIES.get(kind, {}))
    return prod_with(json.dumps({"kind": kind, **DATABASES[kind]}), identity)


def with_cache(kind: str) -> ResourceGraph:
    return prod_with(json.dumps({"cacheKind": kind, **CACHES[kind]}))
