"""Section `network`: networks that may connect, and that the platform may connect to."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from components.kubernetes.dns import CLUSTER_DNS, NODE_LOCAL_DNS

from .forms import Cidr, DnsLabel, IpAddress, LabelKey, LabelValue, Multiaddress
from .section import Section


class Prometheus(Section):
    """The Prometheus that scrapes the platform."""

    namespace: DnsLabel = Field(default="monitoring", description="Where it runs.")
    labels: dict[LabelKey, LabelValue] = Field(
        default={"app": "prometheus"}, min_length=1, description="Labels of its pods."
    )


class DnsPods(Section):
    """DNS servers that run in pods."""

    namespace: DnsLabel = Field(default="kube-system", description="Where they run.")
    labels: dict[LabelKey, LabelValue] = Field(min_length=1, description="Labels of the pods.")
    port: int = Field(
        default=53, ge=1, le=65535, description="Port of the containers (not of the Service)."
    )


class Dns(Section):
    """The DNS servers of the cluster, which every pod with outgoing connections may query."""

    pods: list[DnsPods] = Field(
        default=[
            DnsPods(namespace=each.namespace, labels=dict(each.labels), port=each.port)
            for each in CLUSTER_DNS
        ],
        description="By labels; the default has kube-dns and CoreDNS, NodeLocal DNSCache, and "
        "OpenShift.",
    )
    addresses: list[IpAddress] = Field(
        default=[NODE_LOCAL_DNS],
        description="By address, at port 53; the default is NodeLocal DNSCache. With kube-proxy in "
        "iptables mode add the cluster IP of the Service kube-dns.",
    )


class ClientPods(Section):
    """Pods of the cluster that may connect to the gateway."""

    namespace: DnsLabel = Field(description="Where they run.")
    labels: dict[LabelKey, LabelValue] = Field(min_length=1, description="Labels of the pods.")


class IssuerPods(Section):
    """The authorization server, if it runs in the same cluster."""

    namespace: DnsLabel = Field(description="Where it runs.")
    labels: dict[LabelKey, LabelValue] = Field(min_length=1, description="Labels of its pods.")
    port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Port that its pods listen on; absent: the port of protocol.jwksUrl.",
    )


class Network(Section):
    """Networks that may connect to the platform, and that it may connect to."""

    public: bool = Field(default=False, description="Accept connections from every address.")
    clients: list[Cidr] = Field(
        default=[], description="Networks that may connect to the gateway if it is not public."
    )
    client_pods: list[ClientPods] = Field(
        default=[], description="Pods that may connect to the gateway."
    )
    issuer: list[Cidr] = Field(
        default=[], description="Networks of the authorization server, to fetch its keys."
    )
    issuer_pods: IssuerPods | None = Field(
        default=None, description="The authorization server's pods, if it runs in this cluster."
    )
    qudag_peers: list[Cidr] = Field(
        default=[],
        description="Networks of QuDAG nodes outside the cluster. They must contain "
        "qudagPeerAddresses; qudagService accepts connections from them.",
    )
    qudag_peer_addresses: list[Multiaddress] = Field(
        default=[],
        description="Multiaddresses of QuDAG nodes outside the cluster to connect to.",
    )
    qudag_service: Literal["none", "load-balancer", "node-port"] = Field(
        default="none",
        description="Service through which QuDAG nodes outside the cluster connect to port 4001; "
        "none: they cannot connect.",
    )
    host_egress: Literal["proxy", "cilium"] = Field(
        default="proxy",
        description="How servers reach the hosts in their egress.hosts. proxy: through the egress "
        "proxy. cilium: directly, by a CiliumNetworkPolicy for each server; for clusters with "
        "Cilium 1.19 or newer.",
    )
    dns: Dns = Field(default_factory=Dns)
    prometheus: Prometheus | None = Field(
        default=None, description="Who may scrape the servers; absent: nobody."
    )
