"""Exposure: the Service of a workload, inside the cluster and outside."""

from __future__ import annotations

from typing import Any, Final

import pytest

from components.base.problems import ProblemReport
from components.kubernetes.container import Port
from components.kubernetes.workload import Exposure, WorkloadKind
from graph.manifests import manifest
from tests.harness.graph_queries import objects
from tests.harness.minimal_args import container
from tests.harness.workloads import graph


def test_the_service_offers_only_the_ports_that_are_meant_for_it():
    ports = [Port(name="http", number=8080, service=80), Port(name="debug", number=6060)]
    made = graph(container(ports=ports), exposure=Exposure(name="edge"))
    (service,) = objects(made, "Service")
    assert service["metadata"]["name"] == "edge"
    assert service["spec"]["ports"] == [
        {"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}
    ]


def test_the_default_service_is_cluster_ip():
    (service,) = objects(graph(exposure=Exposure(name="edge")), "Service")
    assert service["spec"]["type"] == "ClusterIP"
    outside = Exposure(name="edge", type="LoadBalancer", allowed_from=["10.0.0.0/8"])
    (service,) = objects(graph(exposure=outside), "Service")
    assert service["spec"]["loadBalancerSourceRanges"] == ["10.0.0.0/8"]
    assert service["spec"]["externalTrafficPolicy"] == "Local"


@pytest.mark.parametrize(
    ("awaited", "annotations"), [(True, None), (False, {"pulumi.com/skipAwait": "true"})]
)
def test_an_address_that_may_never_come_need_not_be_waited_for(
    awaited: bool, annotations: dict[str, str] | None
):
    outside = graph(exposure=Exposure(name="edge", type="LoadBalancer", awaited=awaited))
    service = outside.one("kubernetes:core/v1:Service")
    assert service.inputs["metadata"].get("annotations") == annotations
    assert "annotations" not in manifest(service, outside)["metadata"]


INTERNAL: Final = {
    "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
    "service.beta.kubernetes.io/aws-load-balancer-internal": "true",
    "networking.gke.io/load-balancer-type": "Internal",
    "service.beta.kubernetes.io/azure-load-balancer-internal": "true",
}
INTERNET: Final = {"service.beta.kubernetes.io/aws-load-balancer-scheme": "internet-facing"}


@pytest.mark.parametrize(("internal", "written"), [(True, INTERNAL), (False, INTERNET)])
def test_a_load_balancer_is_internal_or_public_on_each_cloud(
    internal: bool, written: dict[str, str]
):
    outside = Exposure(
        name="edge", type="LoadBalancer", internal=internal, annotations={"example.com/pool": "a"}
    )
    (service,) = objects(graph(exposure=outside), "Service")
    assert service["metadata"]["annotations"] == {**written, "example.com/pool": "a"}


def test_a_load_balancer_has_the_given_class_and_no_node_ports():
    outside = Exposure(
        name="edge",
        type="LoadBalancer",
        load_balancer_class="example.com/internal-vip",
        node_ports=False,
    )
    (service,) = objects(graph(exposure=outside), "Service")
    assert service["spec"]["loadBalancerClass"] == "example.com/internal-vip"
    assert service["spec"]["allocateLoadBalancerNodePorts"] is False


def test_every_service_has_both_address_families_where_the_cluster_has_them():
    for exposure in (
        Exposure(name="edge"),
        Exposure(name="edge", headless=True),
        Exposure(name="edge", type="LoadBalancer"),
    ):
        (service,) = objects(graph(exposure=exposure), "Service")
        assert service["spec"]["ipFamilyPolicy"] == "PreferDualStack"
    (service,) = objects(graph(exposure=Exposure(ip_families="SingleStack")), "Service")
    assert service["spec"]["ipFamilyPolicy"] == "SingleStack"


@pytest.mark.parametrize(
    ("said", "given"),
    [
        ("internal", {"internal": True}),
        ("load_balancer_class", {"load_balancer_class": "a"}),
        ("node_ports", {"node_ports": False}),
        ("annotations.pulumi.com/skipAwait", {"annotations": {"pulumi.com/skipAwait": "true"}}),
        (
            "annotations.networking.gke.io/load-balancer-type",
            {"annotations": {"networking.gke.io/load-balancer-type": "External"}},
        ),
    ],
)
def test_an_exposure_with_contradictory_or_ineffective_fields_is_refused(
    said: str, given: dict[str, Any]
):
    with pytest.raises(ProblemReport) as report:
        graph(exposure=Exposure(name="edge", **given))
    assert f"exposure.{said}" in str(report.value)


def test_peers_of_a_headless_service_find_each_other_before_they_are_ready():
    made = graph(kind=WorkloadKind.STATEFUL_SET, exposure=Exposure(name="peers", headless=True))
    (service,) = objects(made, "Service")
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is True
