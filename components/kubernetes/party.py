"""Flows, and the parties at their ends that are not workloads of the platform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ..base.arg_types import DnsLabel, LabelKey, LabelValue, Line, Network, PortNumber


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


@dataclass(frozen=True, kw_only=True)
class Internet:
    """Every public address, for a proxy that holds a list of host names.

    Private, link-local and metadata addresses, multicast and all others that are not globally
    reachable are excluded, so that a host whose name resolves to one of them is not reached.

    Attributes:
        name: how flows refer to it.
    """

    name: DnsLabel


@dataclass(frozen=True, kw_only=True)
class MetadataServer:
    """The server of GKE that gives a pod the tokens of its own service account.

    Only for workloads with an identity of Google Cloud, on nodes with Workload Identity Federation
    for GKE. On all other nodes the second address gives out the credentials of the node.

    Attributes:
        name: how flows refer to it.
        address: where it answers: with Dataplane V2 at 169.254.169.254 (port 80), else at
            169.254.169.252 (port 988).
    """

    name: DnsLabel
    address: Literal["169.254.169.252", "169.254.169.254"]


Party = Outside | Neighbour | Internet | MetadataServer


Protocol = Literal["TCP", "UDP"]


@dataclass(frozen=True, kw_only=True)
class Flow:
    """``source`` may open connections to ``port`` of ``target``. All other connections are denied.

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
