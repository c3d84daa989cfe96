"""Every flow, mount, port and required Secret in the rendered objects is used.

A container uses what its own configuration names: the files that it mounts, its command and its
environment. A network policy is used if the pods that it lets out name what it lets them reach.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from graph.resource_graph import ResourceGraph
from stacks.topologies import TOPOLOGIES
from tests.harness.graph_queries import STACKS, Pods, objects, pods, secrets_of_receivers
from tests.harness.stacks import stack
from tests.harness.tiers import sampled
from tests.harness.topologies import NETWORK, recorded
from tests.harness.user_servers import EVERY_FIELD, every_field
from tests.harness.user_servers import recorded as recorded_servers

NEEDS_NO_MENTION = {"/tmp"}
"""Programs write there without being told to."""

DNS = 53
GRAPHS = [
    *STACKS,
    *(f"topology {name}" for name in TOPOLOGIES),
    *(f"servers {name}" for name in TOPOLOGIES),
    "released nodes",
    "no peers",
]


@cache
def graph(name: str) -> ResourceGraph:
    if name in STACKS:
        return stack(name)
    if name == "released nodes":
        images = {"qudagProfile": "upstream", "qudagNode": "example.com/qudag-node:0.5.0"}
        return recorded(TOPOLOGIES["microservices"], {"images": images})
    if name == "audited":
        return recorded_servers(
            {
                "topology": "microservices",
                "domain": "mcp.example.com",
                "network": NETWORK,
                "audit": {"enabled": True},
                "servers": EVERY_FIELD,
                "edge": {"rateLimits": {"api": {"burst": 7}}},
            }
        )
    if name == "no peers":
        network: dict[str, Any] = {"clients": ["198.51.100.0/24"], "prometheus": {}}
        return recorded(TOPOLOGIES["microservices"], {"network": network})
    if name == "replicas of Valkey":
        valkey = {"data": {"valkey": {"replicas": 3, "exporter": True, "sharedPassword": True}}}
        return recorded(TOPOLOGIES["microservices"], valkey | {"network": NETWORK})
    if name.startswith("servers "):
        return every_field(name.removeprefix("servers "))
    return recorded(TOPOLOGIES[name.removeprefix("topology ")])


every_graph = pytest.mark.parametrize(
    "name",
    [
        *STACKS,
        *sampled([name for name in GRAPHS if name not in STACKS], 3),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("replicas of Valkey", "audited")),
    ],
)


@dataclass(frozen=True)
class Container:
    """A container with its command, arguments, variables and mounted files."""

    pods: Pods
    spec: dict[str, Any]
    text: str

    @property
    def place(self) -> str:
        return f"{self.pods.name}/{self.spec['name']}"

    def mounts(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each mount path with its volume; a claim of a StatefulSet is no volume of the pod."""
        volumes = {volume["name"]: volume for volume in self.pods.spec["volumes"]}
        for mount in self.spec["volumeMounts"]:
            claimed: dict[str, Any] = {"persistentVolumeClaim": {}}
            yield mount["mountPath"], volumes.get(mount["name"], claimed)


def containers(name: str) -> list[Container]:
    config_maps = {c["metadata"]["name"]: c["data"] for c in objects(graph(name), "ConfigMap")}
    found: list[Container] = []
    for each in pods(graph(name)):
        for spec in each.containers:
            volumes = {v["name"]: v for v in each.spec["volumes"]}
            mounted = [volumes[m["name"]] for m in spec["volumeMounts"] if m["name"] in volumes]
            texts: list[str] = [
                *(spec.get("command") or []),
                *(str(entry) for entry in spec.get("env", [])),
                *(
                    value
                    for source in spec.get("envFrom", [])
                    for value in config_maps[source["configMapRef"]["name"]].values()
                ),
                *(
                    text
                    for volume in mounted
                    if "configMap" in volume
                    for text in config_maps[volume["configMap"]["name"]].values()
                ),
            ]
            found.append(Container(each, spec, "\n".join(texts)))
    return found


def names(text: str, number: int) -> bool:
    return re.search(rf"(?<![0-9]){number}(?![0-9])", text) is not None


@every_graph
def test_every_mounted_file_is_read_by_the_configuration_of_its_container(name: str):
    unread = [
        f"{container.place}: {path}/{item['path']}"
        for container in containers(name)
        for path, volume in container.mounts()
        for item in volume.get("secret", {}).get("items", [])
        if f"{path}/{item['path']}" not in container.text
    ]
    assert unread == []


@every_graph
def test_every_mounted_directory_is_named_by_the_configuration_of_its_container(name: str):
    unnamed = [
        f"{container.place}: {path}"
        for container in containers(name)
        for path, volume in container.mounts()
        if path not in NEEDS_NO_MENTION
        and ("persistentVolumeClaim" in volume or "emptyDir" in volume or "configMap" in volume)
        and path not in container.text
    ]
    assert unnamed == []


@every_graph
def test_every_container_port_has_a_listener_in_its_configuration(name: str):
    idle = [
        f"{container.place}: {port['containerPort']}"
        for container in containers(name)
        for port in container.spec.get("ports", [])
        if not names(container.text, port["containerPort"])
    ]
    assert idle == []


