"""The drawing of a stack: its nodes, the connections that policies allow, and what changes."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from graph.kubernetes import namespace, pod
from graph.object_names import object_name
from graph.resource_graph import Resource, ResourceGraph
from review.architecture import Architecture, architecture, changed_architecture
from review.diff import Action, diff
from review.drawn_flows import OUTSIDE
from review.report.drawing import HEIGHT, WIDTH, drawing
from stacks.topologies import TOPOLOGIES
from tests.harness.graph_queries import objects
from tests.harness.graphs import cloud, graph, kube, workload
from tests.harness.network_policy_model import Endpoint, Enforcement
from tests.harness.stacks import stack
from tests.harness.topologies import recorded


def arrows(found: Architecture) -> set[tuple[str, str, str]]:
    """From, to and label of each flow, by the titles of the nodes."""
    titles = {one.node.key: one.node.title for one in found.nodes}
    return {
        (titles[flow.source], titles[flow.target], label)
        for flow in found.flows
        for label, _ in flow.labels
    }


def node(found: Architecture, title: str) -> Any:
    return next(one for one in found.nodes if one.node.title == title)


def open_ports(made: ResourceGraph) -> set[tuple[str, str, str]]:
    """Which workload reaches which on a port that a policy names, asked of another model."""
    policies = objects(made, "NetworkPolicy")
    cluster = Enforcement(policies)
    workloads = {
        object_name(one): Endpoint.pod(namespace(one), **started.labels)
        for one in made.resources
        if (started := pod(one))
    }
    ports = {
        port["port"]
        for policy in policies
        for side in ("ingress", "egress")
        for rule in policy["spec"].get(side, [])
        for port in rule.get("ports", [])
    }
    return {
        (source, target, str(port))
        for source, target, port in product(workloads, workloads, ports)
        if source != target and cluster.allows(workloads[source], workloads[target], "TCP", port)
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", TOPOLOGIES)
def test_an_arrow_is_drawn_exactly_where_the_policies_allow_it(name: str):
    made = recorded(TOPOLOGIES[name])
    found = architecture(made)
    inside = {one.node.title for one in found.nodes if not one.node.key.startswith(OUTSIDE)}
    drawn = {
        (source, target, port)
        for source, target, port in arrows(found)
        if {source, target} <= inside
    }
    assert drawn == open_ports(made)


@pytest.mark.slow
def test_every_resource_of_prod_is_in_one_node():
    made = stack("prod")
    found = architecture(made)
    drawn = sum(one.total for one in found.nodes)
    expected = [
        one
        for one in made.resources
        if one.custom
        and not one.type.startswith("pulumi:")
        and one.inputs.get("kind") != "NetworkPolicy"
    ]
    assert drawn == len(expected)
    assert {"AWS", "Google Cloud", "Azure", "Outside"} <= set(found.groups.values())
    assert {"aws-function", "gcp-container", "azure-function"} <= {
        one.node.title for one in found.nodes
    }


def test_loose_resources_of_a_cloud_are_nodes_with_their_references():
    role = cloud("aws:iam/role:Role", "role")
    function = replace(cloud("aws:lambda/function:Function", "f"), dependencies=(role.urn,))
    found = architecture(graph(role, function))
    assert arrows(found) == {("f", "role", "uses")}
    assert node(found, "f").node.kind == "Function"


def test_many_loose_resources_are_grouped_by_what_they_belong_to():
    many = [cloud("aws:ec2/subnet:Subnet", f"s{n}") for n in range(30)]
    found = architecture(graph(*many, cloud("aws:s3/bucket:Bucket", "b")))
    assert {(one.node.title, one.total) for one in found.nodes} == {("ec2", 30), ("s3", 1)}


def test_what_is_public_has_an_arrow_from_outside():
    front = kube("core/v1:Service", "front", spec={
        "type": "LoadBalancer", "ports": [{"port": 443}], "selector": {"app": "core"},
        "loadBalancerSourceRanges": ["10.0.0.0/8", "192.168.0.0/16"]})  # fmt: skip
    found = architecture(graph(front, workload()))
    assert arrows(found) == {
        ("10.0.0.0/8", "core", "load balancer port 443/TCP"),
        ("192.168.0.0/16", "core", "load balancer port 443/TCP"),
    }


def actions(old: ResourceGraph, new: ResourceGraph) -> dict[str, Action | None]:
    found = changed_architecture(diff(old, new))
    return {one.node.title: one.action for one in found.nodes}


def test_each_node_says_what_happens_to_it():
    same, gone, new = (workload(name=name) for name in ("same", "gone", "new"))
    old = graph(same, gone, workload(name="scaled", replicas=1))
    now = graph(same, new, workload(name="scaled", replicas=2))
    assert actions(old, now) == {
        "same": None,
        "gone": Action.DELETE,
        "new": Action.ADD,
        "scaled": Action.CHANGE,
    }


def test_a_renamed_workload_is_one_node_that_is_replaced():
    old = workload(name="job-1")
    new = replace(workload(name="job-2"), aliases=(old.urn,))
    assert actions(graph(old), graph(new)) == {"job-2": Action.REPLACE}


def policy(*ports: int) -> Resource:
    rules = [{"from": [{"podSelector": {"matchLabels": {"app": "a"}}}],
              "ports": [{"port": port} for port in ports]}]  # fmt: skip
    spec = {"podSelector": {"matchLabels": {"app": "b"}}, "policyTypes": ["Ingress"]}
    return kube("networking/v1:NetworkPolicy", "p", spec=spec | {"ingress": rules})


def test_each_port_of_an_arrow_says_what_happens_to_it():
    pods = workload(name="a"), workload(name="b")
    found = changed_architecture(diff(graph(*pods, policy(80, 81)), graph(*pods, policy(81, 82))))
    (flow,) = found.flows
    assert dict(flow.labels) == {"80": Action.DELETE, "81": None, "82": Action.ADD}
    assert flow.action is Action.CHANGE


def test_an_arrow_needs_both_ends():
    pods = workload(name="a"), workload(name="b")
    closed = kube("networking/v1:NetworkPolicy", "closed", spec={
        "podSelector": {"matchLabels": {"app": "a"}}, "policyTypes": ["Egress"]})  # fmt: skip
    assert arrows(architecture(graph(*pods, policy(80)))) == {("a", "b", "80")}
    assert arrows(architecture(graph(*pods, policy(80), closed))) == set()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dev", "staging", "prod"])
def test_no_two_boxes_of_a_drawing_overlap(name: str):
    drawn = drawing(architecture(stack(name)))
    places = [(box.x, box.y) for box in drawn.boxes]
    for index, (x, y) in enumerate(places):
        assert 0 <= x <= drawn.width - WIDTH
        assert 0 <= y <= drawn.height - HEIGHT
        for other_x, other_y in places[:index]:
            assert abs(x - other_x) >= WIDTH or abs(y - other_y) >= HEIGHT
