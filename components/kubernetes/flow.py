"""Flows: the allowed connections, from which every network policy is generated."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import pulumi

from ..base.arg_types import DnsLabel, LabelKey, LabelValue, Line, Network, PortNumber
from ..base.component import Component
from ..base.forms import WIDEST
from ..base.kubernetes_object import KubernetesObject, metadata
from ..base.platform_addresses import is_metadata, metadata_inside, unmapped
from ..base.problems import Problem
from .labels import selector

Protocol = Literal["TCP", "UDP"]


@dataclass(frozen=True, kw_only=True)
class Outside:
    """A party outside the cluster, by its addresses.

    Attributes:
        name: how flows refer to it.
        cidrs: networks of the party; the addresses of clouds' metadata services are excluded.
    """

    name: DnsLabel
    cidrs: Sequence[Network]


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """Pods of another namespace, such as the Prometheus that scrapes this platform.

    Attributes:
        name: how flows refer to it.
        namespace: namespace of the pods.
        labels: labels that all of the pods have.
    """

    name: DnsLabel
    namespace: DnsLabel
    labels: Mapping[LabelKey, LabelValue]


Party = Outside | Neighbour


@dataclass(frozen=True, kw_only=True)
class Flow:
    """``source`` may open connections to ``port`` of ``target``, and nobody else may.

    Attributes:
        source: a workload of this platform, or a ``Party``'s name.
        target: the same.
        port: the number that the target's container listens on (not the Service's).
        why: one phrase for the diagram.
        protocol: TCP or UDP.
    """

    source: DnsLabel
    target: DnsLabel
    port: PortNumber
    why: Line
    protocol: Protocol = "TCP"


DNS: Final[Mapping[str, Any]] = {
    "to": [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }
    ],
    "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
}
"""DNS lookups: the flow that every pod with outgoing connections needs in addition."""


def policies(
    workloads: Sequence[str], flows: Sequence[Flow], parties: Sequence[Party] = ()
) -> dict[str, dict[str, Any]]:
    """The NetworkPolicy spec of each workload: exactly the declared flows, in both directions."""
    by_name = {party.name: party for party in parties}
    specs: dict[str, dict[str, Any]] = {}
    for workload in workloads:
        incoming = [f for f in flows if f.target == workload]
        outgoing = [f for f in flows if f.source == workload]
        ingress = [{"from": _peers(f.source, by_name), "ports": [_port(f)]} for f in incoming]
        egress = [{"to": _peers(f.target, by_name), "ports": [_port(f)]} for f in outgoing]
        specs[workload] = {
            "podSelector": {"matchLabels": selector(workload)},
            "policyTypes": ["Ingress", "Egress"],
            # An empty list says the same as none, but counts as a change at every apply.
            **({"ingress": ingress} if ingress else {}),
            **({"egress": [*egress, dict(DNS)]} if egress else {}),
        }
    return specs


def _port(flow: Flow) -> dict[str, Any]:
    return {"protocol": flow.protocol, "port": flow.port}


def _peers(name: str, parties: Mapping[str, Party]) -> list[dict[str, Any]]:
    match parties.get(name):
        case Outside(cidrs=cidrs):
            return [{"ipBlock": _block(cidr)} for cidr in cidrs]
        case Neighbour(namespace=namespace, labels=labels):
            inside = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
            return [{"namespaceSelector": inside, "podSelector": {"matchLabels": dict(labels)}}]
        case None:
            return [{"podSelector": {"matchLabels": selector(name)}}]


def _block(cidr: str) -> dict[str, Any]:
    network = ipaddress.ip_network(cidr)
    plain = unmapped(network)  # the API server takes no IPv4 address in the form of IPv6
    block = {"cidr": cidr if plain == network else str(plain)}
    cut = metadata_inside(network)
    return {**block, "except": cut} if cut else block


def flow_problems(
    workloads: Sequence[str], flows: Sequence[Flow], parties: Mapping[str, Party]
) -> list[Problem]:
    """Problems of flows: unknown parties, egress to all addresses or to metadata services."""
    problems: list[Problem] = []
    known = {*workloads, *parties}
    networks = {name: _networks(party) for name, party in parties.items()}
    for index, flow in enumerate(flows):
        at = f"flows[{index}]"
        arrow = f"{flow.source} → {flow.target}:{flow.port}"
        problems += [
            Problem(
                at,
                f"{arrow}: no workload or party has the name {name!r}",
                "no network policy would allow the flow: its packets would be dropped",
                f"write one of {', '.join(sorted(known))}",
            )
            for name in (flow.source, flow.target)
            if name not in known
        ]
        reached = networks.get(flow.target, ())
        problems += [
            Problem(
                at,
                f"{arrow}: {network} of {flow.target} is an address of a cloud's metadata service",
                "a process in the pod could read the credentials of its node",
                "remove that address",
            )
            for network in reached
            if is_metadata(network)
        ]
        if wide := [network for network in map(unmapped, reached) if _is_wide(network)]:
            most = min(network.prefixlen for network in wide)
            large = "a large part of the internet" if most else "all addresses"
            problems.append(
                Problem(
                    at,
                    f"{arrow}: {flow.target} is {large}",
                    "a process in the pod could send data to any address",
                    "list the networks that the workload needs",
                )
            )
    return problems


def _is_wide(network: Any) -> bool:
    return network.prefixlen < WIDEST[network.version]


def party_problems(
    workloads: Sequence[str], outsides: Sequence[Outside], neighbours: Sequence[Neighbour]
) -> list[Problem]:
    """Parties without addresses or labels, and names that two of them have."""
    problems = [
        Problem(
            f"outsides[{index}].cidrs",
            "is an empty list",
            "a network policy with an empty list allows every network",
            "list its networks, or remove the party and its flows",
        )
        for index, party in enumerate(outsides)
        if not party.cidrs
    ]
    problems += [
        Problem(
            f"neighbours[{index}].labels",
            "is an empty mapping",
            f"its flows would include every pod of the namespace {party.namespace}",
            "list labels that select only its pods",
        )
        for index, party in enumerate(neighbours)
        if not party.labels
    ]
    names = Counter([*set(workloads), *(party.name for party in (*outsides, *neighbours))])
    problems += [
        Problem(
            "flows",
            f"{count} workloads or parties have the name {name!r}",
            "a flow to or from that name would be ambiguous",
            "give each a name of its own",
        )
        for name, count in names.items()
        if count > 1
    ]
    return problems


def _networks(party: Party) -> list[Any]:
    """The networks of a party outside the cluster; invalid ones are refused by their form."""
    found: list[Any] = []
    for cidr in party.cidrs if isinstance(party, Outside) else ():
        with suppress(ValueError):
            found.append(ipaddress.ip_network(cidr))
    return found


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
    """

    namespace: pulumi.Input[DnsLabel]
    workloads: Sequence[DnsLabel]
    flows: Sequence[Flow]
    outsides: Sequence[Outside] = ()
    neighbours: Sequence[Neighbour] = field(default_factory=tuple)

    def refusals(self) -> list[Problem]:
        """See ``party_problems`` and ``flow_problems``."""
        parties = {party.name: party for party in (*self.outsides, *self.neighbours)}
        return [
            *party_problems(self.workloads, self.outsides, self.neighbours),
            *flow_problems(self.workloads, self.flows, parties),
        ]


class FlowPolicies(Component[FlowPoliciesArgs]):
    """One NetworkPolicy a workload, both directions, from the declared flows alone."""

    args_type = FlowPoliciesArgs

    def build(self, args: FlowPoliciesArgs) -> None:
        specs = policies(args.workloads, args.flows, [*args.outsides, *args.neighbours])
        for workload, spec in specs.items():
            KubernetesObject(
                "NetworkPolicy",
                self.named(workload),
                metadata=metadata(f"{workload}-flows", namespace=args.namespace),
                spec=spec,
                opts=self.owned(),
            )
