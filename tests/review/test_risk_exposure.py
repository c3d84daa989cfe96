"""Risk: entry points from outside that a change opens."""

from typing import Any

import pytest

from graph.resource_graph import Resource
from review.risks.classes import RiskClass
from tests.harness.graphs import cloud, container, findings, kube, workload


def exposed(before: Resource | None, after: Resource | None) -> list[str]:
    return findings(RiskClass.EXPOSES, before, after)


def service(type: str = "ClusterIP", *ports: int, **spec: Any) -> Resource:
    listed = [{"port": port, "protocol": "TCP"} for port in ports or (443,)]
    return kube("core/v1:Service", "front", spec={"type": type, "ports": listed} | spec)


def test_a_service_that_becomes_reachable_is_named_with_its_port():
    assert exposed(service(), service("LoadBalancer")) == [
        "Service core/front opens load balancer port 443/TCP"
    ]
    assert exposed(service(), service("NodePort")) == [
        "Service core/front opens port 443/TCP on every node"
    ]


def test_a_service_that_closes_is_no_risk():
    assert exposed(service("LoadBalancer"), service()) == []
    assert exposed(service("LoadBalancer"), None) == []


def test_a_service_inside_the_cluster_is_no_risk():
    assert exposed(None, service()) == []


def test_only_the_new_port_of_an_open_service_is_named():
    assert exposed(service("LoadBalancer", 443), service("LoadBalancer", 443, 80)) == [
        "Service core/front opens load balancer port 80/TCP"
    ]


def test_wider_source_ranges_are_named_and_narrower_are_not():
    narrow = service("LoadBalancer", loadBalancerSourceRanges=["10.0.0.0/8"])
    wide = service("LoadBalancer")
    assert len(exposed(narrow, wide)) == 1
    assert exposed(wide, narrow) == []
    one, two = (service("LoadBalancer", loadBalancerSourceRanges=ranges)
                for ranges in (["10.0.0.0/8"], ["10.1.0.0/16"]))  # fmt: skip
    assert exposed(one, two) == []
    assert exposed(two, one) == [
        "Service core/front opens load balancer port 443/TCP from 10.0.0.0/8"
    ]


def test_source_ranges_that_only_a_deployment_knows_are_named_where_they_are_new():
    unknown = service("LoadBalancer", loadBalancerSourceRanges=["[unknown]"])
    known = service("LoadBalancer", loadBalancerSourceRanges=["10.0.0.0/8"])
    assert len(exposed(known, unknown)) == 1
    assert exposed(unknown, unknown) == []


def test_external_addresses_are_named():
    assert exposed(service(), service(externalIPs=["192.0.2.1"])) == [
        "Service core/front opens 192.0.2.1 port 443/TCP"
    ]


def ingress(*paths: str) -> Resource:
    rule = {"host": "mcp.example.com", "http": {"paths": [{"path": path} for path in paths]}}
    return kube("networking/v1:Ingress", "edge", spec={"rules": [rule]})


def route(*paths: str) -> Resource:
    matches = [{"path": {"value": path}} for path in paths]
    spec = {"hostnames": ["mcp.example.com"], "rules": [{"matches": matches}]}
    return kube("gateway.networking.k8s.io/v1:HTTPRoute", "edge", spec=spec)


@pytest.mark.parametrize("make", [ingress, route])
def test_a_new_path_to_the_outside_is_named(make: Any):
    assert len(exposed(None, make("/mcp"))) == 1
    (found,) = exposed(make("/mcp"), make("/mcp", "/admin"))
    assert found.endswith("mcp.example.com/admin")
    assert exposed(make("/mcp", "/admin"), make("/mcp")) == []


def test_a_gateways_new_listener_is_named():
    def gateway(*ports: int) -> Resource:
        listeners = [{"port": port, "protocol": "HTTPS", "hostname": "a.b"} for port in ports]
        spec = {"listeners": listeners}
        return kube("gateway.networking.k8s.io/v1:Gateway", "edge", spec=spec)

    assert exposed(gateway(443), gateway(443, 8443)) == [
        "Gateway core/edge opens a.b port 8443 (HTTPS)"
    ]


def test_a_host_port_is_named():
    host_port = container(ports=[{"containerPort": 4001, "hostPort": 4001}])
    closed = container(ports=[{"containerPort": 4001}])
    assert exposed(workload(closed), workload(host_port)) == [
        "Deployment core/core opens port 4001 of its node"
    ]
    assert exposed(workload(host_port), workload(closed)) == []


PUBLIC: list[tuple[str, Any, Any]] = [
    ("aws:rds/instance:Instance", {"publiclyAccessible": True}, {"publiclyAccessible": False}),
    ("aws:s3/bucketAclV2:BucketAclV2", {"acl": "public-read"}, {"acl": "private"}),
    ("aws:lambda/functionUrl:FunctionUrl",
     {"authorizationType": "NONE"}, {"authorizationType": "AWS_IAM"}),
    ("gcp:cloudrunv2/serviceIamMember:ServiceIamMember",
     {"member": "allUsers"}, {"member": "user:a"}),
    ("azure-native:x:Server",
     {"properties": {"publicNetworkAccess": "Enabled"}}, {"properties": {}}),
    ("aws:ec2/securityGroup:SecurityGroup", {"ingress": [{"cidrBlocks": ["0.0.0.0/0"]}]},
     {"ingress": [{"cidrBlocks": ["10.0.0.0/8"]}]}),
    ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
     {"cidrIpv4": "0.0.0.0/0"}, {"cidrIpv4": "10.0.0.0/8"}),
    ("aws:lb/loadBalancer:LoadBalancer", {"internal": False}, {"internal": True}),
]  # fmt: skip


@pytest.mark.parametrize(("type", "public", "private"), PUBLIC)
def test_a_cloud_resource_that_becomes_public_is_named(type: str, public: Any, private: Any):
    opened, closed = cloud(type, "it", **public), cloud(type, "it", **private)
    assert len(exposed(closed, opened)) == 1
    assert len(exposed(None, opened)) == 1
    assert exposed(opened, closed) == []


def test_egress_of_a_security_group_is_no_exposure():
    group = cloud(
        "aws:ec2/securityGroup:SecurityGroup", "it", egress=[{"cidrBlocks": ["0.0.0.0/0"]}]
    )
    rule = cloud(
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", "it", cidrIpv4="0.0.0.0/0"
    )
    assert exposed(None, group) == []
    assert exposed(None, rule) == []
