"""Buckets for backups: private, encrypted, versioned, undeletable for a while, one writer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from components.aws.backup_bucket import AwsBackupBucket, AwsBackupBucketArgs
from components.azure.backup_storage import AzureBackupStorage, AzureBackupStorageArgs, AzureKey
from components.base.problems import ProblemReport
from components.gcp.backup_bucket import GcpBackupBucket, GcpBackupBucketArgs
from policies import broken_policies
from tests.harness import ResourceGraph, record
from tests.harness.clouds import (
    AWS,
    AWS_WRITER,
    AZURE,
    AZURE_WRITER,
    GCP,
    GCP_WRITER,
    on_aws,
    on_azure,
)

AWS_KEY = "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d-0000-4000-8000-0123456789ab"
GCP_KEY = "projects/acme-prod/locations/europe-west1/keyRings/mcp/cryptoKeys/mcp"
AZURE_KEY = AzureKey(
    uri="https://qudag-prod.vault.azure.net/keys/backups",
    identity=f"/subscriptions/{AZURE.subscription}/resourceGroups/keys/providers"
    "/Microsoft.ManagedIdentity/userAssignedIdentities/backups",
)


def aws(**changes: Any) -> ResourceGraph:
    given: dict[str, Any] = {"location": AWS, "data_region": "eu-west-1", "writer": AWS_WRITER}
    args = AwsBackupBucketArgs(**given | changes)
    return on_aws(lambda opts: AwsBackupBucket("backups", args, opts))


def gcp(**changes: Any) -> ResourceGraph:
    given: dict[str, Any] = {"location": GCP, "data_region": "europe-west4", "writer": GCP_WRITER}
    args = GcpBackupBucketArgs(**given | changes)
    return record(lambda: GcpBackupBucket("backups", args))


def azure(**changes: Any) -> ResourceGraph:
    given: dict[str, Any] = {
        "location": AZURE,
        "data_region": "northeurope",
        "writer": AZURE_WRITER,
    }
    args = AzureBackupStorageArgs(**given | changes)
    return record(lambda: AzureBackupStorage("backups", args, on_azure()))


BUCKETS = {"aws": aws, "gcp": gcp, "azure": azure}
OWN_KEYS: dict[str, dict[str, Any]] = {
    "aws": {"kms_key": AWS_KEY},
    "gcp": {"kms_key": GCP_KEY},
    "azure": {"key": AZURE_KEY},
}
REGIONS = {"aws": AWS.region, "gcp": GCP.region, "azure": AZURE.region}
every_cloud = pytest.mark.parametrize("cloud", BUCKETS)


def refused(cloud: str, **changes: Any) -> dict[str, str]:
    with pytest.raises(ProblemReport) as report:
        BUCKETS[cloud](**changes)
    return {each.path.removeprefix("backups."): str(each) for each in report.value.problems}


def statements(graph: ResourceGraph) -> Mapping[str, Any]:
    policy = graph.one("aws:s3/bucketPolicy:BucketPolicy").inputs["policy"]
    return {each["Sid"]: each for each in json.loads(policy)["Statement"]}


@every_cloud
@pytest.mark.parametrize("own_key", [False, True])
def test_every_policy_rule_passes(cloud: str, own_key: bool):
    graph = BUCKETS[cloud](protect=True, **(OWN_KEYS[cloud] if own_key else {}))
    assert broken_policies(graph) == []


@every_cloud
def test_a_bucket_in_the_region_of_the_data_is_refused(cloud: str):
    problems = refused(cloud, data_region=REGIONS[cloud])
    assert list(problems) == ["location.region"]
    assert "name another region" in problems["location.region"]


@every_cloud
def test_a_lock_that_outlasts_the_retention_is_refused(cloud: str):
    problems = refused(cloud, retention_days=7, lock_days=8)
    assert problems["lock_days"].endswith("set lock_days to at most 7")


@pytest.mark.parametrize("cloud", ["gcp", "azure"])
def test_days_that_soft_delete_does_not_take_are_refused(cloud: str):
    assert "the cloud refuses it" in refused(cloud, lock_days=6)["lock_days"]


@every_cloud
def test_a_writer_that_the_cloud_does_not_know_is_refused(cloud: str):
    assert list(refused(cloud, writer="somebody")) == ["writer"]


def test_an_identity_of_azure_without_pods_trusts_none():
    graph = azure(writer=None)
    assert graph.all("azure-native:managedidentity:FederatedIdentityCredential") == []
    assert broken_policies(graph) == []


def test_keys_of_other_regions_are_refused():
    elsewhere = AWS_KEY.replace("eu-central-1", "eu-west-1")
    assert list(refused("aws", kms_key=elsewhere)) == ["kms_key"]
    elsewhere = GCP_KEY.replace("europe-west1", "europe-west4")
    assert list(refused("gcp", kms_key=elsewhere)) == ["kms_key"]


def test_s3_refuses_every_principal_but_the_writer():
    found = statements(aws())
    nobody = found["NobodyElse"]
    assert (nobody["Effect"], nobody["Principal"]) == ("Deny", "*")
    assert nobody["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": AWS_WRITER}}
    assert {"s3:GetObject*", "s3:PutObject*", "s3:DeleteObject*"} <= set(nobody["Action"])
    allowed = [each for each in found.values() if each["Effect"] == "Allow"]
    assert {each["Principal"]["AWS"] for each in allowed} == {AWS_WRITER}
    actions = {action for each in allowed for action in each["Action"]}
    assert actions == {"s3:GetObject", "s3:PutObject", "s3:GetBucketLocation", "s3:ListBucket"}


def test_nobody_deletes_a_version_or_bypasses_the_lock_of_s3():
    deletes = statements(aws())["NobodyDeletes"]
    assert (deletes["Effect"], deletes["Principal"]) == ("Deny", "*")
    assert "Condition" not in deletes
    assert deletes["Action"] == ["s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"]


def test_s3_locks_each_version_and_deletes_it_after_the_retention():
    graph = aws(retention_days=30, lock_days=14)
    assert graph.one("aws:s3/bucket:Bucket").inputs["objectLockEnabled"] is True
    lock = graph.one("aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration")
    assert lock.inputs["rule"] == {"defaultRetention": {"mode": "GOVERNANCE", "days": 14}}
    (rule,) = graph.one("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration").inputs[
        "rules"
    ]
    assert rule["expiration"] == {"days": 30}
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 14}


def test_every_setting_of_the_bucket_of_s3_is_in_its_region():
    resources = [each for each in aws().resources if each.type.startswith("aws:s3/")]
    assert len(resources) == 8
    assert {each.inputs["region"] for each in resources} == {AWS.region}


def test_cloud_storage_keeps_what_is_deleted_and_has_one_writer():
    graph = gcp(retention_days=30, lock_days=14)
    bucket = graph.one("gcp:storage/bucket:Bucket").inputs
    assert bucket["softDeletePolicy"] == {"retentionDurationSeconds": 14 * 86_400}
    conditions = [rule["condition"] for rule in bucket["lifecycleRules"]]
    assert conditions[0] == {"age": 30, "withState": "LIVE"}
    assert conditions[1] == {"daysSinceNoncurrentTime": 14, "withState": "ARCHIVED"}
    assert _roles(graph) == {"roles/storage.objectViewer", "roles/storage.objectCreator"}
    assert "roles/storage.objectUser" in _roles(gcp(overwrites=True))


def test_blobs_of_azure_are_immutable_and_have_one_writer():
    graph = azure(retention_days=30, lock_days=14)
    account = graph.one("azure-native:storage:StorageAccount").inputs
    locked = account["immutableStorageWithVersioning"]
    assert locked["enabled"] is True
    assert locked["immutabilityPolicy"]["immutabilityPeriodSinceCreationInDays"] == 14
    (rule,) = graph.one("azure-native:storage:ManagementPolicy").inputs["policy"]["rules"]
    actions = rule["definition"]["actions"]
    assert actions["baseBlob"]["delete"] == {"daysAfterModificationGreaterThan": 30}
    assert actions["version"]["delete"] == {"daysAfterCreationGreaterThan": 30}
    role = graph.one("azure-native:authorization:RoleAssignment").inputs
    assert role["principalId"].startswith("principal-of-backups-identity")
    assert role["scope"].endswith("/containers/backups")
    trusted = graph.one("azure-native:managedidentity:FederatedIdentityCredential").inputs
    assert trusted["subject"] == "system:serviceaccount:qudag-mcp-prod:backup"
    assert trusted["issuer"] == AZURE_WRITER.issuer


@pytest.mark.parametrize(
    ("cloud", "location"),
    [
        ("aws", "s3://backups-backups-"),
        ("gcp", "gs://backups-backups-"),
        ("azure", "https://backupsbackups"),
    ],
)
def test_the_location_is_the_url_of_the_bucket(cloud: str, location: str):
    kinds = {"aws": "AwsBackupBucket", "gcp": "GcpBackupBucket", "azure": "AzureBackupStorage"}
    outputs = BUCKETS[cloud]().one(f"qudag-mcp:index:{kinds[cloud]}").outputs
    assert outputs["backup_location"].startswith(location)
    assert outputs["endpoint"].startswith("https://")


def _roles(graph: ResourceGraph) -> set[str]:
    grants = graph.all("gcp:storage/bucketIAMMember:BucketIAMMember")
    assert {each.inputs["member"] for each in grants} == {f"serviceAccount:{GCP_WRITER}"}
    return {each.inputs["role"] for each in grants}
