"""What must hold between the configuration and the cluster that it will meet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Final

from components.base import forms
from components.base.problems import Problem, nearest
from components.kubernetes.exposure import annotation_problems
from components.kubernetes.flow_checks import api_server_problem
from components.kubernetes.pod_settings import settings_problems
from components.mcp.server_config import P2P

from ..config.stack import StackConfig
from ..placement import placement
from ..required_secrets import certified_names
from ..services import topology
from ..valkey import valkey_secrets
from .rule import Rule, at, path_of

PEER_ADDRESS: Final = re.compile(
    r"/(ip4|ip6|dns|dns4|dns6)/[^/]+/tcp/(?P<port>[0-9]{1,5})(/p2p/[A-Za-z0-9]+)?"
)
INTERNAL_TLS: Final = "internalTls"
VALKEY_USERS: Final = "valkeyUsers"
PRIVATE_KEYS: Final = ("mcp-local-ca", "mcp-issuer-signer")
"""Secrets that `up` keeps in a local cluster for itself: no pod may ever mount them."""


def secrets_are_distinct(config: StackConfig) -> Iterator[Problem]:
    """Each Secret has one purpose: a pod that mounts one must not see another's keys."""
    seen: dict[str, str] = {}
    prefixes = (INTERNAL_TLS, VALKEY_USERS)
    names = config.secrets.names.items()
    named = [(field, name) for field, name in names if field not in prefixes]
    named += [
        (INTERNAL_TLS, config.secrets.internal_tls_of(workload))
        for workload in certified_names(config)
    ]
    of_valkey = dict.fromkeys(name for name, _ in valkey_secrets(config, topology(config)))
    named += [(VALKEY_USERS, name) for name in of_valkey]
    for prefix in (INTERNAL_TLS, VALKEY_USERS):
        longest = max((name for field, name in named if field == prefix), key=len, default="")
        if (excess := len(longest) - forms.SECRET_NAME.longest) > 0:
            yield at(
                f"secrets.{prefix}",
                f"names the Secret {longest}, which is {excess} characters too long",
                "the components refuse a Secret's name of more than "
                f"{forms.SECRET_NAME.longest} characters",
                f"shorten it by {excess}",
            )
    for field, name in named:
        if other := seen.get(name):
            yield at(
                f"secrets.{field}",
                f"names the same Secret as secrets.{other}",
                "pods would be given keys that are not for them, and its keys would clash",
                "name two Secrets",
            )
        if name in PRIVATE_KEYS:
            yield at(
                f"secrets.{field}",
                f"names {name}, in which `up` keeps a private key of local clusters",
                "pods would hold the key that signs certificates or tokens",
                "name another Secret, or leave it out for the default",
            )
        seen.setdefault(name, field)


def the_namespace_is_our_own(config: StackConfig) -> Iterator[Problem]:
    """A stack makes its namespace, locks it, and deletes it with everything in it."""
    name = config.namespace
    if name == "default" or name.startswith("kube-"):
        yield at(
            "kubernetes.namespace",
            f"is {name}, which belongs to the cluster",
            "its other workloads would lose connections, and be deleted with the stack",
            f"leave it out for qudag-mcp-{config.environment}, or choose a name of your own",
        )


def further_namespaces_have_names(config: StackConfig) -> Iterator[Problem]:
    """A name that follows from the platform's namespace is not longer than Kubernetes admits."""
    longest = forms.DNS_LABEL.longest
    followed = {
        place: name
        for place, name in placement(config).namespaces.items()
        if place not in config.kubernetes.namespaces and len(name) > longest
    }
    if followed:
        place, name = max(followed.items(), key=lambda one: len(one[1]))
        most = longest - len(place) - 1
        yield at(
            "kubernetes.namespace",
            f"has {len(config.namespace)} characters, so that of {' and '.join(followed)} has "
            f"{len(name)}",
            f"the API server refuses names with more than {longest}",
            f"write at most {most}, or name {' and '.join(followed)} in kubernetes.namespaces",
        )


def namespace_labels_are_free(config: StackConfig) -> Iterator[Problem]:
    """No configured label is one that the platform or Kubernetes sets."""
    for label in config.kubernetes.namespace_labels:
        prefix = label.partition("/")[0]
        kubernetes = prefix.endswith(("kubernetes.io", "k8s.io")) and prefix != "app.kubernetes.io"
        reserved = kubernetes or prefix == "qudag-mcp"
        if label in ("name", "environment") or (reserved and "/" in label):
            yield at(
                path_of("kubernetes", "namespaceLabels", label),
                "is set by the platform, or reserved by Kubernetes",
                "it could switch off Pod Security, or make policies select another namespace",
                "leave it out, or use another name",
            )


def egress_does_not_reach_the_api_server(config: StackConfig) -> Iterator[Problem]:
    """No network that servers may connect to is one of the API server, or may contain it."""
    listed = {"issuer": config.network.issuer, "qudagPeers": config.network.qudag_peers}
    for field, networks in listed.items():
        for index, written in enumerate(networks):
            network = ip_network(written)
            if problem := api_server_problem(network, config.kubernetes.api_server):
                what, consequence, fix = problem
                fix = fix.replace("list the", "list in kubernetes.apiServer the")
                yield at(f"network.{field}[{index}]", f"{written} {what}", consequence, fix)


