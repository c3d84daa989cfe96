"""Settings of a cluster in the stack file reach pods, Services and policies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import pytest

from graph.recorder import record
from graph.resource_graph import ResourceGraph
from stacks.program import main
from tests.harness.graph_queries import Pods, objects, pods
from tests.harness.network_policy_model import Endpoint, Enforcement
from tests.harness.prod import IN_CLOUDS
from tests.harness.stacks import stack
from tests.harness.tiers import sampled
from tests.invalid.cases import changed


def program(stack: str, changes: Mapping[str, Any]) -> ResourceGraph:
    """What the program registers in the cluster for the changed configuration of a stack."""
    return _program(stack, json.dumps(changes))


@cache
def _program(stack: str, changes: str) -> ResourceGraph:
    raw = changed(stack, json.loads(changes), drop=IN_CLOUDS)
    handed = {name: v if isinstance(v, str) else json.dumps(v) for name, v in raw.items()}
    return record(main, stack=stack, config=handed)


def pods_of(stack: str, kubernetes: Mapping[str, Any]) -> dict[str, Pods]:
    return {each.name: each for each in pods(program(stack, {"kubernetes": kubernetes}))}


ALL: Final = {
    "pods": {"nodeSelector": {"pool": "mcp"}, "env": {"TZ": "Etc/UTC"}, "priorityClass": "low"},
    "servicePods": {
        "mcp-core": {"nodeSelector": {"size": "large"}, "priorityClass": "high"},
        "redis": {"env": {"TZ": "Europe/Berlin"}},
    },
}


def test_settings_of_all_pods_reach_servers_data_stores_and_jobs():
    for name, each in pods_of("prod", ALL).items():
        assert each.spec["nodeSelector"]["pool"] == "mcp", name
        assert {"TZ"} <= {one["name"] for c in each.containers for one in c["env"]}, name


def test_settings_of_one_service_are_its_own_alone():
    found = pods_of("prod", ALL)
    large = [name for name, each in found.items() if "size" in each.spec["nodeSelector"]]
    high = [n for n, each in found.items() if each.spec["priorityClassName"] == "high"]
    zones = {
        name: one["value"]
        for name, each in found.items()
        for container in each.containers
        for one in container["env"]
        if one["name"] == "TZ"
    }
    assert large == high == ["mcp-core"]
    assert [name for name, zone in zones.items() if zone != "Etc/UTC"] == ["redis"]


@pytest.mark.parametrize("stack", sampled(["dev", "prod"], 2))
def test_no_pod_names_an_id_where_the_platform_assigns_them(stack: str):
    settings = {"pods": {"userIds": "platform"}}
    without = {"observability": {"logs": None}}
    for each in pods(program(stack, {"kubernetes": settings, **without})):
        contexts = [each.spec["securityContext"], *(c["securityContext"] for c in each.containers)]
        named = {field for context in contexts for field in context}
        assert not {"runAsUser", "runAsGroup", "fsGroup"} & named


@pytest.mark.parametrize(
    ("kubernetes", "separate"),
    [
        ({}, False),
        ({"podSecurityVersion": "v1.35"}, False),
        ({"podSecurityVersion": "v1.36"}, True),
        ({"podSecurityVersion": "v1.36", "pods": {"userNamespaces": False}}, False),
        ({"pods": {"userNamespaces": True}}, True),
    ],
)
def test_user_namespaces_are_the_default_from_pod_security_version_1_36(
    kubernetes: dict[str, Any], separate: bool
):
    found = pods_of("dev", kubernetes).values()
    assert {each.spec.get("hostUsers") is False for each in found} == {separate}


def test_secrets_that_settings_name_are_required():
    given = {
        "pods": {"imagePullSecrets": ["registry"]},
        "servicePods": {"mcp-core": {"secretEnv": {"KEY": {"secret": "vendor", "key": "api"}}}},
    }
    required = {
        one["name"]: one["keys"]
        for one in program("prod", {"kubernetes": given}).outputs["required_secrets"]
    }
    assert required["registry"] == [".dockerconfigjson"]
    assert required["vendor"] == ["api"]


def front(graph: ResourceGraph) -> dict[str, Any]:
    services = objects(graph, "Service")
    (found,) = (one for one in services if one["metadata"]["name"] == "mcp-gateway-service")
    return found


@pytest.mark.parametrize(
    ("stack", "edge", "scheme"),
    [
        ("prod", {}, "internet-facing"),
        ("staging", {}, "internal"),
        pytest.param("staging", {"internal": False}, "internet-facing", marks=pytest.mark.slow),
    ],
)
def test_a_load_balancer_is_on_the_internet_only_if_a_field_says_so(
    stack: str, edge: dict[str, Any], scheme: str
):
    annotations = front(program(stack, {"edge": edge}))["metadata"]["annotations"]
    assert annotations["service.beta.kubernetes.io/aws-load-balancer-scheme"] == scheme
    google = annotations.get("networking.gke.io/load-balancer-type")
    assert google == ("Internal" if scheme == "internal" else None)


def test_fields_of_the_edge_reach_the_service():
    edge = {
        "loadBalancerClass": "example.com/vip",
        "nodePorts": False,
        "annotations": {"metallb.io/address-pool": "outside"},
    }
    service = front(program("prod", {"edge": edge}))
    assert service["spec"]["loadBalancerClass"] == "example.com/vip"
    assert service["spec"]["allocateLoadBalancerNodePorts"] is False
    assert service["metadata"]["annotations"]["metallb.io/address-pool"] == "outside"


@pytest.mark.parametrize(
    "families", sampled(["PreferDualStack", "SingleStack", "RequireDualStack"], 3)
)
def test_every_service_has_the_address_families_of_the_stack(families: str):
    made = program("prod", {"kubernetes": {"ipFamilies": families}})
    assert {one["spec"]["ipFamilyPolicy"] for one in objects(made, "Service")} == {families}


def enforced(graph: ResourceGraph) -> Enforcement:
    return Enforcement(objects(graph, "NetworkPolicy"))


def test_pods_may_be_clients_by_namespace_and_labels():
    client = {"namespace": "agents", "labels": {"app": "planner"}}
    made = enforced(program("staging", {"network": {"clientPods": [client]}}))
    gateway = Endpoint.pod("qudag-mcp-staging", app="mcp-gateway")
    core = Endpoint.pod("qudag-mcp-staging", app="mcp-core")
    planner = Endpoint.pod("agents", app="planner")
    assert made.allows(planner, gateway, "TCP", 8443)
    assert not made.allows(planner, core, "TCP", 8443)
    assert not made.allows(Endpoint.pod("agents", app="other"), gateway, "TCP", 8443)
    assert not made.allows(Endpoint.pod("default", app="planner"), gateway, "TCP", 8443)


def test_configured_dns_servers_are_those_of_every_policy():
    dns = {"pods": [{"namespace": "dns", "labels": {"app": "knot"}, "port": 1053}]}
    made = enforced(program("staging", {"network": {"dns": dns}}))
    core = Endpoint.pod("qudag-mcp-staging", app="mcp-core")
    assert made.allows(core, Endpoint.pod("dns", app="knot"), "UDP", 1053)
    assert made.allows(core, Endpoint.address("169.254.20.10"), "UDP", 53)
    usual = Endpoint.pod("kube-system", **{"k8s-app": "kube-dns"})
    assert not made.allows(core, usual, "UDP", 53)


def test_api_server_addresses_are_excluded_from_a_large_issuer_network():
    made = enforced(
        program(
            "prod",
            {
                "network": {"issuer": ["10.0.0.0/8"]},
                "kubernetes": {"apiServer": ["10.96.0.1/32", "10.9.0.0/28"]},
            },
        )
    )
    core = Endpoint.pod("qudag-mcp-prod", app="mcp-core")
    for address, passes in (("10.96.0.1", False), ("10.9.0.3", False), ("10.20.0.5", True)):
        assert made.leaves(core, Endpoint.address(address), "TCP", 443) is passes


def test_service_names_do_not_contain_the_cluster_domain():
    """A cluster may have another domain than cluster.local; the resolver appends its own."""
    for name in ("dev", "prod"):
        made = stack(name)
        assert "cluster.local" not in json.dumps(made.outputs, default=str)
        for resource in made.resources:
            assert "cluster.local" not in json.dumps(resource.inputs, default=str), resource.urn
