"""The requests that create the database: botocore has all their parameters, and moto runs them."""

from __future__ import annotations

from typing import Any, Final

import pytest
from botocore.session import Session
from botocore.validate import ParamValidator
from moto import mock_aws

from components.aws.database import RdsDataTier
from components.aws.database_args import RdsDataTierArgs
from components.mcp.data_tier import Stores
from tests.harness import ResourceGraph
from tests.harness.clouds import AWS, AWS_NETWORK, on_aws

pytestmark = pytest.mark.slow
INSTANCE: Final = "aws:rds/instance:Instance"
OPERATIONS: Final = {
    "aws:rds/subnetGroup:SubnetGroup": "CreateDBSubnetGroup",
    "aws:rds/parameterGroup:ParameterGroup": "CreateDBParameterGroup",
    INSTANCE: "CreateDBInstance",
}
NAMES: Final = {
    ("CreateDBSubnetGroup", "name"): "DBSubnetGroupName",
    ("CreateDBParameterGroup", "name"): "DBParameterGroupName",
    ("CreateDBParameterGroup", "family"): "DBParameterGroupFamily",
    ("CreateDBInstance", "identifier"): "DBInstanceIdentifier",
    ("CreateDBInstance", "instanceClass"): "DBInstanceClass",
    ("CreateDBInstance", "dbName"): "DBName",
    ("CreateDBInstance", "username"): "MasterUsername",
    ("CreateDBInstance", "multiAz"): "MultiAZ",
    ("CreateDBInstance", "dbSubnetGroupName"): "DBSubnetGroupName",
    ("CreateDBInstance", "parameterGroupName"): "DBParameterGroupName",
    ("CreateDBInstance", "caCertIdentifier"): "CACertificateIdentifier",
    ("CreateDBInstance", "enabledCloudwatchLogsExports"): "EnableCloudwatchLogsExports",
    ("CreateDBInstance", "iamDatabaseAuthenticationEnabled"): "EnableIAMDatabaseAuthentication",
    ("CreateDBInstance", "performanceInsightsEnabled"): "EnablePerformanceInsights",
    ("CreateDBInstance", "performanceInsightsKmsKeyId"): "PerformanceInsightsKMSKeyId",
}
"""Parameters that the provider calls otherwise than AWS, besides the first letter."""
OTHER_REQUESTS: Final = (
    *("parameters", "tags", "tagsAll", "finalSnapshotIdentifier", "skipFinalSnapshot"),
    "deleteAutomatedBackups",
)
"""What the provider sends with another request, or when the database is deleted."""
DESCRIPTIONS: Final = {
    "CreateDBSubnetGroup": "DBSubnetGroupDescription",
    "CreateDBParameterGroup": "Description",
}


def made() -> ResourceGraph:
    args = RdsDataTierArgs(
        location=AWS, network=AWS_NETWORK, stores=Stores.DATABASE, protect=True, backup_days=14
    )
    return on_aws(lambda opts: RdsDataTier("data", args, opts))


def requests() -> dict[str, dict[str, Any]]:
    """The parameters of each request, as AWS calls them."""
    graph = made()
    found: dict[str, dict[str, Any]] = {}
    for token, operation in OPERATIONS.items():
        found[operation] = {
            NAMES.get((operation, name), name[0].upper() + name[1:]): value
            for name, value in graph.one(token).inputs.items()
            if name not in OTHER_REQUESTS
        }
        if described := DESCRIPTIONS.get(operation):
            found[operation].setdefault(described, "Managed by Pulumi")  # the provider's default
    return found


def of_moto(service: str) -> Any:
    session: Any = Session()
    return session.create_client(service, region_name=AWS.region)


@mock_aws
def test_botocore_knows_every_parameter():
    client = of_moto("rds")
    for operation, given in requests().items():
        shape = client.meta.service_model.operation_model(operation).input_shape
        assert set(given) <= set(shape.members), operation
        validator: Any = ParamValidator()
        report = validator.validate(given, shape)
        assert not report.has_errors(), report.generate_report()


@mock_aws
def test_moto_creates_the_database_private_encrypted_and_protected():
    client, ec2 = of_moto("rds"), of_moto("ec2")
    asked = requests()
    subnets = [each["SubnetId"] for each in ec2.describe_subnets()["Subnets"]]  # moto's default VPC
    client.create_db_subnet_group(**asked["CreateDBSubnetGroup"] | {"SubnetIds": subnets})
    client.create_db_parameter_group(**asked["CreateDBParameterGroup"])
    given = asked["CreateDBInstance"]
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = ec2.create_security_group(GroupName="database", Description="of moto", VpcId=vpc)
    client.create_db_instance(**given | {"VpcSecurityGroupIds": [group["GroupId"]]})
    (found,) = client.describe_db_instances(DBInstanceIdentifier=given["DBInstanceIdentifier"])[
        "DBInstances"
    ]
    assert (found["Engine"], found["EngineVersion"].partition(".")[0]) == ("postgres", "17")
    assert (found["DBName"], found["MasterUsername"]) == ("qudag_mcp", "qudag")
    assert (found["StorageEncrypted"], found["PubliclyAccessible"]) == (True, False)
    assert (found["MultiAZ"], found["DeletionProtection"]) == (True, True)
    assert found["BackupRetentionPeriod"] == 14
    assert found["IAMDatabaseAuthenticationEnabled"] is True
    assert found["MasterUserSecret"]["SecretArn"].startswith("arn:aws:secretsmanager:")
    with pytest.raises(client.exceptions.ClientError, match=r"[Dd]eletion"):
        client.delete_db_instance(
            DBInstanceIdentifier=given["DBInstanceIdentifier"], SkipFinalSnapshot=True
        )
