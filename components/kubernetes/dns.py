"""The DNS servers of a cluster, which every pod with outgoing connections may query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..base.arg_types import DnsLabel, IpAddress, LabelKey, LabelValue, PortNumber
from ..base.problems import Problem


@dataclass(frozen=True, kw_only=True)
class DnsPods:
    """Pods that answer DNS queries.

    Attributes:
        namespace: namespace of the pods.
        labels: labels that all of the pods have.
        port: the number that their containers listen on (not the Service's).
    """

    namespace: DnsLabel
    labels: Mapping[LabelKey, LabelValue]
    port: PortNumber = 53


CLUSTER_DNS = (
    DnsPods(namespace="kube-system", labels={"k8s-app": "kube-dns"}),
    DnsPods(namespace="kube-system", labels={"k8s-app": "node-local-dns"}),
    DnsPods(
        namespace="openshift-dns",
        labels={"dns.operator.openshift.io/daemonset-dns": "default"},
        port=5353,
    ),
)
"""kube-dns and CoreDNS, NodeLocal DNSCache behind Cilium (GKE Dataplane V2), OpenShift."""

NODE_LOCAL_DNS = "169.254.20.10"
"""Where NodeLocal DNSCache listens, in the network of each node: no label selects it."""


@dataclass(frozen=True, kw_only=True)
class Dns:
    """The DNS servers that pods may query; the defaults suit most clusters together.

    Attributes:
        pods: DNS servers by namespace and labels.
        addresses: DNS servers by address, at port 53.
    """

    pods: Sequence[DnsPods] = CLUSTER_DNS
    addresses: Sequence[IpAddress] = (NODE_LOCAL_DNS,)

    def refusals(self) -> list[Problem]:
        """No server at all, or a server without labels."""
        problems = [
            Problem(
                f"pods[{index}].labels",
                "is an empty mapping",
                f"queries could be sent to every pod of the namespace {each.namespace}",
                "list labels that select only the DNS servers",
            )
            for index, each in enumerate(self.pods)
            if not each.labels
        ]
        if not (self.pods or self.addresses):
            problems.append(
                Problem(
                    "pods",
                    "is an empty list, and addresses is one as well",
                    "no pod could resolve a name, and no flow would carry traffic",
                    "name the DNS servers of the cluster, or leave dns out",
                )
            )
        return problems

    def rules(self) -> list[dict[str, Any]]:
        """The egress rules of a NetworkPolicy, one for each port."""
        peers: dict[int, list[dict[str, Any]]] = {}
        for each in self.pods:
            inside = {"matchLabels": {"kubernetes.io/metadata.name": each.namespace}}
            peer = {
                "namespaceSelector": inside,
                "podSelector": {"matchLabels": dict(each.labels)},
            }
            peers.setdefault(each.port, []).append(peer)
        for address in self.addresses:
            cidr = f"{address}/{128 if ':' in address else 32}"
            peers.setdefault(53, []).append({"ipBlock": {"cidr": cidr}})
        return [
            {
                "to": to,
                "ports": [{"protocol": protocol, "port": port} for protocol in ("UDP", "TCP")],
            }
            for port, to in peers.items()
        ]