@every_graph
def test_every_required_secret_is_mounted_and_every_mounted_one_required(name: str):
    required: dict[str, set[str]] = {}
    for secret in graph(name).outputs["required_secrets"]:  # one for each namespace
        required.setdefault(secret["name"], set()).update(secret["keys"])
    mounted: dict[str, set[str]] = {}
    for container in containers(name):
        for _, volume in container.mounts():
            if secret := volume.get("secret"):
                keys = {item["key"] for item in secret["items"]}
                mounted.setdefault(secret["secretName"], set()).update(keys)
        for variable in container.spec.get("env", []):
            if key := variable.get("valueFrom", {}).get("secretKeyRef"):
                mounted.setdefault(key["name"], set()).add(key["key"])
    for secret, key in secrets_of_receivers(graph(name)):
        mounted.setdefault(secret, set()).add(key)
    assert mounted == required


@every_graph
def test_every_claim_is_mounted_by_its_pods(name: str):
    claims = {claim["metadata"]["name"] for claim in objects(graph(name), "PersistentVolumeClaim")}
    mounted: set[str] = set()
    for container in containers(name):
        of_volumes = [v.get("persistentVolumeClaim") for v in container.pods.spec["volumes"]]
        mounted |= {claim["claimName"] for claim in of_volumes if claim}
        replicas = container.pods.owner.inputs["spec"].get("replicas", 0)
        mounted |= {
            f"{mount['name']}-{container.pods.name}-{ordinal}"
            for mount in container.spec["volumeMounts"]
            for ordinal in range(replicas)
        }
    assert claims <= mounted


def flows(name: str) -> list[tuple[str, str, int]]:
    """Allowed egress: source, target and port; a party outside is its network."""
    found: list[tuple[str, str, int]] = []
    for policy in objects(graph(name), "NetworkPolicy"):
        source = policy["spec"]["podSelector"].get("matchLabels", {}).get("app")
        for rule in policy["spec"].get("egress", []):
            for peer in rule.get("to", []):
                if "namespaceSelector" in peer and "app" not in peer["podSelector"]["matchLabels"]:
                    continue  # DNS in pods
                target = peer.get("podSelector", {}).get("matchLabels", {}).get("app")
                target = target or peer["ipBlock"]["cidr"]
                ports = [port["port"] for port in rule["ports"] if port["port"] != DNS]
                found += [(source, target, port) for port in ports]
    return found


def text_of(name: str, workload: str) -> str:
    return "\n".join(c.text for c in containers(name) if c.pods.name == workload)


@every_graph
def test_every_flow_between_workloads_is_named_by_the_configuration_of_its_source(name: str):
    workloads = {found.name for found in pods(graph(name))}
    between = [f for f in flows(name) if f[1] in workloads and f[0] not in EVERY_FIELD]
    assert between or name == "topology single-server", "which is one workload"
    unnamed = [
        (source, target, port)
        for source, target, port in between
        if not names_address(text_of(name, source), target, port)
    ]
    assert unnamed == []


def names_address(text: str, target: str, port: int) -> bool:
    together = re.search(
        rf"(?<![a-z-]){target}(-service|-p2p)\b[^\n]*\D{port}\b"
        rf"|host = \"{target}-service(\.[a-z.-]+)?\"\nport = {port}\b",
        text,
    )
    # A server may have its hosts in files of their own, and the ports in server.toml.
    host = re.search(rf"^{target}-service[a-z.-]*$", text, re.MULTILINE)
    return bool(together or (host and re.search(rf"^port = {port}$", text, re.MULTILINE)))


@every_graph
def test_every_flow_to_the_outside_is_named_by_the_configuration_of_its_source(name: str):
    workloads = {found.name for found in pods(graph(name))}
    reasons = {443: r"jwks_url|otlphttp", 4001: "/ip4/", 9200: r"https://[a-z.]+:9200\b"}
    unnamed = [
        (source, target, port)
        for source, target, port in flows(name)
        if target not in workloads and not re.search(reasons[port], text_of(name, source))
    ]
    if name.startswith(("topology", "servers")) or name == "released nodes":
        # These stacks have networks for every party, and the keys of a local cluster.
        unnamed = [flow for flow in unnamed if flow[2] != 443]
    assert unnamed == []


@every_graph
def test_ingress_from_qudag_peers_needs_a_service_with_the_peer_port(name: str):
    let_in = [
        policy["metadata"]["name"]
        for policy in objects(graph(name), "NetworkPolicy")
        for rule in policy["spec"].get("ingress", [])
        for port in rule["ports"]
        if port["port"] == 4001 and any("ipBlock" in peer for peer in rule.get("from", []))
    ]
    outside = [
        service["metadata"]["name"]
        for service in objects(graph(name), "Service")
        if service["spec"].get("type") in ("LoadBalancer", "NodePort")
        and any(port["port"] == 4001 for port in service["spec"]["ports"])
    ]
    assert len(let_in) == len(outside)


@every_graph
def test_every_port_of_a_service_is_the_target_of_a_policy(name: str):
    open_ports = {
        (policy["spec"]["podSelector"]["matchLabels"]["app"], port["port"])
        for policy in objects(graph(name), "NetworkPolicy")
        for rule in policy["spec"].get("ingress", [])
        for port in rule["ports"]
    }
    closed: list[str] = []
    for service in objects(graph(name), "Service"):
        selector = service["spec"]["selector"]
        (found,) = [p for p in pods(graph(name)) if selector.items() <= p.labels.items()]
        numbers = {p["name"]: p["containerPort"] for c in found.containers for p in c["ports"]}
        closed += [
            f"{service['metadata']['name']}: {port['name']}"
            for port in service["spec"]["ports"]
            if (found.name, numbers[port["targetPort"]]) not in open_ports
        ]
    # Metrics are open to Prometheus, which dev has none of.
    assert [port for port in closed if not (name == "dev" and port.endswith(": metrics"))] == []
