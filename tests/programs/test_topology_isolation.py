"""Who may connect to whom in every topology, decided from its rendered policies alone.

The tables are those of tests/stacks/test_topologies.py, written apart from the code. What the
policies allow is decided by tests/harness/network_policy_model.py, which is independent of the code
that renders them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, Final

import pytest

from graph.resource_graph import ResourceGraph
from stacks.config.validation import validate
from stacks.services import topology
from stacks.topologies import TOPOLOGIES
from tests.harness.graph_queries import objects, pods
from tests.harness.network_policy_model import Endpoint, Enforcement, matches
from tests.harness.topologies import NETWORK
from tests.harness.user_servers import recorded
from tests.stacks.test_topologies import AGENTS, FRONTS, READERS

pytestmark = pytest.mark.slow

CLIENTS: Final = "clients"
PARTIES: Final = {
    CLIENTS: Endpoint.address("198.51.100.7"),
    "issuer": Endpoint.address("203.0.113.7"),
    "qudag-peers": Endpoint.address("192.0.2.9"),
    "prometheus": Endpoint.pod("monitoring", app="prometheus"),
}
"""Where the configuration puts the parties that flows name."""
INTERNET: Final = {
    "an address of the internet": Endpoint.address("8.8.8.8"),
    "an address of the internet over IPv6": Endpoint.address("2606:4700:4700::1111"),
}
CREDENTIALS: Final = {
    "the metadata service": Endpoint.address("169.254.169.254"),
    "the metadata service of a task": Endpoint.address("169.254.170.2"),
    "the metadata service over IPv6": Endpoint.address("fd00:ec2::254"),
}
CLUSTER: Final = {
    "the Service of the API server": Endpoint.address("10.96.0.1"),
    "the API server": Endpoint.pod("kube-system", component="kube-apiserver"),
    "a node": Endpoint.address("10.0.0.5"),
    "a node over its link": Endpoint.address("fe80::1"),
    "a private network": Endpoint.address("192.168.1.1"),
}
DNS: Final = Endpoint.pod("kube-system", **{"k8s-app": "kube-dns"})
OTHERS: Final = ("kube-system", "openshift-dns", "monitoring")
"""Namespaces whose pods are not of the platform: DNS servers and Prometheus."""
NOT_LISTENED_ON: Final = {22, 53, 80, 443, 6443, 10250}

OUTSIDE: Final = {
    "network": NETWORK,
    "protocol": {
        "issuer": "https://login.example.com",
        "jwksUrl": "https://login.example.com/keys",
    },
}
GIVEN: Final[dict[str, dict[str, Any]]] = {
    **{name: {"topology": name, **OUTSIDE} for name in TOPOLOGIES},
    "none": {
        "topology": "none",
        **OUTSIDE,
        "servers": {"weather": {"image": "registry.example.com/weather:1.0.0"}},
    },
    "orchestration with images": {
        "topology": "orchestration",
        **OUTSIDE,
        "servers": {agent: {"image": f"registry.example.com/{agent}:1.0.0"} for agent in AGENTS},
    },
}
WITH_AGENTS: Final = ("orchestration", "orchestration with images")


@dataclass(frozen=True)
class Platform:
    """A stack and what its policies allow."""

    given: dict[str, Any]
    graph: ResourceGraph

    @property
    def topology(self) -> str:
        return self.given["topology"]

    @cached_property
    def policies(self) -> Enforcement:
        return Enforcement(objects(self.graph, "NetworkPolicy"))

    @cached_property
    def workloads(self) -> dict[str, Endpoint]:
        return {
            one.name: Endpoint.pod(one.owner.inputs["metadata"]["namespace"], **one.labels)
            for one in pods(self.graph)
        }

    @cached_property
    def listens(self) -> dict[str, set[int]]:
        return {one.name: {port for _, port in one.ports} for one in pods(self.graph)}

    @cached_property
    def ports(self) -> set[int]:
        return {port for ports in self.listens.values() for port in ports} | NOT_LISTENED_ON

    @cached_property
    def strangers(self) -> dict[str, Endpoint]:
        """Pods that are not of the platform, some with the labels of its own."""
        made: dict[str, Endpoint] = {}
        for name, own in self.workloads.items():
            made[f"a pod elsewhere with the labels of {name}"] = Endpoint("elsewhere", own.labels)
            made[f"another pod in {own.namespace}"] = Endpoint(own.namespace, {"app": "stranger"})
            made[f"a pod without labels in {own.namespace}"] = Endpoint(own.namespace, {})
        return made

    def reached(self, source: Endpoint, targets: dict[str, Endpoint]) -> set[tuple[str, int]]:
        """To what the policies of the source let it connect."""
        return {
            (name, port)
            for name, port in product(targets, sorted(self.ports))
            for protocol in ("TCP", "UDP")
            if self.policies.leaves(source, targets[name], protocol, port)
        }

    def accepted(self, target: Endpoint, sources: dict[str, Endpoint]) -> set[tuple[str, int]]:
        """From what the policies of the target let it be connected to."""
        return {
            (name, port)
            for name, port in product(sources, sorted(self.ports))
            for protocol in ("TCP", "UDP")
            if self.policies.arrives(sources[name], target, protocol, port)
        }


@pytest.fixture(scope="module", params=GIVEN)
def platform(request: pytest.FixtureRequest) -> Platform:
    return Platform(GIVEN[request.param], recorded(GIVEN[request.param]))


@pytest.fixture(scope="module", params=WITH_AGENTS)
def agents(request: pytest.FixtureRequest) -> Platform:
    return Platform(GIVEN[request.param], recorded(GIVEN[request.param]))


def test_only_the_front_accepts_clients(platform: Platform):
    front = FRONTS[platform.topology]
    for name, target in platform.workloads.items():
        accepted = platform.accepted(target, {CLIENTS: PARTIES[CLIENTS]})
        assert accepted == ({(CLIENTS, 8080), (CLIENTS, 8443)} if name == front else set()), name


def test_nobody_else_is_accepted_anywhere(platform: Platform):
    others = platform.strangers | INTERNET | CREDENTIALS | CLUSTER
    for name, target in platform.workloads.items():
        assert platform.accepted(target, others) == set(), name


def test_a_pod_that_is_not_declared_has_no_connections(platform: Platform):
    everything = platform.workloads | PARTIES | INTERNET | CREDENTIALS | CLUSTER | {"dns": DNS}
    for name, pod in platform.strangers.items():
        if pod.namespace != "elsewhere":
            assert platform.reached(pod, everything) == set(), name
            assert platform.accepted(pod, everything) == set(), name


def test_only_the_listed_workloads_reach_data(platform: Platform):
    everybody = platform.workloads | PARTIES
    for store, readers in READERS[platform.topology].items():
        accepted = platform.accepted(platform.workloads[store], everybody)
        assert {name for name, _ in accepted} == readers
        assert {port for _, port in accepted} == platform.listens[store]


def test_data_stores_open_no_connection(platform: Platform):
    everything = platform.workloads | PARTIES | INTERNET | CREDENTIALS | CLUSTER | {"dns": DNS}
    for store in READERS[platform.topology]:
        assert platform.reached(platform.workloads[store], everything) == set()


def test_no_workload_reaches_credentials_the_cluster_or_a_stranger(platform: Platform):
    closed = platform.strangers | CREDENTIALS | CLUSTER
    for name, source in platform.workloads.items():
        assert platform.reached(source, closed) == set(), name


def test_only_the_egress_proxy_reaches_the_internet(platform: Platform):
    for name, source in platform.workloads.items():
        reached = {port for _, port in platform.reached(source, INTERNET)}
        assert reached == ({443} if name == "egress-proxy" else set()), name


def test_agents_accept_the_engine_alone(agents: Platform):
    everybody = {**agents.workloads, **PARTIES, **agents.strangers}
    for name in AGENTS:
        accepted = agents.accepted(agents.workloads[name], everybody)
        assert {source for source, _ in accepted} == {"orchestration-engine"}
        assert len(accepted) == 1
        assert {port for _, port in accepted} <= agents.listens[name]


def test_agents_reach_the_egress_proxy_at_ports_of_their_own_and_nothing_else(agents: Platform):
    everything = {**agents.workloads, **PARTIES, **INTERNET, **CREDENTIALS, **CLUSTER}
    reached = {name: agents.reached(agents.workloads[name], everything) for name in AGENTS}
    if "egress-proxy" not in agents.workloads:  # stand-ins
        assert not any(reached.values())
        return
    assert all(len(one) == 1 for one in reached.values())
    ways = {way for one in reached.values() for way in one}
    assert {target for target, _ in ways} == {"egress-proxy"}
    assert len({port for _, port in ways}) == len(AGENTS)


def test_the_policies_allow_exactly_the_flows(platform: Platform):
    chosen = topology(validate(platform.given, stack="dev"))
    everybody = {**platform.workloads, **PARTIES}
    passing = {
        (source, target, port)
        for source, target in product(everybody, repeat=2)
        if {source, target} & platform.workloads.keys()
        for port in platform.ports | {443, 4001}
        if platform.policies.allows(everybody[source], everybody[target], "TCP", port)
    }
    declared = {
        (flow.source, flow.target, flow.port)
        for flow in chosen.flows
        if {flow.source, flow.target} <= everybody.keys()
    }
    assert passing == declared


def test_every_port_of_a_policy_is_listened_on(platform: Platform):
    for policy in platform.policies.policies:
        own = selected(platform, policy["metadata"]["namespace"], policy["spec"]["podSelector"])
        assert own or not policy["spec"]["podSelector"]
        for rule in policy["spec"].get("ingress", []):
            for port, name in product(rule["ports"], own):
                assert port["port"] in platform.listens[name], (name, port)
        opened = [
            (peer, rule["ports"])
            for rule in policy["spec"].get("egress", [])
            for peer in rule["to"]
            if "podSelector" in peer
        ]
        for peer, ports in opened:
            named = peer.get("namespaceSelector", {}).get("matchLabels", {})
            namespace = named.get("kubernetes.io/metadata.name", policy["metadata"]["namespace"])
            targets = selected(platform, namespace, peer["podSelector"])
            assert targets or namespace in OTHERS
            for port, name in product(ports, targets):
                assert port["port"] in platform.listens[name], (name, port)


def selected(platform: Platform, namespace: str, selector: dict[str, Any]) -> list[str]:
    """The workloads whose pods a selector matches."""
    return [
        name
        for name, pod in platform.workloads.items()
        if pod.namespace == namespace and matches(selector, pod.labels)
    ]
