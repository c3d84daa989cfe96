"""Services that expose, namespaces without network policies, and policies that let everyone in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from graph.resource_graph import UNKNOWN, Resource, ResourceGraph, step
from graph.tree import branch, dig, entries

from ...documents.pod_specs import WORKLOADS, pod_specs
from ...finding import Severity
from ...ranges import everywhere, texts
from ...rule import Check, Hit, Rule, at
from .log_readers import reads_only_logs

Place = tuple[str | None, str]
"""A provider, which is a cluster, and a namespace of it."""

_SERVICES: Final = "https://kubernetes.io/docs/concepts/services-networking/service/"
_POLICIES: Final = frozenset(
    {
        *("NetworkPolicy", "CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"),
        *("AdminNetworkPolicy", "BaselineAdminNetworkPolicy", "GlobalNetworkPolicy"),
    }
)
_INTERNAL: Final = {
    "service.beta.kubernetes.io/aws-load-balancer-scheme": ("internal",),
    "service.beta.kubernetes.io/aws-load-balancer-internal": ("true", "0.0.0.0/0"),
    "networking.gke.io/load-balancer-type": ("internal",),
    "cloud.google.com/load-balancer-type": ("internal",),
    "service.beta.kubernetes.io/azure-load-balancer-internal": ("true",),
    "service.beta.kubernetes.io/oci-load-balancer-internal": ("true",),
    "service.beta.kubernetes.io/openstack-internal-load-balancer": ("true",),
}
"""Annotations by which a cloud gives a Service a private address, with their values."""

_PRIVATE_CLASSES: Final = ("service.k8s.aws/nlb", "tailscale", "eks.amazonaws.com/nlb")
"""Classes of load balancers that are private where nothing else is said."""

EXPOSED: Final = Rule(
    id="k8s-service-001",
    severity=Severity.HIGH,
    reference=f"{_SERVICES}#internal-load-balancer",
    refuses="a Service that gets an address which everyone can reach, and no network policy of its "
    "pods says that everyone may",
    fix="list the networks in loadBalancerSourceRanges, or set the cloud's annotation for internal",
)
NODE_PORT: Final = Rule(
    id="k8s-service-002",
    severity=Severity.MEDIUM,
    reference=f"{_SERVICES}#type-nodeport",
    refuses="a Service that takes a port of every node",
    fix="use ClusterIP behind a gateway, or a LoadBalancer with loadBalancerSourceRanges",
)
EXTERNAL_IPS: Final = Rule(
    id="k8s-service-003",
    severity=Severity.HIGH,
    reference="https://github.com/kubernetes/kubernetes/issues/97076",
    refuses="a Service that takes over addresses (externalIPs, CVE-2020-8554)",
    fix="use a LoadBalancer",
)
NO_POLICY: Final = Rule(
    id="k8s-network-001",
    severity=Severity.MEDIUM,
    reference="CIS Kubernetes Benchmark 5.3.2",
    refuses="pods in a namespace that has no network policy",
    fix="register a NetworkPolicy that denies everything, and one for each flow",
)
LETS_EVERYONE_IN: Final = Rule(
    id="k8s-network-002",
    severity=Severity.MEDIUM,
    reference="https://kubernetes.io/docs/concepts/services-networking/network-policies/",
    refuses="a network policy that lets every address in on every port",
    fix="name the ports, or list the networks",
)
ADMITS_ALL: Final = Rule(
    id="k8s-namespace-001",
    severity=Severity.MEDIUM,
    reference="CIS Kubernetes Benchmark 5.2.1",
    refuses="a namespace that admits privileged pods by its Pod Security label",
    fix="write restricted or baseline",
)


def networks_are_bounded(graph: ResourceGraph) -> Iterator[Hit]:
    """Finds public Services, namespaces without policies, and policies that admit everyone."""
    unguarded: dict[Place, Resource] = {}
    made: set[Place] = set()
    policies: dict[Place, list[Resource]] = {}
    services: list[tuple[Place, Resource]] = []
    workloads: dict[Place, list[Resource]] = {}
    privileged: list[tuple[Place, Resource]] = []
    for resource in graph.resources:
        if not resource.type.startswith("kubernetes:"):
            continue
        kind = str(resource.inputs.get("kind"))
        namespace = str(dig(resource.inputs, "metadata", "namespace") or "default")
        place = (resource.provider, namespace)
        if kind in _POLICIES:
            policies.setdefault(place, []).append(resource)
            yield from _policy(resource)
        elif kind in WORKLOADS and namespace != UNKNOWN:
            unguarded.setdefault(place, resource)
            workloads.setdefault(place, []).append(resource)
        elif kind == "Service":
            services.append((place, resource))
        elif kind == "Namespace":
            name = dig(resource.inputs, "metadata", "name") or resource.name
            made.add((resource.provider, str(name)))
            privileged.append(((resource.provider, str(name)), resource))
    for place, namespace in privileged:
        if not _only_reads_logs(workloads.get(place, [])):
            yield from _namespace(namespace)
    for place, workload in unguarded.items():
        # Policies of a namespace that another program makes may be in that program.
        if place not in policies and (place in made or place[1] == "default"):
            what = f"is {place[1]}, which has no network policy"
            so = "every pod of the cluster can connect to its pods, and they to everything"
            yield at(workload, "metadata.namespace", what, so, NO_POLICY.fix, NO_POLICY.id)

    for place, service in services:
        yield from _service(service, policies.get(place, []))


def _service(service: Resource, policies: list[Resource]) -> Iterator[Hit]:
    spec = branch(service.inputs, "spec")
    sources = _stated_sources(branch(spec, "selector"), policies)
    if spec.get("externalIPs"):
        so = "it could receive what is meant for another server"
        yield at(service, "spec.externalIPs", "is set", so, EXTERNAL_IPS.fix, EXTERNAL_IPS.id)
    if spec.get("type") == "NodePort" and not sources:
        so = "everyone who reaches a node reaches it"
        yield at(service, "spec.type", "is NodePort", so, NODE_PORT.fix, NODE_PORT.id)
    if spec.get("type") != "LoadBalancer" or _internal(service, spec):
        return
    ranges = spec.get("loadBalancerSourceRanges")
    if not everywhere(sources) and (not ranges or everywhere(texts(ranges))):
        path = "spec.loadBalancerSourceRanges" if ranges else "spec.type"
        what = "is everywhere" if ranges else "is LoadBalancer, for every address"
        so = "everyone on the internet could connect to it"
        yield at(service, path, what, so, EXPOSED.fix, EXPOSED.id)


def _stated_sources(selector: dict[str, Any], policies: list[Resource]) -> list[str]:
    """Networks outside that a policy of a Service's pods lets in, on ports that it names.

    Who writes such a policy has said who may reach the pods, and that it is everyone.
    """
    found: list[str] = []
    for policy in policies:
        wanted = branch(policy.inputs, "spec", "podSelector", "matchLabels")
        if not wanted or not wanted.items() <= selector.items():
            continue
        for rule in entries(policy.inputs, "spec", "ingress"):
            if branch(rule).get("ports"):
                found += [
                    str(block["cidr"])
                    for peer in entries(rule, "from")
                    if (block := branch(peer, "ipBlock")).get("cidr")
                ]
    return found


def _internal(service: Resource, spec: dict[str, Any]) -> bool:
    annotations = branch(service.inputs, "metadata", "annotations")
    public = annotations.get("service.beta.kubernetes.io/aws-load-balancer-scheme")
    if spec.get("loadBalancerClass") in _PRIVATE_CLASSES and public != "internet-facing":
        return True
    return any(str(annotations.get(key)).casefold() in values for key, values in _INTERNAL.items())


def _policy(policy: Resource) -> Iterator[Hit]:
    for number, rule in enumerate(entries(policy.inputs, "spec", "ingress")):
        if branch(rule).get("ports") or branch(rule).get("toPorts"):
            continue
        blocks = [
            (index, branch(peer, "ipBlock"))
            for index, peer in enumerate(entries(rule, "from"))
            if branch(peer, "ipBlock")
        ]
        for index, block in blocks:
            if everywhere(texts(block.get("cidr"))) and not block.get("except"):
                path = f"spec.ingress[{number}].from[{index}].ipBlock.cidr"
                so = "everyone who reaches the pods' network reaches every port of the pods"
                what = f"is {block.get('cidr')}, on every port"
                yield at(policy, path, what, so, LETS_EVERYONE_IN.fix, LETS_EVERYONE_IN.id)


def _only_reads_logs(workloads: list[Resource]) -> bool:
    """Whether all pods of a namespace are collectors of log lines, which need ``privileged``."""
    pods = [pod for workload in workloads for pod in pod_specs(workload)]
    return bool(pods) and all(map(reads_only_logs, pods))


def _namespace(namespace: Resource) -> Iterator[Hit]:
    key = "pod-security.kubernetes.io/enforce"
    if dig(namespace.inputs, "metadata", "labels", key) == "privileged":
        path = step("metadata.labels", key)
        so = "pods that take over their node would be admitted"
        yield at(namespace, path, "is privileged", so, ADMITS_ALL.fix, ADMITS_ALL.id)


CHECK: Final = Check(
    rules=(EXPOSED, NODE_PORT, EXTERNAL_IPS, NO_POLICY, LETS_EVERYONE_IN, ADMITS_ALL),
    types=(
        *("kubernetes:core/v1:Service", "kubernetes:core/v1:Namespace"),
        "kubernetes:networking.k8s.io/v1:NetworkPolicy",
    ),
    find=networks_are_bounded,
)
