"""The Service in front of the pods of a workload, as a role describes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ..base.arg_types import DnsLabel, LabelKey, Network, OneLine
from ..base.problems import Problem

IpFamilies = Literal["PreferDualStack", "SingleStack", "RequireDualStack"]

_AWS_SCHEME: Final = "service.beta.kubernetes.io/aws-load-balancer-scheme"
INTERNAL: Final[Mapping[str, str]] = {
    _AWS_SCHEME: "internal",  # AWS Load Balancer Controller
    "service.beta.kubernetes.io/aws-load-balancer-internal": "true",  # AWS cloud controller
    "networking.gke.io/load-balancer-type": "Internal",  # Google Kubernetes Engine
    "service.beta.kubernetes.io/azure-load-balancer-internal": "true",  # Azure
}
"""Annotations for an internal load balancer; each cloud ignores those of the others."""

EXTERNAL: Final[Mapping[str, str]] = {_AWS_SCHEME: "internet-facing"}
"""The AWS Load Balancer Controller creates internal load balancers by default."""


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """The Service in front of the pods.

    Attributes:
        name: physical name, by which others address the workload; ``<workload>-service`` when None.
        type: LoadBalancer makes it reachable from outside the cluster.
        headless: one DNS name for each pod instead of one address for all.
        allowed_from: networks from which the load balancer accepts connections.
        awaited: whether a deployment waits for the load balancer's address; set it to False in a
            cluster without load balancers.
        affinity: a client address stays at its pod; needed for sessions in memory.
        internal: True: the load balancer has no address on the internet. False: it has one. None:
            the cluster's default. AWS, Google Cloud and Azure read it as annotations; those of
            another cloud belong in ``annotations``.
        annotations: annotations of the Service besides those.
        load_balancer_class: which controller makes the load balancer; None: the cluster's default.
        node_ports: whether a load balancer's Service gets a port on every node. False is for load
            balancers that connect to pods directly: AWS with IP targets, Azure, Google Cloud,
            MetalLB, Cilium.
        ip_families: IPv4 and IPv6 where the cluster has both, one of them, or both always.
    """

    name: DnsLabel | None = None
    type: Literal["ClusterIP", "LoadBalancer"] = "ClusterIP"
    headless: bool = False
    allowed_from: Sequence[Network] = ()
    awaited: bool = True
    affinity: bool = False
    internal: bool | None = None
    annotations: Mapping[LabelKey, OneLine] = field(default_factory=dict[str, str])
    load_balancer_class: LabelKey | None = None
    node_ports: bool = True
    ip_families: IpFamilies = "PreferDualStack"

    def refusals(self) -> list[Problem]:
        """Problems of the name, the type and the annotations."""
        problems: list[Problem] = []
        if self.name and self.name[0].isdigit():
            problems.append(
                Problem(
                    "name",
                    f"is {self.name!r}, which begins with a digit",
                    "the API server refuses the Service",
                    "begin with a letter",
                )
            )
        if self.headless and self.type == "LoadBalancer":
            problems.append(
                Problem(
                    "headless",
                    "is True, and type is LoadBalancer",
                    "the API server refuses the Service",
                    "leave one of the two out",
                )
            )
        problems += self._load_balancer_problems()
        problems += annotation_problems(self.annotations)
        return problems

    def _load_balancer_problems(self) -> Iterator[Problem]:
        for name, default in (
            ("internal", None),
            ("load_balancer_class", None),
            ("node_ports", True),
        ):
            if self.type != "LoadBalancer" and getattr(self, name) != default:
                yield Problem(
                    name,
                    f"is {getattr(self, name)}, and type is {self.type}",
                    "the API server refuses the Service, or it would have no effect",
                    "leave it out, or set type to LoadBalancer",
                )

    def service_annotations(self) -> dict[str, str]:
        """The annotations of the Service."""
        if self.type != "LoadBalancer":
            return dict(self.annotations)
        awaited = {} if self.awaited else {"pulumi.com/skipAwait": "true"}
        scheme = {None: {}, True: INTERNAL, False: EXTERNAL}[self.internal]
        return {**self.annotations, **scheme, **awaited}

    def spec(self) -> dict[str, Any]:
        """The fields of the Service's spec besides its ports and its selector."""
        spec: dict[str, Any] = {"type": self.type, "ipFamilyPolicy": self.ip_families}
        if self.headless:
            # Peers must find each other before they are ready, or none ever becomes ready.
            spec |= {"clusterIP": "None", "publishNotReadyAddresses": True}
        if self.affinity:
            # Kubernetes' default of three hours outlives an idle session.
            spec |= {"sessionAffinity": "ClientIP"}
        if self.type == "LoadBalancer":
            # Local: the client's own address arrives, so that policies and rate limits see it.
            spec |= {"externalTrafficPolicy": "Local"}
            if self.allowed_from:
                spec |= {"loadBalancerSourceRanges": list(self.allowed_from)}
            if self.load_balancer_class:
                spec |= {"loadBalancerClass": self.load_balancer_class}
            if not self.node_ports:
                spec |= {"allocateLoadBalancerNodePorts": False}
        return spec


def annotation_problems(annotations: Mapping[str, str]) -> Iterator[Problem]:
    """Annotations that other fields set."""
    for key in annotations:
        if key in INTERNAL or key.startswith("pulumi.com/"):
            yield Problem(
                f"annotations.{key}",
                "is set by another field",
                "it would decide who can reach the load balancer, or how it is awaited",
                "leave it out, and set internal or awaited",
            )
