"""Claims: the volumes of a workload that outlive its pods."""

from __future__ import annotations

from typing import Any

import pytest

from components.kubernetes.container import Claim
from components.kubernetes.workload import WorkloadKind
from review.diff import Action, diff
from tests.harness import ResourceGraph
from tests.harness.graph_queries import objects
from tests.harness.minimal_args import container
from tests.harness.workloads import graph, only, refusal


def test_each_pod_of_a_stateful_set_has_a_volume_of_its_own():
    claim = Claim(name="data", path="/data", size="1Gi", storage_class="fast")
    made = graph(container(claims=[claim]), kind=WorkloadKind.STATEFUL_SET)
    spec = made.one("kubernetes:apps/v1:StatefulSet").inputs["spec"]
    (template,) = spec["volumeClaimTemplates"]
    assert template["metadata"]["name"] == "data"
    assert template["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "fast",
    }


def claims_of_pods(size: str, **changes: Any) -> ResourceGraph:
    claim = Claim(name="data", path="/data", size=size)
    return graph(container(claims=[claim]), kind=WorkloadKind.STATEFUL_SET, **changes)


def test_a_larger_size_grows_the_claims_and_leaves_the_stateful_set():
    """The API server refuses to change the templates of a StatefulSet."""
    before, after = claims_of_pods("1Gi"), claims_of_pods("20Gi")
    changes = diff(before, after).changes
    assert {(one.action, one.resource.inputs["kind"]) for one in changes} == {
        (Action.CHANGE, "PersistentVolumeClaim")
    }
    assert {change.path for one in changes for change in one.properties} == {
        "spec.resources.requests.storage"
    }


def test_the_claims_have_the_names_that_a_stateful_set_expects():
    made = claims_of_pods("1Gi", replicas=3)
    name = made.one("kubernetes:apps/v1:StatefulSet").inputs["metadata"]["name"]
    assert [one["metadata"]["name"] for one in objects(made, "PersistentVolumeClaim")] == [
        f"data-{name}-{pod}" for pod in range(3)
    ]
    pods_wait_for = made.one("kubernetes:apps/v1:StatefulSet").dependencies
    claims = made.all("kubernetes:core/v1:PersistentVolumeClaimPatch")
    assert {claim.urn for claim in claims} <= set(pods_wait_for)


def test_the_claim_of_a_removed_pod_is_kept_in_the_cluster():
    claims = claims_of_pods("1Gi").all("kubernetes:core/v1:PersistentVolumeClaimPatch")
    assert claims
    assert all(claim.retain_on_delete for claim in claims)


def test_the_pods_of_a_deployment_share_one_claim():
    claim = Claim(name="data", path="/data", size="1Gi", access="ReadWriteMany")
    made = graph(container(claims=[claim]))
    (volume,) = objects(made, "PersistentVolumeClaim")
    assert only(made).volume("data")["persistentVolumeClaim"] == {
        "claimName": volume["metadata"]["name"]
    }


@pytest.mark.parametrize("protect", [True, False])
def test_protect_covers_claims_and_stateful_sets(protect: bool):
    claim = Claim(name="data", path="/data", size="1Gi", access="ReadWriteMany", protect=protect)
    made = graph(container(claims=[claim]))
    assert made.one("kubernetes:core/v1:PersistentVolumeClaim").protect is protect
    made = graph(container(claims=[claim]), kind=WorkloadKind.STATEFUL_SET)
    assert made.one("kubernetes:apps/v1:StatefulSet").protect is protect


def test_a_volume_that_one_node_mounts_is_refused_where_several_pods_would_share_it():
    (problem,) = refusal(container(claims=[Claim(name="data", path="/data", size="1Gi")]))
    assert "a claim that one node can mount at a time" in problem
