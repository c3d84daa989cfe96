"""One key of Cloud KMS encrypts the data of servers and data tiers on Google Cloud."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.base.problems import ProblemReport
from components.gcp.container import CloudRun
from components.gcp.container_args import CloudRunArgs
from components.gcp.database import CloudSqlDataTier
from components.gcp.database_args import CloudSqlDataTierArgs
from components.gcp.function import GcpFunction
from components.gcp.function_args import GcpFunctionArgs
from graph.tree import dig
from policies import broken_policies
from tests.harness import ResourceGraph, record
from tests.harness.clouds import ARCHIVE, GCP, GCP_PRIVATE, NAMED, cloud_config

KEY = "projects/acme-prod/locations/europe-west1/keyRings/mcp/cryptoKeys/mcp"
STORES = {
    "gcp:artifactregistry/repository:Repository": "kmsKeyName",
    "gcp:cloudfunctionsv2/function:Function": "kmsKeyName",
    "gcp:cloudrunv2/service:Service": "template.encryptionKey",
    "gcp:firestore/database:Database": "cmekConfig.kmsKeyName",
    "gcp:logging/projectBucketConfig:ProjectBucketConfig": "cmekSettings.kmsKeyName",
    "gcp:memorystore/instance:Instance": "kmsKey",
    "gcp:sql/databaseInstance:DatabaseInstance": "encryptionKeyName",
    "gcp:storage/bucket:Bucket": "encryption.defaultKmsKeyName",
}
"""What stores something, with the property that names its key."""


def function(**changes: Any) -> ResourceGraph:
    args = GcpFunctionArgs(
        location=GCP, archive=ARCHIVE, config=cloud_config(), access=NAMED, **changes
    )
    return record(lambda: GcpFunction("mcp", args))


def service(**changes: Any) -> ResourceGraph:
    image = "docker.io/qudag/server@sha256:" + "0" * 64
    args = CloudRunArgs(location=GCP, image=image, config=cloud_config(), access=NAMED, **changes)
    return record(lambda: CloudRun("mcp", args))


def data(**changes: Any) -> ResourceGraph:
    account = "core@acme-prod.iam.gserviceaccount.com"
    args = CloudSqlDataTierArgs(location=GCP_PRIVATE, account=account, **changes)
    return record(lambda: CloudSqlDataTier("data", args))


def keys(graph: ResourceGraph) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in graph.resources:
        if each.type in STORES:
            found[each.name] = dig(each.inputs, *STORES[each.type].split("."))
    return found


@pytest.mark.parametrize(("made", "stores"), [(function, 5), (service, 3), (data, 2)])
def test_one_key_encrypts_all_that_is_stored(made: Callable[..., ResourceGraph], stores: int):
    with_key = keys(made(kms_key=KEY))
    assert len(with_key) == stores
    assert set(with_key.values()) == {KEY}
    assert set(keys(made()).values()) == {None}
    assert broken_policies(made(kms_key=KEY)) == []


@pytest.mark.parametrize("made", [function, service, data])
def test_a_key_of_another_region_is_refused(made: Callable[..., ResourceGraph]):
    with pytest.raises(ProblemReport) as report:
        made(kms_key=KEY.replace("europe-west1", "us-east1"))
    (problem,) = report.value.problems
    assert problem.path.endswith(".kms_key")
    assert problem.fix == "make a key in europe-west1, and write its id"