def dns_has_a_server(config: StackConfig) -> Iterator[Problem]:
    """Pods can resolve names."""
    dns = config.network.dns
    if not (dns.pods or dns.addresses):
        yield at(
            "network.dns.pods",
            "is empty, and network.dns.addresses is as well",
            "no pod could resolve a name: every call would fail",
            "name the DNS servers of the cluster, or leave network.dns out",
        )


def pod_settings_change_nothing_of_our_own(config: StackConfig) -> Iterator[Problem]:
    """Settings of pods name workloads, set no reserved label or variable and no credential."""
    kubernetes = config.kubernetes
    workloads = topology(config).workloads
    for name, pods in [("", kubernetes.pods), *kubernetes.service_pods.items()]:
        steps = ("kubernetes", "servicePods", name) if name else ("kubernetes", "pods")
        path = path_of(*steps)
        if name and name not in workloads:
            guess = nearest(name, workloads)
            yield at(
                path,
                f"the topology {config.topology} has no such service, data store or job",
                "it would have no effect",
                f"write {guess}" if guess else f"one of: {', '.join(workloads)}",
            )
        spelled = {
            "env": "env",
            "secret_env": "secretEnv",
            "node_scale_down": "nodeScaleDown",
        }
        given = {field: getattr(pods, field) for field in ("labels", "annotations", *spelled)}
        for problem in settings_problems(**given, spelled=spelled):
            yield at(f"{path}.{problem.path}", problem.what, problem.consequence, problem.fix)
        for index, one in enumerate(pods.tolerations or ()):
            if one.seconds is not None and one.effect != "NoExecute":
                yield at(
                    f"{path}.tolerations[{index}].seconds",
                    "is set, and effect is not NoExecute",
                    "the API server refuses the pods",
                    "set effect to NoExecute, or leave seconds out",
                )


def the_load_balancer_can_be(config: StackConfig) -> Iterator[Problem]:
    """Fields of the load balancer are set where there is one, and agree with network.public."""
    edge = config.edge
    given = {
        "internal": edge.internal is not None,
        "loadBalancerClass": edge.load_balancer_class is not None,
        "nodePorts": not edge.node_ports,
    }
    for field, is_set in given.items():
        if is_set and not edge.load_balancer:
            yield at(
                f"edge.{field}",
                "is set, and edge.loadBalancer is not",
                "it would have no effect",
                "leave it out, or set edge.loadBalancer: true",
            )
    if edge.load_balancer and edge.internal and config.network.public:
        yield at(
            "edge.internal",
            "is true, and network.public is as well",
            "clients on the internet could not connect, although public is true",
            "leave one of the two out; with internal, list network.clients",
        )
    for problem in annotation_problems(edge.annotations):
        fix = "leave it out, and set edge.internal"
        yield at(f"edge.{problem.path}", problem.what, problem.consequence, fix)


def peers_are_reached_or_reach_us(config: StackConfig) -> Iterator[Problem]:
    """Networks of QuDAG nodes elsewhere, their addresses and the Service for them fit together."""
    network = config.network
    used = network.qudag_peer_addresses or network.qudag_service != "none"
    if network.qudag_peers and not used:
        yield at(
            "network.qudagPeers",
            "is set, but no node has a peer address, and port 4001 has no Service outside",
            "the network policies would be opened for connections that nothing makes",
            "set network.qudagPeerAddresses or network.qudagService, or leave qudagPeers out",
        )
    if used and not network.qudag_peers:
        yield at(
            "network.qudagPeers",
            "is empty, but qudagPeerAddresses or qudagService is set",
            "the network policies would drop every connection with those nodes",
            "list the networks of the other nodes, such as - 203.0.113.0/24",
        )
    for index, address in enumerate(network.qudag_peer_addresses):
        found = PEER_ADDRESS.fullmatch(address)
        if found is None or found["port"] != str(P2P):
            yield at(
                f"network.qudagPeerAddresses[{index}]",
                f"is {address}, which has no host and TCP port {P2P}",
                f"the nodes could not read it, or the network policies would drop it: they let "
                f"nodes out to port {P2P} of qudagPeers",
                f"write it as /dns4/node.example.com/tcp/{P2P}, or with /ip4/ and an address",
            )


CLUSTER_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("secrets", "topology", "servers"), secrets_are_distinct),
    (("kubernetes.namespace", "environment"), the_namespace_is_our_own),
    (
        ("kubernetes.namespace", "kubernetes.namespaces", "topology", "servers", "observability"),
        further_namespaces_have_names,
    ),
    (("kubernetes.namespaceLabels",), namespace_labels_are_free),
    (
        ("network.issuer", "network.qudagPeers", "kubernetes.apiServer"),
        egress_does_not_reach_the_api_server,
    ),
    (("edge", "network.public"), the_load_balancer_can_be),
    (("network.dns",), dns_has_a_server),
    (
        ("kubernetes.pods", "kubernetes.servicePods", "topology", "servers"),
        pod_settings_change_nothing_of_our_own,
    ),
    (("network",), peers_are_reached_or_reach_us),
]
"""Each rule with what it reads."""
