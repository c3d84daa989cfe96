"""On real pods exactly the declared flows are allowed, between all pairs of workloads."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from stacks.topologies import TOPOLOGIES
from stacks.topologies.topology import CLIENTS, ISSUER, PEERS, PROMETHEUS
from tests.harness.deployed_platform import Platform

TOPOLOGY = TOPOLOGIES["microservices"]
SECONDS = 2
"""A connection that is let through takes a millisecond; one that is not, for ever."""
OUTSIDE = {CLIENTS, ISSUER, PEERS, PROMETHEUS}
FINISHED = {"mcp-migration"}

TRY = f"""
for at in "$@"; do
  open="exec 3<>/dev/tcp/${{at%:*}}/${{at##*:}}"
  ( timeout {SECONDS} bash -c "$open" 2>/dev/null && echo "$at" ) &
done
wait
"""


def listening() -> dict[str, list[int]]:
    """Every workload and the ports that its containers listen on."""
    ports = {service.name: list(service.ports) for service in TOPOLOGY.services}
    return ports | {"postgres": [5432], "redis": [6379]}


def tried() -> Iterator[tuple[str, str, int]]:
    for source in listening():
        for target, ports in listening().items():
            yield from ((source, target, port) for port in ports)


DECLARED = {
    (flow.source, flow.target, flow.port)
    for flow in TOPOLOGY.flows
    if not {flow.source, flow.target} & (OUTSIDE | FINISHED)
}
UNDECLARED = [flow for flow in tried() if flow not in DECLARED]


@pytest.fixture(scope="module")
def passed(services: Platform) -> set[tuple[str, str, int]]:
    """The flows between workloads that let a connection through."""
    address = {name: addresses(services, name) for name in listening()}
    found: set[tuple[str, str, int]] = set()
    for source in listening():
        pod = services.pods(source)[0]
        asked = {
            f"{address[target][-1]}:{port}": (source, target, port)
            for target, ports in listening().items()
            for port in ports
            # A pod that asks itself is seen by no policy of a cluster.
            if address[target][-1] != address[source][0]
        }
        open_ = services.run_in(pod, "bash", "-c", TRY, "try", *asked).split()
        found |= {asked[at] for at in open_}
    return found


def addresses(platform: Platform, workload: str) -> list[str]:
    """Of its pods; the last is another one than the first, where there are two."""
    return [pod["status"]["podIP"] for pod in platform.pods(workload)]


def test_every_declared_flow_passes(passed: set[tuple[str, str, int]]):
    assert len(DECLARED) >= 14
    assert DECLARED - passed == set()


def test_every_undeclared_flow_is_blocked(passed: set[tuple[str, str, int]]):
    assert len(UNDECLARED) > 200
    assert passed & set(UNDECLARED) == set()


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
        f"{addresses(services, target)[0]}:{port}"
        for target, ports in listening().items()
        for port in ports
    ]
    services.kubectl.must("create", "namespace", space)
    try:
        services.kubectl.must("create", "--filename=-", stdin=json.dumps(pod))
        services.kubectl.must("wait", "--for=condition=Ready", "pod/stranger", f"-n={space}")
        run = ["exec", f"-n={space}", "stranger", "--", "bash", "-c", TRY, "try", *targets]
        # Clients of the gateway are named by their networks, which a pod of a local node is in.
        ports = {f"{addresses(services, 'mcp-gateway')[0]}:{port}" for port in (8080, 8443)}
        assert set(services.kubectl.must(*run).split()) - ports == set()
    finally:
        services.kubectl.must("delete", "namespace", space, "--wait=false")


@pytest.mark.parametrize("workload", list(listening()))
def test_no_workload_reaches_the_clusters_own_api(services: Platform, workload: str):
    (api,) = services.kubectl.objects("service", "kubernetes", "-n=default")
    at = f"{api['spec']['clusterIP']}:443"
    assert services.run_in(services.pods(workload)[0], "bash", "-c", TRY, "try", at) == ""
