"""RdsDataTier: private, encrypted, backed up, and no password in the program."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pulumi
import pytest

from components.aws.database import RdsDataTier
from components.aws.database_args import RdsDataTierArgs
from components.base.problems import ProblemReport
from components.kubernetes.embedded_data import EmbeddedDataTier
from components.kubernetes.valkey_users import ValkeyAccess, ValkeyUser
from components.mcp.data_tier import CacheCommands, CacheProfile, Stores
from policies import broken_policies
from tests.harness import ResourceGraph, record
from tests.harness.clouds import AWS, AWS_NETWORK, on_aws
from tests.harness.minimal_args import data_tier

GROUP = "sg-0aaaaaaaaaaaaaaaa"
INSTANCE = "aws:rds/instance:Instance"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
USER = "aws:elasticache/user:User"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
TIER = "qudag-mcp:index:RdsDataTier"
EMBEDDED = "qudag-mcp:index:DataTier"


def graph(**changes: Any) -> ResourceGraph:
    given: dict[str, Any] = {"location": AWS, "network": AWS_NETWORK}
    args = RdsDataTierArgs(**given | changes)
    return on_aws(lambda opts: RdsDataTier("data", args, opts))


def refused(**changes: Any) -> dict[str, str]:
    with pytest.raises(ProblemReport) as report:
        graph(**changes)
    return {problem.path.removeprefix("data."): str(problem) for problem in report.value.problems}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"cache_password": "a-password-of-some-length", "allowed_groups": [GROUP]},
    ],
)
def test_every_policy_rule_passes(changes: dict[str, Any]):
    assert broken_policies(graph(protect=True, **changes)) == []


def test_the_outputs_are_those_of_every_data_tier():
    embedded = record(lambda: EmbeddedDataTier("data", data_tier()))
    outputs = graph().one(TIER).outputs
    assert outputs.keys() == embedded.one(EMBEDDED).outputs.keys()
    assert outputs["database_host"].endswith(".eu-central-1.rds.amazonaws.com")
    assert (outputs["database_port"], outputs["cache_port"]) == (5432, 6379)
    assert (outputs["database_name"], outputs["database_user"]) == ("qudag_mcp", "qudag")
    assert ":secret:rds!db-" in outputs["database_credentials"]


def test_one_store_alone_has_no_resource_of_the_other():
    cache, database = graph(stores=Stores.CACHE), graph(stores=Stores.DATABASE)
    assert not [one.type for one in cache.resources if one.type.startswith("aws:rds/")]
    assert not [one.type for one in database.resources if one.type.startswith("aws:elasticache/")]
    assert cache.one(TIER).outputs["host"] == database.one(TIER).outputs["cache_host"] == ""
    assert {rule.inputs["fromPort"] for rule in database.all(INGRESS)} == {5432}


def test_a_database_alone_needs_no_replica_of_a_cache():
    assert (
        RdsDataTierArgs(
            location=AWS, network=AWS_NETWORK, stores=Stores.DATABASE, cache_replicas=0
        ).refusals()
        == []
    )


def test_aws_makes_the_databases_password_and_keeps_it():
    made = graph().one(INSTANCE).inputs
    assert made["manageMasterUserPassword"] is True
    assert "password" not in made


def test_the_database_is_postgresql_17_over_tls_alone():
    made = graph()
    assert made.one(INSTANCE).inputs["engineVersion"] == "17"
    parameters = made.one("aws:rds/parameterGroup:ParameterGroup").inputs
    assert parameters["parameters"] == [{"name": "rds.force_ssl", "value": "1"}]
    assert made.one(INSTANCE).inputs["parameterGroupName"] == parameters["name"]


def test_the_database_is_private_encrypted_and_backed_up():
    made = graph().one(INSTANCE).inputs
    assert made["publiclyAccessible"] is False
    assert made["storageEncrypted"] is True
    assert made["backupRetentionPeriod"] == 7
    assert made["skipFinalSnapshot"] is False
    assert made["multiAz"] is True


def test_both_are_in_the_private_subnets():
    made = graph()
    for token in ("aws:rds/subnetGroup:SubnetGroup", "aws:elasticache/subnetGroup:SubnetGroup"):
        assert made.one(token).inputs["subnetIds"] == list(AWS_NETWORK.private_subnets)


@pytest.mark.parametrize(
    ("changes", "clients"),
    [
        ({}, {"10.0.0.0/16"}),
        ({"allowed_networks": ["10.0.1.0/24"]}, {"10.0.1.0/24"}),
        ({"allowed_groups": [GROUP]}, {GROUP}),
    ],
)
def test_only_the_servers_reach_them_each_on_its_port(changes: dict[str, Any], clients: set[str]):
    rules = {
        (
            rule.inputs["securityGroupId"],
            rule.inputs["fromPort"],
            rule.inputs.get("cidrIpv4") or rule.inputs["referencedSecurityGroupId"],
        )
        for rule in graph(**changes).all(INGRESS)
    }
    ports = {("data-database-group", 5432), ("data-cache-group", 6379)}
    assert rules == {(group, port, client) for group, port in ports for client in clients}


@pytest.mark.parametrize("protect", [True, False])
def test_protect_covers_the_database_and_the_cache(protect: bool):
    made = graph(protect=protect)
    assert made.one(INSTANCE).inputs["deletionProtection"] is protect
    assert (made.one(INSTANCE).protect, made.one(CACHE).protect) == (protect, protect)


def test_log_groups_of_the_database_have_a_retention():
    groups = graph(log_retention_days=90).all("aws:cloudwatch/logGroup:LogGroup")
    assert {group.inputs["retentionInDays"] for group in groups} == {90}
    exported = graph().one(INSTANCE).inputs["enabledCloudwatchLogsExports"]
    assert {group.inputs["name"].rpartition("/")[2] for group in groups} == set(exported)


def test_the_cache_is_encrypted_and_fails_over():
    made = graph().one(CACHE).inputs
    assert made["engine"] == "valkey"
    assert (made["transitEncryptionEnabled"], made["transitEncryptionMode"]) == (True, "required")
    assert made["atRestEncryptionEnabled"] is True
    assert (made["automaticFailoverEnabled"], made["multiAzEnabled"]) == (True, True)
    assert made["snapshotRetentionLimit"] == 7
    alone = graph(cache_profile=CacheProfile.CACHE, cache_replicas=0).one(CACHE).inputs
    assert (alone["automaticFailoverEnabled"], alone["multiAzEnabled"]) == (False, False)


@pytest.mark.parametrize(
    ("profile", "policy"),
    [(CacheProfile.SESSIONS, "noeviction"), (CacheProfile.CACHE, "allkeys-lru")],
)
def test_sessions_are_never_evicted_and_a_cache_evicts(profile: CacheProfile, policy: str):
    parameters = graph(cache_profile=profile).one("aws:elasticache/parameterGroup:ParameterGroup")
    assert parameters.inputs["parameters"] == [{"name": "maxmemory-policy", "value": policy}]


def test_without_a_password_clients_of_the_cache_sign_as_its_only_user():
    made = graph()
    user = made.one(USER).inputs
    assert user["authenticationMode"] == {"type": "iam"}
    assert user["userName"] == user["userId"] == made.one(TIER).outputs["cache_user"]
    assert made.one("aws:elasticache/userGroup:UserGroup").inputs["userIds"] == [user["userId"]]


def test_a_password_of_the_cache_is_a_secret_of_the_state():
    made = graph(cache_password="a-password-of-some-length")
    assert "a-password-of-some-length" not in made.to_json()
    assert made.one(USER).secret_inputs
    assert made.one(TIER).outputs["cache_user"] == "default"


def test_roles_may_log_in_as_the_user_of_this_cache_and_do_nothing_else():
    made = graph(cache_roles=["arn:aws:iam::123456789012:role/team/server"])
    policy = made.one("aws:iam/policy:Policy")
    (statement,) = json.loads(policy.inputs["policy"])["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Action": ["elasticache:Connect"],
        "Resource": [made.one(CACHE).outputs["arn"], made.one(USER).outputs["arn"]],
    }
    (attached,) = made.all("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert attached.inputs == {"role": "server", "policyArn": policy.outputs["arn"]}
    assert not graph().all("aws:iam/policy:Policy")


def test_a_token_is_signed_for_the_id_of_the_cache():
    made = graph(stores=Stores.CACHE)
    told = made.one(TIER).outputs
    assert told["cache_name"] == made.one(CACHE).inputs["replicationGroupId"]
    assert told["ca"] == "Amazon Root CA 1"


def test_a_user_for_sessions_has_the_commands_of_the_server_and_no_others():
    given = graph(cache_commands=CacheCommands.SESSIONS).one(USER).inputs["accessString"]
    rights = ValkeyUser(name="s", secret="s", access=ValkeyAccess.SESSIONS).rules().split()
    assert given.split() == ["on", "~*", *(each for each in rights if each[0] in "-+")]
    assert "+@all" in graph().one(USER).inputs["accessString"]


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        (
            {"cache_roles": ["arn:aws:iam::210987654321:role/server"]},
            "cache_roles[0]",
            "not in the account",
        ),
        (
            {
                "cache_roles": ["arn:aws:iam::123456789012:role/server"],
                "cache_password": "a-password-of-some-length",
            },
            "cache_roles",
            "leave one of the two out",
        ),
        ({"backup_days": 36}, "backup_days", "35"),
        ({"backup_days": 0}, "backup_days", "write 7"),
        ({"cache_replicas": 6}, "cache_replicas", "1 to 6"),
        ({"cache_replicas": 0}, "cache_replicas", "set cache_profile to CACHE"),
        ({"storage_gb": 100}, "max_storage_gb", "write 200"),
        ({"log_retention_days": 8}, "log_retention_days", "write 14"),
        ({"cache_password": "short"}, "cache_password", "16 to 128 characters"),
        (
            {"network": replace(AWS_NETWORK, private_subnets=["subnet-0aaaaaaaaaaaaaaaa"])},
            "network.private_subnets",
            "two or more",
        ),
    ],
)
def test_args_beyond_aws_limits_are_refused_with_path_and_fix(
    changes: dict[str, Any], path: str, words: str
):
    assert words in refused(**changes)[path]


def test_a_migration_waits_for_the_database():
    made: list[pulumi.Resource] = []

    def program(opts: pulumi.ResourceOptions) -> None:
        args = RdsDataTierArgs(location=AWS, network=AWS_NETWORK)
        made.append(RdsDataTier("data", args, opts).database)

    on_aws(program)
    assert [resource.pulumi_resource_type for resource in made] == [INSTANCE]
