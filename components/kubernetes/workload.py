"""Workload: a Deployment or StatefulSet with its Service, autoscalers and disruption budget."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pulumi

from ..base.component import Component
from ..base.kubernetes_object import KubernetesObject, Manifest, register
from .claims import (
    TEMPLATE_SIZES,
    claim_template,
    claims_of,
    pod_claims,
    shared_claim_name,
    shared_claims,
)
from .container import Port
from .exposure import Exposure
from .keda import (
    ANNOTATIONS,
    SCALED_OBJECT_AFTER,
    Prometheus,
    authentication_name,
    authentication_spec,
    scaled_object_spec,
)
from .labels import selector
from .pod import config_maps, identity, identity_name, pod_template, spread
from .scaling import Autoscaling, autoscaler_spec
from .vertical_scaling import VerticalScaling, vertical_spec
from .workload_args import NAME, Rollout, WorkloadArgs, WorkloadKind

__all__ = ["Exposure", "Rollout", "Workload", "WorkloadArgs", "WorkloadKind"]


class Workload(Component[WorkloadArgs]):
    """Hardened pods with a service, an identity, a disruption budget, spread, scaling and drain.

    Attributes:
        host: DNS name of its Service.
        service_status: status of the Service, with the load balancer's address; None without one.
    """

    args_type = WorkloadArgs
    name_form = NAME
    name_field = "name"

    host: pulumi.Output[str]
    service_status: pulumi.Output[Any]

    def build(self, args: WorkloadArgs) -> None:
        name = args.name or self.name
        account = register(self, identity(name, args))
        claims = [register(self, claim) for claim in _claims(name, args)]
        pods_after = replace(args, after=[*args.after, *claims])
        made: dict[str, KubernetesObject] = {}
        for manifest in _manifests(name, pods_after, service_account=account.physical_name):
            waits = SCALED_OBJECT_AFTER if manifest.kind == "ScaledObject" else ()
            after = [*manifest.after, *(made[role] for role in waits if role in made)]
            made[manifest.role] = register(self, replace(manifest, after=after))
        service = made.get("service")
        self.service_status = service.status if service else pulumi.Output.from_input(None)
        address = f"{_service_name(name, args)}.{{0}}.svc"
        self.host = pulumi.Output.format(address, args.namespace)

    @classmethod
    def manifests(cls, name: str, args: WorkloadArgs) -> list[Manifest]:
        """Every object that a workload of this name and args registers.

        Computable outside a Pulumi program where the args hold no Outputs.
        """
        name = args.name or name
        account = identity_name(name)
        objects = _manifests(name, args, service_account=account)
        return [identity(name, args), *_claims(name, args), *objects]


def _manifests(
    name: str, args: WorkloadArgs, *, service_account: pulumi.Input[str]
) -> list[Manifest]:
    """All but the service account and the claims, which the pods wait for."""
    return [
        *config_maps(name, args),
        *([_service(name, args, args.exposure)] if args.exposure else []),
        _pods(name, args, service_account),
        *([_disruption_budget(name, args)] if args.fewest > 1 else []),
        *(_autoscalers(name, args, args.scaling) if args.scaling else []),
        *([_vertical_autoscaler(name, args, args.vertical)] if args.vertical else []),
    ]


def _claims(name: str, args: WorkloadArgs) -> list[Manifest]:
    """The volume claims: shared ones of a Deployment, of each pod of a StatefulSet its own."""
    if args.kind is WorkloadKind.DEPLOYMENT:
        return shared_claims(name, args)
    return pod_claims(name, args, args.fewest)


def _service_name(name: str, args: WorkloadArgs) -> str:
    """The Service's physical name; the workload's own where there is no Service."""
    if args.exposure is None:
        return name
    return args.exposure.name or f"{name}-service"


def _service(name: str, args: WorkloadArgs, exposure: Exposure) -> Manifest:
    spec: dict[str, Any] = {
        **exposure.spec(),
        "selector": selector(name),
        "ports": [_service_port(p) for c in args.containers for p in c.ports if p.service],
    }
    described = args.described(name, _service_name(name, args))
    if annotations := exposure.service_annotations():
        described["annotations"] = annotations
    return Manifest(kind="Service", role="service", metadata=described, fields={"spec": spec})


def _pods(name: str, args: WorkloadArgs, service_account: pulumi.Input[str]) -> Manifest:
    """The Deployment or StatefulSet."""
    claims = claims_of(args)
    extra: dict[str, Any] = {"topologySpreadConstraints": spread(name)}
    spec: dict[str, Any] = {"selector": {"matchLabels": selector(name)}}
    if args.scaling is None:
        spec["replicas"] = args.replicas
    if args.kind is WorkloadKind.DEPLOYMENT:
        extra["volumes"] = [
            {"name": c.name, "persistentVolumeClaim": {"claimName": shared_claim_name(name, c)}}
            for c in claims
        ]
        spec["strategy"] = {
            "type": "RollingUpdate",
            "rollingUpdate": {
                "maxSurge": args.rollout.surge,
                "maxUnavailable": args.rollout.unavailable,
            },
        }
    else:
        spec["serviceName"] = _service_name(name, args)
        spec["podManagementPolicy"] = "Parallel"
        if claims:
            spec["volumeClaimTemplates"] = [claim_template(claim) for claim in claims]
    spec["template"] = pod_template(
        name,
        args.component,
        args.containers,
        service_account=service_account,
        grace=args.grace,
        metrics_port=args.metrics_port,
        extra=extra,
        settings=args.pods,
    )
    return Manifest(
        kind=args.kind.value,
        role="pods",
        metadata=args.described(name, name),
        fields={"spec": spec},
        after=args.after,
        protect=args.kind is WorkloadKind.STATEFUL_SET and any(c.protect for c in claims),
        ignored=[TEMPLATE_SIZES] if spec.get("volumeClaimTemplates") else (),
    )


def _disruption_budget(name: str, args: WorkloadArgs) -> Manifest:
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": selector(name)}}
    return Manifest(
        kind="PodDisruptionBudget",
        role="disruption",
        metadata=args.described(name, name),
        fields={"spec": spec},
    )


def _autoscalers(name: str, args: WorkloadArgs, scaling: Autoscaling) -> list[Manifest]:
    """A HorizontalPodAutoscaler, or a ScaledObject, which replaces it: never both."""
    if scaling.asks_prometheus and scaling.prometheus:
        return _scaled_object(name, args, scaling, scaling.prometheus)
    spec = autoscaler_spec(name, args.kind.value, scaling)
    return [
        Manifest(
            kind="HorizontalPodAutoscaler",
            role="autoscaler",
            metadata=args.described(name, f"{name}-hpa"),
            fields={"spec": spec},
        )
    ]


def _scaled_object(
    name: str, args: WorkloadArgs, scaling: Autoscaling, prometheus: Prometheus
) -> list[Manifest]:
    spec = scaled_object_spec(
        name,
        args.kind.value,
        args.namespace,
        least=scaling.min,
        most=scaling.max,
        use={"cpu": scaling.cpu, "memory": scaling.memory},
        container=scaling.container,
        metrics=scaling.metrics,
        consensus=scaling.consensus,
        prometheus=prometheus,
        behavior=scaling.behavior,
        gateway=args.component == "gateway",
    )
    described = args.described(name, name) | {"annotations": dict(ANNOTATIONS)}
    made = [
        Manifest(
            kind="ScaledObject", role="scaled-object", metadata=described, fields={"spec": spec}
        )
    ]
    if prometheus.credentials:
        access = Manifest(
            kind="TriggerAuthentication",
            role="prometheus-access",
            metadata=args.described(name, authentication_name(name)),
            fields={"spec": authentication_spec(prometheus)},
        )
        made.insert(0, access)
    return made


def _vertical_autoscaler(name: str, args: WorkloadArgs, vertical: VerticalScaling) -> Manifest:
    spec = vertical_spec(name, args.kind.value, vertical, args.containers)
    return Manifest(
        kind="VerticalPodAutoscaler",
        role="vertical-autoscaler",
        metadata=args.described(name, f"{name}-vpa"),
        fields={"spec": spec},
    )


def _service_port(port: Port) -> dict[str, Any]:
    return {"name": port.name, "port": port.service, "targetPort": port.name, "protocol": "TCP"}
