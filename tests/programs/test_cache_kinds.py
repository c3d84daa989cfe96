"""Prod with each kind of Valkey outside the cluster: who may log in, and with what."""

from __future__ import annotations

import json
import tomllib

import pytest

from graph.resource_graph import STACK_TYPE
from runtime.redis_config import RedisSection
from tests.harness.data_kinds import CACHE_ACCOUNT, CACHE_USERS, CACHES_MADE, PRINCIPAL, with_cache
from tests.harness.graph_queries import objects

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", CACHES_MADE)
def test_a_cloud_has_the_cache_and_prod_protects_it(kind: str):
    made = with_cache(kind).one(CACHES_MADE[kind])
    assert made.protect is True
    assert made.provider is not None


@pytest.mark.parametrize("kind", CACHES_MADE)
def test_every_server_of_the_cache_logs_in_with_a_token_and_mounts_no_password(kind: str):
    made = with_cache(kind)
    told = made.one(STACK_TYPE).outputs["data"]["redis"]
    seen: set[str] = set()
    for config_map in objects(made, "ConfigMap"):
        text = config_map["data"].get("server.toml", "")
        section = tomllib.loads(text).get("redis") if text else None
        if section:
            seen.add(config_map["metadata"]["name"].removesuffix("-config"))
            read = RedisSection.model_validate(section)
            assert (read.token, read.host, read.port) == (
                kind.removesuffix("-redis"),
                told["cache_host"],
                told["cache_port"],
            )
            assert read.encrypted
    assert seen == set(CACHE_USERS)
    required = {each["name"] for each in made.one(STACK_TYPE).outputs["required_secrets"]}
    assert not {name for name in required if "valkey" in name or "redis" in name}


def test_elasticache_in_prod_lets_the_role_of_the_servers_sign_and_run_their_commands_alone():
    made = with_cache("elasticache")
    group = made.one(CACHES_MADE["elasticache"]).inputs
    assert (group["nodeType"], group["numCacheClusters"]) == ("cache.t4g.medium", 2)
    assert (group["multiAzEnabled"], group["snapshotRetentionLimit"]) == (True, 14)
    user = made.one("aws:elasticache/user:User")
    assert user.inputs["authenticationMode"] == {"type": "iam"}
    assert user.inputs["accessString"].startswith("on ~* -@all +ping ")
    (attached,) = made.all("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert attached.inputs["role"] == "mcp-server"
    policy = json.loads(made.one("aws:iam/policy:Policy").inputs["policy"])
    (statement,) = policy["Statement"]
    arn = made.one(CACHES_MADE["elasticache"]).outputs["arn"]
    assert statement["Action"] == ["elasticache:Connect"]
    assert statement["Resource"] == [arn, user.outputs["arn"]]


def test_memorystore_in_prod_lets_the_account_of_the_servers_in_and_trusts_its_own_authority():
    made = with_cache("memorystore")
    cache = made.one(CACHES_MADE["memorystore"])
    assert (cache.inputs["nodeType"], cache.inputs["replicaCount"]) == ("STANDARD_SMALL", 1)
    assert (cache.inputs["authorizationMode"], cache.inputs["mode"]) == (
        "IAM_AUTH",
        "CLUSTER_DISABLED",
    )
    (granted,) = [
        each.inputs["member"]
        for each in made.all("gcp:projects/iAMMember:IAMMember")
        if each.inputs["role"] == "roles/memorystore.dbConnectionUser"
    ]
    assert granted == f"serviceAccount:{CACHE_ACCOUNT}"
    (core,) = [
        each for each in objects(made, "ConfigMap") if each["metadata"]["name"] == "mcp-core-config"
    ]
    redis = tomllib.loads(core["data"]["server.toml"])["redis"]
    folder, _, name = redis["ca_file"].rpartition("/")
    assert core["data"][name] == f"authority-of.{cache.inputs['instanceId']}\n"
    (pod,) = [
        one["spec"]["template"]["spec"]
        for one in objects(made, "Deployment")
        if one["metadata"]["name"] == "mcp-core"
    ]
    container = next(each for each in pod["containers"] if each["name"] == "mcp-core")
    assert folder in {mount["mountPath"] for mount in container["volumeMounts"]}


def test_azure_redis_in_prod_has_no_access_keys_and_lets_one_identity_in():
    made = with_cache("azure-redis")
    database = made.one("azure-native:redisenterprise:Database").inputs
    assert database["accessKeysAuthentication"] == "Disabled"
    assert (database["clusteringPolicy"], database["evictionPolicy"]) == ("NoCluster", "NoEviction")
    user = made.one("azure-native:redisenterprise:AccessPolicyAssignment").inputs["user"]
    assert user == {"objectId": PRINCIPAL}
    assert made.one(CACHES_MADE["azure-redis"]).inputs["publicNetworkAccess"] == "Disabled"
    assert made.one(STACK_TYPE).outputs["data"]["redis"]["cache_user"] == PRINCIPAL
