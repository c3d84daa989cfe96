"""Who may talk to whom, declared once; every network policy is derived from it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import pulumi

from ..base.component import Component
from ..base.kubernetes_object import KubernetesObject, metadata
from ..base.platform_addresses import is_metadata, metadata_inside, unmapped
from ..base.problems import Problem, ProblemReport
from .labels import selector

Protocol = Literal["TCP", "UDP"]


@dataclass(frozen=True, kw_only=True)
class Outside:
    """A party outside the cluster, by its addresses.

    Attributes:
        name: how flows refer to it.
        cidrs: its networks. The addresses that serve machine credentials are always cut out.
    """

    name: str
    cidrs: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """Pods of another namespace, such as the Prometheus that scrapes this platform.

    Attributes:
        name: how flows refer to it.
        namespace: the namespace they run in.
        labels: what all of them carry.
    """

    name: str
    namespace: str
    labels: Mapping[str, str]


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

    source: str
    target: str
    port: int
    why: str
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
"""Looking names up: the one flow that whoever opens a connection needs besides its own."""


def policies(
    workloads: Sequence[str], flows: Sequence[Flow], parties: Sequence[Party] = ()
) -> dict[str, dict[str, Any]]:
    """The NetworkPolicy spec of each workload: exactly the declared flows, in both directions.

    Raises:
        ProblemReport: flows that name nobody, outsiders whose networks are none, and those that
            would open egress to everywhere or to a machine's credentials.
    """
    by_name = {party.name: party for party in parties}
    _refuse_impossible(workloads, flows, by_name)
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


def _refuse_impossible(
    workloads: Sequence[str], flows: Sequence[Flow], parties: Mapping[str, Party]
) -> None:
    problems: list[Problem] = []
    known = {*workloads, *parties}
    networks = {name: _networks(party, problems) for name, party in parties.items()}
    for flow in flows:
        at = f"flow {flow.source} → {flow.target}:{flow.port}"
        problems += [
            Problem(
                at,
                f"nobody is called {name!r}",
                "no policy would allow it: its packets would be dropped",
                f"one of {', '.join(sorted(known))}",
            )
            for name in (flow.source, flow.target)
            if name not in known
        ]
        reached = networks.get(flow.target, ())
        problems += [
            Problem(
                at,
                f"{network} of {flow.target} is where machines get their credentials",
                "whatever runs in the pod could act as the machine that it runs on",
                "leave that address out",
            )
            for network in reached
            if is_metadata(network)
        ]
        if any(unmapped(network).prefixlen == 0 for network in reached):
            problems.append(
                Problem(
                    at,
                    f"{flow.target} is every address there is",
                    "whatever runs in the pod could send anything to anyone",
                    "name the networks that it needs",
                )
            )
    if problems:
        raise ProblemReport(problems)


def _networks(party: Party, problems: list[Problem]) -> list[Any]:
    """The networks of a party outside; what is none is added to ``problems``."""
    found: list[Any] = []
    for cidr in party.cidrs if isinstance(party, Outside) else ():
        try:
            found.append(ipaddress.ip_network(cidr))
        except ValueError as error:
            problems.append(
                Problem(
                    f"outside {party.name}",
                    f"is no network: {error}",
                    "the API server refuses the network policy",
                    "write an address and its mask, such as 10.0.0.0/8 or 203.0.113.7/32",
                )
            )
    return found


@dataclass(frozen=True, kw_only=True)
class FlowPoliciesArgs:
    """The flows of one namespace.

    Attributes:
        namespace: where the workloads run.
        workloads: every workload there, by its ``app`` label; one without flows is cut off.
        flows: all that may pass.
        outsides: parties outside the cluster that flows refer to.
        neighbours: parties in other namespaces.
    """

    namespace: pulumi.Input[str]
    workloads: Sequence[str]
    flows: Sequence[Flow]
    outsides: Sequence[Outside] = ()
    neighbours: Sequence[Neighbour] = field(default_factory=tuple)


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
