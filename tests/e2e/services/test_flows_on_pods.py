"""On real pods exactly the declared flows are allowed, between all pairs of workloads."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from stacks.topologies import TOPOLOGIES
from stacks.topologies.topology import CLIENTS, ISSUER, PEERS, PROMETHEUS
from tests.harness.deployed_platform import Platform
from tests.harness.pod_connections import (
    Family,
    address,
    neighbours_on_the_link,
    opened,
    opened_in,
)

pytestmark = pytest.mark.smoke
TOPOLOGY = TOPOLOGIES["microservices"]
OUTSIDE = {CLIENTS, ISSUER, PEERS, PROMETHEUS}
FINISHED = {"mcp-migration"}


def listening() -> dict[str, list[int]]:
    """Every workload and the ports that its containers listen on."""
    ports = {service.name: list(service.ports) for service in TOPOLOGY.services}
    return ports | {"postgres": [5432], "redis": [6379]}


DECLARED = {
    (flow.source, flow.target, flow.port)
    for flow in TOPOLOGY.flows
    if not {flow.source, flow.target} & (OUTSIDE | FINISHED)
}
Flow = tuple[str, str, int]


@dataclass
class Attempts:
    """The connections that were tried from all workloads, and those that were established.

    Attributes:
        tried: by family, each flow that was tried.
        passed: by family, each flow that let a connection through.
        own: by family, workloads that reached a port of their own pod's address.
    """

    tried: dict[Family, set[Flow]] = field(default_factory=lambda: {f: set() for f in Family})
    passed: dict[Family, set[Flow]] = field(default_factory=lambda: {f: set() for f in Family})
    own: dict[Family, set[str]] = field(default_factory=lambda: {f: set() for f in Family})


@pytest.fixture(scope="module")
def attempts(services: Platform) -> Attempts:
    """Every workload tries every port of every other one, in each family, at the same time."""
    pods = {name: services.pods(name) for name in listening()}
    at = {
        (family, name, which): address(services, family, pods[name][which])
        for family in Family
        for name in listening()
        for which in (0, -1)
    }
    found = Attempts()
    for source in listening():
        asked: dict[str, tuple[Family, Flow]] = {}
        for family in Family:
            for target, ports in listening().items():
                # The other pod, where there are two: no policy covers a pod that asks itself.
                to = at[family, target, -1]
                asked |= {f"{to}:{port}": (family, (source, target, port)) for port in ports}
        said = opened(services, pods[source][0], asked)
        for one, (family, flow) in asked.items():
            if one.rpartition(":")[0] == at[family, source, 0]:
                if one in said:
                    found.own[family].add(source)
                continue
            found.tried[family].add(flow)
            if one in said:
                found.passed[family].add(flow)
    return found


def test_every_declared_flow_passes(attempts: Attempts):
    assert DECLARED
    assert DECLARED - attempts.passed[Family.IPV4] == set()


@pytest.mark.parametrize("family", list(Family))
def test_every_undeclared_flow_is_blocked(attempts: Attempts, family: Family):
    assert len(attempts.tried[family] - DECLARED) >= 50
    assert attempts.passed[family] - DECLARED == set()
    assert attempts.own[family]  # an address of this family that is not blocked is reached


def test_no_flow_passes_at_link_local_addresses(attempts: Attempts):
    assert attempts.passed[Family.LINK_LOCAL] == set()


def test_a_pod_of_another_namespace_reaches_no_workload(services: Platform):
    space = f"{services.namespace}-stranger"
    (gateway,) = services.kubectl.objects("deployment", "mcp-gateway", f"-n={services.namespace}")
    image = gateway["spec"]["template"]["spec"]["containers"][0]["image"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "stranger", "namespace": space},
        "spec": {"containers": [{"name": "sh", "image": image, "command": ["sleep", "300"]}]},
    }
    targets = [
        f"{pod['status']['podIP']}:{port}"
        for target, ports in listening().items()
        for pod in services.pods(target)[:1]
        for port in ports
    ]
    services.kubectl.must("create", "namespace", space)
    try:
        services.kubectl.must("create", "--filename=-", stdin=json.dumps(pod))
        services.kubectl.must("wait", "--for=condition=Ready", "pod/stranger", f"-n={space}")
        # Clients of the gateway are named by their networks, which a pod of a local node is in.
        gateway = services.pods("mcp-gateway")[0]["status"]["podIP"]
        ports = {f"{gateway}:{port}" for port in (8080, 8443)}
        assert opened_in(services, space, "stranger", targets) - ports == set()
    finally:
        services.kubectl.must("delete", "namespace", space, "--wait=false")


@pytest.mark.parametrize("workload", list(listening()))
def test_no_workload_reaches_the_clusters_own_api(services: Platform, workload: str):
    (api,) = services.kubectl.objects("service", "kubernetes", "-n=default")
    pod = services.pods(workload)[0]
    asked = [f"{at}:6443" for at in neighbours_on_the_link(services, pod)]
    assert asked
    asked.append(f"{api['spec']['clusterIP']}:443")
    assert opened(services, pod, asked) == set()
