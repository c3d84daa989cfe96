"""Args of a workload, and checks across its fields."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from ..base.arg_forms import kubernetes_name
from ..base.arg_types import ContainerPort, Grace, PodDifference, Replicas
from ..base.problems import Problem
from .claims import claims_of
from .exposure import Exposure
from .pod import PodArgs
from .pod_checks import drain_problems, pod_problems
from .scaling import Autoscaling
from .vertical_scaling import VerticalScaling, resized, vertical_problems

NAME: Final = kubernetes_name(52)
"""Leaves room for ``-service``, and for the digest in a label of the pods of a StatefulSet."""


class WorkloadKind(Enum):
    """Whether pods are interchangeable, or each has its own name and storage."""

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """The number of pods above and below the wanted number during a rollout.

    Attributes:
        surge: pods above the wanted number.
        unavailable: pods below the wanted number.
    """

    surge: PodDifference = 1
    unavailable: PodDifference = 0


@dataclass(frozen=True, kw_only=True)
class WorkloadArgs(PodArgs):
    """Args of a workload.

    Attributes:
        containers: the main container first. Their ports with a ``service`` number are offered.
        replicas: number of pods if ``scaling`` is None.
        scaling: a HorizontalPodAutoscaler; it owns the number of pods then.
        vertical: a VerticalPodAutoscaler; None: requests stay as they are.
        exposure: the Service; None: no Service.
        rollout: surge and unavailability of a Deployment.
        kind: Deployment, or StatefulSet for pods with identity and storage.
        grace: seconds until a stopping pod is killed; from the timeout budget.
        metrics_port: where Prometheus finds /metrics.
    """

    replicas: Replicas = 2
    scaling: Autoscaling | None = None
    vertical: VerticalScaling | None = None
    exposure: Exposure | None = None
    rollout: Rollout = field(default_factory=Rollout)
    kind: WorkloadKind = WorkloadKind.DEPLOYMENT
    grace: Grace = 30
    metrics_port: ContainerPort | None = None

    @property
    def fewest(self) -> int:
        """The smallest number of pods."""
        return self.scaling.min if self.scaling else self.replicas

    def refusals(self) -> list[Problem]:
        """Problems across fields: pods, volumes, Service, rollout and scaling."""
        return _problems(self)


def _problems(args: WorkloadArgs) -> list[Problem]:
    problems = [
        *pod_problems(args.containers, args.pods),
        *drain_problems(args.containers, args.grace),
    ]
    if args.name and (problem := NAME.problem("name", args.name)):
        problems.append(problem)
    shared = [claim for claim in claims_of(args) if claim.access == "ReadWriteOnce"]
    most = args.scaling.max if args.scaling else args.replicas
    if args.kind is WorkloadKind.DEPLOYMENT and (most > 1 or args.rollout.surge) and shared:
        problems.append(
            Problem(
                "containers",
                f"up to {most + args.rollout.surge} pods share {shared[0].name}, "
                "a claim that one node can mount at a time",
                "pods on other nodes would stay in ContainerCreating",
                "set access of the claim to ReadWriteMany, or kind to StatefulSet",
            )
        )
    if args.kind is WorkloadKind.DEPLOYMENT and not (
        args.rollout.surge or args.rollout.unavailable
    ):
        problems.append(
            Problem(
                "rollout",
                "surge and unavailable are both 0",
                "a rollout could not replace any pod",
                "set surge to 1",
            )
        )
    if args.exposure and not any(p.service for c in args.containers for p in c.ports):
        problems.append(
            Problem(
                "exposure",
                "no port of its containers has a service port",
                "the API server refuses a Service without ports",
                "set service on a port of a container, or remove exposure",
            )
        )
    if args.scaling and args.scaling.min > args.scaling.max:
        problems.append(
            Problem(
                "scaling",
                f"min is {args.scaling.min}, max is {args.scaling.max}",
                "the API server refuses the autoscaler",
                "raise max, or lower min",
            )
        )
    if args.scaling and not args.scaling.has_a_target:
        problems.append(
            Problem(
                "scaling",
                "has no target: cpu and memory are None, and no metric is named",
                "the API server would set a target of 80 % of the requested CPU",
                "set cpu, memory or a metric",
            )
        )
    if args.scaling and args.scaling.metrics and args.metrics_port is None:
        problems.append(
            Problem(
                "scaling.metrics",
                "is set, and metrics_port is not",
                "the pods export none of them: the autoscaler would remove no pods",
                "leave it out, or set metrics_port where the pods export them",
            )
        )
    if args.vertical and args.containers:
        found = vertical_problems(
            args.vertical, [resized(one) for one in args.containers], args.scaling, args.fewest
        )
        problems += [replace(one, path=f"vertical.{one.path}") for one in found]
    return problems
