"""A bucket that the stack creates: where it is, what is kept, its policy, its outputs."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from components.kubernetes import database_backup, volume_backup
from policies import broken_policies
from stacks.backup_bucket import bucket_args
from stacks.config.stack import StackConfig
from stacks.config.validation import validate
from stacks.required_secrets import required_secrets
from tests.harness import ResourceGraph
from tests.harness.graph_queries import objects
from tests.harness.user_servers import NETWORK, recorded

ROLE = "arn:aws:iam::123456789012:role/"
ACCOUNT = "@acme-prod.iam.gserviceaccount.com"
IDS = [f"3f2504e0-4f89-41d3-9a0c-0305e82c330{n}" for n in range(4)]
JOBS = (database_backup.BACKUP, database_backup.DRILL, volume_backup.BACKUP, volume_backup.DRILL)
CLOUDS: dict[str, Any] = {
    "aws": {"account": "123456789012", "region": "eu-central-1"},
    "gcp": {"project": "acme-prod", "region": "europe-west1"},
    "azure": {"subscription": IDS[0], "tenant": IDS[1], "location": "westeurope"},
}
CREATED: dict[str, Any] = {
    "aws": {"cloud": "aws", "region": "eu-west-1"},
    "gcp": {"cloud": "gcp", "region": "europe-west4"},
    "azure": {
        "cloud": "azure",
        "region": "northeurope",
        "issuer": "https://westeurope.oic.prod-aks.azure.com/tenant/cluster/",
    },
}


def identity(cloud: str, job: str) -> dict[str, Any]:
    return {
        "aws": {"aws": {"role": ROLE + job}},
        "gcp": {"gcp": {"serviceAccount": job[:20].strip("-") + ACCOUNT}},
    }[cloud]


def stack(cloud: str, **create: Any) -> dict[str, Any]:
    """A stack with a database and a volume, whose backups go to a bucket of its own."""
    tokens = {} if cloud == "gcp" else {"tokenNetworks": ["10.40.7.0/24"]}
    return {
        "topology": "three-services",
        "network": NETWORK,
        "clouds": {cloud: CLOUDS[cloud]},
        "data": {"volumes": {"models": {"size": "1Gi"}}},
        "servers": {"files": {"image": "ghcr.io/acme/files:1", "volumes": {"models": "/models"}}},
        "backup": {
            "bucket": {"create": CREATED[cloud] | create, "networks": ["10.60.1.0/24"]},
        },
        # On Azure the stack makes the identities with the bucket.
        "kubernetes": tokens
        if cloud == "azure"
        else {"identities": {job: identity(cloud, job) for job in JOBS}, **tokens},
    }


def validated(cloud: str, environment: str = "dev", **create: Any) -> StackConfig:
    raw = stack(cloud, **create) | {"environment": environment}
    return validate(raw, stack="dev")


def urls(graph: ResourceGraph) -> dict[str, str]:
    """The URL in the configuration of each job."""
    maps = {each["metadata"]["name"]: each.get("data", {}) for each in objects(graph, "ConfigMap")}
    return {
        job: tomllib.loads(next(iter(maps[f"{job}-config"].values())))["backup"]["url"]
        for job in JOBS
    }


@pytest.fixture(scope="module")
def on_aws() -> ResourceGraph:
    return recorded(stack("aws"))


def test_each_job_is_told_the_bucket_and_has_no_key(on_aws: ResourceGraph):
    (bucket,) = on_aws.all("qudag-mcp:index:AwsBackupBucket")
    assert urls(on_aws) == dict.fromkeys(JOBS, bucket.outputs["backup_location"])
    assert bucket.outputs["backup_location"].startswith("s3://")
    mounted = {
        volume["secret"]["secretName"]
        for job in objects(on_aws, "CronJob")
        for volume in job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["volumes"]
        if "secret" in volume
    }
    assert mounted == {"mcp-server-secrets", "mcp-internal-ca"}


def test_only_backups_may_write_and_only_drills_may_read_besides(on_aws: ResourceGraph):
    policy = on_aws.one("aws:s3/bucketPolicy:BucketPolicy").inputs["policy"]
    found = {each["Sid"]: each for each in json.loads(policy)["Statement"]}
    backups = [ROLE + database_backup.BACKUP, ROLE + volume_backup.BACKUP]
    drills = [ROLE + database_backup.DRILL, ROLE + volume_backup.DRILL]
    assert found["WriterObjects"]["Principal"] == {"AWS": backups}
    assert found["ReaderObjects"]["Principal"] == {"AWS": drills}
    assert found["ReaderObjects"]["Action"] == ["s3:GetObject"]
    nobody = found["NobodyElse"]["Condition"]["ArnNotEquals"]["aws:PrincipalArn"]
    assert nobody == [*backups, *drills]


def test_each_job_has_its_identity_and_a_flow_to_the_token_service(on_aws: ResourceGraph):
    accounts = {
        each["metadata"]["name"]: each["metadata"].get("annotations", {})
        for each in objects(on_aws, "ServiceAccount")
    }
    for job in JOBS:
        assert accounts[f"{job}-sa"] == {"eks.amazonaws.com/role-arn": ROLE + job}


@pytest.mark.slow
def test_on_azure_backups_and_drills_have_identities_of_their_own():
    graph = recorded(stack("azure"))
    trusted = {
        each.inputs["subject"].rpartition(":")[2]: each.inputs["resourceName"]
        for each in graph.all("azure-native:managedidentity:FederatedIdentityCredential")
    }
    backups, drills = ({trusted[f"{job}-sa"] for job in jobs} for jobs in (JOBS[::2], JOBS[1::2]))
    assert len(backups) == len(drills) == 1
    assert backups != drills
    accounts = {
        each["metadata"]["name"]: each["metadata"].get("annotations", {})
        for each in objects(graph, "ServiceAccount")
    }
    clients = {job: accounts[f"{job}-sa"]["azure.workload.identity/client-id"] for job in JOBS}
    assert clients[JOBS[0]] == clients[JOBS[2]] != clients[JOBS[1]] == clients[JOBS[3]]
    roles = {
        each.inputs["principalId"]: each.inputs["roleDefinitionId"].rpartition("/")[2]
        for each in graph.all("azure-native:authorization:RoleAssignment")
    }
    assert {*roles.values()} == {
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe",  # Storage Blob Data Contributor
        "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",  # Storage Blob Data Reader
    }


@pytest.mark.slow
@pytest.mark.parametrize("cloud", CLOUDS)
def test_every_policy_rule_passes(cloud: str):
    assert broken_policies(recorded(stack(cloud))) == []


@pytest.mark.slow
def test_the_location_is_an_output_of_the_stack(on_aws: ResourceGraph):
    (bucket,) = on_aws.all("qudag-mcp:index:AwsBackupBucket")
    assert on_aws.outputs["backup_location"] == bucket.outputs["backup_location"]


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize(("environment", "days", "protect"), [("dev", 7, False)])
def test_backups_of_dev_are_kept_for_the_short_class(
    cloud: str, environment: str, days: int, protect: bool
):
    config = validated(cloud, environment)
    assert config.backup is not None
    assert config.backup.bucket.create is not None
    args = bucket_args(config, config.backup.bucket.create)
    assert (args.retention_days, args.lock_days, args.protect) == (days, 7, protect)


def test_backups_of_prod_are_kept_for_the_long_class_and_protected():
    config = validated("aws").model_copy(update={"environment": "prod"})
    assert config.backup is not None
    assert config.backup.bucket.create is not None
    args = bucket_args(config, config.backup.bucket.create)
    assert (args.retention_days, args.protect) == (30, True)


def test_no_secret_of_the_bucket_is_required():
    assert not [one for one in required_secrets(validated("aws")) if "access-key" in one["keys"]]
