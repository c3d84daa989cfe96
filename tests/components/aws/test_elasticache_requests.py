"""The requests that create the cache: botocore has all their parameters, and moto answers them."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.session import Session
from botocore.validate import ParamValidator
from moto import mock_aws

from components.aws.database import RdsDataTier
from components.aws.database_args import RdsDataTierArgs
from components.mcp.data_tier import CacheCommands, Stores
from tests.harness import ResourceGraph
from tests.harness.clouds import AWS, AWS_NETWORK, on_aws

pytestmark = pytest.mark.slow
OPERATIONS = {
    "aws:elasticache/subnetGroup:SubnetGroup": "CreateCacheSubnetGroup",
    "aws:elasticache/parameterGroup:ParameterGroup": "CreateCacheParameterGroup",
    "aws:elasticache/user:User": "CreateUser",
    "aws:elasticache/userGroup:UserGroup": "CreateUserGroup",
    "aws:elasticache/replicationGroup:ReplicationGroup": "CreateReplicationGroup",
}
NAMES = {
    ("CreateCacheSubnetGroup", "name"): "CacheSubnetGroupName",
    ("CreateCacheParameterGroup", "name"): "CacheParameterGroupName",
    ("CreateCacheParameterGroup", "family"): "CacheParameterGroupFamily",
    ("CreateReplicationGroup", "description"): "ReplicationGroupDescription",
    ("CreateReplicationGroup", "nodeType"): "CacheNodeType",
    ("CreateReplicationGroup", "subnetGroupName"): "CacheSubnetGroupName",
    ("CreateReplicationGroup", "parameterGroupName"): "CacheParameterGroupName",
    ("CreateReplicationGroup", "multiAzEnabled"): "MultiAZEnabled",
}
"""Parameters that the provider calls otherwise than AWS, besides the first letter."""
OTHER_REQUESTS = ("parameters", "finalSnapshotIdentifier", "tags", "tagsAll")
"""What the provider sends with another request, or when the cache is deleted."""


def graph() -> ResourceGraph:
    args = RdsDataTierArgs(
        location=AWS,
        network=AWS_NETWORK,
        stores=Stores.CACHE,
        cache_commands=CacheCommands.SESSIONS,
    )
    return on_aws(lambda opts: RdsDataTier("data", args, opts))


def request(operation: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """The parameters of the request, as AWS calls them."""
    made = {
        NAMES.get((operation, name), name[0].upper() + name[1:]): value
        for name, value in inputs.items()
        if name not in OTHER_REQUESTS
    }
    if operation in ("CreateCacheSubnetGroup", "CreateCacheParameterGroup"):
        made.setdefault(
            {
                "CreateCacheSubnetGroup": "CacheSubnetGroupDescription",
                "CreateCacheParameterGroup": "Description",
            }[operation],
            "Managed by Pulumi",  # the provider's default
        )
    if mode := made.get("AuthenticationMode"):
        made["AuthenticationMode"] = {name.capitalize(): value for name, value in mode.items()}
    return made


def of_moto(service: str) -> Any:
    session: Any = Session()
    return session.create_client(service, region_name=AWS.region)


def requests() -> dict[str, dict[str, Any]]:
    made = graph()
    return {
        operation: request(operation, made.one(token).inputs)
        for token, operation in OPERATIONS.items()
    }


@mock_aws
def test_botocore_knows_every_parameter():
    client = of_moto("elasticache")
    for operation, given in requests().items():
        shape = client.meta.service_model.operation_model(operation).input_shape
        assert set(given) <= set(shape.members), operation
        validator: Any = ParamValidator()
        report = validator.validate(given, shape)
        assert not report.has_errors(), report.generate_report()


@mock_aws
def test_moto_creates_the_user_and_the_cache():
    client = of_moto("elasticache")
    made = requests()
    client.create_user(**made["CreateUser"])
    (user,) = [
        each
        for each in client.describe_users()["Users"]
        if each["UserId"] == made["CreateUser"]["UserId"]
    ]
    assert (user["Authentication"]["Type"], user["Status"]) == ("iam", "active")
    assert user["AccessString"] == made["CreateUser"]["AccessString"]
    given = made["CreateReplicationGroup"] | {"CacheSubnetGroupName": "of-moto"}
    ec2 = of_moto("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]  # moto's default VPC
    client.create_cache_subnet_group(
        CacheSubnetGroupName="of-moto",
        CacheSubnetGroupDescription="of moto's default VPC",
        SubnetIds=[subnet],
    )
    created = client.create_replication_group(**given)["ReplicationGroup"]
    assert created["ReplicationGroupId"] == given["ReplicationGroupId"]
    assert (created["MultiAZ"], created["AutomaticFailover"]) == ("enabled", "enabled")
    assert (created["TransitEncryptionEnabled"], created["AtRestEncryptionEnabled"]) == (True, True)
    assert created["ClusterEnabled"] is False
