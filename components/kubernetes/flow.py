"""Flows: the allowed connections, from which every network policy is generated."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi

from ..base.arg_types import DnsLabel, EgressHost, Network
from ..base.component import Component
from ..base.kubernetes_object import KubernetesObject, metadata
from ..base.platform_addresses import (
    NOT_PUBLIC,
    PUBLIC,
    contains,
    metadata_inside,
    unmapped,
)
from ..base.problems import Problem
from .cilium_policy import host_policy
from .dns import Dns
from .egress_hosts import host_problems
from .flow_checks import api_client_problems, flow_problems, party_problems
from .labels import selector
from .party import Flow, Internet, MetadataServer, Neighbour, Outside, Party

API_PORTS: Final = (443, 6443)
"""Of the API server: its Service, and the endpoints behind it."""


def policies(
    workloads: Sequence[str],
    flows: Sequence[Flow],
    parties: Sequence[Party] = (),
    *,
    dns: Dns = Dns(),  # noqa: B008  (immutable)
    api_server: Sequence[str] = (),
    by_name: Collection[str] = (),
    api_clients: Collection[str] = (),
) -> dict[str, dict[str, Any]]:
    """The NetworkPolicy spec of each workload: exactly the declared flows, in both directions.

    Args:
        workloads: every workload of the namespace.
        flows: the allowed connections.
        parties: those that flows refer to and that are no workloads.
        dns: what a workload with outgoing connections may query in addition.
        api_server: networks of the API server, which are cut out of every egress.
        by_name: workloads that query the DNS servers by another policy.
        api_clients: workloads that may connect to the API server.
    """
    known = {party.name: party for party in parties}
    incoming: dict[str, list[Flow]] = {}
    outgoing: dict[str, list[Flow]] = {}
    for flow in flows:
        incoming.setdefault(flow.target, []).append(flow)
        outgoing.setdefault(flow.source, []).append(flow)
    specs: dict[str, dict[str, Any]] = {}
    for workload in workloads:
        ingress = [
            {"from": _peers(f.source, known), "ports": [_port(f)]}
            for f in incoming.get(workload, ())
        ]
        egress = [
            {"to": _peers(f.target, known, api_server), "ports": [_port(f)]}
            for f in outgoing.get(workload, ())
        ]
        if workload in api_clients:
            egress.append(_to_the_api_server(api_server))
        specs[workload] = {
            "podSelector": {"matchLabels": selector(workload)},
            "policyTypes": ["Ingress", "Egress"],
            # An empty list says the same as none, but counts as a change at every apply.
            **({"ingress": ingress} if ingress else {}),
            **_egress(egress, [] if workload in by_name else dns.rules()),
        }
    return specs


def _to_the_api_server(networks: Sequence[str]) -> dict[str, Any]:
    plain = (unmapped(ipaddress.ip_network(network)) for network in networks)
    return {
        "to": [{"ipBlock": {"cidr": str(network)}} for network in plain],
        "ports": [{"protocol": "TCP", "port": port} for port in API_PORTS],
    }


def _egress(rules: list[dict[str, Any]], dns: list[dict[str, Any]]) -> dict[str, Any]:
    return {"egress": [*rules, *dns]} if rules else {}


def _port(flow: Flow) -> dict[str, Any]:
    return {"protocol": flow.protocol, "port": flow.port}


def _peers(
    name: str, parties: Mapping[str, Party], cut: Sequence[str] = ()
) -> list[dict[str, Any]]:
    match parties.get(name):
        case Outside(cidrs=cidrs):
            return [{"ipBlock": _block(cidr, cut)} for cidr in cidrs]
        case MetadataServer(address=address):
            return [{"ipBlock": {"cidr": f"{address}/32"}}]
        case Internet():
            return [{"ipBlock": _public(version, cut)} for version in PUBLIC]
        case Neighbour(namespace=namespace, labels=labels):
            inside = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
            return [{"namespaceSelector": inside, "podSelector": {"matchLabels": dict(labels)}}]
        case None:
            return [{"podSelector": {"matchLabels": selector(name)}}]


def _block(cidr: str, cut: Sequence[str]) -> dict[str, Any]:
    network = ipaddress.ip_network(cidr)
    plain = unmapped(network)  # the API server takes no IPv4 address in the form of IPv6
    block = {"cidr": cidr if plain == network else str(plain)}
    inside = [each for each in map(ipaddress.ip_network, cut) if contains(plain, each)]
    exceptions = [*metadata_inside(network), *(str(unmapped(each)) for each in inside)]
    return {**block, "except": exceptions} if exceptions else block


def _public(version: int, cut: Sequence[str]) -> dict[str, Any]:
    """The public addresses of an IP version, without the networks ``cut``."""
    every = ipaddress.ip_network(PUBLIC[version])
    own = [each for each in map(ipaddress.ip_network, cut) if contains(every, each)]
    known = list(map(ipaddress.ip_network, NOT_PUBLIC[version]))
    more = [each for each in own if not any(contains(one, each) for one in known)]
    return {"cidr": str(every), "except": [*map(str, known), *(str(unmapped(e)) for e in more)]}


@dataclass(frozen=True, kw_only=True)
class FlowPoliciesArgs:
    """The flows of one namespace.

    Attributes:
        namespace: where the workloads run.
        workloads: every workload of the namespace, by its ``app`` label; one without flows has no
            connections.
        flows: the allowed connections.
        outsides: parties outside the cluster that flows refer to.
        neighbours: parties in other namespaces.
        internet: names by which flows refer to all public addresses; for egress proxies alone.
        metadata_servers: GKE's servers of tokens, for workloads with an identity alone.
        dns: the DNS servers, which every workload with outgoing connections may query.
        api_server: networks of the cluster's API server: the address of the Service ``kubernetes``
            and those of the endpoints behind it. They are cut out of every outside party that
            workloads connect to.
        api_clients: workloads that may connect to the API server.
        hosts: ``host:port`` of the hosts outside that workloads connect to by name, each by a
            CiliumNetworkPolicy: for clusters with Cilium 1.19 or newer and its DNS proxy.
    """

    namespace: pulumi.Input[DnsLabel]
    workloads: Sequence[DnsLabel]
    flows: Sequence[Flow]
    outsides: Sequence[Outside] = ()
    neighbours: Sequence[Neighbour] = field(default_factory=tuple)
    internet: Sequence[Internet] = ()
    metadata_servers: Sequence[MetadataServer] = ()
    dns: Dns = field(default_factory=Dns)
    api_server: Sequence[Network] = ()
    api_clients: Sequence[DnsLabel] = ()
    hosts: Mapping[DnsLabel, Sequence[EgressHost]] = field(default_factory=dict[str, Sequence[str]])

    def refusals(self) -> list[Problem]:
        """See ``party_problems``, ``flow_problems`` and ``host_problems``."""
        parties: dict[str, Party] = {party.name: party for party in _parties(self)}
        others = (*self.internet, *self.metadata_servers)
        return [
            *party_problems(self.workloads, self.outsides, self.neighbours, others),
            *flow_problems(self.workloads, self.flows, parties, api_server=self.api_server),
            *host_problems("hosts", self.hosts),
            *api_client_problems(self.workloads, self.api_clients, self.api_server),
            *(
                Problem(
                    f"hosts.{name}",
                    "is no workload",
                    "its policy would select no pod",
                    f"write one of {', '.join(sorted(self.workloads))}",
                )
                for name in self.hosts
                if name not in self.workloads
            ),
        ]


class FlowPolicies(Component[FlowPoliciesArgs]):
    """One NetworkPolicy a workload, both directions, from the declared flows alone.

    A workload with ``hosts`` has a CiliumNetworkPolicy as well.
    """

    args_type = FlowPoliciesArgs

    def build(self, args: FlowPoliciesArgs) -> None:
        specs = policies(
            args.workloads,
            args.flows,
            _parties(args),
            dns=args.dns,
            api_server=args.api_server,
            by_name=args.hosts,
            api_clients=args.api_clients,
        )
        for workload, spec in specs.items():
            KubernetesObject(
                "NetworkPolicy",
                self.named(workload),
                metadata=metadata(f"{workload}-flows", namespace=args.namespace),
                spec=spec,
                opts=self.owned(),
            )
        for workload, hosts in args.hosts.items():
            KubernetesObject(
                "CiliumNetworkPolicy",
                self.named(workload),
                metadata=metadata(f"{workload}-hosts", namespace=args.namespace),
                spec=host_policy(
                    workload,
                    hosts,
                    dns=args.dns,
                    api_server=args.api_server,
                    networks=_networks(workload, args),
                ),
                opts=self.owned(),
            )


def _parties(args: FlowPoliciesArgs) -> list[Party]:
    return [*args.outsides, *args.neighbours, *args.internet, *args.metadata_servers]


def _networks(workload: str, args: FlowPoliciesArgs) -> dict[int, list[str]]:
    """The networks that flows open to a workload, by port."""
    outsides = {each.name: each.cidrs for each in args.outsides}
    outsides |= {each.name: [f"{each.address}/32"] for each in args.metadata_servers}
    found: dict[int, list[str]] = {}
    for flow in args.flows:
        if flow.source == workload and flow.target in outsides:
            found.setdefault(flow.port, []).extend(outsides[flow.target])
    return found
