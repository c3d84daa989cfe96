"""Risk: capacity that costs more after a change."""

from decimal import Decimal
from typing import Any

import pytest

from graph.kubernetes import bytes_, cores, quantity
from graph.resource_graph import Resource
from review.risks.capacity import peak
from review.risks.classes import RiskClass
from tests.harness.graphs import cloud, container, findings, graph, kube, workload


def raised(before: Resource | None, after: Resource | None, *others: Resource) -> list[str]:
    return findings(RiskClass.CAPACITY, before, after, *others)


def sized(cpu: str = "500m", memory: str = "256Mi", **spec: Any) -> Resource:
    asked = {"requests": {"cpu": cpu, "memory": memory}}
    return workload(container(resources=asked), **spec)


def scaler(
    most: int, least: int = 1, kind: str = "autoscaling/v2:HorizontalPodAutoscaler"
) -> Resource:
    names = (
        ("minReplicaCount", "maxReplicaCount") if "keda" in kind else ("minReplicas", "maxReplicas")
    )
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": "core"}} | dict(
        zip(names, (least, most), strict=True)
    )
    return kube(kind, "core", spec=spec)


def claim(size: str) -> Resource:
    spec = {"resources": {"requests": {"storage": size}}}
    return kube("core/v1:PersistentVolumeClaim", "data", spec=spec)


def test_more_replicas_are_reported_as_requested_capacity():
    assert raised(sized(replicas=2), sized(replicas=3)) == [
        "Deployment core/core: pods 2 → 3, CPU 1 → 1500m, memory 512Mi → 768Mi"
    ]


def test_larger_requests_are_reported_for_all_replicas():
    assert raised(sized(replicas=2), sized(cpu="750m", replicas=2)) == [
        "Deployment core/core: CPU 1 → 1500m"
    ]


def test_less_or_the_same_is_no_risk():
    assert raised(sized(replicas=3), sized(replicas=2)) == []
    assert raised(sized(cpu="1"), sized(cpu="1000m")) == []
    assert raised(sized(), None) == []


def test_a_new_workload_asks_for_all_it_needs():
    assert raised(None, sized()) == [
        "Deployment core/core: pods 0 → 1, CPU 0 → 500m, memory 0 → 256Mi"
    ]


def test_a_limit_stands_for_a_request_that_is_left_out():
    limited = workload(container(resources={"limits": {"cpu": "2"}}))
    assert raised(workload(), limited) == ["Deployment core/core: CPU 0 → 2"]


@pytest.mark.parametrize(
    "kind", ["autoscaling/v2:HorizontalPodAutoscaler", "keda.sh/v1alpha1:ScaledObject"]
)
def test_a_higher_scaling_limit_is_named(kind: str):
    (found,) = raised(scaler(10, kind=kind), scaler(20, kind=kind), sized())
    assert found.endswith("10 → 20")
    assert raised(scaler(20, kind=kind), scaler(10, kind=kind), sized()) == []
    assert len(raised(scaler(20, 2, kind=kind), scaler(20, 4, kind=kind), sized())) == 1


def test_a_scaled_workload_is_counted_at_its_most_replicas():
    asked = peak(graph(sized(), scaler(10)))
    assert (asked.pods, asked.cpu) == (10, 5)


def test_a_vertical_autoscalers_largest_requests_are_counted():
    def resized(most: str, mode: str = "Recreate") -> Resource:
        policy = {"containerName": "server", "maxAllowed": {"cpu": most}}
        spec = {
            "targetRef": {"kind": "Deployment", "name": "core"},
            "updatePolicy": {"updateMode": mode},
            "resourcePolicy": {"containerPolicies": [policy]},
        }
        return kube("autoscaling.k8s.io/v1:VerticalPodAutoscaler", "core", spec=spec)

    assert peak(graph(sized(replicas=2), resized("2"))).cpu == 4
    assert peak(graph(sized(replicas=2), resized("2"))).memory == quantity("512Mi")
    assert peak(graph(sized(replicas=2), resized("100m"))).cpu == 1
    assert peak(graph(sized(replicas=2), resized("2", mode="Off"))).cpu == 1


def test_storage_that_grows_or_appears_is_named():
    assert raised(claim("1Gi"), claim("3Gi")) == [
        "PersistentVolumeClaim core/data: storage 1Gi → 3Gi"
    ]
    assert raised(None, claim("1Gi")) == ["PersistentVolumeClaim core/data: storage 0 → 1Gi"]
    assert raised(claim("3Gi"), claim("1Gi")) == []


def test_claim_templates_count_once_a_replica():
    template = {"metadata": {"name": "data"}, "spec": claim("2Gi").inputs["spec"]}
    store = workload(type="apps/v1:StatefulSet", replicas=3, volumeClaimTemplates=[template])
    assert peak(graph(store)).storage == quantity("6Gi")


def test_a_database_cluster_counts_every_instance():
    spec = {"instances": 3, "storage": {"size": "10Gi"}, "resources": {"requests": {"cpu": "1"}}}
    asked = peak(graph(kube("postgresql.cnpg.io/v1:Cluster", "database", spec=spec)))
    assert (asked.pods, asked.cpu, asked.storage) == (3, 3, quantity("30Gi"))


def test_another_load_balancer_is_named():
    def service(type: str) -> Resource:
        return kube("core/v1:Service", "front", spec={"type": type})

    assert raised(service("ClusterIP"), service("LoadBalancer")) == [
        "Service core/front: load balancers 0 → 1"
    ]
    assert raised(service("LoadBalancer"), service("ClusterIP")) == []


def test_larger_cloud_resources_are_named():
    def function(memory: int, size: str = "db.t4g.small") -> Resource:
        return cloud(
            "aws:lambda/function:Function", "server", memorySize=memory, instanceClass=size
        )

    assert raised(function(512), function(1024)) == ["Function server: memorySize 512 → 1024"]
    assert raised(function(1024), function(512)) == []
    assert len(raised(function(512), function(512, "db.r7g.4xlarge"))) == 1


@pytest.mark.parametrize(
    ("written", "number"),
    [("250m", "0.25"), ("2", "2"), ("1.5Gi", 1.5 * 2**30), ("1e3", "1000"), ("1k", "1000"),
     ("12E", 12 * 10**18), ("nonsense", "0"), (None, "0"), (4, "4")],
)  # fmt: skip
def test_quantities_are_read_as_kubernetes_reads_them(written: Any, number: Any):
    assert quantity(written) == Decimal(number)


def test_quantities_are_written_as_people_write_them():
    assert [cores(Decimal(n)) for n in ("0.25", "2", "2.000", "1.5")] == ["250m", "2", "2", "1500m"]
    assert [bytes_(quantity(n)) for n in ("512Mi", "1536Mi", "0")] == ["512Mi", "1.5Gi", "0"]
