"""Every long-running server is one of these; a role only says what is special about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

import pulumi

from ..base.component import Component
from ..base.kubernetes_object import KubernetesObject, metadata
from ..base.problems import Problem, ProblemReport
from .container import Claim, Container, Port
from .labels import labels, selector
from .pod import files_of, pod_template, spread
from .scaling import Autoscaling, autoscaler_spec


class WorkloadKind(Enum):
    """How pods relate to each other: exchangeable, or each with a name and storage of its own."""

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """How many pods more, and how many fewer, there may be while a new version comes in.

    Attributes:
        surge: pods more than wanted.
        unavailable: pods fewer than wanted.
    """

    surge: int = 1
    unavailable: int = 0


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """The Service in front of the pods.

    Attributes:
        name: physical name, by which others address the workload; ``<workload>-service`` when None.
        type: LoadBalancer makes it reachable from outside the cluster.
        headless: give each pod a name in DNS instead of one address for all.
        allowed_from: networks that a load balancer takes connections from.
        awaited: whether a deployment waits for the address; without a balancer it never comes.
        affinity: a client address keeps its pod, as sessions in a pod's memory need it.
    """

    name: str | None = None
    type: Literal["ClusterIP", "LoadBalancer"] = "ClusterIP"
    headless: bool = False
    allowed_from: Sequence[str] = ()
    awaited: bool = True
    affinity: bool = False


@dataclass(frozen=True, kw_only=True)
class WorkloadArgs:
    """What a server needs to run.

    Attributes:
        namespace: where it runs.
        component: the role it plays; a label.
        containers: the main container first. Their ports with a ``service`` number are offered.
        replicas: pods, where ``scaling`` does not decide.
        scaling: a HorizontalPodAutoscaler; it owns the number of pods then.
        exposure: the Service; None where nobody addresses the workload.
        rollout: surge and unavailability of a Deployment.
        kind: Deployment, or StatefulSet for pods with identity and storage.
        grace: seconds until a stopping pod is killed; from the timeout budget.
        metrics_port: where Prometheus finds /metrics.
        after: what must be done before the first pod of a version starts, such as a migration.
        name: physical name: what flows, selectors and people refer to; the component's when None.
    """

    namespace: pulumi.Input[str]
    component: str
    containers: Sequence[Container]
    replicas: int = 2
    scaling: Autoscaling | None = None
    exposure: Exposure | None = None
    rollout: Rollout = field(default_factory=Rollout)
    kind: WorkloadKind = WorkloadKind.DEPLOYMENT
    grace: int = 30
    metrics_port: int | None = None
    after: Sequence[pulumi.Resource] = ()
    name: str | None = None


class Workload(Component[WorkloadArgs]):
    """Hardened pods with a service, an identity, a disruption budget, spread, scaling and drain.

    Attributes:
        host: DNS name of its Service.
        service_status: the Service's, with the load balancer's address; None without a Service.
    """

    args_type = WorkloadArgs

    host: pulumi.Output[str]
    service_status: pulumi.Output[Any]

    def build(self, args: WorkloadArgs) -> None:
        self.physical = args.name or self.name
        _refuse_impossible(self.name, args)
        identity = KubernetesObject(
            "ServiceAccount",
            self.named("identity"),
            metadata=self._metadata(args, f"{self.physical}-sa"),
            automountServiceAccountToken=False,
            opts=self.owned(),
        )
        for files in files_of(args.containers):
            KubernetesObject(
                "ConfigMap",
                self.named(files.name.removeprefix(f"{self.physical}-")),
                metadata=self._metadata(args, files.name),
                data=dict(files.content),
                opts=self.owned(),
            )
        service = self._service(args)
        self.service_status = service.status if service else pulumi.Output.from_input(None)
        address = f"{self._service_name(args)}.{{0}}.svc.cluster.local"
        self.host = pulumi.Output.format(address, args.namespace)
        self._pods(args, identity)
        fewest = args.scaling.min if args.scaling else args.replicas
        if fewest > 1:
            KubernetesObject(
                "PodDisruptionBudget",
                self.named("disruption"),
                metadata=self._metadata(args, self.physical),
                spec={"maxUnavailable": 1, "selector": {"matchLabels": selector(self.physical)}},
                opts=self.owned(),
            )
        if args.scaling:
            KubernetesObject(
                "HorizontalPodAutoscaler",
                self.named("autoscaler"),
                metadata=self._metadata(args, f"{self.physical}-hpa"),
                spec=autoscaler_spec(self.physical, args.kind.value, args.scaling),
                opts=self.owned(),
            )

    def _metadata(self, args: WorkloadArgs, name: str) -> Any:
        shown = labels(self.physical, args.component)
        return metadata(name, namespace=args.namespace, labels=shown)

    def _service_name(self, args: WorkloadArgs) -> str:
        """The Service's physical name; the workload's own where there is no Service."""
        if args.exposure is None:
            return self.physical
        return args.exposure.name or f"{self.physical}-service"

    def _service(self, args: WorkloadArgs) -> KubernetesObject | None:
        if (exposure := args.exposure) is None:
            return None
        spec: dict[str, Any] = {
            "type": exposure.type,
            "selector": selector(self.physical),
            "ports": [_service_port(p) for c in args.containers for p in c.ports if p.service],
        }
        described = self._metadata(args, self._service_name(args))
        if exposure.headless:
            # Peers must find each other before they are ready, or none ever becomes ready.
            spec |= {"clusterIP": "None", "publishNotReadyAddresses": True}
        if exposure.affinity:
            # Kubernetes' default of three hours outlives an idle session.
            spec |= {"sessionAffinity": "ClientIP"}
        if exposure.type == "LoadBalancer":
            if not exposure.awaited:
                described["annotations"] = {"pulumi.com/skipAwait": "true"}
            # Local: the client's own address arrives, so that policies and rate limits see it.
            spec |= {"externalTrafficPolicy": "Local"}
            if exposure.allowed_from:
                spec |= {"loadBalancerSourceRanges": list(exposure.allowed_from)}
        return KubernetesObject(
            "Service",
            self.named("service"),
            metadata=described,
            spec=spec,
            opts=self.owned(),
        )

    def _pods(self, args: WorkloadArgs, identity: KubernetesObject) -> None:
        claims = [claim for c in args.containers for claim in c.claims]
        protect = False
        extra: dict[str, Any] = {"topologySpreadConstraints": spread(self.physical)}
        spec: dict[str, Any] = {"selector": {"matchLabels": selector(self.physical)}}
        if args.scaling is None:
            spec["replicas"] = args.replicas
        if args.kind is WorkloadKind.DEPLOYMENT:
            extra["volumes"] = [self._claimed(args, claim) for claim in claims]
            spec["strategy"] = {
                "type": "RollingUpdate",
                "rollingUpdate": {
                    "maxSurge": args.rollout.surge,
                    "maxUnavailable": args.rollout.unavailable,
                },
            }
        else:
            spec["serviceName"] = self._service_name(args)
            spec["podManagementPolicy"] = "Parallel"
            protect = any(claim.protect for claim in claims)
            if claims:
                spec["volumeClaimTemplates"] = [_claim_template(claim) for claim in claims]
        spec["template"] = pod_template(
            self.physical,
            args.component,
            args.containers,
            service_account=identity.physical_name,
            grace=args.grace,
            metrics_port=args.metrics_port,
            extra=extra,
        )
        KubernetesObject(
            args.kind.value,
            self.named("pods"),
            metadata=self._metadata(args, self.physical),
            spec=spec,
            opts=self.owned(depends_on=list(args.after), protect=protect),
        )

    def _claimed(self, args: WorkloadArgs, claim: Claim) -> Mapping[str, Any]:
        template = _claim_template(claim)
        KubernetesObject(
            "PersistentVolumeClaim",
            self.named(claim.name),
            metadata=self._metadata(args, f"{self.physical}-{claim.name}"),
            spec=template["spec"],
            opts=self.owned(protect=claim.protect),
        )
        source = {"claimName": f"{self.physical}-{claim.name}"}
        return {"name": claim.name, "persistentVolumeClaim": source}


def _service_port(port: Port) -> dict[str, Any]:
    return {"name": port.name, "port": port.service, "targetPort": port.name, "protocol": "TCP"}


def _claim_template(claim: Claim) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "accessModes": [claim.access],
        "resources": {"requests": {"storage": claim.size}},
    }
    if claim.storage_class is not None:
        spec["storageClassName"] = claim.storage_class
    return {"metadata": {"name": claim.name}, "spec": spec}


def _refuse_impossible(name: str, args: WorkloadArgs) -> None:
    problems: list[Problem] = []
    shared = [
        claim for c in args.containers for claim in c.claims if claim.access == "ReadWriteOnce"
    ]
    most = args.scaling.max if args.scaling else args.replicas
    if args.kind is WorkloadKind.DEPLOYMENT and (most > 1 or args.rollout.surge) and shared:
        problems.append(
            Problem(
                f"{name}.containers",
                f"up to {most + args.rollout.surge} pods share {shared[0].name}, "
                "which one node may mount at a time",
                "pods on other nodes would wait for it for ever",
                "make the claim ReadWriteMany, or the kind a StatefulSet",
            )
        )
    if args.kind is WorkloadKind.DEPLOYMENT and not (
        args.rollout.surge or args.rollout.unavailable
    ):
        problems.append(
            Problem(
                f"{name}.rollout",
                "surge and unavailable are both 0",
                "no pod could ever be replaced",
                "set surge to 1",
            )
        )
    if args.exposure and not any(p.service for c in args.containers for p in c.ports):
        problems.append(
            Problem(
                f"{name}.exposure",
                "no container port has a service number",
                "the API server refuses a Service without ports",
                "give a port of a container its service number, or leave exposure out",
            )
        )
    if args.scaling and args.scaling.min > args.scaling.max:
        problems.append(
            Problem(
                f"{name}.scaling",
                f"min is {args.scaling.min}, max is {args.scaling.max}",
                "the API server refuses the autoscaler",
                "raise max, or lower min",
            )
        )
    if problems:
        raise ProblemReport(problems)
