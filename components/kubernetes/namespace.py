"""A namespace with Pod Security, a quota, limits, a default-deny policy and no mounted token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Literal

import pulumi

from ..base.arg_types import (
    DnsLabel,
    KubernetesVersion,
    LabelKey,
    LabelValue,
    Quantity,
    ResourceName,
)
from ..base.component import Component
from ..base.kubernetes_object import KubernetesObject, metadata
from ..base.problems import Problem
from ..base.quantities import quantity
from ..base.versions import VERSIONS

Amounts = Mapping[ResourceName, Quantity]
"""Quantities by the name of the resource, such as ``cpu``."""


STACK: Final = "qudag-mcp/stack"
"""Annotation with the project and the stack that the namespace belongs to."""


@dataclass(frozen=True, kw_only=True)
class ContainerLimits:
    """Default requests and limits of containers, and the bounds of both (LimitRange).

    Each is a mapping of ``cpu``, ``memory`` and ``ephemeral-storage`` to Kubernetes quantities. The
    defaults of the first two are those of the deployment patterns' LimitRange.

    Attributes:
        default: limits of a container that names none.
        default_request: requests of a container that names none.
        max: largest limits that are admitted.
        min: smallest requests that are admitted.
    """

    default: Mapping[ResourceName, Quantity] = field(
        default_factory=lambda: {"cpu": "500m", "memory": "1Gi", "ephemeral-storage": "1Gi"}
    )
    default_request: Mapping[ResourceName, Quantity] = field(
        default_factory=lambda: {"cpu": "100m", "memory": "128Mi", "ephemeral-storage": "64Mi"}
    )
    max: Amounts = field(
        default_factory=lambda: {"cpu": "2", "memory": "4Gi", "ephemeral-storage": "4Gi"}
    )
    min: Amounts = field(
        default_factory=lambda: {"cpu": "50m", "memory": "64Mi", "ephemeral-storage": "1Mi"}
    )

    def refusals(self) -> list[Problem]:
        """Amounts that are not in the order min, default_request, default, max."""
        ordered = ("min", "default_request", "default", "max")
        return [
            problem
            for index, smaller in enumerate(ordered)
            for larger in ordered[index + 1 :]
            for problem in _order_problems(
                smaller, getattr(self, smaller), larger, getattr(self, larger)
            )
        ]


def _order_problems(smaller: str, low: Amounts, larger: str, high: Amounts) -> Iterator[Problem]:
    for name in sorted({*low} & {*high}):
        with suppress(ValueError):  # of a wrong form, which has been refused
            if quantity(low[name]) > quantity(high[name]):
                yield Problem(
                    f"{smaller}.{name}",
                    f"is {low[name]}, and {larger}.{name} is {high[name]}",
                    "the API server refuses the LimitRange",
                    f"lower it to at most {high[name]}, or raise {larger}.{name}",
                )


@dataclass(frozen=True, kw_only=True)
class LockedNamespaceArgs:
    """Args of a locked namespace.

    Attributes:
        name: physical name; fixed, because other stacks address services by it.
        labels: labels besides those of Pod Security.
        pod_security: Pod Security Standard that the API server enforces; ``privileged`` only for
            pods that mount a directory of their node, such as a LogCollector.
        pod_security_version: version of that standard; pinned, so that a cluster upgrade does not
            refuse pods that ran the day before.
        quota: hard limits by resource name, in Kubernetes quantities; empty for none.
        container_limits: defaults and bounds per container; None for no LimitRange.
    """

    name: DnsLabel
    labels: Mapping[LabelKey, LabelValue] = field(default_factory=dict[str, str])
    pod_security: Literal["restricted", "baseline", "privileged"] = "restricted"
    pod_security_version: KubernetesVersion = VERSIONS["kubernetes"]["podSecurity"]
    quota: Amounts = field(default_factory=dict[str, str])
    container_limits: ContainerLimits | None = None


class LockedNamespace(Component[LockedNamespaceArgs]):
    """A namespace that refuses pods below its Pod Security Standard and denies undeclared flows.

    Attributes:
        namespace: name of the namespace; resources that use this output wait for it.
    """

    args_type = LockedNamespaceArgs

    namespace: pulumi.Output[str]

    def build(self, args: LockedNamespaceArgs) -> None:
        standard = {
            f"pod-security.kubernetes.io/{mode}{suffix}": value
            for mode in ("enforce", "audit", "warn")
            for suffix, value in (("", args.pod_security), ("-version", args.pod_security_version))
        }
        namespace = KubernetesObject(
            "Namespace",
            self.named("namespace"),
            metadata={
                **metadata(args.name, labels={**args.labels, **standard}),
                # A second stack that sets another value has a conflict with this field's manager,
                # and is refused before it shares the namespace.
                "annotations": {STACK: f"{pulumi.get_project()}/{pulumi.get_stack()}"},
            },
            opts=self.owned(),
        )
        self.namespace = namespace.physical_name
        KubernetesObject(
            "NetworkPolicy",
            self.named("default-deny"),
            metadata=metadata("default-deny", namespace=self.namespace),
            spec={"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
            opts=self.owned(),
        )
        KubernetesObject(
            "ServiceAccount",
            self.named("default-account"),
            patch=True,
            metadata=metadata("default", namespace=self.namespace),
            # A pod that names no account of its own gets no token for the API server either.
            automountServiceAccountToken=False,
            opts=self.owned(),
        )
        if args.quota:
            KubernetesObject(
                "ResourceQuota",
                self.named("quota"),
                metadata=metadata("mcp-resource-quota", namespace=self.namespace),
                spec={"hard": dict(args.quota)},
                opts=self.owned(),
            )
        if limits := args.container_limits:
            KubernetesObject(
                "LimitRange",
                self.named("limits"),
                metadata=metadata("mcp-limit-range", namespace=self.namespace),
                spec={
                    "limits": [
                        {
                            "type": "Container",
                            "default": dict(limits.default),
                            "defaultRequest": dict(limits.default_request),
                            "max": dict(limits.max),
                            "min": dict(limits.min),
                        }
                    ]
                },
                opts=self.owned(),
            )
