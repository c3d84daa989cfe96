"""Flows: the allowed connections, from which every network policy is generated."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

from ..base.arg_types import DnsLabel, Network
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
from .dns import Dns
from .flow_checks import flow_problems, party_problems
from .labels import selector
from .party import Flow, Internet, Neighbour, Outside, Party


def policies(
    workloads: Sequence[str],
    flows: Sequence[Flow],
    parties: Sequence[Party] = (),
    *,
    dns: Dns = Dns(),  # noqa: B008  (immutable)
    api_server: Sequence[str] = (),
) -> dict[str, dict[str, Any]]:
    """The NetworkPolicy spec of each workload: exactly the declared flows, in both directions.

    Args:
        workloads: every workload of the namespace.
        flows: the allowed connections.
        parties: those that flows refer to and that are no workloads.
        dns: what a workload with outgoing connections may query in addition.
        api_server: networks of the API server, which are cut out of every egress.
    """
    by_name = {party.name: party for party in parties}
    specs: dict[str, dict[str, Any]] = {}
    for workload in workloads:
        incoming = [f for f in flows if f.target == workload]
        outgoing = [f for f in flows if f.source == workload]
        ingress = [{"from": _peers(f.source, by_name), "ports": [_port(f)]} for f in incoming]
        egress = [
            {"to": _peers(f.target, by_name, api_server), "ports": [_port(f)]} for f in outgoing
        ]
        specs[workload] = {
            "podSelector": {"matchLabels": selector(workload)},
            "policyTypes": ["Ingress", "Egress"],
            # An empty list says the same as none, but counts as a change at every apply.
            **({"ingress": ingress} if ingress else {}),
            **({"egress": [*egress, *dns.rules()]} if egress else {}),
        }
    return specs


def _port(flow: Flow) -> dict[str, Any]:
    return {"protocol": flow.protocol, "port": flow.port}


def _peers(
    name: str, parties: Mapping[str, Party], cut: Sequence[str] = ()
) -> list[dict[str, Any]]:
    match parties.get(name):
        case Outside(cidrs=cidrs):
            return [{"ipBlock": _block(cidr, cut)} for cidr in cidrs]
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
        dns: the DNS servers, which every workload with outgoing connections may query.
        api_server: networks of the cluster's API server: the address of the Service ``kubernetes``
            and those of the endpoints behind it. They are cut out of every outside party that
            workloads connect to.
    """

    namespace: pulumi.Input[DnsLabel]
    workloads: Sequence[DnsLabel]
    flows: Sequence[Flow]
    outsides: Sequence[Outside] = ()
    neighbours: Sequence[Neighbour] = field(default_factory=tuple)
    internet: Sequence[Internet] = ()
    dns: Dns = field(default_factory=Dns)
    api_server: Sequence[Network] = ()

    def refusals(self) -> list[Problem]:
        """See ``party_problems`` and ``flow_problems``."""
        others = (*self.outsides, *self.neighbours, *self.internet)
        parties: dict[str, Party] = {party.name: party for party in others}
        return [
            *party_problems(self.workloads, self.outsides, self.neighbours, self.internet),
            *flow_problems(self.workloads, self.flows, parties, api_server=self.api_server),
        ]


class FlowPolicies(Component[FlowPoliciesArgs]):
    """One NetworkPolicy a workload, both directions, from the declared flows alone."""

    args_type = FlowPoliciesArgs

    def build(self, args: FlowPoliciesArgs) -> None:
        specs = policies(
            args.workloads,
            args.flows,
            [*args.outsides, *args.neighbours, *args.internet],
            dns=args.dns,
            api_server=args.api_server,
        )
        for workload, spec in specs.items():
            KubernetesObject(
                "NetworkPolicy",
                self.named(workload),
                metadata=metadata(f"{workload}-flows", namespace=args.namespace),
                spec=spec,
                opts=self.owned(),
            )
