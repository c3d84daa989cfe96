"""The Service in front of the pods of a workload, as a role describes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..base.arg_types import DnsLabel, Network
from ..base.problems import Problem


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
    """

    name: DnsLabel | None = None
    type: Literal["ClusterIP", "LoadBalancer"] = "ClusterIP"
    headless: bool = False
    allowed_from: Sequence[Network] = ()
    awaited: bool = True
    affinity: bool = False

    def refusals(self) -> list[Problem]:
        """A name that Services cannot have, and a load balancer without an address."""
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
        return problems
