"""Risk: state that a change loses, or stops keeping."""

from dataclasses import replace
from typing import Any

import pytest

from graph.resource_graph import Resource
from review.risks.classes import RiskClass
from tests.harness.graphs import cloud, findings, kube, workload


def stateful(before: Resource | None, after: Resource | None) -> list[str]:
    return findings(RiskClass.STATEFUL, before, after)


def claim(size: str = "1Gi", **spec: Any) -> Resource:
    stated = {"resources": {"requests": {"storage": size}}} | spec
    return kube("core/v1:PersistentVolumeClaim", "data", spec=stated)


def store(**spec: Any) -> Resource:
    return workload(type="apps/v1:StatefulSet", name="postgres", serviceName="postgres", **spec)


HOLDING_STATE = [
    store(),
    claim(),
    kube("core/v1:PersistentVolume", "volume", namespace=None),
    kube("core/v1:Namespace", "core", namespace=None),
    kube("postgresql.cnpg.io/v1:Cluster", "database", spec={"instances": 3}),
    kube("apiextensions.k8s.io/v1:CustomResourceDefinition", "things.example.com", namespace=None),
    kube("cluster.x-k8s.io/v1:Cluster", "kubernetes"),
    kube("kafka.strimzi.io/v1beta2:Kafka", "broker"),
    cloud("aws:s3/bucket:Bucket", "backups"),
    cloud("aws:rds/instance:Instance", "database"),
    cloud("aws:dynamodb/table:Table", "sessions"),
    cloud("aws:elasticache/replicationGroup:ReplicationGroup", "cache"),
    cloud("gcp:sql/databaseInstance:DatabaseInstance", "database"),
    cloud("gcp:firestore/database:Database", "sessions"),
    cloud("azure-native:storage:StorageAccount", "files"),
    cloud("azure-native:dbforpostgresql:Server", "database"),
    cloud("azure-native:redisenterprise:RedisEnterprise", "cache"),
]
HOLDING_NONE = [
    workload(),
    kube("core/v1:ConfigMap", "config"),
    kube("batch/v1:Job", "migration"),
    kube("core/v1:PersistentVolumeClaimPatch", "data"),
    kube("cilium.io/v2:CiliumNetworkPolicy", "hosts"),
    cloud("aws:iam/role:Role", "role"),
    cloud("aws:ecs/cluster:Cluster", "tasks"),
]


@pytest.mark.parametrize("resource", HOLDING_STATE, ids=lambda resource: resource.type)
def test_deleting_what_holds_state_is_named(resource: Resource):
    (found,) = stateful(resource, None)
    assert found.startswith("deletes ")
    assert resource.name in found


@pytest.mark.parametrize("resource", HOLDING_NONE, ids=lambda resource: resource.type)
def test_deleting_what_holds_no_state_is_no_risk(resource: Resource):
    assert stateful(resource, None) == []


@pytest.mark.parametrize("resource", HOLDING_STATE, ids=lambda resource: resource.type)
def test_adding_what_holds_state_is_no_risk(resource: Resource):
    assert stateful(None, resource) == []


def test_replacing_a_stateful_set_names_the_field_that_forces_it():
    template = {"metadata": {"name": "data"}, "spec": {}}
    assert stateful(store(), store(volumeClaimTemplates=[template])) == [
        "replaces StatefulSet core/postgres and may lose its pods and their claims: "
        "spec.volumeClaimTemplates cannot be updated in place"
    ]


def test_renaming_what_holds_state_without_an_alias_is_named():
    (found,) = stateful(claim(), replace(claim(), urn=f"{claim().urn}-2"))
    assert found.startswith("replaces PersistentVolumeClaim core/data")
    assert "options.urn" in found


def test_updating_a_stateful_set_in_place_is_no_risk():
    assert stateful(store(), store(replicas=2)) == []


def test_replacing_a_stateless_workload_is_no_risk():
    assert stateful(workload(), workload(selector={"matchLabels": {"app": "other"}})) == []


def test_moving_a_stateful_set_is_no_risk():
    moved = replace(store(), urn=f"{store().urn}-2", aliases=(store().urn,))
    assert stateful(store(), moved) == []


def test_lifting_protection_is_named_only_where_state_is_held():
    assert stateful(replace(claim(), protect=True), claim()) == [
        "no longer protects PersistentVolumeClaim core/data from deletion"
    ]
    assert stateful(replace(workload(), protect=True), workload()) == []
    assert stateful(claim(), replace(claim(), protect=True)) == []


def test_no_longer_retaining_a_volume_is_named():
    def volume(policy: str) -> Resource:
        spec = {"persistentVolumeReclaimPolicy": policy}
        return kube("core/v1:PersistentVolume", "volume", namespace=None, spec=spec)

    (found,) = stateful(volume("Retain"), volume("Delete"))
    assert "Retain to Delete" in found
    assert stateful(volume("Delete"), volume("Retain")) == []


def test_shrinking_a_claim_is_named_and_growing_it_is_not():
    (found,) = stateful(claim("2Gi"), claim("1Gi"))
    assert "from 2Gi to 1Gi" in found
    assert stateful(claim("1Gi"), claim("2Gi")) == []


@pytest.mark.parametrize(
    ("token", "kept", "given_up"),
    [
        (
            "aws:rds/instance:Instance",
            {"skipFinalSnapshot": False},
            {"skipFinalSnapshot": True},
        ),
        (
            "gcp:sql/databaseInstance:DatabaseInstance",
            {"settings": {"deletionProtectionEnabled": True}},
            {"settings": {"deletionProtectionEnabled": False}},
        ),
        (
            "gcp:firestore/database:Database",
            {"deleteProtectionState": "DELETE_PROTECTION_ENABLED"},
            {"deleteProtectionState": "DELETE_PROTECTION_DISABLED"},
        ),
        (
            "azure-native:dbforpostgresql:Server",
            {"backup": {"geoRedundantBackup": "Enabled"}},
            {"backup": {"geoRedundantBackup": "Disabled"}},
        ),
    ],
)
def test_reduced_backups_and_retention_are_reported(token: str, kept: Any, given_up: Any):
    (found,) = stateful(cloud(token, "data", **kept), cloud(token, "data", **given_up))
    assert "goes from" in found
