"""How much a platform may ask for at its largest, to hold against the namespace's quota."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import Any, Final

from components.base.kubernetes_object import Manifest
from components.base.problems import Problem
from components.base.quantities import UNITS, quantity
from components.kubernetes.audit_keeper import AUDIT_KEEPER, audit_keeper_job
from components.kubernetes.database_backup import DatabaseBackup
from components.kubernetes.external_secrets import SecretSource
from components.kubernetes.job import CronJob
from components.kubernetes.resources import COUNTED
from components.kubernetes.shared_volume import SharedVolume
from components.kubernetes.vertical_scaling import Resized
from components.kubernetes.volume_backup import VolumeBackup
from components.mcp.timeout_budget import TimeoutBudget

from ..audit import audit_keeper_args
from ..backup import MANIFESTS, backs_up_manifests, backup_args, volume_backup_args
from ..config.kubernetes import Quota
from ..config.stack import StackConfig
from ..dashboards import dashboard_names
from ..data_kinds.cloudnative_pg import SECTION
from ..data_tiers import data_tiers
from ..logs import log_forwarder_args, log_store_args
from ..monitoring import ALERTMANAGER, BLACKBOX_EXPORTER, GRAFANA
from ..observability import OBSERVABILITY, standalone_args
from ..own_alertmanager import alertmanager_args
from ..own_grafana import grafana_args
from ..placement import placement
from ..platform_args import Addresses, PlatformArgs
from ..probes import blackbox_exporter_args, has_public_probes
from ..required_secrets import required_secrets
from ..runbooks import RUNBOOKS, runbooks_namespace
from ..secret_sync import synced_secrets
from ..services import topology
from ..store_args import shared_volume_args
from ..topologies.topology import POSTGRES, Topology, UserService
from ..traces import trace_manifests
from .container_resources import resource_problems
from .operated_pods import OPERATED, operated

_LARGEST: Final = {"HorizontalPodAutoscaler": "maxReplicas", "ScaledObject": "maxReplicaCount"}
"""Field with the largest number of pods, of each kind of autoscaler."""

_ANYWHERE: Final = "store.example.com"
"""In place of the addresses of stores: some variables are set if there is one."""


@dataclass(frozen=True)
class Ask:
    """What ``pods`` pods of one workload ask for, each with the resources of its containers."""

    workload: str
    pods: int
    containers: tuple[Mapping[str, Mapping[str, str]], ...]

    def total(self, kind: str, resource: str) -> Decimal:
        """The sum of one resource (such as cpu) over all pods, of ``requests`` or ``limits``."""
        each = sum((quantity(one[kind][resource]) for one in self.containers), Decimal(0))
        return self.pods * each


def manifests(config: StackConfig) -> list[Manifest]:
    """Every object that the components of the platform register, from their own functions.

    What does not change the number or size of pods and objects (addresses, timeouts) is a
    placeholder.
    """
    chosen = topology(config)
    args = PlatformArgs(config, chosen, TimeoutBudget())
    where = placement(config)
    found = [manifest for each in data_tiers(config, chosen) for manifest in each.manifests(config)]
    for name, volume in config.data.volumes.items():
        found += SharedVolume.manifests(name, shared_volume_args(config, volume, config.namespace))
    if backup := backup_args(config, chosen, config.namespace, ""):
        found += DatabaseBackup.manifests("backup", backup)
    if volume_backup := volume_backup_args(config, chosen, config.namespace, ""):
        found += VolumeBackup.manifests("volume-backup", volume_backup)
    for service in chosen.services:
        addresses = Addresses(
            namespace=where.of(service.name), database_host=_ANYWHERE, cache_host=_ANYWHERE
        )
        component, wanted = args.component(service, addresses)
        found += component.manifests(service.name, wanted)
    if prometheus := standalone_args(config, chosen, {name: name for name in where.every}):
        from components.observability.standalone import StandaloneObservability

        found += StandaloneObservability.manifests(OBSERVABILITY, prometheus)
    if alertmanager := alertmanager_args(config, {name: name for name in where.every}):
        from components.observability.alertmanager_workload import Alertmanager

        found += Alertmanager.manifests(ALERTMANAGER, alertmanager)
    if probes := blackbox_exporter_args(config, {name: name for name in where.every}):
        from components.observability.blackbox_exporter import BlackboxExporter

        found += BlackboxExporter.manifests(BLACKBOX_EXPORTER, probes)
    if shown := grafana_args(config, chosen, {name: name for name in where.every}):
        from components.observability.grafana import Grafana

        found += Grafana.manifests(GRAFANA, shown)
    if store := log_store_args(config, {name: name for name in where.every}):
        from components.observability.log_store import LogStore

        found += LogStore.manifests("logs", store)
    if forwarder := log_forwarder_args(config, {name: name for name in where.every}):
        from components.observability.log_forwarder import LogForwarder

        found += LogForwarder.manifests("logs", forwarder)
    found += trace_manifests(config, {name: name for name in where.every})
    if keeper := audit_keeper_args(config, chosen, config.namespace, ""):
        found += CronJob.manifests(AUDIT_KEEPER, audit_keeper_job(keeper))
    return [*found, *_config_maps(config, chosen)]


def _config_maps(config: StackConfig, chosen: Topology) -> Iterator[Manifest]:
    """ConfigMaps of no workload, without what is in them."""
    places = dict.fromkeys(dashboard_names(config, chosen), config.namespace)
    if backs_up_manifests(config, chosen):
        places[MANIFESTS] = config.namespace
    if space := runbooks_namespace(config):
        places[RUNBOOKS] = space
    if config.observability.kind == "operator" and has_public_probes(config):
        from components.observability.operator import MODULES

        places[MODULES] = config.namespace
    for name, namespace in places.items():
        named = {"name": name, "namespace": namespace}
        yield Manifest(kind="ConfigMap", role=name, metadata=named, fields={})


def asks(objects: Sequence[Manifest]) -> list[Ask]:
    """What every workload and job asks for at its largest: at most pods, with those that surge."""
    most = {
        autoscaler.fields["spec"]["scaleTargetRef"]["name"]: autoscaler.fields["spec"][limit]
        for autoscaler in objects
        if (limit := _LARGEST.get(autoscaler.kind))
    }
    resized = _resized(objects)
    found: list[Ask] = []
    found += [Ask(one.name, one.pods, one.containers) for one in operated(objects)]
    for made in objects:
        spec = made.fields.get("spec", {})
        if made.kind in OPERATED:
            continue
        if made.kind == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if "template" not in spec:
            continue
        template = spec["template"]
        workload = template["metadata"]["labels"]["app"]
        surge = spec.get("strategy", {}).get("rollingUpdate", {}).get("maxSurge", 0)
        pods = most.get(workload, spec.get("replicas", 1)) + surge
        running = [*template["spec"].get("initContainers", ()), *template["spec"]["containers"]]
        containers = tuple(
            _at_most(container["resources"], resized.get((workload, container["name"]), {}))
            for container in running
        )
        found.append(Ask(workload, pods, containers))
    return found


def _resized(objects: Sequence[Manifest]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """What a VerticalPodAutoscaler may do with each container, by workload and its name."""
    return {
        (spec["targetRef"]["name"], policy["containerName"]): policy
        for made in objects
        if made.kind == "VerticalPodAutoscaler"
        for spec in [made.fields["spec"]]
        if spec["updatePolicy"]["updateMode"] != "Off"
        for policy in spec["resourcePolicy"]["containerPolicies"]
    }


def _at_most(
    resources: Mapping[str, Mapping[str, str]], policy: Mapping[str, Any]
) -> Mapping[str, Mapping[str, str]]:
    """The requests and limits of a container at the largest that an autoscaler may set."""
    requests, limits = dict(resources["requests"]), dict(resources["limits"])
    one = Resized("", sidecar=False, requests=dict(requests), limits=dict(limits))
    for resource, most in policy.get("maxAllowed", {}).items():
        if quantity(most) > quantity(requests[resource]):
            requests[resource] = most
            limits[resource] = str(one.limit_at(resource, most, policy["controlledValues"]))
    return {"requests": requests, "limits": limits}


def counts(
    objects: Sequence[Manifest], config: StackConfig, namespace: str | None = None
) -> dict[str, int]:
    """How many objects of each kind that a quota counts are in a namespace at its largest.

    Args:
        objects: those in the namespace.
        config: the stack's.
        namespace: None: the platform's own.
    """
    there = namespace or config.namespace
    made = Counter(one.kind for one in objects)
    further = sum((Counter(one.counts) for one in operated(objects)), Counter[str]())
    secrets = sum(one["namespace"] == there for one in required_secrets(config))
    return {
        "services": made["Service"] + further["services"],
        # One more: kube-root-ca.crt, which Kubernetes puts into each namespace.
        "configmaps": made["ConfigMap"] + 1 + further["configmaps"],
        "persistentvolumeclaims": (
            made["PersistentVolumeClaim"] + further["persistentvolumeclaims"]
        ),
        # The program makes none: people, External Secrets or an operator make them in the cluster.
        "secrets": secrets
        + further["secrets"]
        + sum(
            one.source is SecretSource.GENERATED
            for space, one in (synced_secrets(config) if config.secrets.store != "none" else ())
            if space == there
        ),
        "pods": sum(ask.pods for ask in asks(objects)),
    }


def the_quota_fits(config: StackConfig) -> Iterator[Problem]:
    """All workloads at their largest, and all objects of the platform, stay within the quota."""
    quota = config.kubernetes.quota
    if quota is None:
        return
    every, where = manifests(config), placement(config)
    for namespace in where.every:
        objects = [made for made in every if made.metadata.get("namespace") == namespace]
        inside = f" in {namespace}" if where.namespaces else ""
        yield from _exceeded(config, quota, asks(objects), inside)
        for kind, count in counts(objects, config, namespace).items():
            if (allowed := getattr(quota, kind)) < count:
                yield Problem(
                    f"qudag-mcp:kubernetes.quota.{kind}",
                    f"is {allowed}, but the topology {config.topology} has {count}{inside}",
                    "the API server would refuse the other objects: a partial deployment",
                    f"set it to at least {count}",
                )


def _exceeded(
    config: StackConfig, quota: Quota, wanted: Sequence[Ask], inside: str
) -> Iterator[Problem]:
    for kind, (field, resource) in product(("requests", "limits"), COUNTED.items()):
        limit = f"{kind}_{field}"
        allowed = quantity(getattr(quota, limit))
        total = sum((ask.total(kind, resource) for ask in wanted), Decimal(0))
        if total > allowed:
            largest = max(wanted, key=lambda ask, k=kind, r=resource: ask.total(k, r))
            needed = _readable(total, resource)
            alone = _readable(largest.total(kind, resource), resource)
            yield Problem(
                f"qudag-mcp:kubernetes.quota.{type(quota).model_fields[limit].alias}",
                f"is {getattr(quota, limit)}, but the workloads{inside} at their largest ask for "
                f"{needed} ({largest.workload} alone for {alone})",
                "the API server would refuse pods at high load",
                f"set it to at least {needed}, or lower {_lever(largest.workload, config)}",
            )


def _lever(workload: str, config: StackConfig) -> str:
    """What of the configuration makes ``workload`` smaller."""
    for service in topology(config).services:
        if isinstance(service, UserService) and service.name == workload:
            return f"servers.{workload}.{'scale.max' if service.scaling else 'replicas'}"
        if service.name == workload:
            lever = "max" if service.scaling else "replicas and limits"
            bounds = " and the bounds of its vertical" if service.vertical else ""
            return f"scaling.{workload}.{lever}{bounds}"
    if config.data.cloudnative_pg and workload == POSTGRES:
        return "data.cloudnativePg.instances and resources"
    return "the scale of the services"


def _readable(total: Decimal, resource: str) -> str:
    if resource == "cpu":
        return f"{total.normalize():f}"
    return f"{-(-total // UNITS['Mi']):f}Mi"


def containers_fit_their_limits(config: StackConfig) -> Iterator[Problem]:
    """No container asks for more than its limit, nor its limit for more than the LimitRange has."""
    for service in topology(config).services:
        if scale := config.scaling.get(service.name):
            given = [k for k in COUNTED if getattr(scale, k) or getattr(scale, f"{k}_limit")]
            yield from resource_problems(
                f"scaling.{service.name}", service.resources, config, given
            )
    if postgres := config.data.cloudnative_pg:
        counted = ("cpu", "memory")
        yield from resource_problems(f"{SECTION}.resources", postgres.resources, config, counted)
        if pooler := postgres.pooler:
            at_pooler = f"{SECTION}.pooler.resources"
            yield from resource_problems(at_pooler, pooler.resources, config, counted)
